"""Running one cell of an experiment, and keeping what it found where the next run finds it."""

import json
import logging
import shutil
import time
import traceback
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset
from transformers import PrinterCallback

from distreward.data.agreement import level_counts
from distreward.experiments.plan import ROWS, Cell
from distreward.experiments.settings import BackboneConfig
from distreward.metrics.calibration import level_log_loss
from distreward.scoring import PairPredictions, RewardScorer
from distreward.trainers import OBJECTIVES, DistributionalRewardConfig
from distreward.trainers.backbone import target_modules_told, trainer_kwargs

logger = logging.getLogger("distreward")

FACTS, PREDICTIONS, FAILURE = "cell.json", "predictions.npz", "failed.txt"

TRAINER_STATE = "trainer_state.json"
"""The log of a training, in each of its checkpoints."""


def run_cell(
    cell: Cell,
    splits: dict[str, Dataset],
    model: str,
    config: DistributionalRewardConfig,
    folder: Path,
    backbone: BackboneConfig | None = None,
    made_with: dict[str, Any] | None = None,
    keep_checkpoints: bool = False,
) -> dict[str, Any]:
    """Train one cell and predict its development and test pairs.

    Writes `predictions.npz` and, last, `cell.json`: a cell without it was cut off and is run again.

    Args:
        cell: which row, seed, fold and eta.
        splits: `train`, `validation`, `test`.
        model: base model, a directory or Hub id.
        config: training settings that all cells share.
        folder: of this cell.
        backbone: precision and adapter of the model; None for TRL's defaults.
        made_with: what else the numbers depend on (data, versions, source), kept in `cell.json`.
        keep_checkpoints: keep the best model; else only facts and log of its training stay (`drop_checkpoints`).

    Returns:
        What `cell.json` holds.
    """
    started = time.time()
    row = ROWS[cell.row]
    settings = replace(
        config,
        output_dir=str(folder / "training"),
        seed=cell.seed,
        label_aggregation=row.label_aggregation,
        eta=config.eta if cell.eta is None else cell.eta,
        calibrate=False,  # `experiments.calibrated` does it from the predictions, for a table with and without
        # a cell that was cut off begins anew, so nothing but the best weights is read again; sharded ones cannot go without
        save_only_model=not (config.fsdp or config.deepspeed),
    )
    backbone = backbone or BackboneConfig()
    with target_modules_told(backbone.lora_target_modules):
        trainer = OBJECTIVES[row.objective](
            model,
            args=settings,
            train_dataset=splits["train"],
            eval_dataset=splits["validation"],
            **trainer_kwargs(backbone),
        )
    trainer.remove_callback(PrinterCallback)  # it prints every log of every run; a bar counts the runs
    trainer.train()
    development = trainer.evaluate()  # tunes lambda, on the development pairs of the best checkpoint
    scorer = RewardScorer(
        trainer.model,
        trainer.processing_class,
        max_length=settings.max_length,
        feature_cache_dir=settings.feature_cache_dir if settings.freeze_backbone else None,
    )
    found = {name: scorer.score_pairs(splits[name]) for name in ("validation", "test")}
    trainer.end()
    write_predictions(folder, found, {name: splits[name]["id"][:] for name in found})
    drop_checkpoints(folder / "training", trainer.state.best_model_checkpoint, keep_checkpoints)
    facts = {
        "cell": asdict(cell),
        "reward_head": found["test"].reward_head,
        "development": development,
        "development_log_loss": development_log_loss(found["validation"], splits["validation"]),
        "rows": {name: split.num_rows for name, split in splits.items()},
        "seconds": round(time.time() - started, 1),
        **(made_with or {}),
    }
    write_facts(folder, facts)
    return facts


def drop_checkpoints(folder: Path, best: str | None, keep: bool) -> None:
    """Free the disk of what the numbers of a finished run do not need: 150 runs of even a small model come to gigabytes.

    Args:
        folder: of the training, with its checkpoints, `checkpoint-<step>`.
        best: the checkpoint that counts; None where nothing was evaluated to choose it by, then the last.
        keep: leave that checkpoint; else nothing but its log, in `folder`, and the facts of the training.
    """
    checkpoints = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.rsplit("-", 1)[1]))
    if not checkpoints:
        return
    counts = checkpoints[-1] if best is None else folder / Path(best).name
    if not keep:
        (counts / TRAINER_STATE).replace(folder / TRAINER_STATE)
        (folder / "README.md").unlink(missing_ok=True)  # the card of a model that is no longer there
    for checkpoint in checkpoints:
        if checkpoint != counts or not keep:
            shutil.rmtree(checkpoint)


def write_predictions(folder: Path, found: dict[str, PairPredictions], ids: dict[str, list[str]]) -> None:
    """`predictions.npz`: for `validation` and `test`, the ids and the numbers [N, 22] of the pairs."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {}
    for name, predicted in found.items():
        arrays[f"{name}_columns"] = predicted.to_columns()
        arrays[f"{name}_ids"] = np.array(ids[name])
    with (folder / f"{PREDICTIONS}.tmp").open("wb") as file:
        np.savez(file, **arrays)
    (folder / f"{PREDICTIONS}.tmp").replace(folder / PREDICTIONS)


def read_predictions(folder: Path, name: str, reward_head: dict[str, Any]) -> tuple[PairPredictions, list[str]]:
    """The predictions of `validation` or `test` that a cell left, and the ids of the pairs."""
    with np.load(folder / PREDICTIONS) as arrays:
        return PairPredictions.from_columns(arrays[f"{name}_columns"], reward_head), arrays[f"{name}_ids"].tolist()


def write_facts(folder: Path, facts: dict[str, Any]) -> None:
    """`cell.json`, in one piece."""
    temporary = folder / f".{FACTS}.tmp"
    temporary.write_text(json.dumps(facts, indent=1, default=float) + "\n", encoding="utf-8")
    temporary.replace(folder / FACTS)


def read_facts(folder: Path) -> dict[str, Any] | None:
    """`cell.json` of a cell that is done, else None."""
    file = folder / FACTS
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None


def has_failed(cell: Cell, folder: Path) -> bool:
    """Whether the last try of a cell of the experiment in `folder` failed."""
    return (folder / "cells" / cell.name / FAILURE).is_file()


def note_failure(folder: Path, error: Exception) -> None:
    """Keep the traceback of a cell that failed; the next run tries it again."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FAILURE).write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    logger.error("%s failed: %s (traceback in %s)", folder.name, str(error).strip().splitlines()[:1], folder / FAILURE)


def development_log_loss(predicted: PairPredictions, dataset: Dataset) -> float | None:
    """Mean negative log probability of the development labels, in nats; None for a scalar head.

    What eta is chosen by: it is defined at rho = 0 for every eta, unlike the training loss, whose target eta shapes.
    """
    probs = predicted.level_probs()
    return None if probs is None else level_log_loss(probs, level_counts(dataset["preferences"][:]))
