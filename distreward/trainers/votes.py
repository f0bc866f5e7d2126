"""Shares of votes from the annotators per level, on tensors."""

import torch
from torch import Tensor

from distreward.levels import LEVELS, N_LEVELS


def level_shares(level_counts: Tensor) -> Tensor:
    """[B, 5] share of annotators per level, from [B, 5] counts.

    >>> level_shares(torch.tensor([[0.0, 1.0, 0.0, 0.0, 3.0]]))
    tensor([[0.0000, 0.2500, 0.0000, 0.0000, 0.7500]])
    """
    return level_counts / level_counts.sum(-1, keepdim=True).clamp_min(1)


def share_preferring_a(level_counts: Tensor, ties: bool = True) -> Tensor:
    """[B] share of votes for A. A tie is half a vote for each side, or (`ties=False`) no vote; no vote at all gives 1/2.

    >>> counts = torch.tensor([[0.0, 1.0, 2.0, 0.0, 1.0]])
    >>> share_preferring_a(counts), share_preferring_a(counts[:, :3].new_tensor([[0, 0, 2, 0, 1]]), ties=False)
    (tensor([0.5000]), tensor([1.]))
    """
    sign = torch.tensor(LEVELS, device=level_counts.device).sign()
    for_b, tie, for_a = (level_counts[:, sign == side].sum(-1) for side in (-1, 0, 1))
    if not ties:
        tie = torch.zeros_like(tie)
    votes = for_a + for_b + tie
    return torch.where(votes > 0, (for_a + tie / 2) / votes.clamp_min(1), 0.5)


def one_vote_for_a(like: Tensor) -> Tensor:
    """[B, 5] counts of chosen/rejected data: one annotator, who prefers A; `like` [B] gives size and device.

    >>> one_vote_for_a(torch.zeros(1))
    tensor([[0., 0., 0., 0., 1.]])
    """
    counts = torch.zeros(len(like), N_LEVELS, device=like.device)
    counts[:, -1] = 1
    return counts
