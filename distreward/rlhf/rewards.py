"""The rewards a policy can be trained on, each one number per response read off the scores of a reward model.

A new one is a row of `REWARDS`: the heads that can give it, how it is read from `RewardScorer.score`'s columns, and the
options it takes. In all of them a person's rating of a response is a draw from the model's distribution for it: normal with
its mean and std (mean-variance head), or its five rating probabilities (Likert head).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np
from scipy.stats import norm

from distreward.errors import InputError, nearest
from distreward.levels import LEVELS, RATINGS
from distreward.modeling import REWARD_HEADS
from distreward.modeling.heads import MEAN_AND_STD
from distreward.scoring import PairPredictions
from distreward.scoring.predictions import RATING_COLUMNS

DISTRIBUTIONS = (*MEAN_AND_STD, "likert")
"""Heads that say how ratings spread."""


@dataclass(frozen=True)
class Reward:
    """One kind of reward.

    Attributes:
        heads: reward heads whose checkpoints can give it.
        read: scores [N, 11] (mean, std, probabilities of ratings 1..5; nan where the head has none) and the options ->
            rewards [N]. Where `compares`: scores [N, 11], the scores of the other responses [N, 11] and the `reward_head`
            entry -> [N].
        options: its options and their defaults, names out of `OPTIONS`.
        compares: whether it is a comparison with another response.
    """

    heads: tuple[str, ...]
    read: Callable[..., np.ndarray]
    options: dict[str, Any] = field(default_factory=dict)
    compares: bool = False


def mean_reward(scores: np.ndarray) -> np.ndarray:
    """scores [N, 11] -> [N] expected rewards, in the units the head was trained in (1..5 for a Likert head).

    >>> mean_reward(np.array([[2.0, 0.5, np.nan, np.nan, np.nan, np.nan, np.nan]]))
    array([2.])
    """
    return scores[:, 0]


def lower_bound(scores: np.ndarray, k: float) -> np.ndarray:
    """scores [N, 11] -> [N] mean - k std, in units of the reward.

    >>> lower_bound(np.array([[2.0, 0.5, np.nan, np.nan, np.nan, np.nan, np.nan]]), k=2.0)
    array([1.])
    """
    return scores[:, 0] - k * scores[:, 1]


def quantile(scores: np.ndarray, q: float) -> np.ndarray:
    """scores [N, 11] -> [N] the rating that a share q of people stays below, q in (0, 1).

    Normal: mean + std * Phi^-1(q). Likert: each rating's probability is spread evenly over half a rating on either side,
    as for grouped data, so the result lies in 0.5..5.5 and moves with every probability; the plain quantile takes one of
    five values only, and gives most groups of completions equal rewards.

    >>> quantile(np.array([[3.0, 1.41, 0.2, 0.2, 0.2, 0.2, 0.2]]), q=0.3)  # 0.5 + 0.3 / 0.2
    array([2.])
    """
    probs = scores[:, RATING_COLUMNS]
    upper = np.cumsum(probs, axis=1)
    lower = upper - probs
    inside = (lower <= q) & (q < upper)
    # rounding may leave the last cumulative sum below q
    rating = np.where(inside.any(1), inside.argmax(1), len(RATINGS) - 1 - (probs[:, ::-1] > 0).argmax(1))
    row = np.arange(len(scores))
    with np.errstate(invalid="ignore"):
        share = np.clip((q - lower[row, rating]) / probs[row, rating], 0.0, 1.0)
    of_ratings = np.asarray(RATINGS, dtype=np.float64)[rating] - 0.5 + share
    return np.where(np.isnan(probs[:, 0]), scores[:, 0] + scores[:, 1] * norm.ppf(q), of_ratings)


def worst_share(scores: np.ndarray, alpha: float) -> np.ndarray:
    """scores [N, 11] -> [N] the mean rating among the least satisfied share alpha of people, alpha in (0, 1).

    The conditional value at risk of the distribution. Normal: mean - std * phi(Phi^-1(alpha)) / alpha. Likert: the mean of
    the lowest ratings that make up alpha, the last of them in part.

    >>> worst_share(np.array([[3.0, 2.0, 0.5, 0.0, 0.0, 0.0, 0.5]]), alpha=0.75)  # (0.5 * 1 + 0.25 * 5) / 0.75
    array([2.33333333])
    """
    probs = scores[:, RATING_COLUMNS]
    before = np.cumsum(probs, axis=1) - probs
    taken = np.clip(alpha - before, 0.0, probs)
    of_ratings = (taken * np.asarray(RATINGS)).sum(1) / taken.sum(1)
    of_normal = scores[:, 0] - scores[:, 1] * norm.pdf(norm.ppf(alpha)) / alpha
    return np.where(np.isnan(probs[:, 0]), of_normal, of_ratings)


def preferred_share(scores: np.ndarray, others: np.ndarray, reward_head: dict[str, Any]) -> np.ndarray:
    """The predicted share of people who prefer a response to another one, a tie counting half.

    Args:
        scores, others: [N, 11] of the responses and of those they are compared with.
        reward_head: the checkpoint's entry; the level distribution is the one training saw, smoothing included
            (`PairPredictions.level_probs`), so a smoothing of 0.05 keeps the share of a mean-variance head in 0.1..0.9.

    Returns:
        [N] in 0..1; 0.5 for equal scores.

    >>> one = np.array([[2.0, 0.5] + [np.nan] * 5])
    >>> preferred_share(one, one, {"type": "mean_variance", "cdf": "logistic", "level_smoothing": 0.05}).round(3)
    array([0.5])
    """
    probs = PairPredictions.from_columns(np.concatenate([scores, others], axis=1), reward_head).level_probs()
    level = np.asarray(LEVELS)
    return probs @ np.where(level > 0, 1.0, np.where(level == 0, 0.5, 0.0))


REWARDS = {
    "mean": Reward(tuple(REWARD_HEADS), mean_reward),
    "lower_bound": Reward(DISTRIBUTIONS, lower_bound, {"k": 1.0}),
    "quantile": Reward(DISTRIBUTIONS, quantile, {"q": 0.25}),
    "worst_share": Reward(DISTRIBUTIONS, worst_share, {"alpha": 0.25}),
    "preferred": Reward(DISTRIBUTIONS, preferred_share, {"baseline": "group_mean"}, compares=True),
}
"""Name of a reward -> its row."""


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


OPTIONS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "k": (lambda value: _is_number(value) and 0 < value < math.inf, "a number above 0 (0 is the reward `mean`)"),
    "q": (lambda value: _is_number(value) and 0 < value < 1, "a share between 0 and 1"),
    "alpha": (lambda value: _is_number(value) and 0 < value < 1, "a share between 0 and 1 (1 is the reward `mean`)"),
    "baseline": (
        lambda value: isinstance(value, str) and bool(value.strip()),
        "`group_mean`, `group_first` or the name of a column of the data set",
    ),
}
"""Option of a reward -> what is allowed, as a check and in words."""


def find_reward(name: str) -> Reward:
    """The row of `REWARDS` with this name.

    Raises:
        InputError: no such reward; the message names the nearest one.

    >>> find_reward("mean").heads
    ('scalar', 'mean_variance', 'taste_factors', 'likert')
    """
    if name not in REWARDS:
        raise InputError(f"unknown reward {name!r}{nearest(name, REWARDS)}; wanted one of {', '.join(REWARDS)}.")
    return REWARDS[name]


def resolve_options(name: str, given: dict[str, Any]) -> dict[str, Any]:
    """The options of a reward: those given, defaults for the others.

    Args:
        name: a row of `REWARDS`.
        given: option -> value, None for one that was not given.

    Raises:
        InputError: an option that this reward does not take, which would have no effect, or a value out of its range.

    >>> resolve_options("lower_bound", {"k": 2, "q": None})
    {'k': 2}
    """
    defaults = find_reward(name).options
    for option, value in given.items():
        if value is None:
            continue
        if option not in defaults:
            takers = [reward for reward, row in REWARDS.items() if option in row.options]
            raise InputError(
                f"`{option}` has no effect on the reward {name!r}: it belongs to {' and '.join(map(repr, takers))}; leave it "
                "out or choose that reward."
            )
        allowed, wanted = OPTIONS[option]
        if not allowed(value):
            raise InputError(f"`{option}` is {value!r}, wanted {wanted}.")
    return {option: default if given.get(option) is None else given[option] for option, default in defaults.items()}
