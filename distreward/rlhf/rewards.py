"""The rewards a policy can be trained on, each one number per response read off the scores of a reward model.

A new one is a row of `REWARDS`: the heads that can give it, and how it is read from `RewardScorer.score`'s columns.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from distreward.errors import InputError, nearest
from distreward.modeling import REWARD_HEADS


@dataclass(frozen=True)
class Reward:
    """One kind of reward.

    Attributes:
        heads: reward heads whose checkpoints can give it.
        read: scores [N, 7] (mean, std, probabilities of ratings 1..5; nan where the head has none) -> rewards [N].
    """

    heads: tuple[str, ...]
    read: Callable[[np.ndarray], np.ndarray]


def mean_reward(scores: np.ndarray) -> np.ndarray:
    """scores [N, 7] -> [N] expected rewards, in the units the head was trained in (1..5 for a Likert head).

    >>> mean_reward(np.array([[2.0, 0.5, np.nan, np.nan, np.nan, np.nan, np.nan]]))
    array([2.])
    """
    return scores[:, 0]


REWARDS = {"mean": Reward(tuple(REWARD_HEADS), mean_reward)}
"""Name of a reward -> its row."""


def find_reward(name: str) -> Reward:
    """The row of `REWARDS` with this name.

    Raises:
        InputError: no such reward; the message names the nearest one.

    >>> find_reward("mean").heads
    ('scalar', 'mean_variance', 'likert')
    """
    if name not in REWARDS:
        raise InputError(f"unknown reward {name!r}{nearest(name, REWARDS)}; wanted one of {', '.join(REWARDS)}.")
    return REWARDS[name]
