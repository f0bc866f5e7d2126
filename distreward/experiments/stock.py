"""Reward models that were not trained here: scored once on the pairs the trained rows are tested on, then kept like a cell."""

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset

from distreward.errors import InputError
from distreward.experiments.cells import read_facts, read_predictions, write_facts, write_predictions
from distreward.experiments.collected import ModelRun, stock_runs
from distreward.scoring import RewardScorer
from distreward.trainers.card import base_model


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
    name: str,
    path: str,
    dataset: Dataset,
    pairs: np.ndarray,
    max_length: int | None,
    folder: Path,
    made_with: dict[str, Any] | None = None,
) -> None:
    """Predict the pairs at the positions `pairs`, unless `cells/stock-<name>` in `folder` holds that already.

    Args:
        name, path: of `stock_names`.
        dataset: all labelled pairs.
        pairs: [M] positions of those to predict.
        max_length: most tokens of a response with its prompt.
        folder: of the experiment.
        made_with: as for a trained cell (`run_cell`).

    Raises:
        InputError: what is kept there is of another model (`check_stock_model`).
    """
    place = folder / "cells" / f"stock-{name}"
    if read_facts(place) is not None:
        return check_stock_model(name, path, folder)
    started, mark = time.time(), mark_of(path)
    tested = dataset.select(pairs)
    scorer = RewardScorer.from_pretrained(path, max_length=max_length, progress=True)
    predicted = scorer.score_pairs(tested)
    write_predictions(place, {"test": predicted}, {"test": tested["id"][:]})
    facts = {
        "stock_model": name,
        "mark": mark,
        "revision": base_model(scorer.model.config)["revision"],
        "reward_head": predicted.reward_head,
        "rows": {"test": tested.num_rows},
        "seconds": round(time.time() - started, 1),
        **(made_with or {}),
    }
    facts.pop("model", None)  # the base model of the trained rows
    write_facts(place, facts)


def check_stock_model(name: str, path: str, folder: Path) -> None:
    """Whether the predictions kept under `name` are of the model at `path`.

    A local model is told by the bytes of its files, so it may have been moved; where it is no longer there, or has come from
    the Hub, by its path.

    Raises:
        InputError: they are of another one.
    """
    place = folder / "cells" / f"stock-{name}"
    facts = read_facts(place) or {}
    if "mark" not in facts:
        return  # not scored yet, or by a version that did not say
    found, given = facts["mark"], mark_of(path)
    by = "files" if found["files"] and given["files"] else "path"
    if found[by] != given[by]:
        raise InputError(
            f"--stock_models {path}: {place} holds the predictions of another model of that name (its {by} differ"
            f"{'s' if by == 'path' else ''}); delete that folder to score this one, or rename the model."
        )


def mark_of(path: str) -> dict[str, str | None]:
    """What tells a model from another of the same name: digests of its path as given and of its files, None on the Hub."""
    files = sorted(file for file in Path(path).iterdir() if file.is_file()) if Path(path).is_dir() else []
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as content:
            digest.update(file.name.encode() + hashlib.file_digest(content, "sha256").digest())
    of_path = hashlib.sha256(path.rstrip("/").encode()).hexdigest()[:16]  # a digest: cells are read by others
    return {"path": of_path, "files": digest.hexdigest()[:16] if files else None}


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
