"""The seeds of a row as one ensemble per fold: what several trainings together predict, and what is left of their luck."""

from collections.abc import Mapping, Sequence

import numpy as np

from distreward.experiments.collected import ModelRun
from distreward.scoring import EnsemblePredictions


def ensembles_over_seeds(tested: Mapping[str, Sequence[ModelRun]]) -> dict[str, list[ModelRun]]:
    """One run per fold whose predictions are those of all seeds together, raw and calibrated.

    Seeds are then no longer a source of variation, so an interval over such runs is over prompts alone.

    Args:
        tested: row -> its runs (`collect_runs`).

    Returns:
        Row -> runs with seed 0 and `facts["n_members"]`. Rows with a single seed, and models that were not trained here, are
        not there, nor are rows in which some fold lacks a seed: its ensemble would be another kind of thing.
    """
    found = {}
    for row, runs in tested.items():
        seeds, folds = {run.seed for run in runs}, sorted({run.fold for run in runs})
        if len(seeds) < 2 or len(runs) != len(seeds) * len(folds) or any(run.calibrated is None for run in runs):
            continue
        found[row] = [_together([run for run in runs if run.fold == fold]) for fold in folds]
    return found


def _together(runs: Sequence[ModelRun]) -> ModelRun:
    runs = sorted(runs, key=lambda run: run.seed)
    if any(not np.array_equal(run.pairs, runs[0].pairs) for run in runs):
        raise ValueError("runs of one fold were tested on different pairs: their predictions cannot be averaged.")
    return ModelRun(
        seed=0,
        fold=runs[0].fold,
        pairs=runs[0].pairs,
        predicted=EnsemblePredictions([run.predicted for run in runs]),
        facts={"n_members": len(runs)},
        calibrated=EnsemblePredictions([run.calibrated for run in runs]),
    )
