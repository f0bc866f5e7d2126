"""Metrics of many bootstrap draws at once: matrix products in place of a call per draw.

A metric maps weights of M pairs to one number. Those here also take all draws together, [K, M] weights to [K] numbers, which
is what makes a table of many models, metrics and parts of the data a matter of seconds.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from distreward.errors import InputError
from distreward.metrics.bootstrap import WeightedAUROC


class DrawnMetric(ABC):
    """A metric that knows how to take many draws at once; the interface of `RatioMetric` and `AUROCMetric`."""

    def __call__(self, weights: np.ndarray) -> float:
        """The metric under weights [M], nan where undefined."""
        return float(self.over(np.asarray(weights)[None])[0])

    @abstractmethod
    def over(self, weights: np.ndarray) -> np.ndarray:
        """[K, M] weights >= 0, a draw per row, to [K] values, nan where undefined."""

    @abstractmethod
    def within(self, part: np.ndarray) -> "DrawnMetric":
        """The same metric of some pairs only: `part` [M] bool."""


@dataclass(frozen=True)
class RatioMetric(DrawnMetric):
    """A weighted sum over a weighted sum: shares and means of any kind.

    Attributes:
        numerator, denominator: [M] per pair.

    >>> RatioMetric(np.array([1.0, 0.0]), np.ones(2)).over(np.array([[1, 1], [0, 2], [0, 0]]))
    array([0.5, 0. , nan])
    """

    numerator: np.ndarray
    denominator: np.ndarray

    def over(self, weights: np.ndarray) -> np.ndarray:
        weights = np.asarray(weights, dtype=np.float64)
        above, below = weights @ self.numerator, weights @ self.denominator
        return np.divide(above, below, out=np.full(len(weights), np.nan), where=below > 0)

    def within(self, part: np.ndarray) -> "RatioMetric":
        return RatioMetric(np.where(part, self.numerator, 0.0), np.where(part, self.denominator, 0.0))


def mean_metric(values: np.ndarray, keep: np.ndarray | None = None) -> RatioMetric:
    """The mean of `values` [M] over the pairs in `keep` [M] bool (None: all); values outside may be nan.

    >>> mean_metric(np.array([1.0, 3.0, np.nan]), np.array([True, True, False])).over(np.ones((1, 3)))
    array([2.])
    """
    values = np.asarray(values, dtype=np.float64)
    keep = np.ones(len(values), dtype=bool) if keep is None else np.asarray(keep, dtype=bool)
    return RatioMetric(np.where(keep, values, 0.0), keep.astype(np.float64))


@dataclass(frozen=True)
class AUROCMetric(DrawnMetric):
    """AUROC of one score, as `WeightedAUROC` with one cell.

    Attributes:
        scores: [M] finite, higher should mean positive; equal scores count as 1/2.
        positive: [M] bool.
        keep: [M] bool, pairs that take part.

    >>> metric = AUROCMetric(np.array([0.1, 0.4, 0.4]), np.array([False, True, False]), np.ones(3, dtype=bool))
    >>> metric.over(np.array([[1, 1, 1], [1, 1, 0], [1, 0, 1]]))  # (1 + 1/2) / 2; 1; no positive pair
    array([0.75, 1.  ,  nan])
    """

    scores: np.ndarray
    positive: np.ndarray
    keep: np.ndarray

    def __post_init__(self):
        if not len(self.scores) == len(self.positive) == len(self.keep):
            raise InputError(
                f"`scores`, `positive` and `keep` have {len(self.scores)}, {len(self.positive)} and {len(self.keep)} entries, "
                "wanted one per pair."
            )

    def __call__(self, weights: np.ndarray) -> float:
        return WeightedAUROC(self.scores, self.positive, self.keep)(weights)

    def over(self, weights: np.ndarray) -> np.ndarray:
        inside = np.flatnonzero(self.keep)
        order = inside[np.argsort(self.scores[inside], kind="stable")]
        ordered, values = np.asarray(weights, dtype=np.float64)[:, order], self.scores[order]
        positive = self.positive[order]
        for_positive, for_negative = ordered * positive, ordered * ~positive
        starts = np.flatnonzero(np.r_[True, values[1:] != values[:-1]]) if len(values) else np.empty(0, np.int64)
        if len(starts) < len(values):
            for_positive = np.add.reduceat(for_positive, starts, axis=1)
            for_negative = np.add.reduceat(for_negative, starts, axis=1)
        # the negatives below each score, and half of those at it
        below = np.cumsum(for_negative, axis=1) - for_negative / 2
        right = np.einsum("km,km->k", for_positive, below)
        total = for_positive.sum(1) * for_negative.sum(1)
        return np.divide(right, total, out=np.full(len(ordered), np.nan), where=total > 0)

    def within(self, part: np.ndarray) -> "AUROCMetric":
        return AUROCMetric(self.scores, self.positive, self.keep & part)
