"""The paired error by hand, against the bootstrap, and where it is 0."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from distreward.errors import InputError
from distreward.metrics.delong import auroc_difference_error


def test_by_hand():
    # positives at 3, 1; negatives at 2, 0. Shares of negatives below: 1, 1/2; of positives above: 1/2, 1. The second score orders
    # perfectly: 1, 1 and 1, 1. Differences 0, -1/2 and -1/2, 0: variance 1/8 each, over 2 pairs each: sqrt(1/16 + 1/16)
    positive = np.array([True, True, False, False])
    first, second = np.array([3.0, 1.0, 2.0, 0.0]), np.array([3.0, 2.0, 1.0, 0.0])
    assert auroc_difference_error(first, second, positive) == pytest.approx(np.sqrt(1 / 8))
    assert auroc_difference_error(second, first, positive) == pytest.approx(np.sqrt(1 / 8))


def test_it_is_the_spread_over_draws():
    rng = np.random.default_rng(0)
    differences = []
    for _ in range(400):
        positive = np.arange(120) < 40
        signal = positive + rng.normal(size=120)
        first, second = signal + rng.normal(size=120), signal + rng.normal(size=120)
        differences.append(roc_auc_score(positive, first) - roc_auc_score(positive, second))
    error = auroc_difference_error(first, second, positive)
    assert error == pytest.approx(np.std(differences), rel=0.25)


def test_the_order_alone_counts_and_ties_are_halves():
    rng = np.random.default_rng(1)
    positive, scores = rng.random(50) < 0.4, rng.integers(0, 6, 50).astype(float)
    assert auroc_difference_error(scores, np.exp(scores), positive) == 0
    assert auroc_difference_error(scores, np.zeros(50), positive) > 0  # all tied: each placement is 1/2


def test_one_positive_has_no_error():
    with pytest.raises(InputError, match="two positives and two negatives"):
        auroc_difference_error([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], np.array([True, False, False]))
