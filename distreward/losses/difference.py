"""The distribution of r_A - r_B and what it says about the five preference levels (paper, section 4).

The paper prints Equation 1 with a misplaced fraction; the distribution meant, and used here, is

    r_A - r_B ~ N(mean_A - mean_B, std_A^2 + std_B^2 - 2 rho std_A std_B).

Interval probabilities are never formed as a difference of two nearly equal CDF values, so they keep their relative
accuracy, and finite gradients, for gaps up to +-1e4 and standard deviations from 1e-3 to 1e3.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

THRESHOLDS = (-1.5, -0.5, 0.5, 1.5)
"""Borders of the five levels on r_A - r_B: tie inside (-0.5, 0.5), slight up to 1.5, significant beyond."""

CDFS = ("logistic", "tanh", "normal")

# The variance of the difference is zero at rho = 1 with equal stds. The floor keeps z finite in float32
# (1e4 / 1e-6 = 1e10) and lies far below the smallest difference two stds of 1e-3 make at any rho below 1 - 5e-7.
MIN_DIFFERENCE_STD = 1e-6

# Ten Gauss-Legendre nodes integrate the normal density over a width of 1 to float32 precision; wider intervals do not
# cancel, because then the smaller CDF value is at most 0.69 of the larger one.
_NODES, _NODE_WEIGHTS = np.polynomial.legendre.leggauss(10)
_NARROW = 1.0


def difference_std(std_a: Tensor, std_b: Tensor, rho: Tensor | float = 0.0) -> Tensor:
    """Standard deviation of r_A - r_B, [...], same unit as the rewards, at least `MIN_DIFFERENCE_STD`.

    Written as (std_A - std_B)^2 + 2 (1 - rho) std_A std_B, which cannot turn negative by rounding.

    >>> difference_std(torch.tensor([3.0]), torch.tensor([4.0]))
    tensor([5.])
    """
    variance = (std_a - std_b) ** 2 + 2 * (1 - rho) * std_a * std_b
    return variance.clamp_min(MIN_DIFFERENCE_STD**2).sqrt()


def factor_rho(factors_a: Tensor, std_a: Tensor, factors_b: Tensor, std_b: Tensor) -> Tensor:
    """Correlation of two rewards that share an annotator's tastes: f_A.f_B / (std_A std_B), [...] in (-1, 1).

    With it `difference_std` is sqrt(own_A^2 + own_B^2 + |f_A - f_B|^2), own^2 = std^2 - |f|^2 being what is not taste.

    Args:
        factors_a, factors_b: [..., K] in units of the reward.
        std_a, std_b: [...] standard deviations of everything together, std^2 > |f|^2.

    >>> both = torch.tensor([[0.6, 0.0]])
    >>> factor_rho(both, torch.tensor([1.0]), both, torch.tensor([1.0]))
    tensor([0.3600])
    """
    return (factors_a * factors_b).sum(-1) / (std_a * std_b)


def preference_level_probs(
    mean_a: Tensor,
    std_a: Tensor,
    mean_b: Tensor,
    std_b: Tensor,
    rho: Tensor | float = 0.0,
    cdf: str = "logistic",
    thresholds: Sequence[float] | Tensor = THRESHOLDS,
) -> Tensor:
    r"""Probability of each preference level under two reward distributions.

    P(level) is the mass of r_A - r_B between two `thresholds`, with the CDF F((t - (mean_A - mean_B)) / std_diff).
    Source: paper, section 4 (Equation 1, Figure 3) and appendix A (`logistic`, `tanh` = (1 + tanh z) / 2, `normal`).

    Args:
        mean_a, std_a, mean_b, std_b: [...] moments of the two rewards; stds positive. Any floating dtype.
        rho: [...] or float in [0, 1], correlation of the two rewards within one annotator.
        cdf: one of `CDFS`.
        thresholds: [4] ascending borders of the levels on r_A - r_B, in units of reward; the paper's by default.

    Returns:
        float32 [..., 5] in ascending level order (B significantly ... A significantly), each in [0, 1], sum 1.

    Raises:
        ValueError: unknown `cdf`.

    >>> even = preference_level_probs(torch.zeros(1), torch.ones(1), torch.zeros(1), torch.ones(1), cdf="normal")
    >>> torch.allclose(even, even.flip(-1))  # nobody is favoured
    True
    >>> round(even[0, 2].item(), 4)  # P(tie) = 2 Phi(0.5 / sqrt 2) - 1
    0.2763
    """
    if cdf not in CDFS:
        raise ValueError(f"`cdf` is {cdf!r}, wanted one of {CDFS}.")
    mean_a, std_a, mean_b, std_b = (x.float() for x in (mean_a, std_a, mean_b, std_b))
    rho = rho.float() if isinstance(rho, Tensor) else rho
    std = difference_std(std_a, std_b, rho)
    thresholds = torch.as_tensor(thresholds, dtype=torch.float32, device=std.device)
    scale = (2.0 if cdf == "tanh" else 1.0) / std.unsqueeze(-1)  # (1 + tanh z) / 2 = sigmoid(2 z)
    border = (thresholds - (mean_a - mean_b).unsqueeze(-1)) * scale  # [..., 4]
    width = thresholds.diff() * scale  # [..., 3], not border.diff(): that loses its digits where the gap is large
    low, high = border[..., :-1], border[..., 1:]
    if cdf == "normal":
        between = _normal_mass(low, high, width)
        below, above = _normal_cdf(border[..., :1]), _normal_cdf(-border[..., -1:])
    else:
        # sigmoid(h) - sigmoid(l) = sigmoid(h) sigmoid(-l) (1 - e^(l - h)): three factors, no cancellation.
        between = torch.sigmoid(high) * torch.sigmoid(-low) * -torch.expm1(-width)
        below, above = torch.sigmoid(border[..., :1]), torch.sigmoid(-border[..., -1:])
    return torch.cat([below, between, above], dim=-1)


def _normal_cdf(z: Tensor) -> Tensor:
    """Phi(z); `torch.special.ndtr` is flushed to zero from about -5.4 on in float32, erfc keeps the tail."""
    return torch.erfc(-z / math.sqrt(2)) / 2


def _normal_mass(low: Tensor, high: Tensor, width: Tensor) -> Tensor:
    """Phi(high) - Phi(low), width = high - low, to float32 relative accuracy: quadrature if narrow, tails if wide."""
    narrow = width < _NARROW
    # Both branches are evaluated everywhere, so each gets harmless inputs where the other one is taken: an infinite
    # unused value would still turn the gradient into nan.
    zero, one = torch.zeros_like(low), torch.ones_like(high)
    n_low, n_high = torch.where(narrow, low, zero), torch.where(narrow, high, zero)
    nodes, weights = low.new_tensor(_NODES), low.new_tensor(_NODE_WEIGHTS)
    half = torch.where(narrow, width, zero).unsqueeze(-1) / 2
    at = (n_high + n_low).unsqueeze(-1) / 2 + half * nodes
    density = torch.exp(-0.5 * at**2) / math.sqrt(2 * math.pi)
    narrow_mass = (half * weights * density).sum(-1)

    w_low, w_high = torch.where(narrow, -one, low), torch.where(narrow, one, high)
    flip = w_low > 0  # in the upper tail, mirror the interval: Phi(-low) - Phi(-high) keeps its digits
    w_low, w_high = torch.where(flip, -w_high, w_low), torch.where(flip, -w_low, w_high)
    wide_mass = _normal_cdf(w_high) - _normal_cdf(w_low)
    return torch.where(narrow, narrow_mass, wide_mass)
