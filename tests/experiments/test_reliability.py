"""Observed shares by predicted probability, by hand; densities that are those whose areas are the level probabilities."""

import numpy as np
import pytest

from distreward.experiments.densities import densities_of_row, difference_density
from distreward.experiments.labelled import labelled_pairs
from distreward.experiments.reliability import equal_count_bins, reliability_of_row
from distreward.losses.difference import THRESHOLDS
from distreward.metrics.repeated import draw_pairs
from tests.experiments.conftest import labelled, run_of


def test_bins_by_hand():
    # two bins: predictions 0.1 and 0.2 with 1 hit of 4 trials, 0.6 and 0.8 with 3 of 4
    cases = {
        "pairs": np.arange(4), "predicted": np.array([0.1, 0.2, 0.6, 0.8]), "hits": np.array([0.0, 1, 1, 2]),
        "trials": np.array([2.0, 2, 2, 2]),
    }  # fmt: skip
    low, high = equal_count_bins([cases], [0], draw_pairs(4, None, 50), n_bins=2)
    assert (low["value"], low["n"], high["value"], high["n"]) == (0.25, 4, 0.75, 4)
    assert low["predicted"] == pytest.approx(0.15) and high["predicted"] == pytest.approx(0.7)
    assert low["ci_low"] == 0.0 and low["ci_high"] == 0.5


def test_runs_of_all_seeds_are_taken_together():
    one = {"pairs": np.array([0]), "predicted": np.array([0.5]), "hits": np.ones(1), "trials": np.ones(1)}
    other = {**one, "hits": np.zeros(1)}
    (found,) = equal_count_bins([one, other], [0, 1], draw_pairs(1, None, 40))
    # one seed says yes, the other no: 1/2, and draws of two seeds reach from 0 to 1
    assert (found["value"], found["ci_low"], found["ci_high"], found["n"]) == (0.5, 0.0, 1.0, 2)


def test_all_trials_are_in_some_bin(dataset, tested):
    labels = labelled_pairs(dataset, 5)
    assert reliability_of_row(tested["bradley_terry"], labels) == {}  # it predicts no levels
    lines = reliability_of_row(tested["mean_variance_kl"], labels)["as_trained"]
    assert set(lines) == {"significant", "slight", "tie", "diverging"}
    n_labels = labels.counts.sum()
    assert sum(one["n"] for one in lines["tie"]) == 2 * n_labels  # two seeds
    assert sum(one["n"] for one in lines["significant"]) == 2 * 2 * n_labels  # and two sides
    hits = sum(one["n"] * one["value"] for one in lines["diverging"])
    assert hits == pytest.approx(2 * labels.masks["diverging"].sum())


def test_without_strength_the_sides_are_whole():
    bare = labelled(4, strength_known=False)
    labels = labelled_pairs(bare, 3)
    head = {"type": "mean_variance", "cdf": "logistic", "level_smoothing": 0.0}
    lines = reliability_of_row([run_of(np.linspace(-2, 2, 24), head)], labels)["as_trained"]
    assert set(lines) == {"preferred", "tie", "diverging"} and not labels.has_slight


@pytest.mark.parametrize("cdf", ["logistic", "tanh", "normal"])
def test_areas_of_the_density_are_the_level_probabilities(cdf):
    head = {"type": "mean_variance", "cdf": cdf, "level_smoothing": 0.0}
    run = run_of(np.array([0.4]), head, std=np.array([0.8]))
    at = np.linspace(-60, 60, 240_001)
    density = difference_density(at, run.predicted.reward_gap, np.hypot(run.predicted.std_a, run.predicted.std_b), cdf)
    area = np.cumsum(density[0]) * (at[1] - at[0])
    below = np.interp(THRESHOLDS, at, area)
    np.testing.assert_allclose(np.diff([0, *below, area[-1]]), run.predicted.level_probs()[0], atol=1e-3)


def test_densities_are_turned_to_the_majority(dataset, tested):
    labels = labelled_pairs(dataset, 0)
    found = densities_of_row(tested["mean_variance_kl"], labels)
    assert densities_of_row(tested["bradley_terry"], labels) is None
    middle = {name: found["at"] @ curve / curve.sum() for name, curve in found["average"].items()}
    # people who agree choose the right side; half of them chose B before it was turned
    assert middle["high_agreement_preference"] > 0.5 > abs(middle["high_agreement_tie"])
    assert found["n"] == {"high_agreement_preference": 72, "high_agreement_tie": 24, "diverging": 48}


def test_shared_tastes_narrow_the_density(dataset):
    # one factor that both responses share in full: var = 0.5^2 + 0.5^2 - 2 * 0.4 * 0.4, narrower than without it
    labels, gap = labelled_pairs(dataset, 0), np.zeros(72)
    plain = run_of(gap, {"type": "mean_variance", "cdf": "logistic", "level_smoothing": 0.0})
    shared = run_of(gap, {"type": "taste_factors", "cdf": "logistic", "level_smoothing": 0.0})
    shared.predicted.factors_a = shared.predicted.factors_b = np.tile([0.4, 0.0, 0.0, 0.0], (72, 1))
    wide, narrow = (densities_of_row([run], labels) for run in (plain, shared))
    ratio = narrow["average"]["diverging"].max() / wide["average"]["diverging"].max()
    assert ratio == pytest.approx(np.sqrt(0.5 / (0.5 - 2 * 0.16)), rel=1e-3)  # the peak is 1 / (4 std)
