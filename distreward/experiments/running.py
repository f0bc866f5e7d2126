"""Running the cells of an experiment: those that are done are kept, one that fails does not stop the others."""

import hashlib
import json
import logging
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset
from tqdm.auto import tqdm

from distreward.data.encoding import resolve_chat_template
from distreward.errors import InputError
from distreward.experiments.cells import FAILURE, note_failure, read_facts, run_cell
from distreward.experiments.plan import Cell, split_fold
from distreward.experiments.settings import KEY_FORMAT, BackboneConfig, plain, setting_defaults, told_settings
from distreward.modeling.tokenizers import open_tokenizer
from distreward.trainers import DistributionalRewardConfig
from distreward.trainers.preparation import with_tokens

logger = logging.getLogger("distreward")

KEY_FILE = "experiment.json"


def claim_folder(folder: Path, key: dict[str, Any]) -> None:
    """Make `folder` this experiment's, or refuse it if it holds the cells of another one.

    Args:
        folder: of the experiment.
        key: everything a number depends on: data, model, the settings that are not at their default. Which rows and seeds
            are run may change.

    Raises:
        InputError: naming the first setting that differs.
    """
    file = folder / KEY_FILE
    key = plain({**key, KEY_FORMAT: 2})
    if file.is_file():
        found = json.loads(file.read_text(encoding="utf-8"))
        defaults, told = setting_defaults(), told_settings(found)
        for name in {**key, **found}:
            then, now = (side.get(name, defaults.get(name)) for side in (found, key))
            if name != KEY_FORMAT and name in told and then != now:
                raise InputError(
                    f"--output_dir {folder}: holds cells made with {name} = {then!r}, not {now!r}; name another folder, or take "
                    "the old setting."
                )
        return
    temporary = file.with_name(f".{file.name}.tmp")
    temporary.write_text(json.dumps(key, indent=1) + "\n", encoding="utf-8")
    temporary.replace(file)


def run_cells(
    cells: Sequence[Cell],
    dataset: Dataset,
    folds: int,
    sizes: tuple[float | int, float | int],
    split_seed: int,
    model: str,
    config: DistributionalRewardConfig,
    folder: Path,
    backbone: BackboneConfig | None = None,
    made_with: dict[str, Any] | None = None,
    keep_checkpoints: bool = False,
) -> list[Cell]:
    """Run the cells that are not done yet.

    Args:
        cells: of `plan_cells`.
        dataset: all labelled pairs.
        folds, split_seed: see `split_fold`.
        sizes: development and test size.
        model, config, backbone, made_with, keep_checkpoints: see `run_cell`.
        folder: of the experiment; each cell has a folder in its `cells`.

    Returns:
        The cells that failed; each left its traceback in `failed.txt`.
    """
    failed, splits, fold = [], None, None
    if any(read_facts(folder / "cells" / cell.name) is None for cell in cells):
        dataset = encoded_once(dataset, model, config)
    with tqdm(cells, unit="run", desc="Training runs") as bar:
        for cell in bar:
            bar.set_postfix_str(cell.name)
            place = folder / "cells" / cell.name
            if read_facts(place) is not None:
                continue
            if splits is None or fold != cell.fold:
                splits, fold = split_fold(dataset, cell, folds, *sizes, split_seed), cell.fold
            # checkpoints of a run that was killed would count among this run's when the oldest are deleted
            shutil.rmtree(place / "training", ignore_errors=True)
            try:
                run_cell(cell, splits, model, config, place, backbone, made_with, keep_checkpoints)
                (place / FAILURE).unlink(missing_ok=True)
            except InputError:
                raise  # a setting that no cell can work with
            except Exception as error:  # noqa: BLE001 - whatever it is, the other cells are worth having
                note_failure(place, error)
                failed.append(cell)
    return failed


def encoded_once(dataset: Dataset, model: str, config: DistributionalRewardConfig) -> Dataset:
    """`dataset` with the tokens every cell would make of it again; as it is where a template brings tokens of its own."""
    tokenizer = open_tokenizer(
        model, **{"trust_remote_code": config.trust_remote_code, **(config.model_init_kwargs or {})}
    )
    template = resolve_chat_template(config.chat_template_path)
    if template is not None:
        if not Path(template).is_file():
            return dataset
        tokenizer.chat_template = Path(template).read_text(encoding="utf-8")
    return with_tokens(dataset, tokenizer)


def source_digest() -> str:
    """16 hex digits that change with any line of this package: which code made a number."""
    digest = hashlib.sha256()
    root = Path(__file__).parents[1]
    for file in sorted(root.rglob("*.py")):
        digest.update(str(file.relative_to(root)).encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def source_commit(root: Path = Path(__file__).parents[2]) -> str | None:
    """The commit that the package was run from, with `+` where its files differ from it; None outside a git checkout.

    Args:
        root: the folder that the package lies in.
    """
    if not (root / ".git").exists():
        return None
    try:
        head, changed = (
            subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=True).stdout.strip()
            for words in (["rev-parse", "HEAD"], ["status", "--porcelain", "--", Path(__file__).parents[1].name])
        )
    except (OSError, subprocess.CalledProcessError):  # no git, or a checkout that git does not trust
        return None
    return head[:12] + ("+" if changed else "")
