"""The fit finds overconfidence that was put in, drops a gap that says nothing, and leaves alone what is right already."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import log_loss, roc_auc_score

from distreward.data.agreement import agreement_masks
from distreward.scoring import PairPredictions
from distreward.scoring.divergence_calibration import MIN_OF_A_CLASS, fit_divergence_calibration
from distreward.scoring.divergence_model import recalibrated
from distreward.scoring.predictions import typical_annotators
from tests.scoring.test_level_calibration import labels, predictions, swapped

HEADS = ("scalar", "mean_variance", "taste_factors", "likert")
SCALAR = {"calibration": {"std": 2.0, "tie": 0.5, "slight": 1.5}}


def drawn(head: str, n: int, seed: int = 0) -> PairPredictions:
    return predictions(head, n, seed, **(SCALAR if head == "scalar" else {}))


def of_one_mind(p: PairPredictions, n_annotators: int, seed: int = 3) -> np.ndarray:
    """Counts [N, 5] of people who agree more than their levels say: half of them repeat what the first one said."""
    probs = p.level_probs()
    rng = np.random.default_rng(seed)
    labels = np.stack([rng.choice(5, n_annotators, p=row / row.sum()) for row in probs])
    repeats = rng.random(labels.shape) < 0.5
    labels = np.where(repeats, labels[:, :1], labels)
    return np.stack([(labels == level).sum(1) for level in range(5)], axis=1)


def fitted(p: PairPredictions, fit: dict) -> PairPredictions:
    return replace(p, reward_head={**p.reward_head, "divergence_calibration": fit})


@pytest.mark.parametrize("head", HEADS)
def test_people_of_one_mind_diverge_less_and_the_fit_says_how_much(head):
    p = drawn(head, 600)
    counts = of_one_mind(p, 4)
    diverging = agreement_masks(counts)["diverging"]
    fit = fit_divergence_calibration(p, counts).calibration
    assert p.diverging_probability(4).mean() > diverging.mean() + 0.1
    # a free intercept under maximum likelihood makes the mean chance the observed share
    assert fitted(p, fit).diverging_probability(4).mean() == pytest.approx(diverging.mean(), abs=1e-3)
    assert fit["n_pairs"] == 600 and fit["n_diverging"] == diverging.sum()
    # and the numbers it reports are those of the predictions under it
    assert fit["log_loss"] == pytest.approx(log_loss(diverging, fitted(p, fit).diverging_probability(4)))
    assert fit["log_loss_closed_form"] == pytest.approx(log_loss(diverging, p.diverging_probability(4)))
    assert fit["log_loss"] < fit["log_loss_closed_form"]
    # on other pairs too
    other = drawn(head, 600, seed=9)
    truth = agreement_masks(of_one_mind(other, 4, seed=10))["diverging"]
    assert log_loss(truth, fitted(other, fit).diverging_probability(4)) < log_loss(
        truth, other.diverging_probability(4)
    )


def test_a_gap_that_says_nothing_is_left_out():
    p = drawn("mean_variance", 800)
    noise = np.random.default_rng(5).permutation(800)
    counts = labels(replace(p, mean_a=p.mean_a * 0, mean_b=p.mean_b * 0), 3)  # people know the widths alone
    shuffled = replace(p, mean_a=3 * p.mean_a[noise], mean_b=3 * p.mean_b[noise])
    fit = fit_divergence_calibration(shuffled, counts).calibration
    assert fit["gap_scale"] <= 0.1
    diverging, n = agreement_masks(counts)["diverging"], typical_annotators(counts)
    assert fit["auroc"] == pytest.approx(roc_auc_score(diverging, fitted(shuffled, fit).diverging_probability(n)))
    assert fit["auroc_closed_form"] == pytest.approx(roc_auc_score(diverging, shuffled.diverging_probability(n)))
    assert fit["auroc"] > fit["auroc_closed_form"] + 0.02


@pytest.mark.parametrize("head", ["mean_variance", "taste_factors"])
def test_a_gap_that_says_much_stays(head):
    p = drawn(head, 800)
    fit = fit_divergence_calibration(p, of_one_mind(p, 4)).calibration
    assert fit["gap_scale"] >= 0.5


@pytest.mark.parametrize("head", ["scalar", "likert"])
def test_without_a_std_the_gap_is_not_scaled(head):
    p = drawn(head, 300)
    assert fit_divergence_calibration(p, of_one_mind(p, 4)).calibration["gap_scale"] == 1


@pytest.mark.parametrize("head", HEADS)
def test_what_is_right_already_is_mostly_left_alone_and_never_made_worse(head):
    kept = 0
    for seed in range(12):
        p = drawn(head, 300, seed)
        fit = fit_divergence_calibration(p, labels(p, 3, seed))
        if fit.calibration is None:
            assert "does not help on 300 development pairs" in fit.why_not
        else:
            kept += 1
            assert fit.calibration["log_loss"] < fit.calibration["log_loss_closed_form"]
    # a gain of more than 2 nats for two useless parameters: half a chi-square of two degrees, one time in e^2 = 7
    assert kept <= 4


def test_the_gap_stays_where_the_best_value_is_luck():
    # people follow the levels, gap included: the best of fourteen values is seldom 1, and hardly ever better beyond doubt
    scales = []
    for seed in range(10):
        p = drawn("mean_variance", 300, seed)
        fit = fit_divergence_calibration(p, of_one_mind(p, 3, seed))
        scales.append((fit.calibration or {"gap_scale": 1.0})["gap_scale"])
    assert np.mean(scales) > 0.85


@pytest.mark.parametrize("head", HEADS)
def test_swapping_the_responses_changes_nothing(head):
    p = drawn(head, 200)
    counts = of_one_mind(p, 3)
    one, other = fit_divergence_calibration(p, counts), fit_divergence_calibration(swapped(p), counts[:, ::-1])
    assert one.calibration == pytest.approx(other.calibration, rel=1e-3)
    chance = fitted(p, one.calibration).diverging_probability(5)
    assert_allclose(chance, fitted(swapped(p), one.calibration).diverging_probability(5), atol=1e-6)


def test_every_pair_counts_with_its_own_number_of_annotators():
    p = drawn("likert", 400)
    few, many = of_one_mind(p, 2), of_one_mind(p, 8)
    counts = np.where(np.arange(400)[:, None] % 2 == 0, few, many)
    fit = fit_divergence_calibration(p, counts).calibration
    chance = fitted(p, fit).diverging_probability(counts.sum(1))
    assert fit["log_loss"] == pytest.approx(log_loss(agreement_masks(counts)["diverging"], chance))
    assert chance[1::2].mean() > chance[::2].mean()


def test_too_few_of_a_class_are_left_alone():
    p = drawn("likert", 40)
    diverging, agreeing = np.array([[1, 0, 0, 0, 1]]), np.array([[0, 0, 0, 0, 2]])
    counts = np.concatenate([np.repeat(diverging, MIN_OF_A_CLASS - 1, 0), np.repeat(agreeing, 31, 0)])
    fit = fit_divergence_calibration(p, counts)
    assert fit.calibration is None
    assert f"{MIN_OF_A_CLASS - 1} diverging and 31 others" in fit.why_not
    # single labels are no others
    counts = np.concatenate([np.repeat(diverging, 15, 0), np.repeat([[0, 0, 0, 0, 1]], 25, 0)])
    assert "15 diverging and 0 others" in fit_divergence_calibration(p, counts).why_not


def test_a_head_without_levels_has_no_chance_to_calibrate():
    p = predictions("scalar", 100)
    fit = fit_divergence_calibration(p, np.repeat([[1, 0, 0, 0, 1], [0, 0, 0, 0, 2]], 50, 0))
    assert fit.calibration is None and "no level probabilities" in fit.why_not


def test_many_more_annotators_are_an_extrapolation_that_the_entry_tells():
    # half of the pairs are unanimous, half split evenly, and the model sees them all alike: (3/4, 1/4)
    same = np.tile([[0.25, 0, 0, 0, 0.75]], (400, 1))
    p = PairPredictions(*np.zeros((2, 400)), {"type": "likert"}, None, None, *2 * [np.full((400, 5), 0.2)])
    p.level_probs = lambda calibrated=True: same
    counts = np.array(
        [[0, 0, 0, 0, 2], [0, 0, 0, 0, 2], [0, 0, 0, 0, 2], [1, 0, 0, 0, 1]] * 100
    )  # a split pair of two: half
    fit = fit_divergence_calibration(p, counts).calibration
    assert fit["n_annotators"] == 2

    def calibrated(n: int) -> float:
        chance = np.array([1 - 0.75**n - 0.25**n])
        return float(recalibrated(chance, n, fit["slope"], fit["intercept"])[0])

    assert calibrated(2) == pytest.approx(0.25, abs=1e-3)
    # of ten people a split pair divides all but surely, so the truth is 1/2
    assert calibrated(10) > 0.6


def test_a_fit_that_is_there_already_is_left_out_of_account():
    p = drawn("mean_variance", 300)
    counts = of_one_mind(p, 4)
    fit = fit_divergence_calibration(p, counts).calibration
    assert fit_divergence_calibration(fitted(p, fit), counts).calibration == fit
