import inspect
import itertools
import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy import stats

from distreward.losses.difference import (
    CDFS,
    MIN_DIFFERENCE_STD,
    THRESHOLDS,
    difference_std,
    factor_rho,
    preference_level_probs,
)

GAPS = (0.0, 0.3, -1.0, 5.0, -20.0, 1e4, -1e4)
STDS = (1e-3, 0.1, 1.0, 30.0, 1e3)
RHOS = (0.0, 0.5, 0.99, 1.0)
SCALE_AND_LAW = {"logistic": (1, stats.logistic), "tanh": (2, stats.logistic), "normal": (1, stats.norm)}


def grid() -> tuple[torch.Tensor, ...]:
    """mean_a, std_a, mean_b, std_b, every gap with every two standard deviations: float32 [175] each."""
    gap, std_a, std_b = torch.tensor(list(itertools.product(GAPS, STDS, STDS))).T
    return gap, std_a, torch.zeros_like(gap), std_b


def reference(mean_a, std_a, mean_b, std_b, rho, cdf) -> np.ndarray:
    """The same probabilities in float64 with scipy's tails, from the very numbers float32 holds."""
    mean_a, std_a, mean_b, std_b = (x.numpy().astype(np.float64) for x in (mean_a, std_a, mean_b, std_b))
    std = np.sqrt((std_a - std_b) ** 2 + 2 * (1 - rho) * std_a * std_b).clip(MIN_DIFFERENCE_STD)
    scale, law = SCALE_AND_LAW[cdf]
    z = scale * (np.array(THRESHOLDS) - (mean_a - mean_b)[:, None]) / std[:, None]
    low, high = z[:, :-1], z[:, 1:]
    between = np.where(low > 0, law.sf(low) - law.sf(high), law.cdf(high) - law.cdf(low))
    return np.concatenate([law.cdf(z[:, :1]), between, law.sf(z[:, -1:])], axis=1)


def relative_error(probs: np.ndarray, expected: np.ndarray) -> float:
    """The largest relative error over the probabilities that are no dust."""
    counts = expected > 1e-12
    return np.abs(probs[counts] / expected[counts] - 1).max()


@pytest.mark.parametrize(
    ("cdf", "expected"),
    [
        # z = (-1.5, -0.5, 0.5, 1.5), std = sqrt(0.6^2 + 0.8^2) = 1.
        # Phi: .0668, .3085, .6915, .9332
        ("normal", [0.0668, 0.2417, 0.3829, 0.2417, 0.0668]),
        # 1 / (1 + e^-z): .1824, .3775, .6225, .8176
        ("logistic", [0.1824, 0.1951, 0.2449, 0.1951, 0.1824]),
        # (1 + tanh z) / 2: .0474, .2689, .7311, .9526
        ("tanh", [0.0474, 0.2215, 0.4621, 0.2215, 0.0474]),
    ],
)
def test_levels_by_hand(cdf, expected):
    mean, std_a, std_b = torch.tensor([2.0]), torch.tensor([0.6]), torch.tensor([0.8])
    assert_allclose(preference_level_probs(mean, std_a, mean, std_b, cdf=cdf)[0].numpy(), expected, atol=1e-4)


def test_factors_in_common_take_the_spread_out_of_the_difference():
    # f_A = (3, 4), f_B = (3, 1): own stds 1 and 2, so std_A^2 = 26, std_B^2 = 14 and rho = 13 / sqrt(364)
    # variance of the difference: 1 + 4 + |(0, 3)|^2 = 14
    factors_a, factors_b = torch.tensor([[3.0, 4.0]]), torch.tensor([[3.0, 1.0]])
    std_a, std_b = torch.tensor([26.0]).sqrt(), torch.tensor([14.0]).sqrt()
    rho = factor_rho(factors_a, std_a, factors_b, std_b)
    torch.testing.assert_close(rho, torch.tensor([13 / 364**0.5]))
    torch.testing.assert_close(difference_std(std_a, std_b, rho), torch.tensor([14.0]).sqrt())
    torch.testing.assert_close(rho, factor_rho(factors_b, std_b, factors_a, std_a))
    # opposite tastes: 1 + 4 + |(6, 5)|^2
    opposed = factor_rho(factors_a, std_a, -factors_b, std_b)
    torch.testing.assert_close(difference_std(std_a, std_b, opposed), torch.tensor([66.0]).sqrt())


def test_the_gradient_of_shared_factors_is_that_of_their_distance():
    # d sqrt(own_A^2 + own_B^2 + |f_A - f_B|^2) / d f_A = (f_A - f_B) / that root, own stds held
    generator = torch.Generator().manual_seed(0)
    factors_a, factors_b = torch.randn(2, 30, 4, generator=generator).unbind(0)
    own_a, own_b = (torch.rand(2, 30, generator=generator) + 0.1).unbind(0)
    factors_a.requires_grad_()
    std_a, std_b = ((own**2 + (f**2).sum(-1)).sqrt() for own, f in ((own_a, factors_a), (own_b, factors_b)))
    std = difference_std(std_a, std_b, factor_rho(factors_a, std_a, factors_b, std_b))
    found = torch.autograd.grad(std.sum(), factors_a)[0]
    distance = (factors_a - factors_b).detach()
    wanted = distance / (own_a**2 + own_b**2 + (distance**2).sum(-1)).sqrt()[:, None]
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-4)


def test_thresholds_of_ones_own_are_a_change_of_unit():
    # everything twice as large, thresholds included: the same probabilities
    mean_a, std_a, mean_b, std_b = (torch.tensor([x]) for x in (1.3, 0.4, 0.6, 0.9))
    plain = preference_level_probs(mean_a, std_a, mean_b, std_b)
    doubled = preference_level_probs(2 * mean_a, 2 * std_a, 2 * mean_b, 2 * std_b, thresholds=(-3.0, -1.0, 1.0, 3.0))
    torch.testing.assert_close(plain, doubled)
    # no tie at all where its borders meet
    assert preference_level_probs(mean_a, std_a, mean_b, std_b, thresholds=(-1.0, 0.0, 0.0, 1.0))[0, 2] == 0


def test_levels_by_hand_with_a_gap_and_a_correlation():
    # gap = 1, stds 3 and 4, rho = 0.5: variance 9 + 16 - 2 * 0.5 * 12 = 13, std 3.6056
    # z = (-2.5, -1.5, -0.5, 0.5) / 3.6056 = (-.6934, -.4160, -.1387, .1387)
    # logistic: .3333, .3975, .4654, .5346
    probs = preference_level_probs(*(torch.tensor([x]) for x in (1.0, 3.0, 0.0, 4.0)), rho=0.5)
    assert_allclose(probs[0].numpy(), [0.3333, 0.0642, 0.0679, 0.0692, 0.4654], atol=1e-4)


@pytest.mark.parametrize("rho", RHOS)
@pytest.mark.parametrize("cdf", CDFS)
def test_levels_equal_scipy_and_sum_to_one(cdf, rho):
    probs = preference_level_probs(*grid(), rho=rho, cdf=cdf).double().numpy()
    expected = reference(*grid(), rho, cdf)
    assert relative_error(probs, expected) < 1e-5
    assert_allclose(probs, expected, atol=2e-7)  # the dust too is no larger than it should be
    assert_allclose(probs.sum(1), 1, atol=1e-6)
    assert ((probs >= 0) & (probs <= 1)).all()


@pytest.mark.parametrize("cdf", CDFS)
def test_a_difference_of_two_cdf_values_would_not_be_accurate_enough(cdf):
    # What one would write first. It misses the tolerance of the test above by far, so that test guards the real one.
    mean_a, std_a, mean_b, std_b = grid()
    scale, _ = SCALE_AND_LAW[cdf]
    z = scale * (torch.tensor(THRESHOLDS) - (mean_a - mean_b)[:, None]) / difference_std(std_a, std_b)[:, None]
    at = torch.special.ndtr(z) if cdf == "normal" else torch.sigmoid(z)
    plain = torch.cat([at[:, :1], at.diff(dim=1), 1 - at[:, -1:]], dim=1).double().numpy()
    assert relative_error(plain, reference(mean_a, std_a, mean_b, std_b, 0.0, cdf)) > 0.5


@pytest.mark.parametrize("cdf", CDFS)
def test_far_tails_keep_their_digits(cdf):
    # gap -20 over std sqrt 2 (z from 13 on) and narrow intervals at std 1e3 (mass 4e-4): the two places where it cancels
    inputs = [torch.tensor(x) for x in ([-4.0, 0.0], [0.7, 1e3], [0.0, 0.0], [0.7, 1e3])]
    probs = preference_level_probs(*inputs, cdf=cdf).double().numpy()
    assert_allclose(probs, reference(*inputs, 0.0, cdf), rtol=1e-5)


@pytest.mark.parametrize("rho", RHOS)
@pytest.mark.parametrize("cdf", CDFS)
def test_every_probability_has_a_finite_gradient(cdf, rho):
    inputs = [x.clone().requires_grad_() for x in (*grid(), torch.full((len(GAPS) * len(STDS) ** 2,), rho))]
    probs = preference_level_probs(*inputs, cdf=cdf)
    for level in range(5):
        gradients = torch.autograd.grad(probs[:, level].sum(), inputs, retain_graph=True)
        assert all(torch.isfinite(gradient).all() for gradient in gradients), level


@pytest.mark.parametrize("cdf", CDFS)
def test_gradients_equal_finite_differences_of_the_reference(cdf):
    inputs = [torch.tensor([x], requires_grad=True) for x in (0.7, 0.9, 0.1, 1.6)]
    probs, step = preference_level_probs(*inputs, rho=0.3, cdf=cdf)[0], 1e-3  # float32 inputs: 1e-3 is 8,000 spacings
    for index in range(4):
        values = [x.detach() for x in inputs]
        up, down = ([v + sign * step * (i == index) for i, v in enumerate(values)] for sign in (1, -1))
        width = (up[index].double() - down[index].double()).item()
        expected = (reference(*up, 0.3, cdf) - reference(*down, 0.3, cdf))[0] / width
        for level in range(5):
            (gradient,) = torch.autograd.grad(probs[level], inputs[index], retain_graph=True)
            assert math.isclose(gradient.item(), expected[level], rel_tol=1e-3, abs_tol=1e-6)


@pytest.mark.parametrize("cdf", CDFS)
def test_swapping_the_responses_turns_the_levels_round(cdf):
    mean_a, std_a, mean_b, std_b = grid()
    forward = preference_level_probs(mean_a, std_a, mean_b, std_b, 0.4, cdf)
    backward = preference_level_probs(mean_b, std_b, mean_a, std_a, 0.4, cdf)
    assert_allclose(forward.numpy(), backward.flip(-1).numpy(), rtol=1e-5, atol=1e-12)


def test_adding_a_constant_to_both_means_changes_nothing():
    mean_a, std_a, mean_b, std_b = (torch.tensor([x]) for x in (1.25, 0.5, 0.75, 2.0))
    moved = preference_level_probs(mean_a + 4, std_a, mean_b + 4, std_b)
    assert torch.equal(moved, preference_level_probs(mean_a, std_a, mean_b, std_b))


@pytest.mark.parametrize("cdf", CDFS)
def test_low_precision_inputs_give_float32(cdf):
    # quarters and halves are exact in bfloat16, so nothing but the arithmetic could differ
    mean_a, std_a, mean_b, std_b = (torch.tensor([x]) for x in (1.25, 0.5, 0.75, 2.0))
    expected = preference_level_probs(mean_a, std_a, mean_b, std_b, torch.tensor([0.5]), cdf)
    for dtype in (torch.bfloat16, torch.float16, torch.float64):
        low = (x.to(dtype) for x in (mean_a, std_a, mean_b, std_b, torch.tensor([0.5])))
        probs = preference_level_probs(*low, cdf)
        assert probs.dtype == torch.float32 and torch.equal(probs, expected)


@pytest.mark.parametrize("cdf", CDFS)
def test_full_correlation_and_equal_stds_leave_a_step(cdf):
    # variance 0: all mass on the level that holds the gap, and everything stays finite
    gap, std = torch.tensor([-3.0, -1.0, 0.0, 1.0, 3.0], requires_grad=True), torch.full((5,), 0.7, requires_grad=True)
    probs = preference_level_probs(gap, std, torch.zeros(5), std, 1.0, cdf)
    assert torch.equal(probs, torch.eye(5))
    probs[:, 2].sum().backward()
    assert torch.isfinite(gap.grad).all() and torch.isfinite(std.grad).all()


def test_difference_std_by_hand():
    # rho 0: sqrt(9 + 16) = 5; rho 0.5: sqrt(25 - 12) = sqrt 13; rho 1: |3 - 4| = 1
    three, four = torch.tensor([3.0]), torch.tensor([4.0])
    stds = [difference_std(three, four, rho).item() for rho in (0.0, 0.5, 1.0)]
    assert_allclose(stds, [5, math.sqrt(13), 1], rtol=1e-6)
    assert difference_std(three, three, 1.0).item() == pytest.approx(MIN_DIFFERENCE_STD)


def test_one_rho_per_pair_and_any_leading_shape():
    inputs = [torch.rand(3, 4) + 0.5 for _ in range(4)]
    rho = torch.linspace(0, 1, 12).reshape(3, 4)
    table = preference_level_probs(*inputs, rho=rho)
    assert table.shape == (3, 4, 5)
    one = preference_level_probs(*(x[1, 2] for x in inputs), rho=rho[1, 2])
    assert_allclose(table[1, 2].numpy(), one.numpy(), rtol=1e-5)


def test_unknown_cdf_is_refused_and_the_default_is_the_papers():
    one = torch.ones(1)
    with pytest.raises(ValueError, match="`cdf` is 'gumbel'"):
        preference_level_probs(one, one, one, one, cdf="gumbel")
    assert inspect.signature(preference_level_probs).parameters["cdf"].default == "logistic"
    assert THRESHOLDS == (-1.5, -0.5, 0.5, 1.5)
