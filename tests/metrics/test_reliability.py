"""Reliability curves: by hand, then what must hold of any, and that a perfect model lies on the diagonal."""

import numpy as np
import pytest

from distreward.errors import InputError
from distreward.metrics.reliability import divergence_reliability, equal_width_bins, level_reliability


def test_by_hand():
    # bins of width 1/4: 0.2 -> 0; 0.5 and 0.7 -> 2; 1.0 -> the last
    bins = equal_width_bins([0.2, 0.5, 0.7, 1.0], [0, 1, 0, 1], [1, 1, 3, 2], n_bins=4)
    assert [entry["n"] for entry in bins] == [1, 4, 2]
    assert bins[1]["predicted"] == pytest.approx((0.5 + 3 * 0.7) / 4) and bins[1]["observed"] == pytest.approx(1 / 4)
    assert bins[2] == {"predicted": 1.0, "observed": 1.0, "n": 2}


def test_nothing_is_lost_and_bins_ascend():
    generator = np.random.default_rng(0)
    predicted, observed, weights = generator.random((3, 500))
    bins = equal_width_bins(predicted, observed, np.round(10 * weights), n_bins=7)
    assert sum(entry["n"] for entry in bins) == np.round(10 * weights).sum()
    assert [entry["predicted"] for entry in bins] == sorted(entry["predicted"] for entry in bins)


def test_a_model_that_is_right_lies_on_the_diagonal():
    generator = np.random.default_rng(1)
    probs = generator.dirichlet(np.ones(5), size=20_000)
    counts = np.array([generator.multinomial(3, row) for row in probs])
    for entry in level_reliability(probs, counts):
        if entry["n"] > 1000:
            assert entry["observed"] == pytest.approx(entry["predicted"], abs=0.02)
    assert sum(entry["n"] for entry in level_reliability(probs, counts)) == 5 * counts.sum()


def test_single_annotators_cannot_diverge():
    counts = [[0, 0, 0, 0, 1], [1, 0, 0, 0, 1]]
    assert divergence_reliability([0.9, 0.9], [False, True], counts) == [{"predicted": 0.9, "observed": 1.0, "n": 1}]


def test_mistakes_are_named():
    with pytest.raises(InputError, match="`n_bins` is 0"):
        equal_width_bins([0.5], [1], [1], n_bins=0)
    with pytest.raises(InputError, match="`observed` has shape"):
        equal_width_bins([0.5, 0.5], [1], [1])
