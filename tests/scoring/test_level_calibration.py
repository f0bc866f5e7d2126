"""The fit finds parameters that labels were drawn under, leaves alone what they do not say, and never makes things worse."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from distreward.metrics.calibration import level_log_loss
from distreward.modeling import REWARD_HEADS, reward_head_entry
from distreward.scoring import PairPredictions
from distreward.scoring.level_calibration import (
    MIN_LABELS,
    fit_level_calibration,
    identified,
    parameters_at,
    uncalibrated,
)
from distreward.scoring.level_model import NEUTRAL, likert_levels, mean_variance_levels, scalar_levels

TRUE = {
    "scalar": {"std": 3.0, "tie": 0.8, "slight": 2.5},
    "mean_variance": {"std_scale": 2.0, "tie": 0.3, "slight": 1.8},
    "taste_factors": {"std_scale": 2.0, "tie": 0.3, "slight": 1.8},
    "likert": {"temperature": 1.5, "tie_weight": 0.5, "significant_weight": 1.5},
}


def predictions(head: str, n: int, seed: int = 0, **entry) -> PairPredictions:
    rng = np.random.default_rng(seed)
    entry = {**reward_head_entry(head), **entry}
    if head == "likert":
        probs_a, probs_b = rng.dirichlet(np.ones(5), n), rng.dirichlet(np.ones(5), n)
        ratings = np.arange(1, 6)
        return PairPredictions(probs_a @ ratings, probs_b @ ratings, entry, None, None, probs_a, probs_b)
    means = rng.normal(size=(2, n)) * 2
    if head == "scalar":
        return PairPredictions(*means, entry)
    stds = rng.uniform(0.2, 1.5, (2, n))
    if head == "mean_variance":
        return PairPredictions(*means, entry, *stds)
    factors = rng.normal(size=(2, n, 4)) * 0.3
    totals = np.sqrt(stds**2 + (factors**2).sum(-1))
    return PairPredictions(*means, entry, *totals, factors_a=factors[0], factors_b=factors[1])


def labels(predicted: PairPredictions, n_annotators: int = 4, seed: int = 1) -> np.ndarray:
    """[N, 5] counts drawn from the predicted levels."""
    probs = predicted.level_probs()
    return np.random.default_rng(seed).multinomial(n_annotators, probs / probs.sum(1, keepdims=True))


def swapped(p: PairPredictions) -> PairPredictions:
    return PairPredictions(
        p.mean_b, p.mean_a, p.reward_head, p.std_b, p.std_a, p.rating_probs_b, p.rating_probs_a, p.strength_known,
        p.factors_b, p.factors_a,
    )  # fmt: skip


# --- the levels under parameters


def test_levels_of_a_scalar_head_by_hand():
    # gap 0.5, scale 2: logistic((t - 0.5) / 2) at t = -1.5, -0.5, 0.5, 1.5 = .2689, .3775, .5, .6225; then (p + .05) / 1.25
    (probs,) = scalar_levels(np.array([0.5]), std=2.0, tie=0.5, slight=1.5)
    plain = np.array([0.2689, 0.1086, 0.1225, 0.1225, 0.3775])
    assert_allclose(probs, (plain + 0.05) / 1.25, atol=1e-4)


def test_levels_of_a_mean_variance_head_by_hand():
    # gap 0, stds 0.3 and 0.4 make 0.5, times 2 is 1; borders at +-1 and +-2: logistic(-2) = .1192, logistic(-1) = .2689
    head = {"cdf": "logistic", "level_smoothing": 0.05}
    moments = tuple(np.array([x]) for x in (1.0, 0.3, 1.0, 0.4))
    (probs,) = mean_variance_levels(moments, head, std_scale=2.0, tie=1.0, slight=2.0)
    plain = np.array([0.1192, 0.1497, 0.4621, 0.1497, 0.1192])
    assert_allclose(probs, (plain + 0.05) / 1.25, atol=1e-4)


def test_levels_of_a_likert_head_by_hand():
    # temperature 1/2 squares the probabilities: 1/2, 1/4, 1/4 of ratings 1, 2, 3 become 4/6, 1/6, 1/6; B is surely a 2.
    # A - B: -1 at 4/6, 0 at 1/6, 1 at 1/6; a tie counts three times: 4/6, 3/6, 1/6 of 8/6
    a, b = np.array([[0.5, 0.25, 0.25, 0, 0]]), np.array([[0, 1.0, 0, 0, 0]])
    (probs,) = likert_levels(a, b, temperature=0.5, tie_weight=3.0, significant_weight=7.0)
    assert_allclose(probs, [0, 4 / 8, 3 / 8, 1 / 8, 0])


def test_every_head_has_a_calibration():
    assert NEUTRAL.keys() == REWARD_HEADS.keys()


@pytest.mark.parametrize("head", NEUTRAL)
def test_neutral_parameters_change_nothing_and_any_keep_the_mirror(head):
    p = predictions(head, 20)
    neutral = replace(p, reward_head={**p.reward_head, "calibration": NEUTRAL[head]}).level_probs()
    if head == "scalar":
        assert p.level_probs() is None and p.diverging_probability() is None
    else:
        assert_allclose(neutral, p.level_probs(), atol=1e-7)
    q = replace(p, reward_head={**p.reward_head, "calibration": TRUE[head]})
    assert_allclose(q.level_probs().sum(1), 1, atol=1e-6)
    assert_allclose(swapped(q).level_probs(), q.level_probs()[:, ::-1], atol=1e-6)
    raw, before = q.level_probs(calibrated=False), p.level_probs()
    assert (raw is None and before is None) or np.array_equal(raw, before)
    assert q.diverging_probability(4).shape == (20,)


def test_the_probability_of_a_scalar_head_depends_on_the_gap_alone():
    entry = {"type": "scalar", "calibration": TRUE["scalar"]}
    p = PairPredictions(np.array([3.0, 1.0, 5.0]), np.array([1.0, 3.0, 3.0]), entry)  # gaps 2, -2, 2
    assert np.ptp(p.diverging_probability(4)) < 1e-6


def test_labels_without_strength_are_predicted_without():
    p = predictions("mean_variance", 2)
    p.strength_known = np.array([False, True])
    merged, plain = p.level_probs(), replace(p, strength_known=None).level_probs()
    assert_allclose(merged[0], [plain[0, :2].sum(), 0, plain[0, 2], 0, plain[0, 3:].sum()])
    assert_allclose(merged[1], plain[1])


# --- the fit


@pytest.mark.parametrize("head", NEUTRAL)
def test_the_parameters_that_made_the_labels_are_found(head):
    p = predictions(head, 4000)
    counts = labels(replace(p, reward_head={**p.reward_head, "calibration": TRUE[head]}))
    found = fit_level_calibration(p, counts).calibration
    assert {name: found[name] for name in TRUE[head]} == pytest.approx(TRUE[head], rel=0.1)
    assert found["n_pairs"] == 4000 and found["n_labels"] == 16000
    calibrated = replace(p, reward_head={**p.reward_head, "calibration": found})
    assert found["log_loss"] == level_log_loss(calibrated.level_probs(), counts)
    if head == "scalar":
        assert found["log_loss_uncalibrated"] is None
    else:
        assert found["log_loss"] < found["log_loss_uncalibrated"] == level_log_loss(p.level_probs(), counts)


@pytest.mark.parametrize("head", NEUTRAL)
def test_swapping_the_responses_gives_the_same_fit(head):
    p = predictions(head, 300)
    counts = labels(replace(p, reward_head={**p.reward_head, "calibration": TRUE[head]}))
    one, other = (
        fit_level_calibration(p, counts).calibration,
        fit_level_calibration(swapped(p), counts[:, ::-1]).calibration,
    )
    assert {name: one[name] for name in NEUTRAL[head]} == pytest.approx(
        {name: other[name] for name in NEUTRAL[head]}, rel=0.01
    )


def test_a_calibration_that_is_there_does_not_change_the_fit():
    p = predictions("mean_variance", 200)
    counts = labels(replace(p, reward_head={**p.reward_head, "calibration": TRUE["mean_variance"]}))
    first = fit_level_calibration(p, counts).calibration
    again = fit_level_calibration(replace(p, reward_head={**p.reward_head, "calibration": first}), counts).calibration
    assert first == again


@pytest.mark.parametrize(
    ("head", "scale"), [("mean_variance", "std_scale"), ("scalar", "std"), ("likert", "temperature")]
)
def test_labels_without_strength_say_nothing_of_slight_against_significant(head, scale):
    p = predictions(head, 500)
    counts = labels(replace(p, reward_head={**p.reward_head, "calibration": TRUE[head]}))
    preferred = np.stack(
        [counts[:, :2].sum(1), 0 * counts[:, 0], counts[:, 2], 0 * counts[:, 0], counts[:, 3:].sum(1)], 1
    )
    found = fit_level_calibration(p, preferred, strength_known=np.zeros(500, dtype=bool)).calibration
    if head == "likert":
        assert found["significant_weight"] == 1
    else:
        assert found["slight"] - found["tie"] == pytest.approx(1)  # the paper's 1.5 - 0.5
        assert found["tie"] == pytest.approx(TRUE[head]["tie"], rel=0.3)
        assert found[scale] == pytest.approx(TRUE[head][scale], rel=0.3)


def test_what_the_labels_identify_by_hand():
    known, some = np.array([True, True]), [[0, 1, 2, 0, 0], [0, 0, 0, 0, 3]]
    assert identified("mean_variance", np.array(some), known) == ["std_scale", "tie", "slight"]
    # the pair with the slight label has no strength, so there is nothing to tell +-1 from +-2 by
    assert identified("mean_variance", np.array(some), np.array([False, True])) == ["std_scale", "tie"]
    # nobody said tie: perhaps nobody could
    assert identified("scalar", np.array([[3, 0, 0, 0, 1], [0, 1, 0, 0, 0]]), known) == ["std", "slight"]
    assert identified("likert", np.array([[0, 0, 3, 0, 0]]), np.array([True])) == []


def test_borders_never_cross():
    for logs in np.random.default_rng(0).normal(size=(50, 3)) * 3:
        found = parameters_at("mean_variance", ["std_scale", "tie", "slight"], logs)
        assert 0 < found["tie"] < found["slight"] and found["std_scale"] > 0


def test_too_few_labels_are_refused_with_their_number():
    p = predictions("mean_variance", 12)
    fit = fit_level_calibration(p, labels(p, n_annotators=4))
    assert fit.calibration is None and f"48 labels, wanted {MIN_LABELS} or more" in fit.why_not
    ties = np.tile([0, 0, 5, 0, 0], (12, 1))
    assert "no preference among them" in fit_level_calibration(p, ties).why_not


def test_a_model_that_is_calibrated_already_stays_as_it_is():
    p = predictions("mean_variance", 100)
    reasons = [fit_level_calibration(p, labels(p, seed=seed)).why_not for seed in range(20)]
    # a gain of more than 3 nats from 3 useless parameters: half a chi-square of 3 degrees of freedom, 11 of 100 times
    left_alone = [reason for reason in reasons if reason is not None]
    assert len(left_alone) >= 15 and all("it does not help: log loss" in reason for reason in left_alone)


@pytest.mark.parametrize("head", ["mean_variance", "likert"])
def test_a_tiny_development_set_cannot_hurt_much(head):
    # 20 pairs of 3 labels; the model's own probabilities are the truth, so every calibration is a mistake
    p, held_out = predictions(head, 20), predictions(head, 400, seed=5)
    truth = held_out.level_probs()
    costs = []
    for seed in range(20):
        found = fit_level_calibration(p, labels(p, 3, seed)).calibration
        probs = (
            truth
            if found is None
            else replace(held_out, reward_head={**p.reward_head, "calibration": found}).level_probs()
        )
        costs.append((truth * np.log(truth / probs)).sum(1).mean())
    assert np.mean(costs) < 0.01 and np.max(costs) < 0.1  # nats per label; knowing nothing of levels costs about 0.2


@pytest.mark.parametrize("head", NEUTRAL)
@pytest.mark.parametrize("seed", range(3))
def test_development_labels_are_never_predicted_worse(head, seed):
    p = predictions(head, 40, seed)
    counts = np.random.default_rng(seed).multinomial(3, np.random.default_rng(seed).dirichlet(np.ones(5)), size=40)
    found = fit_level_calibration(p, counts).calibration
    if found is not None and head != "scalar":
        assert found["log_loss"] < found["log_loss_uncalibrated"]


def test_an_entry_without_calibration():
    assert uncalibrated({"type": "likert", "calibration": {"temperature": 2.0}}) == {"type": "likert"}
