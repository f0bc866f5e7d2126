"""Sums kept on the device during training and evaluation, read once per log line.

`trl.RewardTrainer` reads four numbers back from the device at every step and logs means of batch means; here nothing is
read until it is logged, and the logged numbers are exact over all pairs since the last line.
"""

from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor

from distreward.levels import LEVELS, N_LEVELS
from distreward.modeling.output import RewardOutput
from distreward.scoring.level_model import without_strength
from distreward.scoring.predictions import PairPredictions, output_columns

LOGGED_ANNOTATORS, LOGGED_THRESHOLD = 4, 0.5
"""`predicted_diverging` counts the pairs on which four people would diverge with a predicted chance of one half or more."""

MAX_KEPT_PAIRS = 32_768
"""Pairs kept as they are until they are logged, 116 bytes each; beyond that they are added up early."""


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


class RunningDistributions:
    """What a distributional head predicts of the pairs since the last log line; nothing for a scalar head.

    `update` puts the outputs aside on the device, without waiting for it; `read` turns them into level distributions
    with the very functions of the evaluation, but without a calibration, which belongs to other weights than those in
    training. The keys: docs/training-logs.md.
    """

    def __init__(self):
        self._rows: list[Tensor] = []
        self._n_rows = 0
        self._reward_head: dict[str, Any] | None = None  # of a distributional head, once there was a batch
        self._sums = np.zeros(5)

    @torch.no_grad()
    def update(
        self,
        a: RewardOutput,
        b: RewardOutput,
        batch: dict[str, Tensor],
        weight: Tensor,
        reward_head: dict[str, Any],
    ) -> None:
        """Put B pairs aside: both outputs, their labels, and weights [B], of which 0 leaves a pair out.

        `batch` holds `level_counts` [B, 5], annotators per level, and for labels `strength_known` [B], 1 or 0;
        chosen/rejected pairs have none.
        """
        if reward_head["type"] == "scalar":
            return
        self._reward_head = reward_head
        sides = [output_columns(side) for side in (a, b)]
        known = batch.get("strength_known", torch.full_like(sides[0][:, 0], torch.nan))
        labels = [batch["level_counts"], known[:, None], weight[:, None]]
        self._rows.append(torch.cat([*sides, *(part.to(sides[0]) for part in labels)], dim=1))
        self._n_rows += len(a.mean)
        if self._n_rows >= MAX_KEPT_PAIRS:
            self._add_up()

    def read(self, accelerator: Accelerator) -> dict[str, float]:
        """The metrics over all processes since the last call; empty for a scalar head or if nothing was added."""
        if self._reward_head is None:
            return {}
        self._add_up()
        sums = torch.tensor(self._sums, dtype=torch.float64, device=accelerator.device).unsqueeze(0)
        n, std, diverging, log_loss, n_labels = accelerator.gather(sums).sum(0).tolist()
        self._sums = np.zeros(5)
        if n == 0:
            return {}
        metrics = {"mean_std": std / (2 * n), "predicted_diverging": diverging / n}
        return metrics if n_labels == 0 else metrics | {"log_loss": log_loss / n_labels}

    def _add_up(self) -> None:
        if not self._rows:
            return
        rows = torch.cat(self._rows).cpu().numpy().astype(np.float64)
        self._rows, self._n_rows = [], 0
        rows = rows[rows[:, -1] > 0]
        columns, counts, known = rows[:, : -N_LEVELS - 2], rows[:, -N_LEVELS - 2 : -2], rows[:, -2]
        predicted = PairPredictions.from_columns(columns, self._reward_head)
        if not are_finite(predicted):  # a run that has gone astray logs nan; that is no reason to stop it here
            self._sums += np.nan
            return
        labelled = ~np.isnan(known)
        predicted.strength_known = np.where(labelled, known, 1) > 0
        counts = without_strength(counts, predicted.strength_known)[labelled]
        log_probs = np.log(np.maximum(predicted.level_probs(calibrated=False)[labelled], 1e-12))
        stds = predicted.std_a.sum() + predicted.std_b.sum()
        diverging = diverging_share(predicted, calibrated=False) * len(rows)
        self._sums += np.array([len(rows), stds, diverging, -(counts * log_probs).sum(), counts.sum()])


def diverging_share(predicted: PairPredictions, calibrated: bool) -> float:
    """Share of the pairs on which `LOGGED_ANNOTATORS` people would diverge with a chance of `LOGGED_THRESHOLD` or more."""
    if len(predicted.mean_a) == 0:
        return 0.0
    return float((predicted.diverging_probability(LOGGED_ANNOTATORS, calibrated) >= LOGGED_THRESHOLD).mean())


def are_finite(predicted: PairPredictions) -> bool:
    """Whether all means and standard deviations are numbers; those of a run that has gone astray are not."""
    moments = (predicted.mean_a, predicted.std_a, predicted.mean_b, predicted.std_b)
    return all(np.isfinite(moment).all() for moment in moments if moment is not None)


def head_entry(model: Any) -> dict[str, Any]:
    """The `reward_head` entry of a model's config; a stock 1-label model reads as a scalar head."""
    return getattr(model.config, "reward_head", None) or {"type": "scalar"}
