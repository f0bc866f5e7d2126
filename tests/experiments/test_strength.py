"""Table 2 by hand: how decided a model is, per agreement category."""

import numpy as np
import pytest
from scipy.special import expit

from distreward.data.agreement import level_counts
from distreward.experiments.labelled import labelled_pairs
from distreward.experiments.strength import probability_of_a, strength_measures, strength_table
from distreward.scoring import PairPredictions
from tests.experiments.conftest import MEAN_VARIANCE, VOTES, run_of

SCALAR = {"type": "scalar"}


def predictions(gap, head=SCALAR, **more):
    return PairPredictions(np.asarray(gap, float), np.zeros(len(gap)), head, **more)


def test_a_bradley_terry_model_prefers_its_favourite_with_the_logistic_of_the_gap():
    measures = strength_measures(predictions([1.0, -2.0]), level_counts([[2, 2], [1, 0]]), "bradley_terry")
    np.testing.assert_allclose(measures["chosen_probability"], [expit(1), expit(2)])  # the favourite is B in the second
    np.testing.assert_allclose(measures["majority_probability"], [expit(1), expit(-2)])  # people chose A in both
    scale = np.sqrt((1 + 4) / 2)
    np.testing.assert_allclose(measures["relative_gap"], [1 / scale, 2 / scale])


def test_as_many_votes_on_both_sides_have_no_majority():
    measures = strength_measures(predictions([1.0, 1.0]), level_counts([[2, -1], [0, 0]]))
    assert np.isnan(measures["majority_probability"]).all() and np.isfinite(measures["chosen_probability"]).all()


def test_squared_error_gives_no_probability_and_a_level_distribution_counts_ties_half():
    assert probability_of_a(predictions([1.0]), "mse") is None
    found = predictions([0.0], MEAN_VARIANCE, std_a=np.ones(1), std_b=np.ones(1))
    np.testing.assert_allclose(probability_of_a(found, None), [0.5])
    probs = predictions([0.7], MEAN_VARIANCE, std_a=np.ones(1), std_b=np.ones(1)).level_probs()[0]
    wide = probability_of_a(predictions([0.7], MEAN_VARIANCE, std_a=np.ones(1), std_b=np.ones(1)), None)
    np.testing.assert_allclose(wide, [probs[3] + probs[4] + probs[2] / 2])


def test_swapping_a_and_b_changes_nothing():
    counts, gap = level_counts(VOTES), np.array([0.3, -1.0, 2.0, 0.1, -0.4, 0.6])
    one, other = strength_measures(predictions(gap), counts), strength_measures(predictions(-gap), counts[:, ::-1])
    for name in one:
        np.testing.assert_allclose(one[name], other[name])


def test_the_table_averages_the_pairs_of_a_category_over_runs(dataset):
    labels = labelled_pairs(dataset, 20)
    gap = np.tile([3.0, 1.0, 2.0, 3.0, -3.0, 2.0], 12)
    table = strength_table({"bradley_terry": [run_of(gap, SCALAR, seed) for seed in (0, 1)]}, labels)["bradley_terry"]
    # each kind of pair has one gap, so the mean is its logistic and no draw changes it
    for category, size in (("high_agreement_preference", 3.0), ("high_agreement_tie", 1.0), ("diverging", 2.0)):
        found = table["chosen_probability"][category]
        assert found["value"] == pytest.approx(expit(size)) and found["ci_low"] == pytest.approx(found["ci_high"])
    assert table["chosen_probability"]["diverging"]["n_pairs"] == 24
    assert table["chosen_probability"]["diverging_substantial"]["n_pairs"] == 12
    # of the diverging pairs only [2, -1, 1] has a majority; of those that agree on a tie none
    assert table["majority_probability"]["diverging"]["n_pairs"] == 12
    assert table["majority_probability"]["high_agreement_tie"]["n_pairs"] == 0
    difference = table["chosen_probability"]["diverging_minus_agreement"]
    assert difference["value"] == pytest.approx(expit(2) - expit(3)) and difference["n"] == 2


def test_a_category_without_pairs_is_undefined(dataset):
    only_agreeing = np.flatnonzero([len(set(np.sign(votes))) == 1 for votes in dataset["preferences"]])
    gap = np.ones(len(only_agreeing))
    table = strength_table({"mse": [run_of(gap, SCALAR, pairs=only_agreeing)]}, labelled_pairs(dataset, 5))["mse"]
    assert set(table) == {"relative_gap", "gap"}
    assert np.isnan(table["gap"]["diverging"]["value"]) and table["gap"]["diverging"]["n_pairs"] == 0
