"""Values as JSON that can be published, and files written in one piece."""

import json
import math
from enum import Enum
from pathlib import Path
from typing import Any

from distreward.hub.secrets import names_secret, scrub

TRAINS = ("train", "demo")
"""Commands whose `results.json` in a model's folder tells of its training."""


def tells_of_training(results: Any) -> bool:
    """Whether a `results.json`, as read, is the account of a model's training.

    >>> tells_of_training({"command": "train", "reward_head": {}}), tells_of_training({"command": "evaluate"})
    (True, False)
    """
    return isinstance(results, dict) and results.get("command") in TRAINS and "reward_head" in results


def publishable(value: Any, name: str = "") -> Any:
    """JSON's own types: undefined floats become None, arrays lists, enums their value; of absolute paths only the name stays.

    Results are published; where somebody's files lie is nobody's business. Tokens, home folders and names of people and
    machines are taken out of every text, before JSON puts quotes and escapes around it.

    Args:
        value: whatever a command knows.
        name: of the setting whose value it is, which may tell that it is secret.

    >>> publishable({"loss": float("nan"), "data": Path("/mnt/ann/labels.jsonl"), "model": "org/model"})
    {'loss': None, 'data': 'labels.jsonl', 'model': 'org/model'}
    """
    if isinstance(value, Enum):
        return publishable(value.value, name)
    if isinstance(value, dict):
        return {scrub(str(key)): publishable(item, str(key)) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [publishable(item, name) for item in value]
    if hasattr(value, "tolist"):
        return publishable(value.tolist(), name)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, (bool, int, float)) and not names_secret(name):
        return value
    text = scrub(str(value), name)
    if isinstance(value, (bool, int, float)) and text == str(value):
        return value
    return Path(text).name if text.startswith(("/", "~")) else text


def json_text(value: Any) -> str:
    """`publishable` as text.

    >>> json_text({"note": "see /home/ann/out"})
    '{\\n "note": "see ~/out"\\n}\\n'
    """
    return json.dumps(publishable(value), indent=1, allow_nan=False) + "\n"


def write_json(path: Path, value: Any) -> Path:
    """`json_text` of a value as a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json_text(value))
    return path


def write_text(path: Path, text: str) -> None:
    """Write a file in one piece: readers see the old one or the new one, never half."""
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
