"""What a reward model predicts for N pairs, as arrays, and every divergence score that can be read off it."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from distreward.levels import N_LEVELS, RATINGS
from distreward.metrics.divergence import (
    DEFAULT_LAMBDA,
    diverging_probability,
    gap_divergence,
    likert_divergence,
    mean_variance_divergence,
)
from distreward.modeling.heads import CALIBRATIONS, MEAN_AND_STD, N_FACTORS
from distreward.modeling.output import RewardOutput
from distreward.scoring.divergence_model import recalibrated
from distreward.scoring.level_model import (
    NEUTRAL,
    likert_levels,
    mean_variance_levels,
    scalar_levels,
    without_strength,
)

DEFAULT_ANNOTATORS = 4
"""Annotators assumed by `diverging_probability` where no data set says: MultiPref has four per pair."""


RATING_COLUMNS = slice(2, 2 + len(RATINGS))
FACTOR_COLUMNS = slice(RATING_COLUMNS.stop, RATING_COLUMNS.stop + N_FACTORS)

N_COLUMNS = FACTOR_COLUMNS.stop
"""Numbers per response (`output_columns`), 11: mean, std, five rating probabilities, four taste factors."""


@dataclass
class PairPredictions:
    """Predictions for N pairs.

    Attributes:
        mean_a, mean_b: [N] expected rewards.
        std_a, std_b: [N] standard deviations, or None for a scalar head.
        rating_probs_a, rating_probs_b: [N, 5] probabilities of ratings 1..5, or None without a Likert head.
        factors_a, factors_b: [N, 4] of a `taste_factors` head, else None.
        reward_head: the checkpoint's `reward_head` entry (type, cdf, level_smoothing, lambda, calibration,
            divergence_calibration ...).
        strength_known: [N] bool: for which pairs labels say how strong a preference is; levels of the others have no
            mass on the slight ones, as their labels have none. None: for all.
    """

    mean_a: np.ndarray
    mean_b: np.ndarray
    reward_head: dict[str, Any]
    std_a: np.ndarray | None = None
    std_b: np.ndarray | None = None
    rating_probs_a: np.ndarray | None = None
    rating_probs_b: np.ndarray | None = None
    strength_known: np.ndarray | None = None
    factors_a: np.ndarray | None = None
    factors_b: np.ndarray | None = None

    @property
    def is_calibrated(self) -> bool:
        """Whether the checkpoint has a calibration, of its level distribution or of its chance to diverge."""
        return any(name in self.reward_head for name in CALIBRATIONS)

    def with_strength_known(self, strength_known: np.ndarray) -> "PairPredictions":
        """The same predictions with `strength_known` [N] set."""
        return replace(self, strength_known=np.asarray(strength_known, dtype=bool))

    @property
    def reward_gap(self) -> np.ndarray:
        """[N] mean_A - mean_B; positive means A is preferred."""
        return self.mean_a - self.mean_b

    def with_gap_scaled(self, factor: float) -> "PairPredictions":
        """The same predictions with the reward gap times `factor`, around the mean of both rewards."""
        if factor == 1:
            return self
        middle, half = (self.mean_a + self.mean_b) / 2, factor * self.reward_gap / 2
        return replace(self, mean_a=middle + half, mean_b=middle - half)

    def moments(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """mean_A, std_A, mean_B, std_B of two uncorrelated rewards with the same difference; heads with a std.

        Where rewards share taste factors, both stds are sqrt(half the variance of the difference): what people agree on,
        however it divides them on each response, is left out.
        """
        if self.factors_a is None:
            return self.mean_a, self.std_a, self.mean_b, self.std_b
        shared = 2 * (self.factors_a * self.factors_b).sum(-1)
        half = np.sqrt(np.maximum(self.std_a**2 + self.std_b**2 - shared, 0.0) / 2)
        return self.mean_a, half, self.mean_b, half

    def level_probs(self, calibrated: bool = True) -> np.ndarray | None:
        """[N, 5] predicted level distribution (ascending levels); None for a scalar head without calibration.

        Mean-variance: the probabilities the training loss saw, smoothing included, at rho = 0 (the paper uses rho in
        training only). Likert: the difference of two independent ratings. Where the checkpoint's entry holds a
        `calibration` (`scoring.level_calibration`), its parameters take the place of the neutral ones. Without
        `strength_known`, a model that learnt from labels without strength predicts such labels.

        Args:
            calibrated: False leaves the calibration out.
        """
        head = self.reward_head["type"]
        calibration = self.reward_head.get("calibration") if calibrated else None
        if head == "scalar" and calibration is None:
            return None
        parameters = {name: (calibration or NEUTRAL[head])[name] for name in NEUTRAL[head]}
        if head == "scalar":
            probs = scalar_levels(self.reward_gap, **parameters)
        elif head in MEAN_AND_STD:
            probs = mean_variance_levels(self.moments(), self.reward_head, **parameters)
        else:
            probs = likert_levels(self.rating_probs_a, self.rating_probs_b, **parameters)
        known = self.strength_known
        if known is None and not self.reward_head.get("strength_known", True):
            known = np.zeros(len(probs), dtype=bool)
        return probs if known is None else without_strength(probs, known)

    def divergence(self) -> np.ndarray:
        """[N] the paper's divergence score of this head, higher = more divisive (section 4, section 4.1).

        Scalar: -|gap|. Mean-variance: -(|gap| - lambda (std_A + std_B)), lambda 1 where none was tuned; taste factors: the
        same with the stds of `moments`. Likert:
        P(1) P(5), averaged over A and B.
        """
        if self.reward_head["type"] in MEAN_AND_STD:
            return mean_variance_divergence(*self.moments(), self.reward_head.get("lambda", DEFAULT_LAMBDA))
        if self.reward_head["type"] == "likert":
            return likert_divergence(self.rating_probs_a, self.rating_probs_b)
        return self.gap_divergence()

    def gap_divergence(self) -> np.ndarray:
        """[N] -|mean_A - mean_B|: the baseline every checkpoint has."""
        return gap_divergence(self.mean_a, self.mean_b)

    def diverging_probability(
        self, n_annotators: int | np.ndarray = DEFAULT_ANNOTATORS, calibrated: bool = True
    ) -> np.ndarray | None:
        """[N] chance in 0..1 that `n_annotators` people would diverge; None where there are no `level_probs`.

        The closed form of `metrics.divergence` on the predicted levels. Where the checkpoint's entry holds a
        `divergence_calibration` (`scoring.divergence_calibration`), its gap scale and Platt scaling are applied.

        Args:
            n_annotators: one number >= 1, or one per pair [N].
            calibrated: False leaves both calibrations out: the closed form on the levels as trained.
        """
        entry = self.reward_head.get("divergence_calibration") if calibrated else None
        seen = self if entry is None else self.with_gap_scaled(entry["gap_scale"])
        probs = seen.level_probs(calibrated)
        if probs is None:
            return None
        chance = diverging_probability(probs, n_annotators)
        return chance if entry is None else recalibrated(chance, n_annotators, entry["slope"], entry["intercept"])

    @classmethod
    def from_columns(cls, columns: np.ndarray, reward_head: dict[str, Any]) -> "PairPredictions":
        """Inverse of `output_columns` for A and B: [N, 2 * 11] float array to predictions (files of older versions: [N, 2 * 7])."""
        side_a, side_b = np.split(columns, 2, axis=1)
        has_std = reward_head["type"] != "scalar"
        has_ratings = reward_head["type"] == "likert"
        has_factors = reward_head["type"] == "taste_factors"
        return cls(
            mean_a=side_a[:, 0],
            mean_b=side_b[:, 0],
            reward_head=reward_head,
            std_a=side_a[:, 1] if has_std else None,
            std_b=side_b[:, 1] if has_std else None,
            rating_probs_a=side_a[:, RATING_COLUMNS] if has_ratings else None,
            rating_probs_b=side_b[:, RATING_COLUMNS] if has_ratings else None,
            factors_a=side_a[:, FACTOR_COLUMNS] if has_factors else None,
            factors_b=side_b[:, FACTOR_COLUMNS] if has_factors else None,
        )

    def to_columns(self) -> np.ndarray:
        """[N, 2 * 11] float64: what `from_columns` reads; nan for what the head has not got."""
        columns = np.full((len(self.mean_a), 2 * N_COLUMNS), np.nan)
        sides = (
            (self.mean_a, self.std_a, self.rating_probs_a, self.factors_a),
            (self.mean_b, self.std_b, self.rating_probs_b, self.factors_b),
        )
        for side, (mean, std, rating_probs, factors) in zip(np.split(columns, 2, axis=1), sides, strict=True):
            side[:, 0] = mean
            for part, values in ((1, std), (RATING_COLUMNS, rating_probs), (FACTOR_COLUMNS, factors)):
                if values is not None:
                    side[:, part] = values
        return columns


def output_columns(output: RewardOutput) -> torch.Tensor:
    """One fixed-width float32 row per response, [R, 11]: mean, std, rating probabilities, factors; nan where a head has none.

    A fixed width is what several processes can gather and a file can hold whatever the head.
    """
    columns = output.mean.new_full((len(output.mean), N_COLUMNS), float("nan"), dtype=torch.float32)
    columns[:, 0] = output.mean
    if output.std is not None:
        columns[:, 1] = output.std
    if output.level_logits is not None:
        columns[:, RATING_COLUMNS] = torch.softmax(output.level_logits.float(), dim=-1)
    if output.factors is not None:
        columns[:, FACTOR_COLUMNS] = output.factors
    return columns


def own_annotators(counts: np.ndarray) -> np.ndarray:
    """[N] the number of annotators of each pair, counts [N, 5], for its own chance to diverge; 1 where there is none."""
    return np.maximum(np.asarray(counts).sum(1), 1).astype(np.int64)


def typical_annotators(counts: np.ndarray) -> int:
    """The median number of annotators over pairs with two or more, counts [N, 5]; 4 (MultiPref's) if there is none.

    One number for a whole data set: a score that used each pair's own number would partly predict the number.
    """
    n = np.asarray(counts).reshape(-1, N_LEVELS).sum(1)
    n = n[n >= 2]
    return int(np.median(n)) if len(n) else DEFAULT_ANNOTATORS
