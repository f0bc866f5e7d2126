import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy import stats

from distreward.metrics.divergence import diverging_probability
from distreward.modeling import RewardOutput, reward_head_entry
from distreward.scoring.predictions import DEFAULT_ANNOTATORS, PairPredictions, output_columns, typical_annotators

MEAN_A, MEAN_B = np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.5, 2.0])


def scalar() -> PairPredictions:
    return PairPredictions(MEAN_A, MEAN_B, reward_head_entry("scalar"))


def mean_variance(**constants) -> PairPredictions:
    std_a, std_b = np.array([0.4, 0.6, 0.6]), np.array([0.6, 0.8, 0.8])
    return PairPredictions(MEAN_A, MEAN_B, reward_head_entry("mean_variance", **constants), std_a, std_b)


def likert() -> PairPredictions:
    probs_a = np.array([[0.3, 0.1, 0.2, 0.2, 0.2], [0, 0, 0, 0.5, 0.5]])
    probs_b = np.array([[0.1, 0.2, 0.1, 0.1, 0.5], [0.2, 0, 0, 0.5, 0.3]])
    mean_a, mean_b = probs_a @ np.arange(1, 6), probs_b @ np.arange(1, 6)
    return PairPredictions(mean_a, mean_b, reward_head_entry("likert"), None, None, probs_a, probs_b)


def swapped(p: PairPredictions) -> PairPredictions:
    return PairPredictions(
        p.mean_b, p.mean_a, p.reward_head, p.std_b, p.std_a, p.rating_probs_b, p.rating_probs_a
    )  # fmt: skip


def test_divergence_of_a_scalar_head_by_hand():
    # -|3 - 1|, -|1 - 1.5|, -|2 - 2|
    assert_allclose(scalar().divergence(), [-2, -0.5, 0])
    assert_allclose(scalar().gap_divergence(), scalar().divergence())
    assert_allclose(scalar().reward_gap, [2, -0.5, 0])


def test_divergence_of_a_mean_variance_head_by_hand():
    # lambda 0.5: -(2 - 0.5 * 1.0) = -1.5; -(0.5 - 0.5 * 1.4) = 0.2; -(0 - 0.7) = 0.7
    assert_allclose(mean_variance(**{"lambda": 0.5}).divergence(), [-1.5, 0.2, 0.7])
    # without a tuned lambda it is 1: -(2 - 1.0), -(0.5 - 1.4), 1.4
    assert_allclose(mean_variance().divergence(), [-1, 0.9, 1.4])
    assert_allclose(mean_variance().gap_divergence(), [-2, -0.5, 0])


def test_divergence_of_a_likert_head_by_hand():
    # (0.3 * 0.2 + 0.1 * 0.5) / 2 = 0.055; (0 * 0.5 + 0.2 * 0.3) / 2 = 0.03
    assert_allclose(likert().divergence(), [0.055, 0.03])


def test_level_probs_of_a_mean_variance_head_by_hand():
    # third pair: gap 0, std sqrt(.36 + .64) = 1, logistic: .1824, .1951, .2449, .1951, .1824; then (p + .05) / 1.25
    plain = np.array([0.1824, 0.1951, 0.2449, 0.1951, 0.1824])
    probs = mean_variance().level_probs()
    assert probs.shape == (3, 5) and probs.dtype == np.float64
    assert_allclose(probs[2], (plain + 0.05) / 1.25, atol=1e-4)
    assert_allclose(mean_variance(level_smoothing=0.0).level_probs()[2], plain, atol=1e-4)
    # Phi: .0668, .2417, .3829, .2417, .0668
    normal = mean_variance(cdf="normal", level_smoothing=0.0).level_probs()[2]
    assert_allclose(normal, [0.0668, 0.2417, 0.3829, 0.2417, 0.0668], atol=1e-4)
    # first pair, unsmoothed: P(A significantly) = 1 - logistic((1.5 - 2) / sqrt(.16 + .36))
    first = mean_variance(level_smoothing=0.0).level_probs()[0, 4]
    assert first == pytest.approx(stats.logistic.sf(-0.5 / math.sqrt(0.52)), rel=1e-5)


def taste_factors(**constants) -> PairPredictions:
    factors_a = np.array([[3.0, 4, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0.5]])
    factors_b = np.array([[3.0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, -0.5]])
    own_a, own_b = np.array([1.0, 0.5, 0.1]), np.array([2.0, 0.5, 0.1])
    std_a, std_b = (np.sqrt(own**2 + (f**2).sum(1)) for own, f in ((own_a, factors_a), (own_b, factors_b)))
    entry = reward_head_entry("taste_factors", **constants)
    return PairPredictions(MEAN_A, MEAN_B, entry, std_a, std_b, factors_a=factors_a, factors_b=factors_b)


def test_what_divides_people_on_both_responses_alike_does_not_divide_them_on_the_pair():
    # variances of the difference: 1 + 4 + 3^2 = 14; 0.25 + 0.25 + 0 = 0.5; 0.01 + 0.01 + 1 = 1.02; each side has half
    halves = np.sqrt([7, 0.25, 0.51])
    mean_a, std_a, mean_b, std_b = taste_factors().moments()
    assert_allclose(std_a, halves)
    assert_allclose(std_b, halves)
    plain = PairPredictions(MEAN_A, MEAN_B, reward_head_entry("mean_variance"), halves, halves)
    assert_allclose(taste_factors().level_probs(), plain.level_probs(), rtol=1e-6)
    assert_allclose(taste_factors(**{"lambda": 0.3}).divergence(), -(np.abs(MEAN_A - MEAN_B) - 0.6 * halves))
    assert_allclose(taste_factors().diverging_probability(4), plain.diverging_probability(4), rtol=1e-6)


@pytest.mark.parametrize("make", [scalar, mean_variance, taste_factors, likert])
def test_columns_hold_all_that_a_head_says(make):
    first = make()
    again = PairPredictions.from_columns(first.to_columns(), first.reward_head)
    assert first.to_columns().shape == (len(first.mean_a), 22)
    for name, value in vars(first).items():
        if isinstance(value, np.ndarray):
            assert_allclose(getattr(again, name), value)
    assert (again.factors_a is None) == (first.factors_a is None)


def test_columns_of_an_older_version_are_read():
    old = np.concatenate([side[:, :7] for side in np.split(likert().to_columns(), 2, axis=1)], axis=1)
    assert_allclose(PairPredictions.from_columns(old, likert().reward_head).level_probs(), likert().level_probs())


def test_a_model_that_saw_no_strength_predicts_none():
    probs, known = mean_variance(strength_known=False).level_probs(), mean_variance().level_probs()
    assert_allclose(
        probs, known @ [[1, 0, 0, 0, 0], [1, 0, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 0, 1], [0, 0, 0, 0, 1]], rtol=1e-6
    )
    # two people diverge when one says A and the other B: 2 P(A) P(B)
    chance = mean_variance(strength_known=False).diverging_probability(2)
    assert_allclose(chance, 2 * probs[:, 0] * probs[:, 4], rtol=1e-6)
    # labels that are there count more than those that were learnt from
    labelled = replace(mean_variance(strength_known=False), strength_known=np.array([True, True, False]))
    assert_allclose(labelled.level_probs(), np.concatenate([known[:2], probs[2:]]))


def test_level_probs_of_a_likert_head_by_hand():
    # second pair: A 4 or 5; B 1 (.2), 4 (.5), 5 (.3): differences 4 and 3: .2; 1: .25; 0: .25 + .15; -1: .15
    assert_allclose(likert().level_probs()[1], [0, 0.15, 0.4, 0.25, 0.2])


def test_a_scalar_head_has_no_probabilities():
    assert scalar().level_probs() is None and scalar().diverging_probability() is None


@pytest.mark.parametrize("make", [mean_variance, likert])
def test_diverging_probability_reads_the_level_probs(make):
    predictions = make()
    for n in (2, 3, 7):
        assert_allclose(predictions.diverging_probability(n), diverging_probability(predictions.level_probs(), n))
    assert_allclose(predictions.diverging_probability(), predictions.diverging_probability(DEFAULT_ANNOTATORS))


@pytest.mark.parametrize("make", [scalar, mean_variance, likert])
def test_swapping_the_responses(make):
    p, q = make(), swapped(make())
    assert_allclose(q.reward_gap, -p.reward_gap)
    assert_allclose(q.divergence(), p.divergence())
    if make is not scalar:
        assert_allclose(q.level_probs(), p.level_probs()[:, ::-1], atol=1e-7)
        assert_allclose(q.diverging_probability(3), p.diverging_probability(3), atol=1e-6)
        assert_allclose(p.level_probs().sum(1), 1, atol=1e-6)


def test_columns_by_hand():
    mean, std, logits = (
        torch.tensor([1.5, -2.0]),
        torch.tensor([0.5, 1.0]),
        torch.tensor([[1.0, 2, 3, 4, 10]] * 2).log(),
    )
    nan = [math.nan] * 9
    assert_allclose(output_columns(RewardOutput(mean=mean)), [[1.5, math.nan, *nan], [-2, math.nan, *nan]])
    assert_allclose(output_columns(RewardOutput(mean=mean, std=std)), [[1.5, 0.5, *nan], [-2, 1, *nan]])
    factors = torch.tensor([[1.0, 2, 3, 4], [0, 0, 0, -1]])
    rows = output_columns(RewardOutput(mean=mean, std=std, factors=factors))
    assert_allclose(rows[1], [-2, 1, *nan[:5], 0, 0, 0, -1])
    # ln(1, 2, 3, 4, 10) of 20 in all
    full = output_columns(RewardOutput(mean=mean, std=std, level_logits=logits))
    assert_allclose(full[0], [1.5, 0.5, 0.05, 0.1, 0.15, 0.2, 0.5, *nan[:4]], rtol=1e-6)
    half = output_columns(RewardOutput(mean=mean.bfloat16(), std=std.bfloat16()))
    assert full.dtype == half.dtype == torch.float32


@pytest.mark.parametrize("head", ["scalar", "mean_variance", "likert"])
def test_columns_and_predictions_are_inverse(head):
    generator = torch.Generator().manual_seed(0)
    mean, std, logits = (torch.rand(*shape, generator=generator) for shape in [(8,), (8,), (8, 5)])
    std_or_not, logits_or_not = None if head == "scalar" else std, logits if head == "likert" else None
    rows = output_columns(RewardOutput(mean=mean, std=std_or_not, level_logits=logits_or_not)).numpy()
    p = PairPredictions.from_columns(np.hstack([rows[:4], rows[4:]]), reward_head_entry(head))
    assert_allclose(np.r_[p.mean_a, p.mean_b], mean.numpy())
    if head == "scalar":
        assert p.std_a is p.std_b is p.rating_probs_a is p.rating_probs_b is None
    else:
        assert_allclose(np.r_[p.std_a, p.std_b], std.numpy())
    if head == "likert":
        assert_allclose(np.vstack([p.rating_probs_a, p.rating_probs_b]), logits.softmax(-1).numpy(), rtol=1e-6)
    elif head == "mean_variance":
        assert p.rating_probs_a is p.rating_probs_b is None


def test_typical_annotators_by_hand():
    # 4, 3, 2 and a single one, which is left out: the median of 4, 3, 2 is 3
    assert typical_annotators(np.array([[0, 0, 0, 2, 2], [1, 1, 1, 0, 0], [0, 0, 2, 0, 0], [0, 0, 0, 0, 1]])) == 3
    # 2 and 5: 3.5, whole annotators only
    assert typical_annotators(np.array([[0, 0, 0, 0, 2], [5, 0, 0, 0, 0]])) == 3
    assert typical_annotators(np.array([[0, 0, 0, 0, 1]])) == typical_annotators(np.zeros((0, 5))) == DEFAULT_ANNOTATORS


@pytest.mark.parametrize("kind", ["scalar", "mean_variance", "likert"])
def test_columns_come_back_as_they_went(kind):
    rng = np.random.default_rng(0)
    given = PairPredictions(
        rng.normal(size=3),
        rng.normal(size=3),
        {"type": kind},
        *([rng.random(3), rng.random(3)] if kind != "scalar" else [None, None]),
        *([rng.dirichlet(np.ones(5), 3), rng.dirichlet(np.ones(5), 3)] if kind == "likert" else [None, None]),
    )
    again = PairPredictions.from_columns(given.to_columns(), {"type": kind})
    for name in ("mean_a", "mean_b", "std_a", "std_b", "rating_probs_a", "rating_probs_b"):
        one, other = getattr(given, name), getattr(again, name)
        assert (one is None and other is None) or np.array_equal(one, other), name


def test_scaling_the_gap_keeps_the_middle_and_the_mirror():
    p = mean_variance()
    half = p.with_gap_scaled(0.5)
    assert_allclose(half.reward_gap, p.reward_gap / 2)
    assert_allclose(half.mean_a + half.mean_b, p.mean_a + p.mean_b)
    assert_allclose(swapped(half).level_probs(), half.level_probs()[:, ::-1])
    assert p.with_gap_scaled(1.0) is p


def test_the_chance_to_diverge_under_a_calibration_by_hand():
    # gap scale 0: both means 2, so the levels of a tie; then odds o -> o^slope e^intercept
    p = mean_variance()
    even = replace(p, mean_a=np.full(3, 2.0), mean_b=np.full(3, 2.0)).diverging_probability(3)
    fit = {"gap_scale": 0.0, "slope": 2.0, "intercept": -1.0}
    found = replace(p, reward_head={**p.reward_head, "divergence_calibration": fit})
    odds = (even / (1 - even)) ** 2 * np.exp(-1)
    assert_allclose(found.diverging_probability(3), odds / (1 + odds))
    assert_allclose(found.diverging_probability(3, calibrated=False), p.diverging_probability(3))
    assert_allclose(found.level_probs(), p.level_probs())
    each = np.array([1, 2, 3])
    assert found.diverging_probability(each)[0] == 0
    assert found.diverging_probability(each)[2] == found.diverging_probability(3)[2]
