"""Figure 3 of the paper: the density of r_A - r_B, and the regions of it that stand for labels."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from distreward.experiments.collected import ModelRun
from distreward.experiments.labelled import LabelledPairs
from distreward.losses.difference import THRESHOLDS
from distreward.metrics.calibration import jensen_shannon_distance
from distreward.modeling.heads import MEAN_AND_STD

DENSITY_CATEGORIES = ("high_agreement_preference", "high_agreement_tie", "diverging")


def difference_density(at: np.ndarray, gap: np.ndarray, std: np.ndarray, cdf: str) -> np.ndarray:
    """The density of r_A - r_B that level probabilities are areas of.

    Args:
        at: [X] values of r_A - r_B.
        gap: [M] mean_A - mean_B.
        std: [M] > 0, the square root of std_A^2 + std_B^2.
        cdf: `logistic`, `tanh` (a logistic of half the scale) or `normal`.

    Returns:
        [M, X] >= 0, each row with area 1.

    >>> difference_density(np.zeros(1), np.zeros(1), np.ones(1), "logistic")
    array([[0.25]])
    """
    scale = np.asarray(std)[:, None] / (2.0 if cdf == "tanh" else 1.0)
    z = (np.asarray(at)[None] - np.asarray(gap)[:, None]) / scale
    if cdf == "normal":
        return np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) / scale
    half = np.exp(-np.abs(z) / 2)  # 1 / (4 cosh^2(z/2)) without overflow
    return (half / (1 + half**2)) ** 2 / scale


def densities_of_row(runs: Sequence[ModelRun], labels: LabelledPairs) -> dict[str, Any] | None:
    """Densities per agreement category, turned so that the response with more votes lies on the right.

    Returns:
        None unless the row's heads have a mean and a std. Else `at` [X], `thresholds` [4], and `average` and `typical`:
        category -> density [X], the mean over the category's pairs of all runs, and the density of the pair whose level
        distribution is nearest to the category's mean one; `n`: category -> pairs, all runs together. Pairs with as many
        votes on each side stay as they are.
    """
    head = runs[0].predicted.reward_head
    if head["type"] not in MEAN_AND_STD:
        return None
    gap, std, levels = [], [], []
    for run in runs:
        votes = labels.counts[run.pairs]
        sign = np.where(votes[:, 3:].sum(1) < votes[:, :2].sum(1), -1, 1)
        gap.append(run.predicted.reward_gap * sign)
        std.append(np.hypot(*run.predicted.moments()[1::2]))
        probs = run.predicted.level_probs()
        levels.append(np.where(sign[:, None] < 0, probs[:, ::-1], probs))
    pairs = np.concatenate([run.pairs for run in runs])
    gap, std, levels = np.concatenate(gap), np.concatenate(std), np.concatenate(levels)
    reach = max(2 * THRESHOLDS[-1], float(np.quantile(np.abs(gap) + 3 * std, 0.95)))
    at = np.linspace(-reach, reach, 301)
    found: dict[str, Any] = {"at": at, "thresholds": list(THRESHOLDS), "average": {}, "typical": {}, "n": {}}
    for category in DENSITY_CATEGORIES:
        inside = np.flatnonzero(labels.masks[category][pairs])
        found["n"][category] = len(inside)
        if len(inside) == 0:
            continue
        density = difference_density(at, gap[inside], std[inside], head["cdf"])
        mean = np.tile(levels[inside].mean(0), (len(inside), 1))
        nearest = int(np.argmin(jensen_shannon_distance(levels[inside], mean)))
        found["average"][category], found["typical"][category] = density.mean(0), density[nearest]
    return found
