import time

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import roc_auc_score

from distreward.errors import InputError
from distreward.metrics.bootstrap import (
    WeightedAUROC,
    bootstrap_counts,
    bootstrap_estimates,
    flatten_estimate,
    group_index,
    interval,
    kept_groups,
)


def test_draws_take_whole_groups():
    groups = ["p", "q", "p", "r", "q"]
    draws = np.array(list(bootstrap_counts(5, groups, n_draws=200, seed=0)))
    assert draws.shape == (200, 5)
    assert_array_equal(draws[:, 0], draws[:, 2])
    assert_array_equal(draws[:, 1], draws[:, 4])
    assert_array_equal(draws[:, 0] + draws[:, 1] + draws[:, 3], 3)  # three groups drawn each time
    assert abs(draws[:, 3].mean() - 1) < 0.25  # each group once on average; standard error 0.06


def test_draws_repeat_with_the_seed_and_none_means_rows():
    first = np.array(list(bootstrap_counts(4, None, n_draws=5, seed=7)))
    assert_array_equal(first, list(bootstrap_counts(4, None, n_draws=5, seed=7)))
    assert_array_equal(first, list(bootstrap_counts(4, ["a", "b", "c", "d"], n_draws=5, seed=7)))
    assert (first != np.array(list(bootstrap_counts(4, None, n_draws=5, seed=8)))).any()
    assert_array_equal(first.sum(1), 4)


def test_groups_of_any_hashable_kind():
    assert group_index(4, [None, "a", None, 3]).tolist() == [0, 1, 0, 2]
    assert group_index(2, np.array([5, 5])).tolist() == [0, 0]
    assert kept_groups(None, np.array([True])) is None


def test_group_mistakes():
    with pytest.raises(InputError, match="2 entries, wanted 3"):
        group_index(3, ["a", "b"])
    with pytest.raises(InputError, match="2 entries, wanted 3"):
        kept_groups(["a", "b"], np.ones(3, dtype=bool))
    with pytest.raises(InputError, match="row 1 or later is not hashable"):
        group_index(2, ["a", [{"role": "user"}]])
    with pytest.raises(InputError, match="n_bootstrap"):
        list(bootstrap_counts(2, None, n_draws=-1))


def test_interval_is_the_percentiles():
    # of 0..100, 95 percent lie between 2.5 and 97.5
    assert_allclose(interval(np.arange(101)), (2.5, 97.5))
    assert_allclose(interval(np.r_[np.arange(101), np.nan]), (2.5, 97.5))
    assert np.isnan(interval(np.full(3, np.nan))).all()
    with pytest.raises(InputError, match="confidence"):
        interval(np.arange(3), confidence=95)


def test_estimates_of_a_mean():
    values = np.random.default_rng(0).normal(size=400)

    def means(weights):
        return [weights @ values / weights.sum(), 7.0]

    mean, constant = bootstrap_estimates(means, [400, 3], 400, None, 2000, 0, 0.95)
    # interval of a mean: value +- 1.96 * std / sqrt(400)
    half = 1.96 * values.std() / 20
    assert_allclose([mean["ci_low"], mean["ci_high"]], [mean["value"] - half, mean["value"] + half], atol=0.01)
    assert constant == {"value": 7.0, "ci_low": 7.0, "ci_high": 7.0, "n": 3}
    assert [type(entry) for entry in mean.values()] == [float, float, float, int]


def test_clustering_widens_the_interval():
    # 50 prompts with 8 equal rows each: 50 facts, not 400, so the interval is sqrt(8) = 2.8 times as wide
    values = np.repeat(np.random.default_rng(0).normal(size=50), 8)
    groups = np.repeat(np.arange(50), 8)

    def mean(weights):
        return [weights @ values / weights.sum()]

    (rows,) = bootstrap_estimates(mean, [400], 400, None, 1000, 0, 0.95)
    (prompts,) = bootstrap_estimates(mean, [400], 400, groups, 1000, 0, 0.95)
    ratio = (prompts["ci_high"] - prompts["ci_low"]) / (rows["ci_high"] - rows["ci_low"])
    assert 2.3 < ratio < 3.3


def test_one_group_has_no_interval():
    with pytest.warns(UserWarning, match="one group"):
        (estimate,) = bootstrap_estimates(lambda w: [1.0], [2], 2, ["p", "p"], 10, 0, 0.95)
    assert estimate["value"] == 1.0 and np.isnan(estimate["ci_low"]) and np.isnan(estimate["ci_high"])


def test_flat_keys():
    flat = flatten_estimate("x", {"value": 1.0, "ci_low": 0.5, "ci_high": 1.5, "n": 4})
    assert flat == {"x": 1.0, "x_ci_low": 0.5, "x_ci_high": 1.5, "x_n": 4}


@pytest.mark.parametrize("decimals", [0, 1, 8])
def test_auroc_equals_sklearn(decimals):
    rng = np.random.default_rng(decimals)
    scores, positive = rng.normal(size=500).round(decimals), rng.random(500) < 0.3
    auroc = WeightedAUROC(scores, positive)
    assert_allclose(auroc(), roc_auc_score(positive, scores), atol=1e-12)
    for weights in (rng.integers(0, 4, 500), rng.random(500)):
        assert_allclose(auroc(weights), roc_auc_score(positive, scores, sample_weight=weights), atol=1e-12)
    assert_allclose(WeightedAUROC(-scores, positive)(), 1 - auroc(), atol=1e-12)


def test_auroc_weights_are_repetitions():
    rng = np.random.default_rng(0)
    scores, positive = rng.normal(size=60).round(1), rng.random(60) < 0.5
    weights = rng.integers(0, 3, 60)
    repeated = WeightedAUROC(np.repeat(scores, weights), np.repeat(positive, weights))()
    assert_allclose(WeightedAUROC(scores, positive)(weights), repeated, atol=1e-12)


def test_auroc_cells_share_a_sort():
    rng = np.random.default_rng(1)
    scores = rng.normal(size=200).round(1)
    positive = rng.random((4, 200)) < 0.4
    positive[1] = positive[0]  # two cells with the same positives
    keep = rng.random((4, 200)) < 0.8
    keep[3] = False
    weights = rng.integers(0, 3, 200)
    together = WeightedAUROC(scores, positive, keep)(weights)
    for cell in range(3):
        kept = keep[cell]
        alone = roc_auc_score(positive[cell][kept], scores[kept], sample_weight=weights[kept])
        assert_allclose(together[cell], alone, atol=1e-12)
    assert np.isnan(together[3])


def test_auroc_without_a_class_is_nan():
    assert np.isnan(WeightedAUROC([1.0, 2.0], [True, True])())
    assert np.isnan(WeightedAUROC([1.0, 2.0], [True, False])(np.array([1, 0])))
    assert np.isnan(WeightedAUROC(np.empty(0), np.empty(0, dtype=bool))())
    with pytest.raises(InputError, match="shape"):
        WeightedAUROC([1.0, 2.0], [True])


def test_a_draw_of_six_cells_is_cheap():
    # 1,000 draws of 100,000 pairs should take seconds: 20 draws stay far below a second even on a slow machine
    rng = np.random.default_rng(0)
    auroc = WeightedAUROC(rng.normal(size=100_000), rng.random((6, 100_000)) < 0.3)
    start = time.perf_counter()
    for weights in bootstrap_counts(100_000, None, n_draws=20):
        auroc(weights)
    assert time.perf_counter() - start < 2
