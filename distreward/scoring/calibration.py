"""Both calibrations of a checkpoint, on development pairs: of its level distributions, then of its chance to diverge."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from distreward.modeling.heads import CALIBRATIONS, uncalibrated
from distreward.scoring.divergence_calibration import fit_divergence_calibration
from distreward.scoring.level_calibration import CalibrationFit, fit_level_calibration, strength_of
from distreward.scoring.predictions import PairPredictions

logger = logging.getLogger("distreward")


@dataclass(frozen=True)
class Calibrations:
    """What came of fitting both.

    Attributes:
        levels: of the level distribution (`scoring.level_calibration`), kept as `reward_head["calibration"]`.
        divergence: of `diverging_probability` under it (`scoring.divergence_calibration`), kept as
            `reward_head["divergence_calibration"]`.
    """

    levels: CalibrationFit
    divergence: CalibrationFit

    @property
    def kept(self) -> dict[str, dict[str, Any]]:
        """What the checkpoint's `reward_head` gets: those of the two entries that help."""
        fits = zip(CALIBRATIONS, (self.levels, self.divergence), strict=True)
        return {name: fit.calibration for name, fit in fits if fit.calibration is not None}

    def applied_to(self, reward_head: Mapping[str, Any]) -> dict[str, Any]:
        """A copy of a `reward_head` entry under these calibrations and no others."""
        return uncalibrated(reward_head) | self.kept


def fit_calibration(
    predictions: PairPredictions, counts: np.ndarray, strength_known: np.ndarray | None = None
) -> Calibrations:
    """Fit both calibrations of `predictions`' head to labels.

    Args:
        predictions: of N DEVELOPMENT pairs; calibrations that their checkpoint has are left out of account.
        counts: [N, 5] annotators per level.
        strength_known: [N] bool, whether the labels of a pair say how strong a preference is; None: what `predictions` or else
            their head say, or all.

    Returns:
        The fits; `applied_to(reward_head)` is the entry to write into `config.json`.

    >>> rng = np.random.default_rng(0)
    >>> gap, std = rng.normal(size=400), rng.uniform(0.5, 1.5, 400)
    >>> head = {"type": "mean_variance", "cdf": "logistic", "level_smoothing": 0.05}
    >>> predictions = PairPredictions(gap, np.zeros(400), head, std, std)
    >>> counts = rng.multinomial(4, replace(predictions, std_a=2 * std, std_b=2 * std).level_probs())  # people vary more
    >>> fit_calibration(predictions, counts).kept["calibration"]["std_scale"] > 1.5
    True
    """
    levels = fit_level_calibration(predictions, counts, strength_known)
    entry = uncalibrated(predictions.reward_head)
    if levels.calibration is not None:
        entry["calibration"] = levels.calibration
    known = strength_of(predictions, len(counts)) if strength_known is None else strength_known
    seen = replace(predictions, reward_head=entry).with_strength_known(known)
    return Calibrations(levels, fit_divergence_calibration(seen, counts))


def announce(fitted: Calibrations) -> None:
    """Say in the log what came of a fit; a warning where the level probabilities stay as they are."""
    levels, divergence = fitted.levels, fitted.divergence
    if levels.calibration is None:
        logger.warning("level probabilities are not calibrated: %s", levels.why_not)
    else:
        entry = levels.calibration
        before = entry["log_loss_uncalibrated"]
        logger.info(
            "level probabilities calibrated on %d labels of %d development pairs: log loss %.4f (without: %s)",
            entry["n_labels"],
            entry["n_pairs"],
            entry["log_loss"],
            "the head has none" if before is None else f"{before:.4f}",
        )
    if divergence.calibration is None:
        logger.info("diverging_probability is not calibrated: %s", divergence.why_not)
    else:
        entry = divergence.calibration
        logger.info(
            "diverging_probability calibrated on %d development pairs, %d of them diverging: log loss %.4f (closed form: %.4f)",
            entry["n_pairs"],
            entry["n_diverging"],
            entry["log_loss"],
            entry["log_loss_closed_form"],
        )
