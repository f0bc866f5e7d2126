"""Means over repeated runs by hand, and intervals that grow with what varies."""

import numpy as np
import pytest

from distreward.errors import InputError
from distreward.metrics.calibration import level_calibration, level_log_loss
from distreward.metrics.functional import accuracy_difference, diverging_id_auroc, preference_accuracy
from distreward.metrics.repeated import (
    Run,
    accuracy_metric,
    auroc_metric,
    draw_pairs,
    jensen_shannon_metric,
    log_loss_metric,
    matched,
    repeated_estimate,
    run_values,
)


def constant(value, seed=0, pairs=(0, 1)):
    return Run(seed, np.array(pairs), lambda weights: value)


def draw(n=60, seed=0):
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(4, [0.3, 0.1, 0.1, 0.1, 0.4], size=n)
    gap = rng.normal(size=n) + counts @ np.arange(-2, 3) / 4
    return counts, gap, rng.dirichlet(np.ones(5), size=n)


def test_the_value_is_the_mean_over_runs():
    runs = [constant(0.5, 0), constant(0.7, 0), constant(0.9, 1)]
    found = repeated_estimate(runs, 2, None, n_bootstrap=0)
    assert found["value"] == pytest.approx(0.7) and found["n"] == 3
    # seeds 0 and 1 have means 0.6 and 0.9: standard deviation 0.3 / sqrt(2)
    assert found["std_over_seeds"] == pytest.approx(0.3 / np.sqrt(2))


def test_an_undefined_run_does_not_count():
    runs = [constant(0.4), constant(float("nan"))]
    assert repeated_estimate(runs, 2, None, n_bootstrap=0)["value"] == 0.4


def test_seeds_are_drawn_too():
    # the same metric on any pairs, but seeds that differ: all of the interval comes from the seeds
    runs = [constant(0.2, 0), constant(0.8, 1)]
    found = repeated_estimate(runs, 2, None, n_bootstrap=200)
    assert (found["ci_low"], found["ci_high"]) == (0.2, 0.8)
    alike = repeated_estimate([constant(0.5, 0), constant(0.5, 1)], 2, None, n_bootstrap=50)
    assert alike["ci_low"] == alike["ci_high"] == 0.5


def test_one_run_over_all_pairs_is_the_ordinary_metric():
    counts, gap, probs = draw()
    groups = [number // 2 for number in range(len(counts))]
    everything = np.arange(len(counts))
    for metric, ordinary in (
        (accuracy_metric(gap, counts), preference_accuracy(gap, counts, groups, 200)),
        (auroc_metric(-np.abs(gap), counts), diverging_id_auroc(-np.abs(gap), counts, groups, 200)["headline"]),
        (
            jensen_shannon_metric(probs, counts),
            level_calibration(probs, counts, groups=groups, n_bootstrap=200)["jensen_shannon"],
        ),
    ):
        found = repeated_estimate([Run(0, everything, metric)], len(counts), groups, n_bootstrap=200)
        for name in ("value", "ci_low", "ci_high"):
            assert found[name] == pytest.approx(ordinary[name], abs=0.03 if name != "value" else 1e-12)


def test_a_difference_is_paired_and_tested():
    counts, gap, _ = draw()
    everything = np.arange(len(counts))
    runs = [Run(seed, everything, accuracy_metric(gap, counts)) for seed in (0, 1)]
    wrong = [Run(seed, everything, accuracy_metric(-gap, counts)) for seed in (0, 1)]
    same = repeated_estimate(runs, len(counts), None, 100, baseline=runs)
    assert same["value"] == 0 and same["ci_low"] == same["ci_high"] == 0 and same["p_value"] == 1
    better = repeated_estimate(runs, len(counts), None, 100, baseline=wrong)
    assert better["value"] == pytest.approx(accuracy_difference(gap, -gap, counts, n_bootstrap=0)["value"])
    assert better["p_value"] == pytest.approx(2 / 101) and better["ci_low"] > 0


def test_folds_are_not_compared_with_each_other():
    # the second model's scores are 100 higher: pooled they would decide the order, run by run they do not
    counts = np.array([[1, 0, 0, 0, 1], [0, 0, 0, 0, 2]] * 2)
    first = Run(0, np.array([0, 1]), auroc_metric(np.array([2.0, 1.0]), counts[:2]))
    second = Run(0, np.array([2, 3]), auroc_metric(np.array([102.0, 101.0]), counts[2:]))
    assert repeated_estimate([first, second], 4, None, n_bootstrap=0)["value"] == 1.0


def test_only_runs_on_the_same_pairs_are_compared():
    # fold 1 of the row failed. Fold 0 is hard for both (0.5, 0.4), fold 1 easy (0.9): the difference is 0.5 - 0.4, not
    # 0.5 - (0.4 + 0.9) / 2
    row = [constant(0.5, 0, (0, 1))]
    baseline = [constant(0.4, 0, (0, 1)), constant(0.9, 0, (2, 3))]
    found = repeated_estimate(row, 4, None, n_bootstrap=20, baseline=baseline)
    assert found["value"] == pytest.approx(0.1) and found["n"] == 1
    assert found["ci_low"] == pytest.approx(0.1) and found["ci_high"] == pytest.approx(0.1)
    # the other way round, fold 1 of the baseline is missing
    assert repeated_estimate(baseline, 4, None, 20, baseline=row)["value"] == pytest.approx(-0.1)


def test_a_draw_that_leaves_one_side_undefined_counts_for_neither():
    def undefined_without_the_last(weights):
        return float("nan") if weights[-1] == 0 else 0.7

    first, second = constant(0.4, 0), constant(0.9, 0, (2, 3))
    other = [Run(0, np.array([0, 1]), undefined_without_the_last), constant(0.8, 0, (2, 3))]
    draws = draw_pairs(4, None, 40)
    found = matched(run_values([first, second], draws), run_values(other, draws))
    lost = draws.weights[:, 1] == 0
    assert lost.any() and not lost.all()
    for side in found:
        np.testing.assert_array_equal(np.isnan(side.values[:, 0]), lost)
        assert not np.isnan(side.values[:, 1]).any()


def test_rows_without_a_run_in_common_have_no_difference():
    found = repeated_estimate([constant(0.5, 0)], 2, None, 20, baseline=[constant(0.4, 1)])
    assert found["n"] == 0 and all(np.isnan(found[key]) for key in ("value", "ci_low", "ci_high", "p_value"))


def test_no_runs_are_refused():
    with pytest.raises(InputError, match="no run of this row"):
        repeated_estimate([], 2, None)


def test_log_loss_of_draws():
    probs, counts = np.array([[0.5, 0, 0.5, 0, 0], [0, 0, 0.25, 0, 0.75]]), np.array([[1, 0, 1, 0, 0], [0, 0, 1, 0, 0]])
    metric = log_loss_metric(probs, counts)
    assert metric(np.ones(2)) == pytest.approx(level_log_loss(probs, counts))
    # the second pair twice, the first not: ln 4
    assert metric(np.array([0, 2])) == pytest.approx(np.log(4))
