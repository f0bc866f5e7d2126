"""Fitting the level distributions of a checkpoint to people's labels: three numbers, on development pairs.

Maximum likelihood of the level counts, every label weighing the same, under parameters (`scoring.level_model`) that are
held near the neutral ones by a normal prior on their logarithms: a handful of labels moves them little. A parameter is
fitted only where the labels identify it: a border between two levels needs labels on both sides of it, so data without
strength (`strength_known` false) says nothing about slight against significant.

What is fitted is kept only where it helps more than as many useless parameters would by chance (Akaike's criterion): half a
chi-square, on average 1/2 nat each in the fit and as much lost on new labels.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.optimize import minimize

from distreward.levels import N_LEVELS
from distreward.metrics.calibration import level_log_loss
from distreward.metrics.checks import as_counts
from distreward.modeling.heads import uncalibrated
from distreward.scoring.level_model import NEUTRAL, without_strength
from distreward.scoring.predictions import PairPredictions

MIN_LABELS = 50
"""Fewest labels a calibration is fitted to: three parameters cost a new label 3 / (2 * 50) = 0.03 nats on average."""

PRIOR_STD = 0.5
"""Of the logarithm of a parameter: a factor of e^0.5 = 1.6 either way is nothing unusual."""

PRIOR_STD_OF_UNIT = 2.0
"""Of the logarithm of a scalar head's `std`: the unit of such rewards is anybody's."""


@dataclass(frozen=True)
class CalibrationFit:
    """What came of fitting a calibration.

    Attributes:
        calibration: the parameters and what they were fitted to; None where nothing was fitted or kept.
        why_not: the reason, with numbers, where it is None.
    """

    calibration: dict[str, Any] | None
    why_not: str | None = None


def fit_level_calibration(
    predictions: PairPredictions, counts: np.ndarray, strength_known: np.ndarray | None = None
) -> CalibrationFit:
    """Fit the parameters of `predictions`' head to labels.

    Args:
        predictions: of N DEVELOPMENT pairs; a calibration that their checkpoint has is left out of account.
        counts: [N, 5] annotators per level.
        strength_known: [N] bool; None: what `predictions` or else their head say, or all.

    Returns:
        The fit. Its `calibration`, for `reward_head["calibration"]`: the parameters, `n_pairs`, `n_labels`, `log_loss` of
        those labels and `log_loss_uncalibrated` (None for a scalar head). On these labels the former is never above the
        latter.
    """
    counts = as_counts(counts)
    known = np.asarray(strength_of(predictions, len(counts)) if strength_known is None else strength_known, dtype=bool)
    plain = replace(predictions, reward_head=uncalibrated(predictions.reward_head), strength_known=known)
    counts = without_strength(counts, known)
    head, n_labels = plain.reward_head["type"], int(counts.sum())
    free = identified(head, counts, known)
    if n_labels < MIN_LABELS or not free:
        few = f"{n_labels} labels, wanted {MIN_LABELS} or more" if n_labels < MIN_LABELS else "no preference among them"
        return CalibrationFit(None, f"too few development labels to fit it ({few})")
    found, before = _fit(plain, counts, free), level_log_loss_or_none(plain, counts)
    after = level_log_loss(_calibrated(plain, found).level_probs(), counts)
    if before is not None and (before - after) * n_labels <= len(free):
        return CalibrationFit(
            None,
            f"it does not help: log loss {before:.4f} without and {after:.4f} with it on {n_labels} development labels, a gain "
            f"that {len(free)} useless parameters could have",
        )
    facts = {"n_pairs": int((counts.sum(1) > 0).sum()), "n_labels": n_labels, "log_loss": after}
    return CalibrationFit({**found, **facts, "log_loss_uncalibrated": before})


def identified(head: str, counts: np.ndarray, strength_known: np.ndarray) -> list[str]:
    """The parameters that labels [N, 5] say something about.

    >>> identified("mean_variance", np.array([[0, 0, 1, 0, 2]]), np.array([False]))
    ['std_scale', 'tie']
    >>> identified("likert", np.array([[0, 1, 0, 0, 2]]), np.array([True]))
    ['temperature', 'significant_weight']
    """
    slight_and_beyond = counts[strength_known].sum(0) if len(counts) else np.zeros(N_LEVELS)
    tie = counts[:, N_LEVELS // 2].sum()
    if tie == counts.sum():
        return []
    scale, of_tie, of_strength = NEUTRAL[head]
    n_slight, n_significant = slight_and_beyond[[1, 3]].sum(), slight_and_beyond[[0, 4]].sum()
    return [scale, *([of_tie] if tie else []), *([of_strength] if n_slight and n_significant else [])]


def strength_of(predictions: PairPredictions, n_pairs: int) -> np.ndarray:
    """[N] bool, for which pairs labels say how strong a preference is, as far as the predictions know."""
    if predictions.strength_known is not None:
        return predictions.strength_known
    return np.full(n_pairs, predictions.reward_head.get("strength_known", True))


def level_log_loss_or_none(predictions: PairPredictions, counts: np.ndarray) -> float | None:
    """`level_log_loss`, or None where the head predicts no levels."""
    probs = predictions.level_probs()
    return None if probs is None else level_log_loss(probs, counts)


def parameters_at(head: str, free: list[str], logs: np.ndarray) -> dict[str, float]:
    """Parameters whose logarithms, relative to the neutral values, are `logs` for those in `free` and 0 for the others.

    Of `slight` it is the distance from `tie` that is scaled, so the borders never cross.

    >>> parameters_at("mean_variance", ["std_scale", "tie"], np.log([2.0, 0.5]))
    {'std_scale': 2.0, 'tie': 0.25, 'slight': 1.25}
    """
    factors = {name: 1.0 for name in NEUTRAL[head]} | dict(zip(free, np.exp(logs).tolist(), strict=True))
    found = {name: value * factors[name] for name, value in NEUTRAL[head].items()}
    if "slight" in found:
        width = NEUTRAL[head]["slight"] - NEUTRAL[head]["tie"]
        found["slight"] = found["tie"] + width * factors["slight"]
    return found


def _fit(plain: PairPredictions, counts: np.ndarray, free: list[str]) -> dict[str, float]:
    """The parameters with the highest posterior density of their logarithms."""
    head, n_labels = plain.reward_head["type"], counts.sum()
    stds = np.array([PRIOR_STD_OF_UNIT if name == "std" else PRIOR_STD for name in free])

    def objective(logs: np.ndarray) -> float:
        loss = level_log_loss(_calibrated(plain, parameters_at(head, free, logs)).level_probs(), counts)
        return loss + 0.5 * ((logs / stds) ** 2).sum() / n_labels

    # without derivatives: probabilities are float32, and three parameters need no more than some hundred evaluations
    corners = np.vstack([np.zeros(len(free)), 0.4 * stds * np.eye(len(free))])
    found = minimize(
        objective,
        np.zeros(len(free)),
        method="Nelder-Mead",
        options={"initial_simplex": corners, "xatol": 1e-3, "fatol": 1e-7, "maxfev": 600},
    )
    return parameters_at(head, free, found.x)


def _calibrated(predictions: PairPredictions, calibration: dict[str, Any]) -> PairPredictions:
    return replace(predictions, reward_head={**predictions.reward_head, "calibration": calibration})
