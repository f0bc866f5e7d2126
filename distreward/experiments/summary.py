"""From the cells of an experiment to Table 3: one line per way of training, means over seeds and folds, intervals, tests."""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
from datasets import Dataset

from distreward.data.agreement import level_counts
from distreward.data.splitting import prompt_key
from distreward.experiments.calibrated import PREFIX, level_metrics, log_loss_metric
from distreward.experiments.collected import ModelRun
from distreward.experiments.plan import REFERENCE_ROW
from distreward.metrics.repeated import (
    Metric,
    Run,
    accuracy_metric,
    auroc_metric,
    draw_pairs,
    estimate_of_runs,
    jensen_shannon_metric,
    run_values,
)
from distreward.scoring import EnsemblePredictions, PairPredictions
from distreward.scoring.predictions import typical_annotators

logger = logging.getLogger("distreward")

COMPARED = (
    "preference_accuracy", "diverging_id_auroc", "substantial_auroc", "diverging_probability_auroc",
    "diverging_probability_substantial_auroc",
)  # fmt: skip
"""Metrics in which every row is tested against `REFERENCE_ROW`."""

GAP_OF = {
    "diverging_probability_auroc": "gap_auroc",
    "diverging_probability_substantial_auroc": "gap_substantial_auroc",
}
"""What the reference is tested with where it has no level probabilities: its -|gap| on the same pairs."""

Runs = dict[str, list[Run]]
"""Metric name -> the runs of one row."""


def metrics_of(
    predicted: PairPredictions | EnsemblePredictions, counts: np.ndarray, n_annotators: int
) -> dict[str, Metric]:
    """Every metric of the table that this head gives, for one run's pairs."""
    found: dict[str, Metric] = {
        "preference_accuracy": accuracy_metric(predicted.reward_gap, counts),
        "diverging_id_auroc": auroc_metric(predicted.divergence(), counts),
        "substantial_auroc": auroc_metric(predicted.divergence(), counts, "diverging_substantial"),
        "gap_auroc": auroc_metric(predicted.gap_divergence(), counts),
        "gap_substantial_auroc": auroc_metric(predicted.gap_divergence(), counts, "diverging_substantial"),
    }
    return found | level_metrics(predicted, counts, n_annotators)


def runs_of_row(tested: Sequence[ModelRun], counts: np.ndarray) -> Runs:
    """The metrics of a row's runs, from the annotators per level of all pairs, counts [N, 5]."""
    n_annotators = typical_annotators(counts)
    found: Runs = {}
    for run in tested:
        metrics = metrics_of(run.predicted, counts[run.pairs], n_annotators)
        if run.calibrated is not None:
            calibrated = level_metrics(run.calibrated, counts[run.pairs], n_annotators)
            metrics |= {f"{PREFIX}{name}": metric for name, metric in calibrated.items()}
        for name, metric in metrics.items():
            found.setdefault(name, []).append(Run(run.seed, run.pairs, metric))
    return found


def average_distribution(dataset: Dataset) -> dict[str, float]:
    """`jensen_shannon` and `log_loss` of predicting the data set's own average distribution for every pair: to be beaten."""
    counts = level_counts(dataset["preferences"][:])
    shares = counts[counts.sum(1) > 0] / counts[counts.sum(1) > 0].sum(1, keepdims=True)
    average, whole = np.tile(shares.mean(0), (len(counts), 1)), np.ones(len(counts))
    metrics = {"jensen_shannon": jensen_shannon_metric(average, counts), "log_loss": log_loss_metric(average, counts)}
    return {name: metric(whole) for name, metric in metrics.items()}


def summarise(tested: dict[str, list[ModelRun]], dataset: Dataset, n_bootstrap: int) -> dict[str, Any]:
    """`rows`, `comparisons` of `results.json`, from the tested runs of every row (`collect_runs`, `stock_runs`).

    Every row is tested against Bradley-Terry on all labels (`REFERENCE_ROW`) in each metric of `COMPARED`; the p-values of
    one metric are corrected together (`holm`).
    """
    counts = level_counts(dataset["preferences"][:])
    rows = {row: runs_of_row(runs, counts) for row, runs in tested.items()}
    groups = [prompt_key(prompt) for prompt in dataset["prompt"][:]]
    draws = draw_pairs(dataset.num_rows, groups, n_bootstrap)
    values = {row: {name: run_values(found, draws) for name, found in runs.items()} for row, runs in rows.items()}
    seeds = {row: {name: [run.seed for run in found] for name, found in runs.items()} for row, runs in rows.items()}
    table = {
        row: {name: estimate_of_runs(values[row][name], seeds[row][name], draws) for name in runs}
        for row, runs in rows.items()
    }
    comparisons: dict[str, dict[str, Any]] = {}
    for name in COMPARED if REFERENCE_ROW in rows else ():
        by = name if name in rows[REFERENCE_ROW] else GAP_OF[name]
        baseline = (values[REFERENCE_ROW][by], seeds[REFERENCE_ROW][by])
        tested = {
            row: estimate_of_runs(values[row][name], seeds[row][name], draws, baseline=baseline)
            for row, runs in rows.items()
            if row != REFERENCE_ROW and name in runs
        }
        p_values = [estimate["p_value"] for estimate in tested.values()]
        if tested and np.isfinite(p_values).all():
            for estimate, corrected in zip(tested.values(), holm(p_values), strict=True):
                estimate["p_value_corrected"] = float(corrected)
        for row, estimate in tested.items():
            comparisons.setdefault(row, {})[name] = estimate
    return {"rows": table, "comparisons": comparisons}


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Holm's correction: the chance of even one false finding among K tests stays below the level of each.

    Args:
        p_values: [K] in 0..1.

    Returns:
        [K] in 0..1, in the same order. The smallest is multiplied by K, the next by K - 1 and so on, never below an
        earlier one.

    >>> holm([0.04, 0.01, 0.03]).tolist()  # 0.01 * 3, 0.03 * 2, 0.04 * 1 raised to 0.06
    [0.06, 0.03, 0.06]
    """
    p_values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p_values, kind="stable")
    corrected = np.empty_like(p_values)
    corrected[order] = np.maximum.accumulate(p_values[order] * np.arange(len(p_values), 0, -1))
    return np.minimum(corrected, 1.0)
