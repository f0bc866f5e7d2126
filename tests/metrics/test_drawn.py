"""Metrics over all draws at once equal the metric of each draw."""

import numpy as np
import pytest

from distreward.errors import InputError
from distreward.metrics.bootstrap import WeightedAUROC
from distreward.metrics.drawn import AUROCMetric, RatioMetric, mean_metric
from distreward.metrics.repeated import Run, draw_pairs, estimate_of_runs, repeated_estimate, run_values


@pytest.mark.parametrize("decimals", [8, 0])  # with 0 most scores are equal
def test_auroc_over_draws_is_the_auroc_of_each(decimals):
    rng = np.random.default_rng(0)
    scores, positive, keep = rng.normal(size=40).round(decimals), rng.random(40) < 0.3, rng.random(40) < 0.8
    metric, weights = AUROCMetric(scores, positive, keep), rng.integers(0, 3, size=(25, 40))
    one_by_one = WeightedAUROC(scores, positive, keep)
    np.testing.assert_allclose(metric.over(weights), [one_by_one(row) for row in weights])
    assert metric(weights[0]) == pytest.approx(metric.over(weights)[0])


def test_an_auroc_without_a_class_is_undefined():
    metric = AUROCMetric(np.array([1.0, 2.0]), np.array([True, False]), np.ones(2, dtype=bool))
    np.testing.assert_array_equal(metric.over(np.array([[1, 1], [2, 0], [0, 0]])), [0.0, np.nan, np.nan])
    nothing = AUROCMetric(np.array([1.0, 2.0]), np.array([True, False]), np.zeros(2, dtype=bool))
    assert np.isnan(nothing.over(np.ones((3, 2)))).all()


def test_a_part_is_the_metric_of_its_pairs():
    rng = np.random.default_rng(1)
    scores, positive, part = rng.normal(size=30), rng.random(30) < 0.5, rng.random(30) < 0.5
    weights = rng.integers(0, 3, size=(9, 30))
    metric = AUROCMetric(scores, positive, np.ones(30, dtype=bool))
    alone = AUROCMetric(scores[part], positive[part], np.ones(part.sum(), dtype=bool))
    np.testing.assert_allclose(metric.within(part).over(weights), alone.over(weights[:, part]))
    mean = mean_metric(scores).within(part)
    np.testing.assert_allclose(mean.over(np.ones((1, 30))), [scores[part].mean()])


def test_a_mean_looks_at_the_pairs_that_count_only():
    # weights 2, 1 and 5: (2 * 1 + 1 * 4) / 3; the third value is undefined and left out
    metric = mean_metric(np.array([1.0, 4.0, np.nan]), np.array([True, True, False]))
    assert metric(np.array([2, 1, 5])) == 2.0 and np.isnan(metric(np.array([0, 0, 5])))


def test_lengths_that_differ_are_refused():
    with pytest.raises(InputError, match="2, 3 and 2 entries"):
        AUROCMetric(np.zeros(2), np.zeros(3, dtype=bool), np.ones(2, dtype=bool))


def test_a_function_of_weights_still_counts_as_a_metric():
    rng = np.random.default_rng(2)
    values, pairs = rng.random(20), np.arange(20)
    at_once = Run(0, pairs, RatioMetric(values, np.ones(20)))
    one_by_one = Run(0, pairs, lambda weights: float(weights @ values / weights.sum()))
    assert repeated_estimate([at_once], 20, None, 50)["ci_low"] == pytest.approx(
        repeated_estimate([one_by_one], 20, None, 50)["ci_low"]
    )


def test_a_baseline_of_more_seeds_is_cut_to_the_seeds_of_the_row():
    # a run failed: the row has seed 0 only, so the difference is 0.9 - 0.4, whatever seed 1 of the baseline says
    draws = draw_pairs(2, None, 10)
    row = [Run(0, np.array([0, 1]), mean_metric(np.array([0.9, 0.9])))]
    other = [Run(seed, np.array([0, 1]), mean_metric(np.full(2, 0.4 + seed))) for seed in (0, 1)]
    found = estimate_of_runs(run_values(row, draws), draws, baseline=run_values(other, draws))
    assert found["value"] == pytest.approx(0.5) and found["ci_low"] == pytest.approx(0.5)
