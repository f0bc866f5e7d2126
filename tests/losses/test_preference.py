import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy import stats
from torch.testing import assert_close

from distreward import losses
from distreward.losses import (
    bradley_terry_loss,
    likert_kl_loss,
    mean_variance_kl_loss,
    mean_variance_nll_loss,
    mse_loss,
    preference_level_probs,
)
from distreward.losses.preference import as_sides, kl_divergence, log_normal_cdf, side_probs, smooth


def some_pairs(n: int = 40, dtype: torch.dtype = torch.float32) -> dict[str, torch.Tensor]:
    """Everything a loss on n pairs may ask for, `a` and `b` for the two responses; zeros among the shares."""
    generator = torch.Generator().manual_seed(0)
    draw = {
        "mean_a": torch.randn(n, generator=generator) * 2,
        "mean_b": torch.randn(n, generator=generator) * 2,
        "std_a": torch.rand(n, generator=generator) + 0.1,
        "std_b": torch.rand(n, generator=generator) + 0.1,
        "prefers_a": torch.rand(n, generator=generator).round(decimals=1),
        "margin": torch.rand(n, generator=generator),
        "levels": shares(n, generator),
        "logits_a": torch.randn(n, 5, generator=generator) * 3,
        "logits_b": torch.randn(n, 5, generator=generator) * 3,
        "ratings_a": shares(n, generator),
        "ratings_b": shares(n, generator),
        "score_a": 1 + 4 * torch.rand(n, generator=generator),
        "score_b": 1 + 4 * torch.rand(n, generator=generator),
        "var_a": torch.rand(n, generator=generator),
        "var_b": torch.rand(n, generator=generator),
    }
    return {name: values.to(dtype) for name, values in draw.items()}


def shares(n: int, generator: torch.Generator) -> torch.Tensor:
    counts = torch.randint(0, 3, (n, 5), generator=generator).float()
    counts[:, 0] += 1
    return counts / counts.sum(1, keepdim=True)


def swapped(p: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same pairs with A called B: sides exchanged, votes for A become votes for B, levels turned round."""
    sides = ("mean", "std", "logits", "ratings", "score", "var")
    exchanged = {f"{name}_{x}": p[f"{name}_{y}"] for name in sides for x, y in ("ab", "ba")}
    return {**p, **exchanged, "prefers_a": 1 - p["prefers_a"], "levels": p["levels"].flip(-1)}


# Every loss of the package must be symmetric in the two responses. A loss that is missing here fails the test below.
SYMMETRIC = {
    "bradley_terry_loss": lambda p: bradley_terry_loss(p["mean_a"] - p["mean_b"], p["prefers_a"], p["margin"]),
    "mean_variance_nll_loss": lambda p: mean_variance_nll_loss(
        p["mean_a"], p["std_a"], p["mean_b"], p["std_b"], p["prefers_a"]
    ),
    "mean_variance_kl_loss": lambda p: mean_variance_kl_loss(
        p["mean_a"], p["std_a"], p["mean_b"], p["std_b"], p["levels"], rho=0.3
    ),
    "mse_loss": lambda p: mse_loss(p["mean_a"], p["mean_b"], p["score_a"], p["score_b"], p["var_a"], p["var_b"]),
    "likert_kl_loss": lambda p: likert_kl_loss(p["logits_a"], p["logits_b"], p["ratings_a"], p["ratings_b"]),
}


def test_every_public_loss_stands_in_the_symmetric_set():
    assert set(SYMMETRIC) == {name for name in losses.__all__ if name.endswith("_loss")}


@pytest.mark.parametrize("name", SYMMETRIC)
def test_swapping_the_responses_changes_no_loss(name):
    pairs = some_pairs()
    assert not torch.equal(pairs["mean_a"], swapped(pairs)["mean_a"])
    assert_close(SYMMETRIC[name](pairs), SYMMETRIC[name](swapped(pairs)), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("name", SYMMETRIC)
def test_one_float32_value_per_pair_never_below_zero(name, dtype):
    pairs = some_pairs(dtype=dtype)
    if dtype == torch.bfloat16:  # shares rounded to 8 bits no longer sum to one, and KL >= 0 holds for distributions
        pairs |= {key: values for key, values in some_pairs().items() if key in ("levels", "ratings_a", "ratings_b")}
    loss = SYMMETRIC[name](pairs)
    assert loss.shape == (40,) and loss.dtype == torch.float32
    assert torch.isfinite(loss).all() and (loss >= -1e-6).all()  # -1e-6: a KL of equal distributions, in float32


@pytest.mark.parametrize("name", SYMMETRIC)
def test_every_pair_is_on_its_own(name):
    pairs = some_pairs()
    some = {key: values[5:9] for key, values in pairs.items()}
    assert_close(SYMMETRIC[name](some), SYMMETRIC[name](pairs)[5:9])


def gradient(loss, x: torch.Tensor) -> torch.Tensor:
    """d loss / d x of one-value-per-pair losses."""
    x = x.clone().requires_grad_()
    return torch.autograd.grad(loss(x).sum(), x)[0]


def test_bradley_terry_by_hand():
    # d = ln 3: sigmoid = 3/4. p = 1: -ln(3/4) = .28768; p = 0: -ln(1/4) = 1.38629; p = .25: .07192 + 1.03972 = 1.11164
    d = torch.full((3,), math.log(3.0))
    assert_close(bradley_terry_loss(d, torch.tensor([1.0, 0.0, 0.25])), torch.tensor([0.28768, 1.38629, 1.11164]))
    # a margin of ln 3 must be made up first: p = 1: -ln sigmoid(0) = ln 2; p = 0: -ln sigmoid(-2 ln 3) = ln 10
    losses_with_margin = bradley_terry_loss(d[:2], torch.tensor([1.0, 0.0]), d[:2])
    assert_close(losses_with_margin, torch.tensor([math.log(2), math.log(10)]))


def test_bradley_terry_equals_the_hosts_formula():
    d, margin = some_pairs()["mean_a"], some_pairs()["var_a"]
    expected = -torch.nn.functional.logsigmoid(d - margin)  # TRL: -logsigmoid(chosen - rejected - margin)
    assert_close(bradley_terry_loss(d, torch.ones_like(d), margin), expected)


def test_bradley_terry_gradient_in_closed_form():
    # d/dd [p softplus(m - d) + (1 - p) softplus(m + d)] = -p sigmoid(m - d) + (1 - p) sigmoid(m + d)
    pairs, m = some_pairs(), 0.5
    d, p = pairs["mean_a"], pairs["prefers_a"]
    expected = -p * torch.sigmoid(m - d) + (1 - p) * torch.sigmoid(m + d)
    assert_close(gradient(lambda x: bradley_terry_loss(x, p, m), d), expected)
    far = torch.tensor([1e4, -1e4])
    assert_close(gradient(lambda x: bradley_terry_loss(x, torch.tensor([0.0, 1.0])), far), torch.tensor([1.0, -1.0]))


def test_nll_by_hand():
    # stds 0.6 and 0.8: std of the difference 1, z = the gap.  Phi(1) = .84134: -ln = .17275; -ln(1 - .84134) = 1.84102
    gap, zero = torch.ones(3), torch.zeros(3)
    loss = mean_variance_nll_loss(gap, 0.6 + zero, zero, 0.8 + zero, torch.tensor([1.0, 0.0, 0.5]))
    assert_close(loss, torch.tensor([0.17275, 1.84102, 1.00689]), rtol=1e-4, atol=1e-5)


def test_nll_equals_scipy_up_to_extreme_gaps():
    gap = np.float32([0, 1e-3, 0.5, 1, 1.1, 3, 5.5, 12, 40, 1e3, 1e5, 1e7])
    gap = np.concatenate([-gap, gap])
    mean_a, zero = torch.tensor(gap), torch.zeros(len(gap))
    std = np.sqrt(2 * np.float64(np.float32(0.7)) ** 2)
    for prefers_a in (0.0, 1.0, 0.3):
        loss = mean_variance_nll_loss(mean_a, zero + 0.7, zero, zero + 0.7, zero + prefers_a).double().numpy()
        z = gap.astype(np.float64) / std
        expected = -(prefers_a * stats.norm.logcdf(z) + (1 - prefers_a) * stats.norm.logcdf(-z))
        shown = expected > 1e-12
        assert_allclose(loss[shown], expected[shown], rtol=2e-5)
        assert_allclose(loss[~shown], 0, atol=1e-12)


def test_log_normal_cdf_equals_scipy_and_joins_without_a_step():
    z = np.float32([-3e4, -37.5, -8, -5.4, -1.01, -1.0, -0.99, 0, 0.5, 3, 5])
    expected = stats.norm.logcdf(z.astype(np.float64))
    assert_allclose(log_normal_cdf(torch.tensor(z)).numpy(), expected, rtol=5e-6)


def test_nll_gradient_in_closed_form():
    # dL/dz = -p h(z) + (1 - p) h(-z) with h(z) = phi(z) / Phi(z); z = gap / s, s^2 = std_a^2 + std_b^2
    # dL/dmean_a = dL/dz / s;  dL/dstd_a = dL/dz * (-gap std_a / s^3)
    q = some_pairs()
    mean_a, std_a, mean_b, std_b, p = (q[k].double() for k in ("mean_a", "std_a", "mean_b", "std_b", "prefers_a"))
    s = (std_a**2 + std_b**2).sqrt()
    z = ((mean_a - mean_b) / s).numpy()
    hazard = {sign: np.exp(stats.norm.logpdf(z) - stats.norm.logcdf(sign * z)) for sign in (1, -1)}
    dz = torch.tensor(-p.numpy() * hazard[1] + (1 - p.numpy()) * hazard[-1])
    for name, expected in (("mean_a", dz / s), ("std_a", -dz * (mean_a - mean_b) * std_a / s**3)):
        found = gradient(lambda x, name=name: SYMMETRIC["mean_variance_nll_loss"]({**q, name: x}), q[name])
        assert_close(found.double(), expected, rtol=1e-4, atol=1e-5)


def test_nll_gradient_is_finite_at_extreme_gaps():
    gap = torch.tensor([1e4, -1e4, 1e7, -1e7, 0.0])
    for p in (0.0, 1.0):
        for std in (1e-3, 1e3):
            found = gradient(
                lambda x, p=p, s=std: mean_variance_nll_loss(x, s + 0 * gap, 0 * gap, s + 0 * gap, p + 0 * gap), gap
            )
            assert torch.isfinite(found).all()


def test_kl_by_hand():
    # normal CDF, gap 0, std 1: probabilities (.0668, .2417, .3829, .2417, .0668)
    # smoothed (p + .05) / 1.25: (.0934, .2334, .3464, .2334, .0934)
    # target: half tie, half A slightly: .5 ln(.5 / .3464) + .5 ln(.5 / .2334) = .1836 + .3810 = .5646
    mean, std_a, std_b = torch.zeros(1), torch.tensor([0.6]), torch.tensor([0.8])
    loss = mean_variance_kl_loss(mean, std_a, mean, std_b, torch.tensor([[0, 0, 0.5, 0.5, 0]]), cdf="normal")
    assert_close(loss, torch.tensor([0.5646]), rtol=0, atol=1e-4)
    # without smoothing: .5 ln(.5 / .3829) + .5 ln(.5 / .2417) = .1334 + .3634 = .4968
    target = torch.tensor([[0, 0, 0.5, 0.5, 0]])
    loss = mean_variance_kl_loss(mean, std_a, mean, std_b, target, cdf="normal", smoothing=0.0)
    assert_close(loss, torch.tensor([0.4968]), rtol=0, atol=1e-4)


@pytest.mark.parametrize("smoothing", [0.0, 0.05, 0.5])
def test_kl_is_zero_where_the_target_is_the_smoothed_prediction(smoothing):
    q = some_pairs()
    moments = [q[name] for name in ("mean_a", "std_a", "mean_b", "std_b")]
    target = smooth(preference_level_probs(*moments, rho=0.2), smoothing)
    loss = mean_variance_kl_loss(*moments, target, rho=0.2, smoothing=smoothing)
    assert_close(loss, torch.zeros(40), rtol=0, atol=1e-6)
    moved = mean_variance_kl_loss(q["mean_a"] + 1, *moments[1:], target, rho=0.2, smoothing=smoothing)
    assert (moved > loss).all()


def test_kl_gradient_equals_finite_differences_in_float64():
    def in_float64(mean_a, std_a, mean_b, std_b, target):
        z = (np.array([-1.5, -0.5, 0.5, 1.5]) - (mean_a - mean_b)[:, None]) / np.sqrt(std_a**2 + std_b**2)[:, None]
        probs = np.diff(stats.logistic.cdf(z), axis=1, prepend=0, append=1)
        return np.sum(np.where(target > 0, -target * np.log((probs + 0.05) / 1.25), 0), axis=1)

    q = some_pairs()
    names, step = ("mean_a", "std_a", "mean_b", "std_b"), 1e-5
    values = [q[name].double().numpy() for name in names]
    target = q["levels"].double().numpy()
    for index, name in enumerate(names):
        up, down = ([v + s * step * (i == index) for i, v in enumerate(values)] for s in (1, -1))
        expected = (in_float64(*up, target) - in_float64(*down, target)) / (2 * step)

        def loss(x, name=name):
            moved = {**q, name: x}
            return mean_variance_kl_loss(*(moved[n] for n in names), q["levels"])

        assert_allclose(gradient(loss, q[name]).numpy(), expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("cdf", ["logistic", "tanh", "normal"])
def test_kl_and_its_gradient_stay_finite_far_out(cdf):
    gap = torch.tensor([1e4, -1e4, 20.0, 0.0])
    target = torch.eye(5)[[0, 4, 2, 1]]
    for std in (1e-3, 1.0, 1e3):
        for rho in (0.0, 1.0):
            moments = [x.clone().requires_grad_() for x in (gap, gap * 0 + std, gap * 0, gap * 0 + std)]
            loss = mean_variance_kl_loss(*moments, target, rho=rho, cdf=cdf)
            # at worst a level with probability 0: -ln(.05 / 1.25) = ln 25
            assert (loss <= math.log(25) + 1e-5).all()
            loss.sum().backward()
            assert all(torch.isfinite(x.grad).all() for x in moments)


def test_smoothing_and_divergence_by_hand():
    # (1 + .05) / 1.25 = .84, .05 / 1.25 = .04
    assert_close(smooth(torch.eye(5)[0], 0.05), torch.tensor([0.84, 0.04, 0.04, 0.04, 0.04]))
    # .25 ln(.25 / .5) + .75 ln(.75 / .5) = -.17329 + .30410 = .13081
    assert_close(
        kl_divergence(torch.tensor([0.25, 0.75]), torch.tensor([0.5, 0.5])), torch.tensor(0.13081), rtol=1e-4, atol=1e-5
    )


def test_kl_of_labels_as_sides_by_hand():
    # as in `test_kl_by_hand`, smoothed: .09345 .23338 .34634 .23338 .09345, so B .32683, tie .34634, A .32683
    # half tie, half A: .5 ln(.5 / .34634) + .5 ln(.5 / .32683) = .1836 + .2126 = .3962
    mean, std_a, std_b = torch.zeros(2), torch.tensor([0.6] * 2), torch.tensor([0.8] * 2)
    target = torch.tensor([[0, 0, 0.5, 0, 0.5]] * 2)
    known = torch.tensor([0.0, 1.0])
    loss = mean_variance_kl_loss(mean, std_a, mean, std_b, target, cdf="normal", strength_known=known)
    # with strength, 2 is "significantly": .1836 + .5 ln(.5 / .09345) = .1836 + .8386 = 1.0222
    assert_close(loss, torch.tensor([0.3962, 1.0222]), rtol=0, atol=1e-4)


def test_as_sides_only_the_side_of_a_label_counts():
    q = some_pairs()
    moments = [q[name] for name in ("mean_a", "std_a", "mean_b", "std_b")]
    none = torch.zeros(40)
    slight = torch.stack(
        [0 * none, q["levels"][:, :2].sum(1), q["levels"][:, 2], q["levels"][:, 3:].sum(1), 0 * none], 1
    )
    loss = mean_variance_kl_loss(*moments, q["levels"], strength_known=none)
    assert_close(loss, mean_variance_kl_loss(*moments, slight, strength_known=none))
    # merging cells never raises a KL divergence, and knowing all strengths is what happens without the argument
    five = mean_variance_kl_loss(*moments, q["levels"])
    assert (loss <= five + 1e-6).all() and (loss < five - 1e-3).any()
    assert_close(mean_variance_kl_loss(*moments, q["levels"], strength_known=none + 1), five)
    # zero where three shares are right, whatever the five are
    target = as_sides(smooth(preference_level_probs(*moments), 0.05))
    assert_close(target.sum(1), none + 1)
    assert_close(mean_variance_kl_loss(*moments, target, strength_known=none), none, rtol=0, atol=1e-6)


def test_the_gradient_as_sides_equals_finite_differences_in_float64():
    q = some_pairs()
    mean_b, std_a, std_b = (q[name].double().numpy() for name in ("mean_b", "std_a", "std_b"))
    shares_of_sides = as_sides(q["levels"]).double().numpy()[:, [0, 2, 4]]

    def in_float64(mean_a):
        z = (np.array([-0.5, 0.5]) - (mean_a - mean_b)[:, None]) / np.sqrt(std_a**2 + std_b**2)[:, None]
        probs = np.diff(stats.logistic.cdf(z), axis=1, prepend=0, append=1)
        return np.sum(-shares_of_sides * np.log((probs + [0.1, 0.05, 0.1]) / 1.25), axis=1)

    mean_a, step = q["mean_a"].double().numpy(), 1e-5
    expected = (in_float64(mean_a + step) - in_float64(mean_a - step)) / (2 * step)
    rest = [q[name] for name in ("std_a", "mean_b", "std_b", "levels")]
    found = gradient(lambda x: mean_variance_kl_loss(x, *rest, strength_known=torch.zeros(40)), q["mean_a"])
    assert_allclose(found.numpy(), expected, rtol=1e-3, atol=1e-5)
    far = torch.tensor([1e4, -1e4])
    one, target = torch.ones(2), torch.eye(5)[[0, 4]]
    out = gradient(lambda x: mean_variance_kl_loss(x, one, 0 * one, one, target, strength_known=0 * one), far)
    assert torch.isfinite(out).all()


def test_sides_by_hand():
    levels = torch.tensor([[0.1, 0.2, 0.3, 0.25, 0.15]])
    assert_close(side_probs(levels), torch.tensor([[0.3, 0.3, 0.3, 0.4, 0.4]]))
    assert_close(as_sides(levels), torch.tensor([[0.3, 0, 0.3, 0, 0.4]]))


def test_kl_refuses_levels_in_place_of_shares():
    one = torch.ones(2)
    for target in (torch.tensor([1, -2]), torch.zeros(5), torch.zeros(3, 5), torch.zeros(2, 3)):
        with pytest.raises(ValueError, match="pass level shares, not levels"):
            mean_variance_kl_loss(one, one, one, one, target)
