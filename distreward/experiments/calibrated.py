"""The predictions of a run as calibrated on its own development pairs, after the fact: cells keep predictions of both."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from distreward.data.agreement import agreement_masks
from distreward.experiments.cells import read_predictions
from distreward.metrics.checks import as_counts
from distreward.metrics.drawn import RatioMetric, mean_metric
from distreward.metrics.repeated import Metric, auroc_metric, jensen_shannon_metric, log_loss_metric
from distreward.scoring import EnsemblePredictions, PairPredictions
from distreward.scoring.calibration import fit_calibration
from distreward.scoring.predictions import own_annotators

logger = logging.getLogger("distreward")

PREFIX = "calibrated_"


def calibrated_predictions(
    tested: PairPredictions,
    folder: Path,
    facts: dict[str, Any],
    labels: dict[str, tuple[np.ndarray, bool]],
) -> PairPredictions:
    """`tested` under the calibration that the cell's development pairs give.

    Args:
        tested: predictions of a cell's test pairs, uncalibrated.
        folder: of the cell.
        facts: its `cell.json`.
        labels: of every pair by its id: annotators per level [5], and whether their labels have a strength.

    Returns:
        The predictions with calibrations in their `reward_head`; without one that could not be fitted or did not help there,
        which is logged.
    """
    predicted, ids = read_predictions(folder, "validation", facts["reward_head"])
    counts, known = zip(*(labels[name] for name in ids), strict=True)
    fitted = fit_calibration(predicted, np.stack(counts), np.array(known))
    for what, fit in (("levels", fitted.levels), ("diverging_probability", fitted.divergence)):
        if fit.calibration is None:
            logger.info("%s: %s not calibrated: %s", folder.name, what, fit.why_not)
    return replace(tested, reward_head=fitted.applied_to(tested.reward_head))


def level_metrics(
    predicted: PairPredictions | EnsemblePredictions, counts: np.ndarray, n_annotators: int
) -> dict[str, Metric]:
    """What is measured of level distributions, for one run's M pairs; nothing where the head gives none.

    For an ensemble also the mean entropy of the levels, `people_entropy` and `model_entropy`, in nats.

    Args:
        predicted: of the pairs; a calibration that it has is applied.
        counts: [M, 5] annotators per level.
        n_annotators: assumed by `diverging_probability`.
    """
    probs = predicted.level_probs()
    if probs is None:
        return {}
    probability, own_n = predicted.diverging_probability(n_annotators), own_annotators(counts)
    entropy = predicted.level_entropy() if isinstance(predicted, EnsemblePredictions) else {}
    return {
        "diverging_probability_auroc": auroc_metric(probability, counts),
        "diverging_probability_substantial_auroc": auroc_metric(probability, counts, "diverging_substantial"),
        "jensen_shannon": jensen_shannon_metric(probs, counts),
        "log_loss": log_loss_metric(probs, counts),
        "diverging_brier": diverging_brier_metric(predicted.diverging_probability(own_n), counts),
        **{f"{part}_entropy": mean_metric(values) for part, values in entropy.items() if part != "total"},
    }


def diverging_brier_metric(chance: np.ndarray, counts: np.ndarray) -> RatioMetric:
    """Brier score of the chance to diverge [M], over a run's pairs with two or more annotators (counts [M, 5]).

    >>> counts = np.array([[1, 0, 0, 0, 1], [0, 0, 0, 0, 2], [0, 0, 0, 0, 1]])
    >>> diverging_brier_metric(np.array([0.5, 0.5, 0.9]), counts)(np.ones(3))  # (0.25 + 0.25) / 2
    0.25
    """
    counts = as_counts(counts)
    return mean_metric((chance - agreement_masks(counts)["diverging"]) ** 2, counts.sum(1) >= 2)
