"""Two well-known biases of judges: for the response shown first, and for the longer one. Both measured against people."""

from typing import Any

import numpy as np

from distreward.judge.audit.judged import JudgedPairs
from distreward.metrics.ratios import ratio_estimates


def position_bias(judged: JudgedPairs, n_bootstrap: int, seed: int) -> dict[str, Any]:
    """How much more often the response shown first wins than the one shown second.

    Args:
        judged: N pairs.
        n_bootstrap, seed: of the intervals over prompts.

    Returns:
        | key | what | range |
        |---|---|---|
        | `position_bias` | share of verdicts for the response shown first minus share for the second | -1..1, 0: none |
        | `position_bias_measured` | `both_orders`, `against_people` or None, see below | |
        | `order_contradiction` | of pairs with both orders: share where swapping them turned the winner round | 0..1 |
        | `order_disagreement` | of the same: share where swapping changed the verdict at all | 0..1 |

        Where both orders exist, every response is shown first once and quality cancels out. Where only one does, the
        same difference of people's votes on the same pairs is taken off, which assumes that people were not shown
        that order. Without a known order the estimate is nan with n = 0.
    """
    options = {"groups": judged.groups, "n_bootstrap": n_bootstrap, "seed": seed}
    ab, ba = (
        np.sign(judged.order_level[:, 0]),
        -np.sign(judged.order_level[:, 1]),
    )  # from the side of the one shown first
    both = judged.both_orders
    contradiction = both & (ab * ba > 0)  # the first wins in either order, or the second does
    disagreement = both & (ab != -ba)
    (turned, changed), _ = ratio_estimates(np.stack([contradiction, disagreement]), np.stack([both, both]), **options)

    known = judged.first_shown_known
    single = ~np.isnan(judged.order_level[:, :2]).all(1) & ~both
    signs = judged.human_signs
    n_people = signs.sum(1)
    if both.any() or not single.any():
        measured = "both_orders" if both.any() and known else None
        used, value = both & known, np.nan_to_num(ab + ba) / 2
    else:
        measured = "against_people" if known else None
        used = single & (n_people > 0) & known
        people = (signs[:, 2] - signs[:, 0]) / np.maximum(n_people, 1)  # from A's side
        shown_first_is_a = ~np.isnan(ab)
        value = np.where(shown_first_is_a, np.nan_to_num(ab) - people, np.nan_to_num(ba) + people)
    (bias,), _ = ratio_estimates((used * value)[None], used[None], **options)
    return {
        "position_bias": bias,
        "position_bias_measured": measured,
        "order_contradiction": turned,
        "order_disagreement": changed,
    }


def length_bias(judged: JudgedPairs, n_bootstrap: int, seed: int) -> dict[str, Any]:
    """How much more often the judge's winner is the longer response than people's is.

    Longer answers can be better ones, so a judge that prefers them is biased only as far as it does so more than people.
    Counted are pairs where the judge names a winner, somebody prefers a response, and the lengths (in characters) differ.

    Args:
        judged: N pairs.
        n_bootstrap, seed: of the intervals over prompts.

    Returns:
        `longer_wins.judge`: share of its winners that are the longer response; `longer_wins.people`: the mean share of
        votes without ties for the longer one, on the same pairs; `length_bias`: the first minus the second, -1..1,
        with its p-value.
    """
    signs = judged.human_signs
    for_b, for_a = signs[:, 0], signs[:, 2]
    voted = for_a + for_b
    longer = np.sign(judged.length_a - judged.length_b)
    used = (judged.sign != 0) & (voted > 0) & (longer != 0)
    share_longer = np.where(longer > 0, for_a, for_b) / np.maximum(voted, 1)
    (judge, people), (bias,) = ratio_estimates(
        np.stack([used & (judged.sign == longer), used * share_longer]),
        np.stack([used, used]),
        judged.groups,
        n_bootstrap,
        seed,
        differences=[(0, 1)],
    )
    return {"length_bias": bias, "longer_wins": {"judge": judge, "people": people}}
