"""`Gate`: where people would divide, the reward has less to say, or nothing."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from distreward.errors import InputError
from distreward.modeling.heads import MEAN_AND_STD
from distreward.rlhf.groups import divergence_within_groups
from distreward.rlhf.rewards import DISTRIBUTIONS
from distreward.scoring.predictions import DEFAULT_ANNOTATORS


@dataclass(frozen=True)
class Gate:
    """Which completions are gated, and what becomes of their reward.

    Attributes:
        max_std: a completion whose predicted std is above this is gated. In units of the reward.
        max_divergence: all completions of a prompt are gated where the mean `diverging_probability` of the pairs of its
            different completions is above this, 0 to 1.
        n_annotators: people asked about each pair, for `max_divergence`; default 4.
        weight: None: the reward of a gated completion is None, which TRL leaves out. A number w, 0 <= w < 1: it becomes
            m + w (reward - m), m being the mean reward of the prompt's completions: the completion counts w times as
            much against its siblings. (Multiplying the reward itself would turn a low one into a higher one.)

    Raises:
        InputError: no threshold, a value out of range, or one without effect.

    >>> Gate(max_std=1.5).weight is None
    True
    """

    max_std: float | None = None
    max_divergence: float | None = None
    n_annotators: int | None = None
    weight: float | None = None

    def __post_init__(self):
        if self.max_std is None and self.max_divergence is None:
            raise InputError(
                "a gate needs a threshold: pass `max_std` or `max_divergence`; alone, `n_annotators` and the weight have no "
                "effect."
            )
        if self.max_std is not None and not 0 < self.max_std < math.inf:
            raise InputError(f"`max_std` is {self.max_std}, wanted a number above 0, in units of the reward.")
        if self.max_divergence is not None and not 0 <= self.max_divergence < 1:
            raise InputError(f"`max_divergence` is {self.max_divergence}, wanted a probability from 0 up to 1.")
        if self.n_annotators is not None and self.max_divergence is None:
            raise InputError("`n_annotators` belongs to `max_divergence`; alone it has no effect.")
        if self.n_annotators is not None and (not isinstance(self.n_annotators, int) or self.n_annotators < 2):
            raise InputError(f"`n_annotators` is {self.n_annotators!r}, wanted 2 or more: one person never diverges.")
        if self.weight is not None and not 0 <= self.weight < 1:
            raise InputError(
                f"the weight of gated completions is {self.weight}, wanted 0 up to 1 (1 has no effect), or None to leave them "
                "out."
            )

    @property
    def compares(self) -> bool:
        """Whether it looks at a prompt's completions together."""
        return self.max_divergence is not None or self.weight is not None

    def check_head(self, reward_head: dict[str, Any], path: str) -> None:
        """Refuse a checkpoint that cannot say what the gate asks, or for which it would never open."""
        if reward_head["type"] not in DISTRIBUTIONS:
            raise InputError(
                f"{path}: its {reward_head['type']!r} head predicts no disagreement, which a gate needs; use a checkpoint "
                f"with one of {', '.join(DISTRIBUTIONS)}, or leave the gate out."
            )
        least = reward_head.get("min_std", 0.0)
        if self.max_std is not None and self.max_std <= least and reward_head["type"] in MEAN_AND_STD:
            raise InputError(
                f"`max_std` is {self.max_std}, but {path} predicts no std below its `min_std` of {least}: every completion "
                "would be gated; pass a larger one."
            )

    def closed(
        self, scores: np.ndarray, group: np.ndarray, texts: Sequence[str], reward_head: dict[str, Any]
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Which completions are gated.

        Args:
            scores: [N, 11]; rows of nan are never gated.
            group: [N] numbers of their prompts.
            texts: [N] completions, to know equal ones.
            reward_head: the checkpoint's entry.

        Returns:
            bool [N], and the divergence [N] of their prompts, or None without `max_divergence`.
        """
        gated, divergence = np.zeros(len(scores), dtype=bool), None
        if self.max_std is not None:
            gated |= scores[:, 1] > self.max_std  # nan is above nothing
        if self.max_divergence is not None:
            n_annotators = self.n_annotators or DEFAULT_ANNOTATORS
            divergence = divergence_within_groups(scores, group, texts, reward_head, n_annotators)
            gated |= (divergence > self.max_divergence) & ~np.isnan(scores[:, 0])
        return gated, divergence

    def apply(self, rewards: np.ndarray, gated: np.ndarray, group: np.ndarray) -> np.ndarray:
        """rewards [N] with those of gated completions nan, or drawn towards the mean of their group.

        >>> Gate(max_std=1.0, weight=0.5).apply(np.array([0.0, 4.0]), np.array([False, True]), np.array([0, 0]))
        array([0., 3.])
        """
        if self.weight is None:
            return np.where(gated, np.nan, rewards)
        known = ~np.isnan(rewards)
        size = np.bincount(group, known)
        mean = np.divide(
            np.bincount(group, np.where(known, rewards, 0.0)), size, where=size > 0, out=np.zeros(len(size))
        )
        towards = mean[group]
        return np.where(gated, towards + self.weight * (rewards - towards), rewards)
