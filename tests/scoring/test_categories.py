"""Metrics by agreement category, by hand."""

import numpy as np
import pytest

from distreward.data.agreement import level_counts
from distreward.metrics.divergence import diverging_probability
from distreward.modeling import reward_head_entry
from distreward.scoring import PairPredictions
from distreward.scoring.categories import by_category, reliability

LABELS = [[2, 2, 1], [2, -2, 1], [0, 0, 0], [-1, -2, -2], [1, -2, 0]]


@pytest.fixture
def predicted():
    mean_a, std_a = np.array([1.0, 2.0, 0.5, 1.0, 0.0]), np.array([0.5, 1.0, 0.2, 0.3, 2.0])
    return PairPredictions(mean_a, np.zeros(5), reward_head_entry("mean_variance"), std_a, std_a + 0.2)


def test_by_hand(predicted):
    found = by_category(predicted, level_counts(LABELS), n_bootstrap=0)
    assert {name: row["pairs"] for name, row in found.items()} == {
        "high_agreement_preference": 2, "high_agreement_tie": 1, "diverging": 2, "diverging_substantial": 1,
    }  # fmt: skip
    agreed = found["high_agreement_preference"]
    assert agreed["preference_accuracy"]["value"] == pytest.approx(
        3 / 6
    )  # right on the first pair, wrong on the fourth
    assert agreed["reward_gap"]["value"] == pytest.approx(1.0)
    assert agreed["std"]["value"] == pytest.approx((0.6 + 0.4) / 2)  # (0.5 + 0.7) / 2 and (0.3 + 0.5) / 2
    assert "preference_accuracy" not in found["high_agreement_tie"]  # nobody was chosen
    chance = diverging_probability(predicted.level_probs(), 3)
    assert found["diverging"]["diverging_probability"]["value"] == pytest.approx(chance[[1, 4]].mean())


def test_a_scalar_head_has_a_gap_and_nothing_else():
    predicted = PairPredictions(np.arange(5.0), np.zeros(5), {"type": "scalar"})
    found = by_category(predicted, level_counts(LABELS), list("aabbc"), n_bootstrap=20)
    assert set(found["diverging"]) == {"pairs", "preference_accuracy", "reward_gap"}
    gap = found["diverging"]["reward_gap"]
    assert gap["ci_low"] <= gap["value"] == 2.5 <= gap["ci_high"]
    assert reliability(predicted, level_counts(LABELS)) is None


def test_reliability_counts_labels_and_pairs(predicted):
    found = reliability(predicted, level_counts([*LABELS[:4], [1]]))
    assert sum(entry["n"] for entry in found["levels"]) == 5 * 13
    assert sum(entry["n"] for entry in found["diverging"]) == 4 and found["n_annotators"] == 3
