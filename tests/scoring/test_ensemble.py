"""Means over members, and the two parts that add up to the whole."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from distreward.errors import InputError
from distreward.levels import LEVELS
from distreward.metrics.divergence import diverging_probability
from distreward.modeling import reward_head_entry
from distreward.scoring import EnsemblePredictions, PairPredictions, evaluate_predictions
from tests.scoring.test_level_calibration import TRUE, labels, predictions

HEADS = ("scalar", "mean_variance", "likert")


def ensemble(head: str, n: int = 30, members: int = 3, **entry) -> EnsemblePredictions:
    return EnsemblePredictions([predictions(head, n, seed, **entry) for seed in range(members)])


def test_gaps_by_hand():
    # gaps 2 and 0: mean 1, variance 1; stds (3, 4) and (0, 1): 25 and 1, mean 13
    head = reward_head_entry("mean_variance")
    one = PairPredictions(np.array([3.0]), np.array([1.0]), head, np.array([3.0]), np.array([4.0]))
    other = PairPredictions(np.array([1.0]), np.array([1.0]), head, np.array([0.0]), np.array([1.0]))
    found = EnsemblePredictions([one, other])
    assert found.reward_gap == [1] and found.gap_divergence() == [-1]
    assert found.gap_variance_of_model == [1] and found.gap_variance_of_people == [13]
    assert EnsemblePredictions([predictions("scalar", 1)] * 2).gap_variance_of_people is None


def test_the_zero_of_the_rewards_does_not_matter():
    one = predictions("scalar", 5)
    shifted = replace(one, mean_a=one.mean_a + 100, mean_b=one.mean_b + 100)
    assert_allclose(EnsemblePredictions([one, shifted]).gap_variance_of_model, 0, atol=1e-9)


def test_entropies_by_hand():
    # one member says all for A (entropy 0), one half and half (ln 2): people 0.347. Mean 3/4, 1/4: 0.562; the rest 0.216
    class Given(PairPredictions):
        def level_probs(self, calibrated=True):
            return np.array([[self.mean_a[0], 0, 0, 0, 1 - self.mean_a[0]]])

    members = [Given(np.array([share]), np.array([0.0]), {"type": "mean_variance"}) for share in (0.0, 0.5)]
    entropy = EnsemblePredictions(members).level_entropy()
    assert entropy["people"] == pytest.approx(np.log(2) / 2) and entropy["total"] == pytest.approx(0.5623, abs=1e-4)
    assert entropy["model"] == pytest.approx(0.5623 - 0.3466, abs=1e-4)


@pytest.mark.parametrize("head", HEADS)
def test_parts_add_up_and_members_in_accord_have_no_doubt(head):
    calibrated = {"calibration": TRUE[head]}
    several, same = ensemble(head, **calibrated), EnsemblePredictions([predictions(head, 30, 0, **calibrated)] * 3)
    parts, alone = several.level_entropy(), same.level_entropy()
    assert_allclose(parts["people"] + parts["model"], parts["total"])
    assert (parts["model"] > 0).all() and (parts["total"] < np.log(5) + 1e-9).all()
    assert_allclose(alone["model"], 0, atol=1e-9)
    member = same.members[0]
    assert_allclose(same.level_probs(), member.level_probs())
    assert_allclose(same.diverging_probability(3), member.diverging_probability(3))
    assert_allclose(same.gap_divergence(), member.gap_divergence())
    lam = 1.0 if head == "mean_variance" else 0.0  # no lambda was tuned
    assert_allclose(same.divergence(), member.divergence() / (1 + lam))


def test_sure_members_that_contradict_each_other_are_not_people_who_do():
    head = reward_head_entry("mean_variance", level_smoothing=0.0)
    sure = [
        PairPredictions(np.array([gap]), np.array([0.0]), head, np.array([0.1]), np.array([0.1])) for gap in (5.0, -5.0)
    ]
    found = EnsemblePredictions(sure)
    assert_allclose(found.level_probs()[0, [0, 4]], 0.5, atol=1e-6)
    assert found.diverging_probability(4) == pytest.approx(0, abs=1e-6)
    assert diverging_probability(found.level_probs(), 4) == pytest.approx(1 - 2 / 2**4, abs=1e-6)


def test_a_large_lambda_does_not_drown_the_others():
    members = [predictions("mean_variance", 50, 0), predictions("mean_variance", 50, 1)]
    for member, lam in zip(members, (0.0, 1e4), strict=True):
        member.reward_head["lambda"] = lam
    score = EnsemblePredictions(members).divergence()
    gap, stds = members[0].gap_divergence(), members[1].std_a + members[1].std_b
    assert_allclose(score, (gap + stds) / 2, atol=1e-3)


@pytest.mark.parametrize("head", HEADS)
def test_swapping_the_responses(head):
    one = ensemble(head, calibration=TRUE[head])
    other = EnsemblePredictions(
        [
            PairPredictions(p.mean_b, p.mean_a, p.reward_head, p.std_b, p.std_a, p.rating_probs_b, p.rating_probs_a)
            for p in one.members
        ]
    )
    assert_allclose(other.reward_gap, -one.reward_gap)
    assert_allclose(other.divergence(), one.divergence())
    assert_allclose(other.level_probs(), one.level_probs()[:, ::-1], atol=1e-6)
    assert_allclose(other.level_entropy()["model"], one.level_entropy()["model"], atol=1e-6)


def test_calibration_belongs_to_each_member():
    plain, calibrated = predictions("likert", 10), predictions("likert", 10, 1, calibration=TRUE["likert"])
    found = EnsemblePredictions([plain, calibrated])
    assert found.is_calibrated and not EnsemblePredictions([plain, plain]).is_calibrated
    assert_allclose(found.level_probs(), (plain.level_probs() + calibrated.level_probs()) / 2)
    raw = calibrated.level_probs(calibrated=False)
    assert_allclose(found.level_probs(calibrated=False), (plain.level_probs() + raw) / 2)
    scalar = [predictions("scalar", 3, calibration=TRUE["scalar"]), predictions("scalar", 3)]
    assert EnsemblePredictions(scalar).level_probs() is None and EnsemblePredictions(scalar).level_entropy() is None


@pytest.mark.parametrize(("head", "levels"), [("scalar", False), ("mean_variance", True), ("likert", True)])
def test_metrics_of_an_ensemble(head, levels):
    several = ensemble(head, 60)
    counts = np.random.default_rng(0).multinomial(4, [0.3, 0.1, 0.2, 0.1, 0.3], size=60)
    metrics = evaluate_predictions(several, counts, n_bootstrap=20)
    found = metrics["ensemble"]
    assert ("level_entropy" in found) == ("level_calibration" in metrics) == levels
    model = found["gap_variance"]["model"]
    assert model["value"] == pytest.approx(several.gap_variance_of_model.mean()) and model["n"] == 60
    assert model["ci_low"] < model["value"] < model["ci_high"]
    if levels:
        parts = found["level_entropy"]
        assert parts["people"]["value"] + parts["model"]["value"] == pytest.approx(parts["total"]["value"])


def test_an_average_over_members_is_no_worse_than_its_members():
    # log loss is convex: that of the mean distribution is at most the mean of the members' log losses
    truth = predictions("mean_variance", 300)
    counts = labels(truth)
    rng = np.random.default_rng(1)
    members = [replace(truth, mean_a=truth.mean_a + rng.normal(size=300)) for _ in range(4)]
    whole = EnsemblePredictions(members)

    def log_loss(p):
        return -(counts * np.log(p.level_probs())).sum() / counts.sum()

    assert log_loss(whole) < np.mean([log_loss(member) for member in members])


def test_labels_without_strength_are_met_by_every_member():
    found = ensemble("likert", 2).with_strength_known(np.array([True, False])).level_probs()
    assert (found[0] > 0).all() and (found[1][[LEVELS.index(-1), LEVELS.index(1)]] == 0).all()


def test_what_is_no_ensemble_is_refused_in_one_line():
    with pytest.raises(InputError, match="needs two or more checkpoints, not 1"):
        EnsemblePredictions([predictions("scalar", 3)])
    mixed = [predictions("scalar", 3), predictions("likert", 3)]
    with pytest.raises(InputError, match="member 1: has a head 'likert', but member 0 one 'scalar'"):
        EnsemblePredictions(mixed)
    units = [predictions("scalar", 3, objective="bradley_terry"), predictions("scalar", 3, objective="mse")]
    with pytest.raises(
        InputError, match="member 1: has a head 'scalar' of mse, but member 0 one 'scalar' of bradley_terry"
    ):
        EnsemblePredictions(units)


def test_members_bring_their_own_calibration_of_the_chance_to_diverge():
    plain = predictions("mean_variance", 20)
    fit = {"gap_scale": 0.5, "slope": 0.7, "intercept": -1.0}
    fitted = replace(plain, reward_head={**plain.reward_head, "divergence_calibration": fit})
    both = EnsemblePredictions([plain, fitted])
    assert both.is_calibrated
    members = [member.diverging_probability(3) for member in (plain, fitted)]
    assert_allclose(both.diverging_probability(3), np.mean(members, axis=0))
    assert_allclose(both.diverging_probability(3, calibrated=False), plain.diverging_probability(3))
