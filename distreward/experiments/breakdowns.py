"""The metrics of Table 3 on parts of the data: per category of the prompts, per number of annotators."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from datasets import Dataset

from distreward.analysis.agreement.strata import automatic_strata, strata_values
from distreward.experiments.collected import ModelRun
from distreward.experiments.labelled import LabelledPairs, tested_pairs
from distreward.experiments.summary import metrics_of
from distreward.metrics.repeated import RunValues, estimate_of_runs, values_of_metrics

PART_METRICS = ("preference_accuracy", "diverging_id_auroc", "diverging_probability_auroc", "jensen_shannon")
"""What is broken down; a row has those its head gives."""

ANNOTATORS = "number of annotators"
"""Name of the breakdown that every data set has."""

MIN_CLASS = 10
"""Pairs of each class below which an AUROC gets no interval: the bootstrap cannot see what so few pairs might have been."""

MIN_PROMPTS = 5
"""Prompts below which nothing gets an interval."""


def annotator_parts(counts: np.ndarray) -> list[str]:
    """[N] part of each pair by its number of annotators; large numbers are taken together.

    >>> annotator_parts(np.array([[1, 0, 0, 0, 1], [3, 0, 0, 0, 4], [12, 0, 0, 0, 0]]))
    ['2', '6 to 9', '10 or more']
    """
    return ["10 or more" if n >= 10 else "6 to 9" if n >= 6 else str(n) for n in np.asarray(counts).sum(1)]


def parts_of(dataset: Dataset, counts: np.ndarray, keys: Sequence[str] | None = None) -> dict[str, list[str]]:
    """Breakdown -> [N] part of each pair.

    Args:
        dataset: the pairs.
        counts: [N, 5] annotators per level.
        keys: `source` or keys of `meta`; None: `source` and `category` where they have 2 to 20 values.

    Raises:
        InputError: a key that no pair has, or with too many values.
    """
    sources, metas = dataset["source"][:], dataset["meta"][:]
    names = automatic_strata(sources, metas) if keys is None else keys
    return {name: strata_values(sources, metas, name) for name in names} | {ANNOTATORS: annotator_parts(counts)}


def break_down(
    tested: dict[str, list[ModelRun]], labels: LabelledPairs, parts: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """The metrics of every row on every part.

    Args:
        tested: the runs of every row.
        labels: of all N pairs.
        parts: [N] part of each pair.

    Returns:
        part -> `n_pairs`, `n_prompts`, `n_several` (pairs with two or more annotators), `n_diverging`, and `rows`: row ->
        metric -> estimate; the largest part first, numbers in their order. An estimate is nan where the part leaves it undefined, and has no interval (nan) where there are
        fewer than 10 pairs of a class or 5 prompts. Parts without a tested pair are left out.
    """
    parts = np.asarray(parts)
    here = tested_pairs([run.pairs for runs in tested.values() for run in runs], len(parts))
    names = _in_order(parts[here])
    found = {name: {**_sizes(labels, (parts == name) & here), "rows": {}} for name in names}
    for row, runs in tested.items():
        measured = [metrics_of(run.predicted, labels.counts[run.pairs], labels.n_annotators) for run in runs]
        metrics = [name for name in PART_METRICS if name in measured[0]]
        tables = []  # per run [1 + K, parts * metrics]
        for run, of_run in zip(runs, measured, strict=True):
            within = [of_run[metric].within(parts[run.pairs] == part) for part in names for metric in metrics]
            tables.append(values_of_metrics(within, run.pairs, labels.draws))
        values = np.stack(tables, axis=2)  # [1 + K, parts * metrics, R]
        seeds, pairs = [run.seed for run in runs], [run.pairs for run in runs]
        for number, part in enumerate(names):
            for column, metric in enumerate(metrics):
                of_runs = RunValues(values[:, number * len(metrics) + column], seeds, pairs)
                estimate = estimate_of_runs(of_runs, labels.draws)
                found[part]["rows"].setdefault(row, {})[metric] = _with_interval_if(
                    enough(found[part], metric), estimate
                )
    return found


def _in_order(parts: np.ndarray) -> list[str]:
    """Parts that begin with a number by that number, others with the largest first."""
    sizes = Counter(parts.tolist())
    if all(part[:1].isdigit() for part in sizes):
        return sorted(sizes, key=lambda part: (int(part.split()[0]) if part.split()[0].isdigit() else 0, part))
    return sorted(sizes, key=lambda part: (-sizes[part], part))


def _sizes(labels: LabelledPairs, inside: np.ndarray) -> dict[str, int]:
    return {
        "n_pairs": int(inside.sum()),
        "n_prompts": len(set(labels.prompts[inside])),
        "n_several": int((inside & labels.several).sum()),
        "n_diverging": int((inside & labels.masks["diverging"]).sum()),
    }


def enough(sizes: dict[str, Any], metric: str) -> bool:
    """Whether a part is large enough for an interval of this metric."""
    if sizes["n_prompts"] < MIN_PROMPTS:
        return False
    if not metric.endswith("auroc"):
        return sizes["n_pairs"] >= MIN_CLASS
    return min(sizes["n_diverging"], sizes["n_several"] - sizes["n_diverging"]) >= MIN_CLASS


def _with_interval_if(allowed: bool, estimate: dict[str, Any]) -> dict[str, Any]:
    return estimate if allowed else {**estimate, "ci_low": float("nan"), "ci_high": float("nan")}
