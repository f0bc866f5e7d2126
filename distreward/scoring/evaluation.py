"""From predictions and annotators' labels to the metrics of DESIGN: accuracy, the AUROC grids, calibration."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from distreward.metrics.bootstrap import bootstrap_estimates
from distreward.metrics.calibration import divergence_calibration
from distreward.metrics.functional import diverging_id_auroc, level_calibration, preference_accuracy
from distreward.scoring.ensemble import EnsemblePredictions
from distreward.scoring.predictions import PairPredictions, own_annotators, typical_annotators


def evaluate_predictions(
    predictions: PairPredictions | EnsemblePredictions,
    counts: np.ndarray,
    groups: Sequence | None = None,
    n_bootstrap: int = 1000,
    seed: int = 0,
    strength_known: np.ndarray | None = None,
) -> dict[str, Any]:
    """All metrics of one model on N pairs, in the shape `results.json` promises.

    Args:
        predictions: of N pairs, by one model or by an ensemble.
        counts: [N, 5] annotators per level.
        groups: N prompts; the bootstrap draws whole prompts, since pairs of one prompt are not independent.
        n_bootstrap: bootstrap draws behind the intervals; 0 for none.
        seed: of the bootstrap.
        strength_known: [N] bool, whether the labels of a pair say how strong a preference is; None: of all. Where they do
            not, a slight preference is predicted as the +-2 that such labels hold in its place.

    Returns:
        `preference_accuracy`, `diverging_id_auroc` (the head's own score, diverging against all the rest),
        `diverging_id_auroc_grid`, `gap_baseline_grid` and, for heads that give level probabilities,
        `diverging_probability_grid`, `level_calibration` and `diverging_calibration` (each pair at its own number of
        annotators), and where the checkpoint is calibrated and its head gives levels without, also
        `diverging_probability_uncalibrated_grid`, `level_calibration_uncalibrated` and `diverging_calibration_uncalibrated`;
        `n_annotators` used by the grids. For an ensemble,
        `ensemble`: means over pairs of `level_entropy.{total, people, model}` (nats), where there are levels, and of
        `gap_variance.{people, model}` (squared units of reward; no `people` for a scalar head).
    """
    if strength_known is not None:
        predictions = predictions.with_strength_known(strength_known)
    options = {"groups": groups, "n_bootstrap": n_bootstrap, "seed": seed}
    own = diverging_id_auroc(predictions.divergence(), counts, **options)
    gap = own if predictions.reward_head["type"] == "scalar" else None
    gap = gap or diverging_id_auroc(predictions.gap_divergence(), counts, **options)
    metrics = {
        "preference_accuracy": preference_accuracy(predictions.reward_gap, counts, **options),
        "diverging_id_auroc": own["headline"],
        "diverging_id_auroc_grid": own["grid"],
        "gap_baseline_grid": gap["grid"],
    }
    probs = predictions.level_probs()
    if probs is not None:
        n_annotators = typical_annotators(counts)
        by_chance = diverging_id_auroc(predictions.diverging_probability(n_annotators), counts, **options)
        metrics["diverging_probability_grid"] = by_chance["grid"]
        metrics["level_calibration"] = level_calibration(probs, counts, **options)
        metrics["n_annotators"] = n_annotators
        raw = predictions.level_probs(calibrated=False)
        own_n = own_annotators(counts)
        chances = predictions.diverging_probability(own_n)
        metrics["diverging_calibration"] = divergence_calibration(chances, counts, **options)
        if raw is not None and predictions.is_calibrated:
            metrics["level_calibration_uncalibrated"] = level_calibration(raw, counts, **options)
            plain = predictions.diverging_probability(own_n, calibrated=False)
            metrics["diverging_calibration_uncalibrated"] = divergence_calibration(plain, counts, **options)
            closed = predictions.diverging_probability(n_annotators, calibrated=False)
            metrics["diverging_probability_uncalibrated_grid"] = diverging_id_auroc(closed, counts, **options)["grid"]
    if isinstance(predictions, EnsemblePredictions):
        metrics["ensemble"] = uncertainty(predictions, groups, n_bootstrap, seed)
    return metrics


def uncertainty(
    predictions: EnsemblePredictions, groups: Sequence | None, n_bootstrap: int, seed: int
) -> dict[str, dict[str, dict]]:
    """How much of an ensemble's uncertainty is disagreement among people and how much is the models' own: means over pairs."""
    variances = {"people": predictions.gap_variance_of_people, "model": predictions.gap_variance_of_model}
    parts = {"level_entropy": predictions.level_entropy() or {}, "gap_variance": variances}
    found: dict[str, dict[str, dict]] = {}
    for name, arrays in parts.items():
        given = {part: values for part, values in arrays.items() if values is not None}
        if given:
            table = np.stack(list(given.values()))
            n = table.shape[1]
            estimates = bootstrap_estimates(
                lambda weights, table=table: table @ weights / max(weights.sum(), 1),
                [n] * len(given), n, groups, n_bootstrap, seed, confidence=0.95,
            )  # fmt: skip
            found[name] = dict(zip(given, estimates, strict=True))
    return found
