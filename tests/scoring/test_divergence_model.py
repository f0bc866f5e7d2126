"""Platt scaling of a chance: arithmetic, order, and the people of whom one cannot diverge."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from distreward.scoring.divergence_model import NEUTRAL_DIVERGENCE, log_odds, recalibrated


def test_by_hand():
    # chance 0.8: odds 4; slope 1/2 makes 2; intercept ln 3 makes 6: 6 / 7. Chance 0.5: odds 1, then 3: 3 / 4
    assert_allclose(recalibrated(np.array([0.8, 0.5]), 3, slope=0.5, intercept=np.log(3)), [6 / 7, 3 / 4])


def test_the_neutral_parameters_change_nothing():
    chance = np.linspace(0.001, 0.999, 50)
    slope, intercept = NEUTRAL_DIVERGENCE["slope"], NEUTRAL_DIVERGENCE["intercept"]
    assert_allclose(recalibrated(chance, 4, slope, intercept), chance)


def test_one_annotator_never_diverges_whatever_the_parameters():
    assert recalibrated(np.array([0.0, 0.0]), np.array([1, 2]), slope=0.1, intercept=5.0) == pytest.approx(
        [0.0, 1 / (1 + np.exp(0.1 * -log_odds(np.array([0.0]))[0] - 5.0))]
    )
    assert (recalibrated(np.zeros(3), 1, slope=0.1, intercept=5.0) == 0).all()


def test_the_order_stays_and_the_ends_are_finite():
    chance = np.array([0.0, 1e-3, 0.2, 0.7, 1.0])
    found = recalibrated(chance, 2, slope=0.3, intercept=-1.0)
    assert (np.diff(found) > 0).all() and (found > 0).all() and (found < 1).all()
    assert np.isfinite(log_odds(chance)).all()
