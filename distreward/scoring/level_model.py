"""From what a head says of two responses to the level distribution of the pair, under the parameters of a calibration.

| head | parameters | what they do |
|---|---|---|
| `scalar` | `std`, `tie`, `slight` | rA - rB is logistic around the reward gap with this scale; levels are cut at +-tie, +-slight and smoothed by 0.05 |
| `mean_variance`, `taste_factors` | `std_scale`, `tie`, `slight` | standard deviations times std_scale; levels are cut at +-tie, +-slight |
| `likert` | `temperature`, `tie_weight`, `significant_weight` | rating logits over temperature; then ties and significant levels are weighed against slight ones |

All of them keep the mirror: swapping A and B reverses the levels.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from distreward.losses.difference import THRESHOLDS, preference_level_probs
from distreward.losses.preference import LEVEL_SMOOTHING, as_sides, smooth
from distreward.metrics.divergence import rating_level_probs

_, _, TIE, SLIGHT = THRESHOLDS

NEUTRAL: dict[str, dict[str, float]] = {
    "scalar": {"std": 1.0, "tie": TIE, "slight": SLIGHT},
    "mean_variance": {"std_scale": 1.0, "tie": TIE, "slight": SLIGHT},
    "taste_factors": {"std_scale": 1.0, "tie": TIE, "slight": SLIGHT},
    "likert": {"temperature": 1.0, "tie_weight": 1.0, "significant_weight": 1.0},
}
"""Head -> its parameters at the values that change nothing. A scalar head predicts no levels without a calibration; its
values are where a fit starts, and a `std` of 1 is what Bradley-Terry says of votes."""


def scalar_levels(gap: np.ndarray, std: float, tie: float, slight: float) -> np.ndarray:
    """[N, 5] levels of reward gaps [N] under one logistic scale `std`, all in units of reward.

    Smoothed as a mean-variance head's are (`LEVEL_SMOOTHING`), so that a comparison of the two is one of what they know.

    >>> scalar_levels(np.array([0.0]), std=1.0, tie=0.0, slight=0.0).round(3)  # half for each side: (0.5 + 0.05) / 1.25
    array([[0.44, 0.04, 0.04, 0.04, 0.44]])
    """
    half = np.full(len(gap), std / np.sqrt(2))  # the variances of two responses add up
    probs = _levels(gap, half, np.zeros(len(gap)), half, tie, slight, "logistic")
    return smooth(probs, LEVEL_SMOOTHING).double().numpy()


def mean_variance_levels(
    moments: tuple[np.ndarray, ...], reward_head: Mapping[str, Any], std_scale: float, tie: float, slight: float
) -> np.ndarray:
    """[N, 5] levels of two reward distributions, rho = 0, smoothed as in the training loss.

    Args:
        moments: mean_a, std_a, mean_b, std_b, each [N] in units of reward.
        reward_head: for `cdf` and `level_smoothing`.
        std_scale: what the standard deviations are multiplied by, > 0.
        tie, slight: 0 <= tie <= slight, in units of reward.
    """
    mean_a, std_a, mean_b, std_b = moments
    probs = _levels(mean_a, std_scale * std_a, mean_b, std_scale * std_b, tie, slight, reward_head["cdf"])
    return smooth(probs, reward_head["level_smoothing"]).double().numpy()


def likert_levels(
    rating_probs_a: np.ndarray,
    rating_probs_b: np.ndarray,
    temperature: float,
    tie_weight: float,
    significant_weight: float,
) -> np.ndarray:
    """[N, 5] levels of the difference of two independent ratings, ties and significant levels weighed.

    Args:
        rating_probs_a, rating_probs_b: [N, 5] over the ratings 1..5.
        temperature: the rating logits are divided by it, > 0.
        tie_weight, significant_weight: factors > 0 of those levels before the rows are made to sum to 1 again: what
            turns one share of ties among people into another (a shift of labels) while each pair keeps its evidence.

    >>> probs = np.array([[0, 0, 0, 0.5, 0.5]])  # differences -1, 0, 0, 1; a tie counts double: 1/6, 4/6, 1/6
    >>> likert_levels(probs, probs, temperature=1.0, tie_weight=2.0, significant_weight=1.0).round(3)
    array([[0.   , 0.167, 0.667, 0.167, 0.   ]])
    """
    sides = [probs ** (1 / temperature) for probs in (rating_probs_a, rating_probs_b)]
    probs = rating_level_probs(*(side / side.sum(1, keepdims=True) for side in sides))
    weighed = probs * np.array([significant_weight, 1.0, tie_weight, 1.0, significant_weight])
    return weighed / weighed.sum(1, keepdims=True)


def without_strength(level_probs: np.ndarray, strength_known: np.ndarray) -> np.ndarray:
    """Levels [N, 5] as labels can show them: where no strength is known [N], a slight preference counts as a +-2.

    >>> without_strength(np.array([[0.1, 0.2, 0.4, 0.2, 0.1]] * 2), np.array([True, False])).round(3)
    array([[0.1, 0.2, 0.4, 0.2, 0.1],
           [0.3, 0. , 0.4, 0. , 0.3]])
    """
    sides = as_sides(torch.from_numpy(np.array(level_probs))).numpy()  # torch takes no view that runs backwards
    return np.where(np.asarray(strength_known, dtype=bool)[:, None], level_probs, sides)


def _levels(
    mean_a: np.ndarray, std_a: np.ndarray, mean_b: np.ndarray, std_b: np.ndarray, tie: float, slight: float, cdf: str
) -> torch.Tensor:
    moments = (torch.as_tensor(values) for values in (mean_a, std_a, mean_b, std_b))
    return preference_level_probs(*moments, cdf=cdf, thresholds=(-slight, -tie, tie, slight))
