"""From the cells of an experiment to Table 3: one line per way of training, means over seeds and folds, intervals, tests."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from distreward.experiments.calibrated import PREFIX, diverging_brier_metric, level_metrics
from distreward.experiments.collected import ModelRun
from distreward.experiments.labelled import LabelledPairs
from distreward.experiments.plan import REFERENCE_ROW
from distreward.metrics.repeated import (
    Draws,
    Metric,
    RunValues,
    accuracy_metric,
    auroc_metric,
    estimate_of_runs,
    jensen_shannon_metric,
    log_loss_metric,
    values_of_metrics,
)
from distreward.scoring import EnsemblePredictions, PairPredictions

logger = logging.getLogger("distreward")

COMPARED = (
    "preference_accuracy", "diverging_id_auroc", "substantial_auroc", "diverging_probability_auroc",
    "diverging_probability_substantial_auroc", f"{PREFIX}diverging_probability_auroc",
    f"{PREFIX}diverging_probability_substantial_auroc", f"{PREFIX}jensen_shannon", f"{PREFIX}log_loss",
)  # fmt: skip
"""Metrics in which every row is tested against `REFERENCE_ROW`."""

AGAINST_AVERAGE = (
    "jensen_shannon", f"{PREFIX}jensen_shannon", f"{PREFIX}log_loss", "diverging_brier", f"{PREFIX}diverging_brier",
)  # fmt: skip
"""Metrics in which every row is tested against predicting the average distribution, or the average share of diverging pairs."""

OWN_SCORE_OF = {
    "diverging_probability_auroc": "diverging_id_auroc",
    "diverging_probability_substantial_auroc": "substantial_auroc",
}
OWN_SCORE_OF |= {f"{PREFIX}{name}": own for name, own in OWN_SCORE_OF.items()}
"""Metrics in which the probability of every distributional row is tested against the row's own score, the paper's. (A scalar
head's orders pairs as its own score, the gap, does.)"""

GAP_OF = {
    "diverging_probability_auroc": "gap_auroc",
    "diverging_probability_substantial_auroc": "gap_substantial_auroc",
}
"""What the reference is tested with where it has no level probabilities: its -|gap| on the same pairs."""

Values = dict[str, RunValues]
"""Metric name -> the values of a row's runs."""


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


def metrics_of_run(run: ModelRun, labels: LabelledPairs) -> dict[str, Metric]:
    """The metrics of a run; those of calibrated level distributions under `calibrated_<metric>`."""
    counts = labels.counts[run.pairs]
    found = metrics_of(run.predicted, counts, labels.n_annotators)
    if run.calibrated is not None:
        calibrated = level_metrics(run.calibrated, counts, labels.n_annotators)
        found |= {f"{PREFIX}{name}": metric for name, metric in calibrated.items()}
    return found


def average_of_run(run: ModelRun, labels: LabelledPairs) -> dict[str, Metric]:
    """What is to be beaten on a run's pairs: predicting the data set's own average distribution for every one of them, and its
    share of diverging pairs.

    The average is over all pairs, tested ones included; a model never saw those.
    """
    counts = labels.counts[labels.counts.sum(1) > 0]
    average = (counts / counts.sum(1, keepdims=True)).mean(0)
    same, of_run = np.tile(average, (len(run.pairs), 1)), labels.counts[run.pairs]
    share = labels.masks["diverging"][labels.several].mean()
    return {
        "jensen_shannon": jensen_shannon_metric(same, of_run),
        "log_loss": log_loss_metric(same, of_run),
        "diverging_brier": diverging_brier_metric(np.full(len(run.pairs), share), of_run),
    }


def summarise(tested: Mapping[str, Sequence[ModelRun]], labels: LabelledPairs) -> dict[str, Any]:
    """Table 3, from the runs of every row (`collect_runs`, `stock_runs`).

    Returns:
        `rows`: row -> metric -> estimate. `comparisons`: row -> metric -> difference to Bradley-Terry on all labels
        (`REFERENCE_ROW`) in each metric of `COMPARED`, `<metric>_less_average` to predicting the average distribution and
        `<metric>_less_own` to the row's own score; the p-values of one metric are corrected together (`holm`). Runs are
        compared with those of the same seed on the same pairs (`metrics.repeated.matched`); what has none is not there.
        `average_distribution`: metric -> estimate.
    """
    values = {row: values_of(runs, labels, metrics_of_run) for row, runs in tested.items()}
    table = {
        row: {name: estimate_of_runs(of_runs, labels.draws) for name, of_runs in found.items()}
        for row, found in values.items()
    }
    averages = {row: values_of(runs, labels, average_of_run) for row, runs in tested.items()}
    fullest = max(averages, key=lambda row: len(tested[row]))
    comparisons: dict[str, dict[str, Any]] = {}
    for name in COMPARED if REFERENCE_ROW in values else ():
        by = name if name in values[REFERENCE_ROW] else GAP_OF.get(name, name)
        if by not in values[REFERENCE_ROW]:
            continue
        baselines = {row: values[REFERENCE_ROW][by] for row in values if row != REFERENCE_ROW and name in values[row]}
        _compare(name, name, values, baselines, labels.draws, comparisons)
    for name in AGAINST_AVERAGE:
        baselines = {row: averages[row][name.removeprefix(PREFIX)] for row in values if name in values[row]}
        _compare(f"{name}_less_average", name, values, baselines, labels.draws, comparisons)
    for name, own in OWN_SCORE_OF.items():
        distributional = [row for row in values if name in values[row] and name.removeprefix(PREFIX) in values[row]]
        baselines = {row: values[row][own] for row in distributional}
        _compare(f"{name}_less_own", name, values, baselines, labels.draws, comparisons)
    average = {name: estimate_of_runs(of_runs, labels.draws) for name, of_runs in averages[fullest].items()}
    return {"rows": table, "comparisons": comparisons, "average_distribution": average}


def values_of(
    runs: Sequence[ModelRun], labels: LabelledPairs, metrics: Callable[[ModelRun, LabelledPairs], dict[str, Metric]]
) -> Values:
    """The values of a row's runs under every draw, for all that `metrics` makes of a run; a run without a metric is left out
    of it.
    """
    columns: dict[str, list[tuple[np.ndarray, ModelRun]]] = {}
    for run in runs:
        of_run = metrics(run, labels)
        table = values_of_metrics(list(of_run.values()), run.pairs, labels.draws)
        for name, column in zip(of_run, table.T, strict=True):
            columns.setdefault(name, []).append((column, run))
    return {
        name: RunValues(
            np.stack([column for column, _ in found], axis=1),
            [run.seed for _, run in found],
            [run.pairs for _, run in found],
        )
        for name, found in columns.items()
    }


def _compare(
    key: str,
    metric: str,
    values: Mapping[str, Values],
    baselines: Mapping[str, RunValues],
    draws: Draws,
    comparisons: dict[str, dict[str, Any]],
) -> None:
    """Put the differences of every row in `baselines` to its baseline under `key`, corrected for their number."""
    tested = {
        row: estimate_of_runs(values[row][metric], draws, baseline=baseline) for row, baseline in baselines.items()
    }
    tested = {row: estimate for row, estimate in tested.items() if estimate["n"]}
    judged = [estimate for estimate in tested.values() if np.isfinite(estimate["p_value"])]
    for estimate, corrected in zip(judged, holm([one["p_value"] for one in judged]), strict=True):
        estimate["p_value_corrected"] = float(corrected)
    for row, estimate in tested.items():
        comparisons.setdefault(row, {})[key] = estimate


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
