import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance as scipy_wasserstein

from distreward.errors import InputError
from distreward.levels import LEVELS
from distreward.metrics.calibration import (
    divergence_calibration,
    jensen_shannon_distance,
    level_calibration,
    wasserstein_distance,
)

METRICS = ("brier", "ece", "jensen_shannon", "wasserstein")


def predictions(n_pairs: int, n_annotators: int, seed: int = 0):
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet(np.ones(5), n_pairs)
    return probs, np.stack([rng.multinomial(n_annotators, row) for row in probs])


def values(result: dict) -> dict[str, float]:
    return {name: result[name]["value"] for name in METRICS}


def test_by_hand():
    # pair 1: p = (0, 0, 0, .5, .5), labels 2 and 0.   pair 2: p = (0, 0, 1, 0, 0), label 0.
    # Brier of the labels: 2 -> .25 + .25 = .5;  0 -> 1 + .25 + .25 = 1.5;  0 -> 0.   mean = 2 / 3
    # ECE, 2 bins, labels per level and bin (predicted - seen): tie, low bin: 0 - 1; tie, high bin: 1 - 1 = 0;
    #   slight, high (p = .5): 2 * .5 - 0 = 1; slight, low: 0; significant, high: 2 * .5 - 1 = 0.
    #   sum of absolute values 2, / 3 labels / 5 levels = 2 / 15
    # Wasserstein: pair 1 shares (0, 0, .5, 0, .5): cumulative differences 0, 0, -.5, 0 = .5;  pair 2: 0.  mean .25
    # Jensen-Shannon pair 1: m = (0, 0, .25, .25, .5): p: .5 * log2 2 + .5 * log2 1 = .5, q the same: sqrt(.5); mean / 2
    result = level_calibration([[0, 0, 0, 0.5, 0.5], [0, 0, 1, 0, 0]], [[0, 0, 1, 0, 1], [0, 0, 1, 0, 0]], n_bins=2)
    expected = {"brier": 2 / 3, "ece": 2 / 15, "jensen_shannon": np.sqrt(0.5) / 2, "wasserstein": 0.25}
    assert values(result) == pytest.approx(expected)
    assert [result[name]["n"] for name in METRICS] == [3, 3, 2, 2]


def test_brier_and_ece_against_one_row_per_label():
    probs, counts = predictions(300, 4)
    counts[0], counts[1] = [0, 0, 1, 0, 0], [3, 2, 1, 0, 4]  # uneven annotator numbers
    result = level_calibration(probs, counts, n_bins=7, n_bootstrap=0)
    rows, levels = np.repeat(np.arange(300), counts.sum(1)), np.concatenate([np.repeat(range(5), c) for c in counts])
    p, hot = probs[rows], np.eye(5)[levels]
    assert result["brier"]["value"] == pytest.approx(((p - hot) ** 2).sum(1).mean())
    ece = 0.0
    for level in range(5):
        bins = np.minimum((p[:, level] * 7).astype(int), 6)
        for chosen in (bins == b for b in range(7)):
            if chosen.any():
                ece += chosen.mean() * abs(p[chosen, level].mean() - hot[chosen, level].mean()) / 5
    assert result["ece"]["value"] == pytest.approx(ece)


def test_distances_equal_scipy():
    p, q = predictions(100, 3)
    q = q / 3
    assert_allclose(jensen_shannon_distance(p, q), jensenshannon(p, q, axis=1, base=2))
    expected = [scipy_wasserstein(LEVELS, LEVELS, a, b) for a, b in zip(p, q, strict=True)]
    assert_allclose(wasserstein_distance(p, q), expected)


def test_ends_of_the_ranges():
    first, last = np.eye(5)[[0, 0]], np.eye(5)[[4, 4]]
    best = values(level_calibration(first, first, n_bootstrap=0))
    worst = values(level_calibration(last, first, n_bootstrap=0))
    assert list(best.values()) == [0, 0, 0, 0]
    # ECE: two of the five levels are wrong by 1
    assert list(worst.values()) == pytest.approx([2, 0.4, 1, 4])


def test_swapping_a_and_b_changes_nothing():
    probs, counts = predictions(200, 4)
    forward, backward = (level_calibration(*pair) for pair in ((probs, counts), (probs[:, ::-1], counts[:, ::-1])))
    for name in METRICS:
        assert forward[name] == pytest.approx(backward[name])


def test_repeating_the_data_changes_no_value():
    probs, counts = predictions(200, 4)
    once = values(level_calibration(probs, counts, n_bootstrap=0))
    twice = values(level_calibration(np.tile(probs, (2, 1)), np.tile(counts, (2, 1)), n_bootstrap=0))
    assert once == pytest.approx(twice)


def test_calibration_error_of_true_probabilities_falls_with_the_sample():
    small, large = (level_calibration(*predictions(n, 4), n_bootstrap=0)["ece"]["value"] for n in (50, 5000))
    assert large < small / 4  # both are bias only; it falls like 1 / sqrt(n), here by 10


def test_intervals_hold_the_value_of_the_means():
    probs, counts = predictions(300, 4)
    result = level_calibration(probs, counts, groups=[f"p{i // 3}" for i in range(300)], n_bootstrap=300)
    for name in ("brier", "jensen_shannon", "wasserstein"):
        assert result[name]["ci_low"] < result[name]["value"] < result[name]["ci_high"]
    assert result == level_calibration(probs, counts, groups=[i // 3 for i in range(300)], n_bootstrap=300)


def test_pairs_without_annotators_are_left_out():
    probs, counts = predictions(50, 4)
    more_probs, more_counts = np.vstack([probs, probs[:5]]), np.vstack([counts, np.zeros((5, 5), int)])
    groups = [str(i) for i in range(55)]
    assert level_calibration(more_probs, more_counts, groups=groups, n_bootstrap=50) == level_calibration(
        probs, counts, groups=groups[:50], n_bootstrap=50
    )
    with pytest.warns(UserWarning, match="none of 5 pairs has an annotator"):
        empty = level_calibration(probs[:5], np.zeros((5, 5), int))
    assert np.isnan([estimate["value"] for estimate in empty.values()]).all() and empty["brier"]["n"] == 0


def test_mistakes_name_the_row():
    probs, counts = predictions(3, 4)
    with pytest.raises(InputError, match="`level_probs` row 2"):
        level_calibration(np.vstack([probs[:2], [[1, 1, 1, 1, 1]]]), counts)
    with pytest.raises(InputError, match="`level_probs` has shape"):
        level_calibration(probs[:2], counts)
    with pytest.raises(InputError, match="`counts` row 0"):
        level_calibration(probs, counts / 4 + 0.1)
    with pytest.raises(InputError, match="n_bins"):
        level_calibration(probs, counts, n_bins=0)


# --- the chance to diverge


def test_the_chance_to_diverge_by_hand():
    # three pairs with two annotators or more: diverged, agreed, agreed; the fourth has one and is left out
    counts = [[1, 0, 0, 0, 1], [0, 0, 0, 0, 2], [0, 0, 3, 0, 0], [0, 0, 0, 0, 1]]
    found = divergence_calibration([0.8, 0.4, 0.0, 0.9], counts, n_bootstrap=0)
    assert found["brier"]["value"] == pytest.approx((0.2**2 + 0.4**2 + 0) / 3)
    assert found["log_loss"]["value"] == pytest.approx(-(np.log(0.8) + np.log(0.6) + np.log(1 - 1e-6)) / 3)
    assert found["predicted"]["value"] == pytest.approx(0.4) and found["observed"]["value"] == pytest.approx(1 / 3)
    assert all(estimate["n"] == 3 for estimate in found.values())


def test_the_observed_share_is_the_best_constant_chance():
    counts = np.array([[1, 0, 0, 0, 1], [0, 0, 0, 0, 2], [0, 0, 2, 0, 0], [0, 0, 0, 2, 0]])
    brier = {
        c: divergence_calibration(np.full(4, c), counts, n_bootstrap=0)["brier"]["value"] for c in (0.2, 0.25, 0.3)
    }
    assert min(brier, key=brier.get) == 0.25


def test_intervals_of_the_chance_draw_whole_prompts():
    counts = np.array([[1, 0, 0, 0, 1], [0, 0, 0, 0, 2]] * 20)
    found = divergence_calibration(np.tile([0.9, 0.1], 20), counts, groups=[n // 2 for n in range(40)], n_bootstrap=50)
    # every prompt has one pair of each kind, so no draw of prompts changes the share
    assert found["observed"]["ci_low"] == found["observed"]["ci_high"] == 0.5


def test_a_chance_that_is_none_is_refused():
    with pytest.raises(InputError, match="`chance` holds 1.5, wanted probabilities in 0..1"):
        divergence_calibration([1.5], [[1, 0, 0, 0, 1]])
    with pytest.warns(UserWarning, match="none of 1 pairs has two annotators"):
        assert np.isnan(divergence_calibration([0.5], [[0, 0, 0, 0, 1]])["brier"]["value"])
