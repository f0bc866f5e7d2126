"""Predictions gathered during an evaluation of the trainer, and the metrics over all of them."""

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor

from distreward.data.agreement import agreement_masks
from distreward.levels import N_LEVELS
from distreward.metrics.calibration import level_calibration, level_log_loss
from distreward.metrics.divergence import tune_lambda
from distreward.metrics.functional import diverging_id_auroc, preference_accuracy
from distreward.modeling.heads import MEAN_AND_STD, drop_calibrations
from distreward.modeling.output import RewardOutput
from distreward.scoring.calibration import Calibrations, announce, fit_calibration
from distreward.scoring.level_model import without_strength
from distreward.scoring.predictions import PairPredictions, output_columns, typical_annotators
from distreward.trainers.running import are_finite, diverging_share


class DevelopmentRecords:
    """One row per evaluated pair, gathered over processes without the duplicates that fill up the last batch.

    `calibrations` is what came of the last fit, None before the first.
    """

    def __init__(self):
        self._rows: list[np.ndarray] = []
        self.calibrations: Calibrations | None = None

    def clear(self) -> None:
        self._rows = []

    @torch.no_grad()
    def add(
        self,
        accelerator: Accelerator,
        a: RewardOutput,
        b: RewardOutput,
        counts: Tensor,
        weight: Tensor,
        loss: Tensor,
        strength_known: Tensor | None = None,
    ) -> None:
        """Keep B pairs: outputs, annotators per level [B, 5], number of labels [B] and loss [B].

        `strength_known` [B], 1 or 0: of labels; None for chosen/rejected pairs, which have none.
        """
        sides = [output_columns(side) for side in (a, b)]
        known = torch.full_like(loss, torch.nan) if strength_known is None else strength_known
        single = [column.float()[:, None] for column in (known, weight, loss)]
        rows = torch.cat([*sides, counts.float(), *single], dim=1)
        self._rows.append(accelerator.gather_for_metrics(rows).cpu().numpy())

    def metrics(self, reward_head: dict, tune: bool, calibrate: bool = False) -> dict[str, float]:
        """Loss, accuracy, log loss and AUROC over all pairs.

        With `tune`, first sets `reward_head["lambda"]` on these pairs, and with `calibrate` too its calibrations, or
        takes those away that do not help.

        AUROCs are left out where the set has no diverging pair, or no other pair with two or more annotators; what a
        distribution is needed for is left out where there is none. The keys: docs/training-logs.md.
        """
        if not self._rows:
            return {}
        rows = np.concatenate(self._rows).astype(np.float64)
        columns, counts, known, weight, loss = np.split(rows, [rows.shape[1] - N_LEVELS - 3, -3, -2, -1], axis=1)
        predictions = PairPredictions.from_columns(columns, reward_head)
        metrics = {"loss": float((loss * weight).sum() / max(weight.sum(), 1e-9))}
        if not are_finite(predictions):  # the loss says so; a metric would refuse them and stop the training
            return metrics
        if counts[:, : N_LEVELS // 2].sum() + counts[:, N_LEVELS // 2 + 1 :].sum() > 0:
            metrics["preference_accuracy"] = preference_accuracy(predictions.reward_gap, counts, n_bootstrap=0)["value"]
        if not np.isnan(known).any():
            predictions.strength_known = known[:, 0] > 0
            if tune and calibrate:
                self._calibrate(predictions, counts)
            metrics |= label_fit(predictions, counts)
        return metrics | widths(predictions) | divergence_metrics(predictions, counts, tune)

    def _calibrate(self, predictions: PairPredictions, counts: np.ndarray) -> None:
        """Fit calibrations into the `reward_head` of `predictions`; says so when what comes of it is news."""
        before, entry = self.calibrations, predictions.reward_head
        self.calibrations = fit_calibration(predictions, counts, predictions.strength_known)
        drop_calibrations(entry)
        entry.update(self.calibrations.kept)
        if before is None or before.kept.keys() != self.calibrations.kept.keys():
            announce(self.calibrations)


def widths(predictions: PairPredictions) -> dict[str, float]:
    """How wide the predicted distributions are: `mean_std`, `predicted_diverging`; what the head does not give is left out."""
    found = {}
    if predictions.std_a is not None:
        found["mean_std"] = float((predictions.std_a.mean() + predictions.std_b.mean()) / 2)
    if predictions.level_probs() is not None:
        found["predicted_diverging"] = diverging_share(predictions, calibrated=True)
    return found


def label_fit(predictions: PairPredictions, counts: np.ndarray) -> dict[str, float]:
    """`log_loss` and `level_ece` of the labels [N, 5]; where there is a calibration also the log loss without it."""
    probs = predictions.level_probs()
    if probs is None:
        return {}
    counts = without_strength(counts, predictions.strength_known)
    losses = {"log_loss": level_log_loss(probs, counts)}
    if counts.sum() > 0:
        losses["level_ece"] = level_calibration(probs, counts, n_bootstrap=0)["ece"]["value"]
    raw = predictions.level_probs(calibrated=False)
    if "calibration" in predictions.reward_head and raw is not None:
        losses["log_loss_uncalibrated"] = level_log_loss(raw, counts)
    return losses


def divergence_metrics(predictions: PairPredictions, counts: np.ndarray, tune: bool) -> dict[str, float]:
    """AUROCs and lambda; nothing where labels show no pair that diverges, or none that does not."""
    reward_head, metrics = predictions.reward_head, {}
    diverging = agreement_masks(counts)["diverging"]
    if not 0 < diverging.sum() < (counts.sum(1) >= 2).sum():
        return metrics
    if reward_head["type"] in MEAN_AND_STD:
        if tune:
            reward_head["lambda"] = tune_lambda(*predictions.moments(), counts)[0]
        metrics["lambda"] = reward_head.get("lambda", float("nan"))
    scores = {"diverging_id_auroc": predictions.divergence(), "gap_auroc": predictions.gap_divergence()}
    probability = predictions.diverging_probability(typical_annotators(counts))
    if probability is not None:
        scores["diverging_probability_auroc"] = probability
    for name, score in scores.items():
        metrics[name] = diverging_id_auroc(score, counts, n_bootstrap=0)["headline"]["value"]
    return metrics
