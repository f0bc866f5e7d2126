"""Losses on the Likert scores of the two responses: MSE regression and 5-way classification (paper, 3.1 and 4)."""

import torch
from torch import Tensor

from distreward.levels import N_RATINGS


def mse_loss(
    reward_a: Tensor,
    reward_b: Tensor,
    score_mean_a: Tensor,
    score_mean_b: Tensor,
    score_var_a: Tensor | float = 0.0,
    score_var_b: Tensor | float = 0.0,
) -> Tensor:
    r"""Squared error against every annotator's score, averaged over annotators and over the two responses.

    mean_k (r - s_k)^2 = (r - mean s)^2 + var s, so a pair is visited once whatever its number of annotators.
    Source: paper, section 3.1 (MSE-Regression).

    Args:
        reward_a, reward_b: [...] predicted rewards, on the 1..5 scale.
        score_mean_a, score_mean_b: [...] mean score of each response, 1..5.
        score_var_a, score_var_b: [...] population variance of the scores (a constant: it moves the loss, not the
            gradient).

    Returns:
        float32 [...], >= 0, in squared rating points.

    >>> mse_loss(torch.tensor([3.0]), torch.tensor([4.0]), torch.tensor([5.0]), torch.tensor([4.0]))
    tensor([2.])
    """
    error_a = (reward_a.float() - score_mean_a.float()) ** 2
    error_b = (reward_b.float() - score_mean_b.float()) ** 2
    spread = score_var_a + score_var_b
    return (error_a + error_b + (spread.float() if isinstance(spread, Tensor) else spread)) / 2


def likert_kl_loss(rating_logits_a: Tensor, rating_logits_b: Tensor, target_a: Tensor, target_b: Tensor) -> Tensor:
    r"""KL(target || softmax(logits)) over the five ratings, in nats, averaged over the two responses.

    Source: paper, section 4 (Classification-based reward models).

    Args:
        rating_logits_a, rating_logits_b: [..., 5] logits of the ratings 1..5.
        target_a, target_b: [..., 5] share of annotators per rating, rows sum to 1, zeros are fine.

    Returns:
        float32 [...], >= 0.

    >>> flat, five = torch.zeros(1, 5), torch.tensor([[0, 0, 0, 0, 1.0]])
    >>> likert_kl_loss(flat, flat, five, five)  # ln 5
    tensor([1.6094])
    """
    for name, target in (("target_a", target_a), ("target_b", target_b)):
        if target.shape != rating_logits_a.shape or target.shape[-1] != N_RATINGS:
            raise ValueError(
                f"`{name}` has shape {tuple(target.shape)}, wanted {tuple(rating_logits_a.shape)}: pass rating shares, "
                "not scores (data.aggregation.score_distribution)."
            )
    return (_rating_kl(rating_logits_a, target_a) + _rating_kl(rating_logits_b, target_b)) / 2


def _rating_kl(logits: Tensor, target: Tensor) -> Tensor:
    target = target.float()
    log_probs = torch.log_softmax(logits.float(), dim=-1)
    # log_probs may be -inf only where logits are infinite; target * log_probs is then what a certain model deserves.
    return (torch.special.xlogy(target, target) - target * log_probs).sum(-1)
