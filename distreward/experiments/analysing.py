"""Everything that is said about an experiment, computed from the predictions its cells left; nothing is trained here."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from datasets import Dataset

from distreward.experiments.breakdowns import break_down, parts_of
from distreward.experiments.collected import ModelRun
from distreward.experiments.densities import densities_of_row
from distreward.experiments.ensembles import ensembles_over_seeds
from distreward.experiments.labelled import LabelledPairs, labelled_pairs, pair_counts, tested_pairs
from distreward.experiments.reliability import reliability_of_row
from distreward.experiments.strength import objective_of, strength_table
from distreward.experiments.summary import summarise


def analyse_experiment(
    tested: Mapping[str, Sequence[ModelRun]], dataset: Dataset, n_bootstrap: int, keys: Sequence[str] | None = None
) -> dict[str, Any]:
    """The tables and curves of an experiment.

    Args:
        tested: the runs of every row (`collect_runs`, `stock_runs`), at least one row.
        dataset: all labelled pairs.
        n_bootstrap: draws behind intervals and tests.
        keys: breakdowns by `source` or keys of `meta` (`parts_of`).

    Returns:
        `rows`, `comparisons`, `average_distribution` (`summarise`), `ensembles` (the same of the seeds of each
        row together), `pairs` (`pair_counts`), `strength` (`strength_table`),
        `reliability` (row -> `reliability_of_row`), `densities` (row -> curves), `breakdowns` (name -> `break_down`), `warnings`.

    Raises:
        InputError: a key that no pair has.
    """
    labels = labelled_pairs(dataset, n_bootstrap)
    parts = parts_of(dataset, labels.counts, keys)
    found = summarise(tested, labels)
    together = ensembles_over_seeds(tested)
    found["ensembles"] = summarise(together, labels) if together else {}
    reliability = {row: reliability_of_row(runs, labels) for row, runs in tested.items()}
    densities = {
        row: densities_of_row(runs, labels)
        for row, runs in tested.items()
        if objective_of(row, runs[0]) != "mean_variance_nll"
    }  # rewards of that loss have no borders between labels: it sees only who is preferred
    here = tested_pairs([run.pairs for runs in tested.values() for run in runs], dataset.num_rows)
    found |= {
        "pairs": pair_counts(labels, here),
        "has_slight_labels": labels.has_slight,
        "annotators_assumed": labels.n_annotators,
        "strength": strength_table(tested, labels),
        "reliability": {row: kinds for row, kinds in reliability.items() if kinds},
        "densities": {row: curves for row, curves in densities.items() if curves is not None},
        "breakdowns": {by: break_down(tested, labels, of_pairs) for by, of_pairs in parts.items()},
    }
    return found | {"warnings": undefined_parts(found) + missing_runs(tested, labels)}


def undefined_parts(found: Mapping[str, Any]) -> list[str]:
    """A sentence per breakdown that has parts on which an AUROC is undefined, and one if the whole has none."""
    sentences = []
    for name in ("diverging", "diverging_substantial"):
        if found["pairs"][name] in (0, found["pairs"]["several_annotators"]):
            sentences.append(
                f"{found['pairs'][name]} of {found['pairs']['several_annotators']} pairs with two or more annotators are "
                f"{name.replace('_', ' ')}: an AUROC needs pairs of both kinds and is undefined."
            )
    for by, parts in found["breakdowns"].items():
        empty = [part for part, sizes in parts.items() if sizes["n_diverging"] in (0, sizes["n_several"])]
        if empty:
            sentences.append(f"By {by}, an AUROC is undefined for {', '.join(empty)}: no diverging pair, or no other.")
    return sentences


def missing_runs(tested: Mapping[str, Sequence[ModelRun]], labels: LabelledPairs) -> list[str]:
    """A sentence per row that was tested on fewer pairs, or by fewer runs, than the row that has most."""
    runs = {row: len(of_row) for row, of_row in tested.items()}
    pairs = {
        row: int(tested_pairs([run.pairs for run in of_row], len(labels.counts)).sum())
        for row, of_row in tested.items()
    }
    most_runs, most_pairs = max(runs.values()), max(pairs.values())
    return [
        f"{row}: tested on {pairs[row]:,} of {most_pairs:,} pairs by {runs[row]} of {most_runs} runs: the others failed or are "
        "still to be run."
        for row in tested
        if pairs[row] < most_pairs or runs[row] < most_runs
    ]


def rounded_curves(densities: Mapping[str, Any]) -> dict[str, Any]:
    """Densities as they are written: four decimals."""
    return {
        row: {
            **curves,
            "at": np.round(curves["at"], 4),
            **{
                kind: {name: np.round(curve, 4) for name, curve in curves[kind].items()}
                for kind in ("average", "typical")
            },
        }
        for row, curves in densities.items()
    }
