"""How often and how firmly a judge names a winner, by how far people agree (paper, section 5.1 and Table 4)."""

from typing import Any

import numpy as np

from distreward.data.agreement import CATEGORIES
from distreward.judge.audit.judged import JudgedPairs
from distreward.metrics.ratios import ratio_estimates

COMPARISONS = (
    ("diverging", "high_agreement_preference"),
    ("diverging_substantial", "high_agreement_preference"),
    ("diverging", "high_agreement_tie"),
    ("high_agreement_tie", "high_agreement_preference"),
)
"""Differences between categories that are tested: the first minus the second."""


def winner_rates(judged: JudgedPairs, n_bootstrap: int, seed: int) -> dict[str, Any]:
    """Share of pairs with a winner, and the strength of the verdicts, per agreement category.

    Args:
        judged: N pairs.
        n_bootstrap, seed: of the intervals over prompts.

    Returns:
        | key | what | range |
        |---|---|---|
        | `winner_rate.<category>` | share of pairs with a winner, orders combined | 0..1 |
        | `winner_rate_overall` | the same over all pairs | 0..1 |
        | `winner_rate_one_order.<category>` | share of single verdicts with a winner, of pairs with both orders; None without any | 0..1 |
        | `strength.<category>` | mean of abs(level), orders combined | 0..2 |
        | `comparisons` | list of `{"first", "second", "value", ..., "p_value"}`, differences of `winner_rate` (`COMPARISONS`) | -1..1 |

        `diverging_substantial` is a part of `diverging`; where labels have no strength the two are the same pairs, and
        only the comparisons of `diverging` are made.
    """
    masks = judged.categories
    table = np.stack([*(masks[name] for name in CATEGORIES), np.ones(len(judged.level), dtype=bool)])
    options = {"groups": judged.groups, "n_bootstrap": n_bootstrap, "seed": seed}
    same = (masks["diverging"] == masks["diverging_substantial"]).all()
    pairs = [names for names in COMPARISONS if not (same and "diverging_substantial" in names)]
    at = [(CATEGORIES.index(first), CATEGORIES.index(second)) for first, second in pairs]

    (*rates, overall), gaps = ratio_estimates(table * (judged.level != 0), table, differences=at, **options)
    (*strengths, _), _ = ratio_estimates(table * np.abs(judged.level), table, **options)
    single = None
    if judged.both_orders.any():
        both = table[:-1] & judged.both_orders
        won = (judged.order_level[:, :2] != 0).mean(1)  # rows without both orders are masked out
        single = _by_category(ratio_estimates(both * won, both, **options)[0])
    return {
        "winner_rate": _by_category(rates),
        "winner_rate_overall": overall,
        "winner_rate_one_order": single,
        "strength": _by_category(strengths),
        "comparisons": [
            {"first": first, "second": second, **gap} for (first, second), gap in zip(pairs, gaps, strict=True)
        ],
    }


def ideal_judge(judged: JudgedPairs, n_bootstrap: int, seed: int) -> dict[str, Any]:
    """What an ideal judge would do differently: it says tie where people diverge or agree on a tie, and only there.

    Pairs of the category `other` are left out: their labels do not tell what the ideal is.

    Args:
        judged: N pairs.
        n_bootstrap, seed: of the intervals over prompts.

    Returns:
        | key | what |
        |---|---|
        | `ideal_tie_rate`, `judge_tie_rate` | share of the same pairs on which either says tie, orders combined |
        | `missing_ties` | the first minus the second, -1..1, with its p-value: how much more often the ideal judge says tie |
        | `missed_tie_rate` | share of the ideal judge's ties on which this judge names a winner |
        | `needless_tie_rate` | share of the pairs where people agree on a preference on which it says tie |
        | `missing_ties_one_order` | as `missing_ties`, for single verdicts of pairs with both orders: a judge asked once |

        With both orders, a winner that changes with the order counts as a tie, whatever the judge said.
    """
    masks = judged.categories
    tie = masks["diverging"] | masks["high_agreement_tie"]
    counted = tie | masks["high_agreement_preference"]
    said_tie = judged.level == 0
    preferred = counted & ~tie
    both = counted & judged.both_orders
    said_tie_once = both * (judged.order_level[:, :2] == 0).mean(1)
    estimates, (missing, missing_once) = ratio_estimates(
        np.stack([tie, counted & said_tie, tie & ~said_tie, preferred & said_tie, tie & both, said_tie_once]),
        np.stack([counted, counted, tie, preferred, both, both]),
        judged.groups,
        n_bootstrap,
        seed,
        differences=[(0, 1), (4, 5)],
    )
    names = ("ideal_tie_rate", "judge_tie_rate", "missed_tie_rate", "needless_tie_rate")
    named = dict(zip(names, estimates, strict=False))  # the last two are only there for their difference
    return {**named, "missing_ties": missing, "missing_ties_one_order": missing_once}


def _by_category(estimates: list[dict]) -> dict[str, dict]:
    return dict(zip(CATEGORIES, estimates, strict=True))
