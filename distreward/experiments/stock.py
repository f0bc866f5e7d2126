"""Reward models that were not trained here: scored once on the pairs the trained rows are tested on, then kept like a cell."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from datasets import Dataset

from distreward.errors import InputError
from distreward.experiments.cells import read_facts, read_predictions, write_facts, write_predictions
from distreward.experiments.collected import ModelRun, stock_runs
from distreward.scoring import RewardScorer


def stock_names(paths: Sequence[str]) -> dict[str, str]:
    """Name in the table -> directory or Hub id, of stock models.

    Raises:
        InputError: two of them end in the same name.

    >>> stock_names(["Skywork/Skywork-Reward-V2", "models/mine/"])
    {'Skywork-Reward-V2': 'Skywork/Skywork-Reward-V2', 'mine': 'models/mine/'}
    """
    found: dict[str, str] = {}
    for path in paths:
        name = path.rstrip("/").rsplit("/", 1)[-1]
        if name in found:
            raise InputError(
                f"--stock_models {path}: {found[name]} has the same name, {name}; rename one of the folders."
            )
        found[name] = path
    return found


def score_stock_model(
    name: str, path: str, dataset: Dataset, pairs: np.ndarray, max_length: int | None, folder: Path
) -> None:
    """Predict the pairs at the positions `pairs`, unless `cells/stock-<name>` in `folder` holds that already."""
    place = folder / "cells" / f"stock-{name}"
    if read_facts(place) is not None:
        return
    started = time.time()
    tested = dataset.select(pairs)
    predicted = RewardScorer.from_pretrained(path, max_length=max_length, progress=True).score_pairs(tested)
    write_predictions(place, {"test": predicted}, {"test": tested["id"][:]})
    facts = {"stock_model": name, "reward_head": predicted.reward_head, "rows": {"test": tested.num_rows}}
    write_facts(place, {**facts, "seconds": round(time.time() - started, 1)})


def read_stock_runs(
    name: str, dataset: Dataset, seeds: Sequence[int], folder: Path, folds: np.ndarray | None = None
) -> list[ModelRun]:
    """A stock model as one run per seed and fold, as the trained rows have them (`stock_runs`); none where it was not scored yet.

    `folds` [N]: fold that tests each pair of the data set; None without folds.
    """
    place = folder / "cells" / f"stock-{name}"
    facts = read_facts(place)
    if facts is None:
        return []
    predicted, ids = read_predictions(place, "test", facts["reward_head"])
    at = {pair: number for number, pair in enumerate(dataset["id"][:])}
    pairs = np.array([at[pair] for pair in ids])
    predicted.strength_known = np.array(dataset["strength_known"][:])[pairs]
    return stock_runs(predicted, pairs, seeds, facts, None if folds is None else folds[pairs])
