"""`results.json`: what every command writes beside its table, and what scripts may rely on."""

import json
import os
import platform
import time
from dataclasses import asdict, is_dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from distreward.errors import InputError
from distreward.hub.plain import publishable, tells_of_training, write_json, write_text

__all__ = ["prepare_output_dir", "publishable", "versions", "write_results", "write_text"]

PACKAGES = ("distreward", "torch", "transformers", "trl", "peft", "accelerate", "datasets", "evaluate")


def prepare_output_dir(output_dir: str, model: bool = False) -> Path:
    """Make the folder, before any long work.

    Args:
        output_dir: where a command writes.
        model: whether it writes a model there, which replaces another with all that is known of it.

    Raises:
        InputError: a file in its place, a folder that cannot be written, or without `model` that of a trained model, whose
            `results.json` tells of the training.
    """
    path = Path(output_dir)
    if not model and _is_of_training(path / "results.json"):
        raise InputError(
            f"--output_dir {path}: holds a trained model, and its results.json tells how; name another folder, or one in it."
        )
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--output_dir {path}: cannot be made ({error.strerror}); choose another folder.") from error
    if not os.access(path, os.W_OK):
        raise InputError(f"--output_dir {path}: not writable; choose another folder.")
    return path


def _is_of_training(file: Path) -> bool:
    try:
        return tells_of_training(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError):  # absent or not JSON: then it tells nothing
        return False


def write_results(
    output_dir: Path, command: str, config: Any, data: dict[str, Any], started: float, values: dict[str, Any]
) -> Path:
    """Write `results.json` in one piece.

    Args:
        output_dir: where.
        command: the `distreward` command.
        config: its options, a dict or dataclass.
        data: name, fingerprint and rows of the data.
        started: `time.time()` at the start of the command.
        values: the command's own keys.

    Returns:
        The file's path. Numbers that are undefined are `null`; of absolute paths only the name is written, and nothing
        secret (`distreward.hub.secrets`).
    """
    results = {
        "command": command,
        "config": asdict(config) if is_dataclass(config) else config,
        "data": data,
        "versions": versions(),
        "seconds": round(time.time() - started, 1),
        **values,
    }
    return write_json(output_dir / "results.json", results)


def versions() -> dict[str, str]:
    """Versions of Python and of the packages a result depends on."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
