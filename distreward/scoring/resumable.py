"""A JSONL file written block by block that a killed run can go on with."""

import hashlib
import json
import logging
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

logger = logging.getLogger("distreward")


class ResumableLines:
    """Lines of a JSONL file, kept in `<name>.part` until the last one is there.

    Args:
        path: the file to make.
        key: what the lines depend on. A part that another key was written under is not gone on with.

    `n_done` is the number of whole lines an interrupted run left; the caller makes the rest.
    """

    def __init__(self, path: Path, key: str):
        self.path = path
        self._part, self._key_file = path.with_name(f"{path.name}.part"), path.with_name(f"{path.name}.part.key")
        self.n_done = 0
        if self._part.is_file():
            self.n_done = self._go_on(key)
        if self.n_done == 0:
            self._part.write_bytes(b"")
            self._key_file.write_text(key, encoding="utf-8")

    def _go_on(self, key: str) -> int:
        written_under = self._key_file.read_text(encoding="utf-8") if self._key_file.is_file() else ""
        if written_under != key:
            logger.warning("%s is of another input, model or setting; starting anew.", self._part.name)
            return 0
        n_lines, whole = 0, 0
        with self._part.open("rb+") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break  # cut off by a kill
                n_lines, whole = n_lines + 1, whole + len(line)
            file.truncate(whole)
        if n_lines:
            logger.info("going on with %s after its %d lines", self._part.name, n_lines)
        return n_lines

    def append(self, rows: Iterable[dict[str, Any]]) -> None:
        """Add lines and see them on the disk before returning."""
        with self._part.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
            file.flush()
            os.fsync(file.fileno())

    def finish(self) -> None:
        """Give the complete file its name."""
        self._part.replace(self.path)
        self._key_file.unlink()


def work_key(file: Path, models: str | Sequence[str], settings: dict[str, Any]) -> str:
    """64 hex digits that change with the bytes of the input file, the weights of a model, or a setting.

    A local model is told by the sizes and times of its files: reading gigabytes again would cost more than it guards.
    """
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while block := content.read(1 << 20):
            digest.update(block)
    for model in [models] if isinstance(models, str) else models:
        files = sorted(Path(model).iterdir()) if Path(model).is_dir() else []
        stamps = [(entry.name, entry.stat().st_size, entry.stat().st_mtime_ns) for entry in files if entry.is_file()]
        digest.update(json.dumps([str(model), stamps, settings], sort_keys=True).encode())
    return digest.hexdigest()
