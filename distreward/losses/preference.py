"""Losses on preference labels: Bradley-Terry, mean-variance NLL, mean-variance KL (paper, sections 3.1 and 4)."""

import math

import torch
from torch import Tensor
from torch.nn.functional import softplus

from distreward.levels import N_LEVELS
from distreward.losses.difference import difference_std, preference_level_probs

LEVEL_SMOOTHING = 0.05
"""Added to every level's probability before renormalising (paper, appendix A): no level gets probability zero."""


def bradley_terry_loss(reward_diff: Tensor, prefers_a: Tensor, margin: Tensor | float = 0.0) -> Tensor:
    r"""Bradley-Terry negative log likelihood of a share of votes, in nats.

    -[p log sigmoid(d - m) + (1 - p) log sigmoid(-d - m)]; with p = 1 it is TRL's reward loss. Source: section 3.1.

    Args:
        reward_diff: [...] d = reward_A - reward_B.
        prefers_a: [...] p in [0, 1], share of annotators who prefer A; a tie is half a vote for each side.
        margin: [...] or float m, how far the preferred response has to be ahead.

    Returns:
        float32 [...], >= 0. `loss(d, p) == loss(-d, 1 - p)`.

    >>> bradley_terry_loss(torch.tensor([1.0986]), torch.tensor([1.0]))  # d = ln 3: -ln(3/4)
    tensor([0.2877])
    """
    d, p = reward_diff.float(), prefers_a.float()
    margin = margin.float() if isinstance(margin, Tensor) else margin
    return p * softplus(margin - d) + (1 - p) * softplus(margin + d)


def mean_variance_nll_loss(mean_a: Tensor, std_a: Tensor, mean_b: Tensor, std_b: Tensor, prefers_a: Tensor) -> Tensor:
    r"""Negative log likelihood of who is preferred under two independent normal rewards, in nats.

    -[p log Phi(z) + (1 - p) log Phi(-z)], z = (mean_A - mean_B) / sqrt(std_A^2 + std_B^2). Ties and strength are not
    used. Source: section 4.1, the baseline after Siththaranjan et al.

    Args:
        mean_a, std_a, mean_b, std_b: [...] moments of the rewards, stds positive.
        prefers_a: [...] in [0, 1], share preferring A among the annotators who did not say tie.

    Returns:
        float32 [...], >= 0.

    >>> one = torch.ones(1)
    >>> mean_variance_nll_loss(0 * one, one, 0 * one, one, one)  # ln 2
    tensor([0.6931])
    """
    mean_a, std_a, mean_b, std_b, p = (x.float() for x in (mean_a, std_a, mean_b, std_b, prefers_a))
    z = (mean_a - mean_b) / difference_std(std_a, std_b)
    return -(p * log_normal_cdf(z) + (1 - p) * log_normal_cdf(-z))


def log_normal_cdf(z: Tensor) -> Tensor:
    """log Phi(z), [...], with a finite gradient for any finite float32 z.

    The gradient of `torch.special.log_ndtr` is infinite below about -1e6; log(erfcx(-z / sqrt 2) / 2) - z^2 / 2 is not.

    >>> log_normal_cdf(torch.tensor([0.0, -1e7]))
    tensor([-6.9315e-01, -5.0000e+13])
    """
    tail = z < -1
    z_tail, z_rest = torch.where(tail, z, -1.0), torch.where(tail, 0.0, z)
    log_tail = torch.log(torch.special.erfcx(-z_tail / math.sqrt(2)) / 2) - z_tail**2 / 2
    return torch.where(tail, log_tail, torch.special.log_ndtr(z_rest))


def mean_variance_kl_loss(
    mean_a: Tensor,
    std_a: Tensor,
    mean_b: Tensor,
    std_b: Tensor,
    target: Tensor,
    rho: Tensor | float = 0.0,
    cdf: str = "logistic",
    smoothing: float = LEVEL_SMOOTHING,
    strength_known: Tensor | None = None,
) -> Tensor:
    r"""KL(target || predicted levels), in nats; the predicted levels are smoothed by `smoothing` and renormalised.

    Labels without strength say only B, tie or A: for them it is the KL over these three, where P(A) is the sum of slight
    and significant. Source: paper, section 4 and appendix A; labels without strength are this library's addition.

    Args:
        mean_a, std_a, mean_b, std_b: [...] moments of the rewards, stds positive.
        target: [..., 5] share of annotators per level, rows sum to 1; zeros are fine (0 log 0 = 0).
        rho: [...] or float in [0, 1]; the paper's is the share of ties times eta, in training only.
        cdf: see `preference_level_probs`.
        smoothing: added to each of the five probabilities, >= 0; 0 turns it off.
        strength_known: [...] 1 or 0 (or bool); 0 where the labels have no strength, -2 and 2 standing for "preferred".
            None: known for all.

    Returns:
        float32 [...], >= 0.

    >>> one = torch.ones(1)
    >>> sure = mean_variance_kl_loss(9 * one, one, 0 * one, one, torch.tensor([[0, 0, 0, 0, 1.0]]))
    >>> round(sure.item(), 4)  # P(A significantly) = (0.9950 + 0.05) / 1.25 -> -ln 0.8360
    0.1791
    """
    if target.shape[-1] != N_LEVELS or target.shape[:-1] != mean_a.shape:
        raise ValueError(
            f"`target` has shape {tuple(target.shape)}, wanted {(*mean_a.shape, N_LEVELS)}: pass level shares, not "
            "levels (data.aggregation.level_distribution)."
        )
    probs = smooth(preference_level_probs(mean_a, std_a, mean_b, std_b, rho, cdf), smoothing)
    if strength_known is not None:
        known = strength_known.bool().unsqueeze(-1)
        probs, target = (
            torch.where(known, probs, side_probs(probs)),
            torch.where(known, target, as_sides(target)),
        )
    return kl_divergence(target, probs)


def side_probs(probs: Tensor) -> Tensor:
    """The probability of each level's side (B, tie, A), [..., 5]; rows do not sum to 1.

    >>> side_probs(torch.tensor([0.25, 0.25, 0.0, 0.125, 0.375]))
    tensor([0.5000, 0.5000, 0.0000, 0.5000, 0.5000])
    """
    b, tie, a = probs[..., :2].sum(-1), probs[..., 2], probs[..., 3:].sum(-1)
    return torch.stack([b, b, tie, a, a], dim=-1)


def as_sides(shares: Tensor) -> Tensor:
    """Shares of levels [..., 5] with everything on B, tie or A: the levels -2, 0 and 2.

    >>> as_sides(torch.tensor([0.25, 0.25, 0.0, 0.125, 0.375]))
    tensor([0.5000, 0.0000, 0.0000, 0.0000, 0.5000])
    """
    b, _, tie, a, _ = side_probs(shares).unbind(-1)
    return torch.stack([b, torch.zeros_like(b), tie, torch.zeros_like(a), a], dim=-1)


def smooth(probs: Tensor, smoothing: float) -> Tensor:
    """(p + smoothing) / (1 + L * smoothing) over the L last entries of `probs` [..., L]."""
    return (probs + smoothing) / (1 + probs.shape[-1] * smoothing)


def kl_divergence(target: Tensor, probs: Tensor) -> Tensor:
    """KL(target || probs) over the last axis, in nats, float32 [...]; `target` may hold zeros, `probs` may not.

    >>> kl_divergence(torch.tensor([1.0, 0.0]), torch.tensor([0.5, 0.5]))
    tensor(0.6931)
    """
    target = target.float()
    return (torch.special.xlogy(target, target) - torch.special.xlogy(target, probs.float())).sum(-1)
