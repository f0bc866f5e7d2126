"""The predictions that the cells of an experiment left, row by row: what every table and figure is computed from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset

from distreward.data.agreement import level_counts
from distreward.experiments.calibrated import calibrated_predictions
from distreward.experiments.cells import read_facts, read_predictions
from distreward.experiments.plan import Cell
from distreward.modeling.heads import uncalibrated
from distreward.scoring import EnsemblePredictions, PairPredictions


@dataclass(frozen=True)
class ModelRun:
    """One trained model and the pairs it was tested on.

    Attributes:
        seed, fold: of the run.
        pairs: [M] positions of the test pairs in the data set.
        predicted: for these M pairs, uncalibrated; of one model, or of the seeds of a fold together
            (`experiments.ensembles`).
        facts: what `cell.json` holds; for a model that was not trained here, where it came from.
        calibrated: `predicted` under the calibration of the run's development pairs; None for a model without such.
    """

    seed: int
    fold: int
    pairs: np.ndarray
    predicted: PairPredictions | EnsemblePredictions
    facts: dict[str, Any]
    calibrated: PairPredictions | EnsemblePredictions | None = None


def chosen_cells(cells: Sequence[Cell], folder: Path) -> dict[str, list[tuple[Cell, dict[str, Any]]]]:
    """Done cells by row; of several etas, the one with the lowest development log loss, chosen seed by seed and fold by fold."""
    done = [(cell, facts) for cell in cells if (facts := read_facts(folder / "cells" / cell.name)) is not None]
    best: dict[tuple[str, int, int], tuple[Cell, dict[str, Any]]] = {}
    for cell, facts in done:
        place = (cell.row, cell.seed, cell.fold)
        loss = facts["development_log_loss"]
        if place not in best or (loss is not None and loss < best[place][1]["development_log_loss"]):
            best[place] = (cell, facts)
    rows: dict[str, list[tuple[Cell, dict[str, Any]]]] = {}
    for (row, _, _), found in best.items():
        rows.setdefault(row, []).append(found)
    return rows


def collect_runs(cells: Sequence[Cell], folder: Path, dataset: Dataset) -> dict[str, list[ModelRun]]:
    """The tested runs of every row, one per seed and fold, from the cells that are done.

    Args:
        cells: of `plan_cells`.
        folder: of the experiment.
        dataset: all labelled pairs; test pairs are found in it by their id.

    Returns:
        Row -> its runs. A row without a cell that is done is not there.
    """
    place = {name: number for number, name in enumerate(dataset["id"][:])}
    known = np.array(dataset["strength_known"][:])
    labels = dict(zip(place, zip(level_counts(dataset["preferences"][:]), known, strict=True), strict=True))
    rows: dict[str, list[ModelRun]] = {}
    for row, found in chosen_cells(cells, folder).items():
        for cell, facts in found:
            head = uncalibrated(facts["reward_head"])
            predicted, ids = read_predictions(folder / "cells" / cell.name, "test", head)
            pairs = np.array([place[name] for name in ids])
            predicted.strength_known = known[pairs]
            calibrated = calibrated_predictions(predicted, folder / "cells" / cell.name, facts, labels)
            rows.setdefault(row, []).append(ModelRun(cell.seed, cell.fold, pairs, predicted, facts, calibrated))
    return rows


def stock_runs(
    predicted: PairPredictions,
    pairs: np.ndarray,
    seeds: Sequence[int],
    facts: dict[str, Any] | None = None,
    folds: np.ndarray | None = None,
) -> list[ModelRun]:
    """A model that was not trained here, as one run per seed and fold, so that it can be compared with those that were.

    Args:
        predicted: of the M pairs that the trained rows are tested on.
        pairs: [M] their positions in the data set.
        seeds: of the trained rows.
        facts: where the model came from.
        folds: [M] fold that tests each pair; None: all are one test set.
    """
    folds = np.zeros(len(pairs), dtype=int) if folds is None else np.asarray(folds)
    parts = {int(fold): np.flatnonzero(folds == fold) for fold in np.unique(folds)}
    return [
        ModelRun(seed, fold, pairs[inside], _part(predicted, inside), facts or {})
        for seed in seeds
        for fold, inside in parts.items()
    ]


def _part(predicted: PairPredictions, inside: np.ndarray) -> PairPredictions:
    """The predictions of the pairs at the positions `inside`."""
    part = PairPredictions.from_columns(predicted.to_columns()[inside], predicted.reward_head)
    known = predicted.strength_known
    return part if known is None else part.with_strength_known(known[inside])
