"""Table 2 of the paper: how strongly a model prefers its favourite, on pairs where people agree and where they diverge.

A model that knew where people diverge would be less decided there. C is the response the model gives the higher reward, R
the other one (paper, section 3.1).
"""

from dataclasses import replace
from typing import Any

import numpy as np
from scipy.special import expit

from distreward.experiments.collected import ModelRun
from distreward.experiments.labelled import LabelledPairs, tested_pairs
from distreward.experiments.plan import ROWS
from distreward.metrics.drawn import mean_metric
from distreward.metrics.repeated import Run, estimate_of_runs, run_values
from distreward.scoring import PairPredictions

STRENGTH_CATEGORIES = ("high_agreement_preference", "high_agreement_tie", "diverging", "diverging_substantial")
"""The rows of the paper's Table 2, in its order."""

NO_PROBABILITY = ("mse",)
"""Objectives whose rewards are ratings: a difference of 1 is a point on the scale, not a log-odds."""


def probability_of_a(predicted: PairPredictions, objective: str | None) -> np.ndarray | None:
    """[M] the model's probability, 0..1, that a person prefers A to B, a tie counting half; None where it gives none.

    A model with a level distribution: its mass on A's levels and half of the tie's. A scalar one is read as a Bradley-Terry
    model, P = logistic(r_A - r_B), unless its objective makes its rewards ratings.
    """
    probs = predicted.level_probs()
    if probs is not None:
        return probs[:, 3:].sum(1) + probs[:, 2] / 2
    return None if objective in NO_PROBABILITY else expit(predicted.reward_gap)


def strength_measures(
    predicted: PairPredictions, counts: np.ndarray, objective: str | None = None
) -> dict[str, np.ndarray]:
    """What Table 2 averages, per pair.

    Args:
        predicted: of one model for M pairs.
        counts: [M, 5] annotators per level.
        objective: that the model was trained with, where known.

    Returns:
        `relative_gap` [M] >= 0: |r_A - r_B| over its root mean square on these pairs, so that models of any scale compare.
        `gap` [M] >= 0: |r_A - r_B|, in the model's own unit. Where the model gives a probability also `chosen_probability`
        [M]: P(C > R); and `majority_probability` [M]: P of the response that more people chose, nan where as many chose each.
    """
    gap = predicted.reward_gap
    scale = np.sqrt(np.mean(gap**2)) or 1.0
    found = {"relative_gap": np.abs(gap) / scale, "gap": np.abs(gap)}
    for_a = probability_of_a(predicted, objective)
    if for_a is not None:
        side = np.sign(counts[:, 3:].sum(1) - counts[:, :2].sum(1))
        found["chosen_probability"] = np.where(gap >= 0, for_a, 1 - for_a)
        found["majority_probability"] = np.where(side > 0, for_a, np.where(side < 0, 1 - for_a, np.nan))
    return found


def objective_of(row: str, run: ModelRun) -> str | None:
    """What a row was trained with: of the table of rows, else of the model's own entry."""
    return ROWS[row].objective if row in ROWS else run.predicted.reward_head.get("objective")


def strength_table(tested: dict[str, list[ModelRun]], labels: LabelledPairs) -> dict[str, dict[str, Any]]:
    """Table 2: row -> measure -> agreement category -> estimate.

    Returns:
        Estimates over runs with intervals over prompts and seeds, `n` the number of runs and `n_pairs` the pairs behind it.
        Beside the categories stands `diverging_minus_agreement`: `diverging` less `high_agreement_preference`, paired; a model
        that is less decided where people diverge has it below 0.
    """
    table: dict[str, dict[str, Any]] = {}
    for row, runs in tested.items():
        found = [strength_measures(run.predicted, labels.counts[run.pairs], objective_of(row, run)) for run in runs]
        for measure in found[0]:
            defined = [run.pairs[np.isfinite(of_run[measure])] for run, of_run in zip(runs, found, strict=True)]
            here = tested_pairs(defined, len(labels.counts))
            values = {
                category: run_values(_runs_within(runs, found, measure, labels.masks[category]), labels.draws)
                for category in STRENGTH_CATEGORIES
            }
            estimates = {}
            for category, of_runs in values.items():
                n = int((labels.masks[category] & here).sum())
                estimates[category] = {**estimate_of_runs(of_runs, labels.draws), "n_pairs": n}
            diverging, agreement = values["diverging"], values["high_agreement_preference"]
            difference = replace(diverging, values=diverging.values - agreement.values)
            estimates["diverging_minus_agreement"] = estimate_of_runs(difference, labels.draws)
            table.setdefault(row, {})[measure] = estimates
    return table


def _runs_within(
    runs: list[ModelRun], measures: list[dict[str, np.ndarray]], measure: str, mask: np.ndarray
) -> list[Run]:
    """The mean of a measure over the pairs in `mask` [N], per run."""
    found = []
    for run, of_run in zip(runs, measures, strict=True):
        values = of_run[measure]
        found.append(Run(run.seed, run.pairs, mean_metric(values, mask[run.pairs] & np.isfinite(values))))
    return found
