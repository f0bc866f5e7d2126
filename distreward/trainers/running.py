"""Sums kept on the device during training and evaluation, read once per log line.

`trl.RewardTrainer` reads four numbers back from the device at every step and logs means of batch means; here nothing is
read until it is logged, and the logged numbers are exact over all pairs since the last line.
"""

import torch
from accelerate import Accelerator
from torch import Tensor

from distreward.levels import LEVELS


class RunningPairMetrics:
    """Accumulates, over the pairs of one process, what TRL logs: tokens, rewards, accuracy, margin."""

    def __init__(self):
        self._sums: Tensor | None = None
        self._extremes: Tensor | None = None

    @torch.no_grad()
    def update(
        self, reward_a: Tensor, reward_b: Tensor, level_counts: Tensor, n_tokens: Tensor, weight: Tensor
    ) -> None:
        """Add B pairs: rewards [B], annotators per level [B, 5], tokens [B] or [1], weights [B]; weight 0 leaves a pair out."""
        real = weight > 0
        gap = reward_a - reward_b
        sign = torch.tensor(LEVELS, device=gap.device).sign()
        votes = level_counts.to(gap.device) * real.unsqueeze(-1)
        decisive = votes * sign.abs()
        right = (sign * gap.sign().unsqueeze(-1) > 0).float()  # [B, 5]: the gap points where this level's votes do
        agrees = torch.where((gap == 0).unsqueeze(-1), 0.5, right)
        rewards = ((reward_a + reward_b) * real).sum()
        n_right, n_votes = (decisive * agrees).sum(), decisive.sum()
        n_tokens = (n_tokens.to(gap.device) * real).sum()
        sums = torch.stack([real.sum(), rewards, (gap * real).sum(), n_right, n_votes, n_tokens]).double()
        lowest, highest = torch.minimum(reward_a, reward_b), torch.maximum(reward_a, reward_b)
        extremes = torch.stack([side.masked_fill(~real, -torch.inf).max() for side in (-lowest, highest)]).double()
        self._sums = sums if self._sums is None else self._sums + sums
        self._extremes = extremes if self._extremes is None else torch.maximum(self._extremes, extremes)

    def read(self, accelerator: Accelerator) -> dict[str, float]:
        """The metrics over all processes since the last call, under TRL's names; empty if nothing was added."""
        if self._sums is None:
            return {}
        n, rewards, gap, agrees, votes, tokens = accelerator.gather(self._sums.unsqueeze(0)).sum(0).tolist()
        minus_low, high = accelerator.gather(self._extremes.unsqueeze(0)).amax(0).tolist()
        self._sums = self._extremes = None
        return {
            "num_tokens": tokens,
            "min_reward": -minus_low,
            "mean_reward": rewards / (2 * n),
            "max_reward": high,
            "accuracy": agrees / votes if votes else float("nan"),
            "margin": gap / n,
        }
