"""Predictions gathered during an evaluation of the trainer, and the metrics over all of them."""

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor

from distreward.data.agreement import agreement_masks
from distreward.levels import N_LEVELS
from distreward.metrics.divergence import tune_lambda
from distreward.metrics.functional import diverging_id_auroc, preference_accuracy
from distreward.modeling.output import RewardOutput
from distreward.scoring.predictions import PairPredictions, output_columns, typical_annotators


class DevelopmentRecords:
    """One row per evaluated pair, gathered over processes without the duplicates that fill up the last batch."""

    def __init__(self):
        self._rows: list[np.ndarray] = []

    def clear(self) -> None:
        self._rows = []

    @torch.no_grad()
    def add(
        self, accelerator: Accelerator, a: RewardOutput, b: RewardOutput, counts: Tensor, weight: Tensor, loss: Tensor
    ) -> None:
        """Keep B pairs: outputs, annotators per level [B, 5], number of labels [B] and loss [B]."""
        sides = [output_columns(side.mean, side.std, side.level_logits) for side in (a, b)]
        rows = torch.cat([*sides, counts.float(), weight.float()[:, None], loss.float()[:, None]], dim=1)
        self._rows.append(accelerator.gather_for_metrics(rows).cpu().numpy())

    def metrics(self, reward_head: dict, tune: bool) -> dict[str, float]:
        """Loss, accuracy and AUROC over all pairs; with `tune`, first sets `reward_head["lambda"]` on these pairs.

        AUROCs are left out where the set has no diverging pair, or no other pair with two or more annotators.
        """
        if not self._rows:
            return {}
        rows = np.concatenate(self._rows).astype(np.float64)
        columns, counts, weight, loss = np.split(rows, [rows.shape[1] - N_LEVELS - 2, -2, -1], axis=1)
        predictions = PairPredictions.from_columns(columns, reward_head)
        metrics = {"loss": float((loss * weight).sum() / max(weight.sum(), 1e-9))}
        if counts[:, : N_LEVELS // 2].sum() + counts[:, N_LEVELS // 2 + 1 :].sum() > 0:
            metrics["preference_accuracy"] = preference_accuracy(predictions.reward_gap, counts, n_bootstrap=0)["value"]
        diverging = agreement_masks(counts)["diverging"]
        if not 0 < diverging.sum() < (counts.sum(1) >= 2).sum():
            return metrics
        if reward_head["type"] == "mean_variance":
            if tune:
                moments = (predictions.mean_a, predictions.std_a, predictions.mean_b, predictions.std_b)
                reward_head["lambda"] = tune_lambda(*moments, counts)[0]
            metrics["lambda"] = reward_head.get("lambda", float("nan"))
        scores = {"diverging_id_auroc": predictions.divergence(), "gap_auroc": predictions.gap_divergence()}
        if reward_head["type"] != "scalar":
            scores["diverging_probability_auroc"] = predictions.diverging_probability(typical_annotators(counts))
        for name, score in scores.items():
            metrics[name] = diverging_id_auroc(score, counts, n_bootstrap=0)["headline"]["value"]
        return metrics
