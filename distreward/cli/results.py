"""`results.json`: what every command writes beside its table, and what scripts may rely on."""

import json
import math
import os
import platform
import time
from dataclasses import asdict, is_dataclass
from enum import Enum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from distreward.errors import InputError

PACKAGES = ("distreward", "torch", "transformers", "trl", "peft", "accelerate", "datasets", "evaluate")


def prepare_output_dir(output_dir: str) -> Path:
    """Make the folder, before any long work; a file in its place or a read-only parent is refused."""
    path = Path(output_dir)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--output_dir {path}: cannot be made ({error.strerror}); choose another folder.") from error
    if not os.access(path, os.W_OK):
        raise InputError(f"--output_dir {path}: not writable; choose another folder.")
    return path


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
        The file's path. Numbers that are undefined are `null`.
    """
    results = {
        "command": command,
        "config": asdict(config) if is_dataclass(config) else config,
        "data": data,
        "versions": versions(),
        "seconds": round(time.time() - started, 1),
        **values,
    }
    path = output_dir / "results.json"
    write_text(path, json.dumps(publishable(results), indent=1, allow_nan=False) + "\n")
    return path


def write_text(path: Path, text: str) -> None:
    """Write a file in one piece: readers see the old one or the new one, never half."""
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def versions() -> dict[str, str]:
    """Versions of Python and of the packages a result depends on."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def publishable(value: Any) -> Any:
    """JSON's own types: undefined floats become None, arrays lists, enums their value; of absolute paths only the name stays.

    Results are published; where somebody's files lie is nobody's business.
    """
    if isinstance(value, Enum):
        return publishable(value.value)
    if isinstance(value, dict):
        return {str(key): publishable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [publishable(item) for item in value]
    if hasattr(value, "tolist"):
        return publishable(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int)):
        return value
    text = str(value)
    return Path(text).name if text.startswith(("/", "~")) else text
