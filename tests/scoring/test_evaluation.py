from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from distreward.data.agreement import level_counts
from distreward.metrics.functional import diverging_id_auroc, level_calibration, preference_accuracy
from distreward.modeling import reward_head_entry
from distreward.scoring import PairPredictions, evaluate_predictions

POSITIVES = {"diverging", "diverging_substantial"}
NEGATIVES = {"high_agreement_preference", "high_agreement", "rest"}
ESTIMATE = {"value", "ci_low", "ci_high", "n"}
GRIDS = {
    "scalar": {"diverging_id_auroc_grid", "gap_baseline_grid"},
    "mean_variance": {"diverging_id_auroc_grid", "gap_baseline_grid", "diverging_probability_grid"},
    "likert": {"diverging_id_auroc_grid", "gap_baseline_grid", "diverging_probability_grid"},
}

# in turn: all for A, all for B, opposed, strongly opposed, all ties
COUNTS = level_counts([[2, 1, 2, 2], [-1, -2, -2, -1], [2, -1, 1, 0], [2, -2, 2, -2], [0, 0, 0, 0]] * 8)


def predictions(head: str, n: int = len(COUNTS)) -> PairPredictions:
    rng = np.random.default_rng(0)
    if head == "likert":
        probs_a, probs_b = rng.dirichlet(np.ones(5), n), rng.dirichlet(np.ones(5), n)
        ratings = np.arange(1, 6)
        std = [np.sqrt(p @ ratings**2 - (p @ ratings) ** 2) for p in (probs_a, probs_b)]
        return PairPredictions(probs_a @ ratings, probs_b @ ratings, reward_head_entry(head), *std, probs_a, probs_b)
    stds = rng.uniform(0.1, 2, (2, n)) if head == "mean_variance" else (None, None)
    return PairPredictions(rng.normal(size=n), rng.normal(size=n), reward_head_entry(head), *stds)


@pytest.mark.parametrize("head", GRIDS)
def test_the_keys_a_script_may_rely_on(head):
    metrics = evaluate_predictions(predictions(head), COUNTS, n_bootstrap=20)
    probabilities = set() if head == "scalar" else {"level_calibration", "diverging_calibration", "n_annotators"}
    assert set(metrics) == {"preference_accuracy", "diverging_id_auroc"} | GRIDS[head] | probabilities
    for estimate in (metrics["preference_accuracy"], metrics["diverging_id_auroc"]):
        assert set(estimate) == ESTIMATE and estimate["ci_low"] <= estimate["value"] <= estimate["ci_high"]
    for grid in GRIDS[head]:
        assert set(metrics[grid]) == POSITIVES
        for row in metrics[grid].values():
            assert set(row) == NEGATIVES
            assert all(set(cell) == ESTIMATE | {"n_positive", "n_negative"} for cell in row.values())
    if probabilities:
        assert metrics["n_annotators"] == 4
        calibration = metrics["level_calibration"]
        assert {"brier", "ece", "jensen_shannon", "wasserstein"} <= set(calibration)
        assert all(set(calibration[name]) == ESTIMATE for name in ("brier", "ece", "jensen_shannon", "wasserstein"))
        assert set(metrics["diverging_calibration"]) == {"brier", "log_loss", "predicted", "observed"}


def test_a_calibrated_model_shows_both_chances_to_diverge():
    p = predictions("mean_variance")
    fit = {"gap_scale": 0.0, "slope": 1.0, "intercept": -3.0}
    found = replace(p, reward_head={**p.reward_head, "divergence_calibration": fit})
    metrics, plain = (evaluate_predictions(x, COUNTS, n_bootstrap=5) for x in (found, p))
    assert metrics["level_calibration"] == plain["level_calibration"]  # levels are another question
    assert metrics["diverging_calibration_uncalibrated"] == plain["diverging_calibration"]
    assert metrics["diverging_probability_uncalibrated_grid"] == plain["diverging_probability_grid"]
    assert metrics["diverging_probability_grid"] != plain["diverging_probability_grid"]
    # log odds are 3 lower: the mean chance falls, the share of pairs that diverge is what it is, 2 of 5
    shown = metrics["diverging_calibration"]
    assert shown["predicted"]["value"] < plain["diverging_calibration"]["predicted"]["value"]
    assert shown["observed"]["value"] == pytest.approx(0.4)


def test_metrics_of_a_scalar_model_by_hand():
    # gaps 2, -1, 0.5, 0.1, -0.2 for the five pairs.  Choices for the preferred side: 4 of 4, 4 of 4, 2 of 3, 2 of 4
    # accuracy (4 + 4 + 2 + 2) / 15 = 0.8.  -|gap|: -2, -1, -0.5, -0.1, -0.2; diverging: the third and fourth
    # against the rest, 2 x 3 comparisons: -0.5 beats -2, -1, not -0.2; -0.1 beats all three: 5 / 6
    # against agreement on a preference: all 4 of 4; substantial (-0.1) against the rest: 4 of 4
    p = PairPredictions(np.array([2, -1, 0.5, 0.1, -0.2]), np.zeros(5), reward_head_entry("scalar"))
    metrics = evaluate_predictions(p, COUNTS[:5], n_bootstrap=0)
    assert metrics["preference_accuracy"]["value"] == pytest.approx(0.8) and metrics["preference_accuracy"]["n"] == 15
    assert metrics["diverging_id_auroc"]["value"] == pytest.approx(5 / 6)
    grid = metrics["diverging_id_auroc_grid"]
    assert grid["diverging"]["high_agreement_preference"]["value"] == 1
    assert grid["diverging"]["high_agreement"]["value"] == pytest.approx(5 / 6)
    assert grid["diverging_substantial"]["rest"]["value"] == 1
    assert grid["diverging"]["rest"]["n_positive"] == 2 and grid["diverging"]["rest"]["n_negative"] == 3
    assert metrics["gap_baseline_grid"] == grid


@pytest.mark.parametrize("head", ["mean_variance", "likert"])
def test_each_number_is_that_of_the_metric_and_the_score_it_names(head):
    p, options = predictions(head), {"groups": list(range(20)) * 2, "n_bootstrap": 15, "seed": 3}
    metrics = evaluate_predictions(p, COUNTS, **options)
    own = diverging_id_auroc(p.divergence(), COUNTS, **options)
    assert metrics["diverging_id_auroc"] == own["headline"] and metrics["diverging_id_auroc_grid"] == own["grid"]
    assert metrics["gap_baseline_grid"] == diverging_id_auroc(p.gap_divergence(), COUNTS, **options)["grid"]
    chance = diverging_id_auroc(p.diverging_probability(4), COUNTS, **options)
    assert metrics["diverging_probability_grid"] == chance["grid"]
    assert metrics["preference_accuracy"] == preference_accuracy(p.reward_gap, COUNTS, **options)
    assert metrics["level_calibration"] == level_calibration(p.level_probs(), COUNTS, **options)


@pytest.mark.parametrize("head", GRIDS)
def test_the_same_seed_gives_the_same_intervals(head):
    first, second = (evaluate_predictions(predictions(head), COUNTS, n_bootstrap=15, seed=1) for _ in range(2))
    assert first == second
    other = evaluate_predictions(predictions(head), COUNTS, n_bootstrap=15, seed=2)
    assert other["diverging_id_auroc"]["value"] == first["diverging_id_auroc"]["value"]
    assert other["diverging_id_auroc"] != first["diverging_id_auroc"]


@pytest.mark.parametrize("head", GRIDS)
def test_swapping_the_responses_changes_no_value(head):
    p = predictions(head)
    q = PairPredictions(p.mean_b, p.mean_a, p.reward_head, p.std_b, p.std_a, p.rating_probs_b, p.rating_probs_a)
    first, second = (
        evaluate_predictions(p, COUNTS, n_bootstrap=0),
        evaluate_predictions(q, COUNTS[:, ::-1], n_bootstrap=0),
    )
    for name in ("preference_accuracy", "diverging_id_auroc"):
        assert_allclose(first[name]["value"], second[name]["value"])


def test_labels_without_strength_are_compared_with_levels_without():
    p = predictions("mean_variance")
    known = np.zeros(len(COUNTS), dtype=bool)
    preferred = np.stack([COUNTS[:, :2].sum(1), 0 * known, COUNTS[:, 2], 0 * known, COUNTS[:, 3:].sum(1)], axis=1)
    metrics = evaluate_predictions(p, preferred, n_bootstrap=0, strength_known=known)
    probs = p.level_probs()
    merged = np.stack([probs[:, :2].sum(1), 0 * known, probs[:, 2], 0 * known, probs[:, 3:].sum(1)], axis=1)
    found, wanted, other = (
        of["brier"]["value"]
        for of in (
            metrics["level_calibration"],
            level_calibration(merged, preferred, n_bootstrap=0),
            level_calibration(probs, preferred, n_bootstrap=0),
        )
    )
    assert found == wanted < other


def test_calibrated_and_uncalibrated_levels_stand_side_by_side():
    plain, fit = predictions("mean_variance"), {"std_scale": 2.0, "tie": 0.4, "slight": 1.2}
    calibrated = replace(plain, reward_head={**plain.reward_head, "calibration": fit})
    before, after = (evaluate_predictions(p, COUNTS, n_bootstrap=0) for p in (plain, calibrated))
    assert "level_calibration_uncalibrated" not in before
    uncalibrated = {name: estimate["value"] for name, estimate in after["level_calibration_uncalibrated"].items()}
    assert uncalibrated == {name: estimate["value"] for name, estimate in before["level_calibration"].items()}
    assert after["level_calibration"]["brier"]["value"] != uncalibrated["brier"]
    assert (
        after["diverging_id_auroc"]["value"] == before["diverging_id_auroc"]["value"]
    )  # the paper's score is as it was
