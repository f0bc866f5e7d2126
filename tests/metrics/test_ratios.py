import numpy as np
import pytest
from numpy.testing import assert_allclose

from distreward.errors import InputError
from distreward.metrics.bootstrap import bootstrap_counts
from distreward.metrics.ratios import bootstrap_p_value, holm, ratio_estimates


def test_ratios_by_hand():
    # 2 of 3 rows, then 1.5 of weights 0.5 + 2 -> 0.6; their difference 2/3 - 3/5 = 1/15
    top = [[1, 0, 1, 0], [0, 0.5, 0, 1]]
    bottom = [[1, 1, 1, 0], [0, 0.5, 0, 2]]
    (two_thirds, three_fifths), (gap,) = ratio_estimates(top, bottom, None, n_bootstrap=50, differences=[(0, 1)])
    assert two_thirds["value"] == pytest.approx(2 / 3) and two_thirds["n"] == 3
    assert three_fifths["value"] == pytest.approx(0.6) and three_fifths["n"] == 2
    assert gap["value"] == pytest.approx(1 / 15) and gap["n"] == 4
    assert two_thirds["ci_low"] <= 2 / 3 <= two_thirds["ci_high"]


def test_intervals_are_the_quantiles_of_a_brute_force_bootstrap():
    rng = np.random.default_rng(0)
    inside = rng.random(60) < 0.7
    hit = inside & (rng.random(60) < 0.4)
    groups = [f"p{i // 3}" for i in range(60)]
    (estimate,), _ = ratio_estimates(hit[None], inside[None], groups, n_bootstrap=200, seed=3)
    shares = []
    for draw in bootstrap_counts(60, groups, 200, seed=3):
        rows = np.repeat(np.arange(60), draw)  # the drawn rows, written out
        shares.append(hit[rows].sum() / inside[rows].sum())
    assert estimate["value"] == hit.sum() / inside.sum()
    assert_allclose([estimate["ci_low"], estimate["ci_high"]], np.quantile(shares, [0.025, 0.975]))


def test_differences_are_paired():
    # ratio 2 is ratio 1 with half the hits: their difference is half of ratio 1 in every draw
    hit = (np.arange(40) % 3 == 0).astype(float)
    (one, _), (gap,) = ratio_estimates([hit, hit / 2], np.ones((2, 40)), None, 500, differences=[(0, 1)])
    assert_allclose([gap["ci_low"], gap["ci_high"]], [one["ci_low"] / 2, one["ci_high"] / 2])


def test_undefined_ratios():
    (nothing, one_prompt), (gap,) = ratio_estimates(
        [[0, 0, 0], [1, 1, 0]], [[0, 0, 0], [1, 1, 0]], ["p", "p", "q"], n_bootstrap=20, differences=[(1, 0)]
    )
    assert np.isnan(nothing["value"]) and nothing["n"] == 0
    assert one_prompt["value"] == 1 and np.isnan(one_prompt["ci_low"])  # one prompt cannot tell how much prompts vary
    assert np.isnan(gap["value"]) and np.isnan(gap["p_value"])
    with pytest.raises(InputError, match="wanted both"):
        ratio_estimates([[1]], [[1, 2]], None)


def test_p_values():
    assert bootstrap_p_value(np.array([0.1] * 99)) == pytest.approx(2 / 100)
    assert bootstrap_p_value(np.array([0.0] * 9)) == 1.0
    assert np.isnan(bootstrap_p_value(np.array([np.nan])))
    draws = np.random.default_rng(0).normal(size=5000)
    assert bootstrap_p_value(draws + 1.96) == pytest.approx(0.05, abs=0.012)
    assert bootstrap_p_value(draws) == bootstrap_p_value(-draws)


def test_a_true_null_is_rejected_as_often_as_it_says():
    rng = np.random.default_rng(1)
    first = np.arange(200) < 100
    table = np.stack([first, ~first])
    p = []
    for seed in range(120):
        hit = rng.random(200) < 0.5
        p.append(ratio_estimates(table * hit, table, None, 200, seed, differences=[(0, 1)])[1][0]["p_value"])
    assert 0.01 <= np.mean(np.array(p) < 0.1) <= 0.19  # 0.1 wanted, standard error 0.027


def test_holm():
    # sorted .01 .02 .03 .04, times 4 3 2 1 = .04 .06 .06 .04, each at least the one before
    assert_allclose(holm([0.04, 0.01, 0.03, 0.02]), [0.06, 0.04, 0.06, 0.06])
    assert_allclose(holm([0.9, 0.8]), [1.0, 1.0])
    adjusted = holm([0.01, np.nan, 0.03])
    assert_allclose(adjusted, [0.02, np.nan, 0.03])
    assert holm([]) == []
