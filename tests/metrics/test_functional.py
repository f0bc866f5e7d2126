import json
import warnings

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from distreward.data.agreement import agreement_masks, level_counts
from distreward.errors import InputError
from distreward.metrics.functional import (
    NEGATIVES,
    POSITIVES,
    accuracy_difference,
    auroc_difference,
    diverging_id_auroc,
    preference_accuracy,
    spearman,
)


def some_pairs(n_pairs: int, seed: int = 0):
    """Counts of four annotators, a divergence score that knows something, and prompts of two pairs each."""
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet(np.full(5, 0.7), n_pairs)
    counts = np.stack([rng.multinomial(4, row) for row in probs])
    scores = np.minimum(probs[:, :2].sum(1), probs[:, 3:].sum(1)).round(2)
    return scores, counts, [f"prompt {i // 2}" for i in range(n_pairs)]


# --- preference accuracy


def test_accuracy_by_hand():
    # pair 1, gap 2: labels 2 1 -1 0 -> 2 of 3 (the tie is no choice).   pair 2, gap -1: -2 1 -> 1 of 2.
    # pair 3, gap 0: 1 1 1 -> 3 * 1/2 of 3.   pair 4: ties only -> nothing.    (2 + 1 + 1.5) / 8
    counts = level_counts([[2, 1, -1, 0], [-2, 1], [1, 1, 1], [0, 0]])
    estimate = preference_accuracy([2.0, -1.0, 0.0, 5.0], counts)
    assert estimate["value"] == 4.5 / 8 and estimate["n"] == 8
    assert estimate["ci_low"] <= estimate["value"] <= estimate["ci_high"]
    assert [type(entry) for entry in estimate.values()] == [float, float, float, int]


def test_accuracy_symmetries():
    gap = np.random.default_rng(0).normal(size=100)
    gap[:10] = 0
    _, counts, groups = some_pairs(100)
    estimate = preference_accuracy(gap, counts, groups)
    assert preference_accuracy(-gap, counts[:, ::-1], groups) == pytest.approx(estimate)  # A and B swapped
    assert preference_accuracy(-gap, counts, groups)["value"] == pytest.approx(1 - estimate["value"])
    assert preference_accuracy(100 * gap, counts, groups) == estimate  # only the sign counts


def test_accuracy_without_choices_is_nan():
    with pytest.warns(UserWarning, match="preference_accuracy: all labels of 1 pairs are ties"):
        estimate = preference_accuracy([1.0], level_counts([[0, 0]]))
    assert np.isnan(estimate["value"]) and np.isnan(estimate["ci_low"]) and estimate["n"] == 0


def test_accuracy_mistakes():
    counts = level_counts([[1], [2]])
    with pytest.raises(InputError, match="`reward_gap` holds 1 values of 2 that are not finite, the first at row 1"):
        preference_accuracy([1.0, np.inf], counts)
    with pytest.raises(InputError, match="`reward_gap` has shape"):
        preference_accuracy([[1.0], [2.0]], counts)
    with pytest.raises(InputError, match="`counts` has shape"):
        preference_accuracy([1.0, 2.0], counts.T)
    with pytest.raises(InputError, match="`groups` has 1 entries"):
        preference_accuracy([1.0, 2.0], counts, groups=["p"])


def test_accuracy_difference_is_paired():
    rng = np.random.default_rng(0)
    _, counts, groups = some_pairs(400)
    good = counts @ np.arange(-2, 3) + 0.01 * rng.normal(size=400)
    bad = rng.normal(size=400)
    estimate = accuracy_difference(good, bad, counts, groups)
    parts = [preference_accuracy(gap, counts, groups) for gap in (good, bad)]
    assert estimate["value"] == pytest.approx(parts[0]["value"] - parts[1]["value"])
    assert estimate["ci_low"] > 0 and estimate["n"] == parts[0]["n"]
    same = accuracy_difference(good, good, counts, groups)
    assert (same["value"], same["ci_low"], same["ci_high"]) == (0, 0, 0)


# --- diverging-ID AUROC


def test_auroc_grid_by_hand():
    labels = [[2, -1], [2, -2], [1, 1], [0, 0], [1, -1], [2]]
    scores = [0.5, 0.9, 0.2, 0.5, 0.6, 99.0]  # the last pair has one annotator and is left out everywhere
    # diverging: 0.5, 0.9; substantial: 0.9; agreement on a preference: 0.2; on a tie: 0.5; neither: 0.6
    # diverging / preference: 2 of 2.   / high agreement (0.2, 0.5): 0.5 -> 1.5, 0.9 -> 2, of 4 = 3.5 / 4.
    # / rest (0.2, 0.5, 0.6): 1.5 + 3 of 6 = 4.5 / 6.    substantial: 1, 1, rest is (0.5, 0.2, 0.5, 0.6): 1
    result = diverging_id_auroc(scores, level_counts(labels), n_bootstrap=200)
    table = {pos: [result["grid"][pos][neg]["value"] for neg in NEGATIVES] for pos in POSITIVES}
    assert table == {"diverging": [1.0, 3.5 / 4, 4.5 / 6], "diverging_substantial": [1.0, 1.0, 1.0]}
    sizes = {pos: [result["grid"][pos][neg]["n_negative"] for neg in NEGATIVES] for pos in POSITIVES}
    assert sizes == {"diverging": [1, 2, 3], "diverging_substantial": [1, 2, 4]}
    rest = dict(result["grid"]["diverging"]["rest"])
    assert (rest.pop("n_positive"), rest.pop("n_negative")) == (2, 3)
    assert rest == result["headline"] and rest["n"] == 5


def test_auroc_equals_sklearn_in_every_cell():
    scores, counts, groups = some_pairs(1000)
    result = diverging_id_auroc(scores, counts, groups, n_bootstrap=50)
    masks = agreement_masks(counts)
    for pos in POSITIVES:
        agree, tie = masks["high_agreement_preference"], masks["high_agreement_tie"]
        for neg, negative in zip(NEGATIVES, (agree, agree | tie, ~masks[pos]), strict=True):
            kept = masks[pos] | negative
            estimate = result["grid"][pos][neg]
            assert estimate["value"] == pytest.approx(roc_auc_score(masks[pos][kept], scores[kept]), abs=1e-12)
            assert estimate["n"] == kept.sum() == estimate["n_positive"] + estimate["n_negative"]
            assert estimate["ci_low"] < estimate["value"] < estimate["ci_high"]


def test_auroc_interval_equals_a_plain_bootstrap():
    # the same by brute force: repeat the rows of the drawn prompts and call sklearn
    scores, counts, groups = some_pairs(120)
    masks = agreement_masks(counts)
    rng, values = np.random.default_rng(5), []
    for _ in range(200):
        prompts = rng.integers(0, 60, 60)
        rows = np.concatenate([[2 * prompt, 2 * prompt + 1] for prompt in prompts])
        values.append(roc_auc_score(masks["diverging"][rows], scores[rows]))
    headline = diverging_id_auroc(scores, counts, groups, n_bootstrap=200, seed=5, confidence=0.8)["headline"]
    assert [headline["ci_low"], headline["ci_high"]] == pytest.approx(np.quantile(values, [0.1, 0.9]))


def test_auroc_depends_on_order_only_and_turns_with_the_sign():
    scores, counts, groups = some_pairs(300)
    result = diverging_id_auroc(scores, counts, groups, n_bootstrap=20)
    assert diverging_id_auroc(np.exp(scores), counts, groups, n_bootstrap=20) == result
    assert diverging_id_auroc(scores, counts[:, ::-1], groups, n_bootstrap=20) == result
    turned = diverging_id_auroc(-scores, counts, groups, n_bootstrap=0)
    assert turned["headline"]["value"] == pytest.approx(1 - result["headline"]["value"])
    constant = diverging_id_auroc(np.zeros(300), counts, groups, n_bootstrap=0)
    assert constant["headline"]["value"] == 0.5


def test_auroc_without_a_class_is_announced_per_cell():
    counts = level_counts([[2, -1], [1, 1]])
    with pytest.warns(UserWarning) as caught:
        result = diverging_id_auroc([1.0, 0.0], counts)
    messages = [str(warning.message) for warning in caught]
    assert len(messages) == 3 and all("diverging_substantial against" in message for message in messages)
    assert "has 0 positive and 2 negative pairs" in messages[2]
    assert np.isnan(result["grid"]["diverging_substantial"]["rest"]["value"]) and result["headline"]["value"] == 1.0


@pytest.mark.filterwarnings("ignore:diverging_id_auroc")
def test_auroc_of_nothing_is_nan():
    for counts in (np.empty((0, 5), dtype=int), level_counts([[1], [2]])):
        result = diverging_id_auroc(np.zeros(len(counts)), counts)
        assert np.isnan(result["headline"]["value"]) and result["headline"]["n"] == 0


def test_auroc_refuses_scores_that_are_not_finite():
    with pytest.raises(ValueError, match="`scores` holds 2 values of 3 that are not finite, the first at row 1"):
        diverging_id_auroc([1.0, np.nan, np.inf], level_counts([[2, -1], [1, 1], [1, 1]]))


def test_results_are_plain_numbers():
    scores, counts, groups = some_pairs(100)
    result = diverging_id_auroc(scores, counts, groups, n_bootstrap=10)
    assert json.loads(json.dumps(result)) == result
    assert diverging_id_auroc(scores, counts, groups, n_bootstrap=10, seed=1) != result


def test_auroc_difference_is_paired():
    scores, counts, groups = some_pairs(400)
    counts[0] = [0, 0, 1, 0, 0]  # one annotator: left out
    noise = np.random.default_rng(0).normal(size=400)
    estimate = auroc_difference(scores, noise, counts, groups, seed=2)
    parts = [diverging_id_auroc(s, counts, groups, n_bootstrap=0)["headline"]["value"] for s in (scores, noise)]
    assert estimate["value"] == pytest.approx(parts[0] - parts[1])
    assert estimate["ci_low"] > 0 and estimate["n"] == 399
    turned = auroc_difference(noise, scores, counts, groups, seed=2)
    assert [turned["ci_high"], turned["ci_low"]] == pytest.approx([-estimate["ci_low"], -estimate["ci_high"]])
    same = auroc_difference(scores, 3 * scores, counts, groups)
    assert (same["value"], same["ci_low"], same["ci_high"]) == (0, 0, 0)


def test_auroc_difference_without_a_class():
    with pytest.warns(UserWarning, match="auroc_difference: 0 diverging pairs and 2 others"):
        estimate = auroc_difference([1.0, 2.0], [1.0, 2.0], level_counts([[1, 1], [0, 0]]))
    assert np.isnan(estimate["value"])


# --- rank correlation


def test_spearman_equals_scipy_value_and_draws():
    rng = np.random.default_rng(0)
    x = rng.normal(size=80).round(1)
    y = (x + rng.normal(size=80)).round(1)
    groups = np.repeat(np.arange(40), 2)
    estimate = spearman(x, y, groups, n_bootstrap=100, seed=3)
    assert estimate["value"] == pytest.approx(spearmanr(x, y).statistic) and estimate["n"] == 80
    rng, draws = np.random.default_rng(3), []
    for _ in range(100):
        rows = np.concatenate([[2 * group, 2 * group + 1] for group in rng.integers(0, 40, 40)])
        draws.append(spearmanr(x[rows], y[rows]).statistic)
    assert [estimate["ci_low"], estimate["ci_high"]] == pytest.approx(np.quantile(draws, [0.025, 0.975]))


def test_spearman_symmetries():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=50), rng.normal(size=50)
    value = spearman(x, y, n_bootstrap=0)["value"]
    assert spearman(y, x, n_bootstrap=0)["value"] == pytest.approx(value)
    assert spearman(np.exp(x), y, n_bootstrap=0)["value"] == pytest.approx(value)
    assert spearman(-x, y, n_bootstrap=0)["value"] == pytest.approx(-value)
    assert spearman(x, -np.exp(x))["ci_high"] == pytest.approx(-1)


def test_spearman_of_a_constant_is_nan():
    with pytest.warns(UserWarning, match="spearman: 3 rows"):
        estimate = spearman([1.0, 1.0, 1.0], [1.0, 2.0, 3.0])
    assert np.isnan(estimate["value"])


def test_no_stray_warnings():
    scores, counts, groups = some_pairs(30)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        diverging_id_auroc(scores, counts, groups, n_bootstrap=200)
        spearman(scores, counts[:, 0], groups, n_bootstrap=200)
        preference_accuracy(scores, counts, groups, n_bootstrap=200)
