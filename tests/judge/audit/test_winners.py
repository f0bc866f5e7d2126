"""Table 4 against a count with loops."""

import numpy as np
import pytest

from distreward.data.agreement import CATEGORIES, agreement_categories
from distreward.judge.audit import judged_pairs
from distreward.judge.audit.winners import ideal_judge, winner_rates
from distreward.judge.verdicts import PairVerdict, combine_orders
from distreward.metrics.bootstrap import bootstrap_counts
from tests.judge.audit.made_up import rows_and_verdicts
from tests.judge.rows import pair


def counted(pairs, verdicts):
    """[(categories, combined level, prompt)] of the pairs with a verdict, one by one."""
    combined = combine_orders(verdicts)
    rows = [
        (agreement_categories(p["preferences"]), combined.get(("one", p["id"])), p["prompt"][0]["content"])
        for p in pairs
    ]
    return [row for row in rows if row[1] is not None]


def test_shares_and_intervals_are_those_of_a_brute_force_count():
    pairs, verdicts = rows_and_verdicts()
    found = winner_rates(judged_pairs(pairs, verdicts)["one"], n_bootstrap=100, seed=5)
    rows = counted(pairs, verdicts)
    draws = list(bootstrap_counts(len(rows), [prompt for _, _, prompt in rows], 100, seed=5))

    def share(category, weights=None):
        weights = np.ones(len(rows)) if weights is None else weights
        named = total = size = 0
        for (categories, level, _), weight in zip(rows, weights, strict=True):
            if category in categories:
                total += weight
                named += weight * (level != 0)
                size += weight * abs(level)
        return named / total, size / total

    for category in CATEGORIES:
        estimate = found["winner_rate"][category]
        assert estimate["n"] == sum(category in categories for categories, _, _ in rows) > 5
        assert (estimate["value"], found["strength"][category]["value"]) == pytest.approx(share(category))
        low, high = np.quantile([share(category, draw)[0] for draw in draws], [0.025, 0.975])
        assert (estimate["ci_low"], estimate["ci_high"]) == pytest.approx((low, high))
    overall = found["winner_rate_overall"]
    assert overall["n"] == len(rows) and overall["value"] == pytest.approx(
        np.mean([level != 0 for _, level, _ in rows])
    )
    for test in found["comparisons"]:
        gaps = [share(test["first"], draw)[0] - share(test["second"], draw)[0] for draw in draws]
        assert (test["ci_low"], test["ci_high"]) == pytest.approx(tuple(np.quantile(gaps, [0.025, 0.975])))


def test_single_verdicts_are_counted_over_pairs_with_both_orders():
    pairs, verdicts = rows_and_verdicts(seed=1)
    found = winner_rates(judged_pairs(pairs, verdicts)["one"], n_bootstrap=0, seed=0)["winner_rate_one_order"]
    levels: dict = {}
    for verdict in verdicts:
        levels.setdefault(verdict.pair_id, []).append(verdict.level)
    both = {
        name: pair_levels for name, pair_levels in levels.items() if len(pair_levels) == 2 and None not in pair_levels
    }
    for category in CATEGORIES:
        inside = [
            both[p["id"]] for p in pairs if p["id"] in both and category in agreement_categories(p["preferences"])
        ]
        assert found[category]["n"] == len(inside)
        assert found[category]["value"] == pytest.approx(np.mean([level != 0 for two in inside for level in two]))


def test_one_order_only_has_no_share_of_single_verdicts():
    pairs, verdicts = rows_and_verdicts(orders=("unknown",))
    assert winner_rates(judged_pairs(pairs, verdicts)["one"], 0, 0)["winner_rate_one_order"] is None


def test_labels_without_strength_are_not_compared_twice():
    pairs = [pair("p1", [2, -2]), pair("p2", [2, 2]), pair("p3", [0, 0])]
    verdicts = [PairVerdict(p["id"], "one", 2, "ab") for p in pairs]
    comparisons = winner_rates(judged_pairs(pairs, verdicts)["one"], 10, 0)["comparisons"]
    assert [(c["first"], c["second"]) for c in comparisons] == [
        ("diverging", "high_agreement_preference"),
        ("diverging", "high_agreement_tie"),
        ("high_agreement_tie", "high_agreement_preference"),
    ]


def test_swapping_a_and_b_changes_nothing():
    pairs, verdicts = rows_and_verdicts()
    turned = [
        {
            **p,
            "preferences": [-x for x in p["preferences"]],
            "response_a": p["response_b"],
            "response_b": p["response_a"],
        }
        for p in pairs
    ]
    other = {"ab": "ba", "ba": "ab"}
    turned_verdicts = [
        PairVerdict(v.pair_id, v.judge, None if v.level is None else -v.level, other[v.order]) for v in verdicts
    ]
    before = winner_rates(judged_pairs(pairs, verdicts)["one"], 20, 0)
    assert winner_rates(judged_pairs(turned, turned_verdicts)["one"], 20, 0) == before


def test_ideal_judge_by_hand():
    pairs = [
        pair("diverging", [2, -2]),
        pair("tie", [0, 0]),
        pair("preferred", [2, 2]),
        pair("also preferred", [-2, -1]),
        pair("nobody knows", [1]),
    ]
    levels = {"diverging": 2, "tie": 0, "preferred": 0, "also preferred": 2, "nobody knows": 0}
    verdicts = [PairVerdict(name, "one", level, "unknown") for name, level in levels.items()]
    ideal = ideal_judge(judged_pairs(pairs, verdicts)["one"], 0, 0)
    values = {name: (estimate["value"], estimate["n"]) for name, estimate in ideal.items()}
    assert values["ideal_tie_rate"] == (0.5, 4)  # diverging and tie, of four that tell what the ideal is
    assert values["judge_tie_rate"] == (0.5, 4)  # tie and preferred: as many, but not the right ones
    assert values["missing_ties"] == (0.0, 4)
    assert values["missed_tie_rate"] == (0.5, 2)
    assert values["needless_tie_rate"] == (0.5, 2)
    assert values["missing_ties_one_order"][1] == 0


def test_ideal_judge_asked_once():
    # both orders name the first response: combined a tie, asked once a winner
    pairs = [pair("p1", [2, -2]), pair("p2", [0, 0])]
    verdicts = [PairVerdict(p["id"], "one", level, order) for p in pairs for order, level in (("ab", 2), ("ba", -2))]
    ideal = ideal_judge(judged_pairs(pairs, verdicts)["one"], 0, 0)
    assert ideal["missing_ties"]["value"] == 0 and ideal["missing_ties_one_order"]["value"] == 1
