"""`ReplyCache`: every reply a judge has given, on disk the moment it comes, so that nothing is paid for twice.

An append-only JSONL file, one reply a line: `{"key", "text", "prompt_tokens", ...}`. The key is the SHA-256 of the whole
request (messages, model, settings), so another prompt, model or temperature never meets an old reply; what is NOT in it
(the endpoint's address, the format the reply is read in) can change without paying again. A line that a kill cut off is
skipped and counted.
"""

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from distreward.errors import InputError

logger = logging.getLogger("distreward")


@dataclass(frozen=True)
class Reply:
    """What a judge answered.

    Attributes:
        text: the reply, as it came.
        prompt_tokens, completion_tokens: as the judge counts them; None where it does not say.
        finish_reason: why it stopped (`stop`, `length` ...), or None.
        served_model: the model the endpoint says it used, or None.
    """

    text: str
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    finish_reason: str | None = None
    served_model: str | None = None


def request_key(messages: Sequence[Mapping[str, str]], model: str, settings: Mapping[str, Any]) -> str:
    """64 hexadecimal digits that name a request.

    >>> key = request_key([{"role": "user", "content": "Hi"}], "gpt-4", {"temperature": 0.0, "max_tokens": 10})
    >>> key == request_key([{"role": "user", "content": "Hi"}], "gpt-4", {"max_tokens": 10, "temperature": 0.0})
    True
    >>> key == request_key([{"role": "user", "content": "Hi"}], "gpt-4", {"max_tokens": 11, "temperature": 0.0})
    False
    """
    request = {"messages": list(messages), "model": model, "settings": dict(settings)}
    return hashlib.sha256(json.dumps(request, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


class ReplyCache:
    """Replies by the key of their request. In memory are only the keys and where each reply stands in the file.

    Use as a context manager: from entering to leaving, the file belongs to this run.

    Args:
        path: the file; made if it is not there.

    Raises:
        InputError: another run uses the file, or it cannot be written. Where the file names things that are no
            replies at all, it is not a cache and is left alone.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, ReplyCache(Path(folder, "cache.jsonl")) as cache:
    ...     cache.add("a" * 64, Reply("VERDICT: 1>2", 100, 5))
    ...     cache.get("a" * 64).text, cache.get("b" * 64)
    ('VERDICT: 1>2', None)
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.n_cut_lines = 0
        """Lines that hold no whole record: what was written when a run was killed."""
        self._offsets: dict[bytes, int] = {}
        self._lock = FileLock(f"{self.path}.lock")

    def __enter__(self) -> "ReplyCache":
        try:
            self._lock.acquire(timeout=0)
            self._file = self.path.open("a+b")
        except Timeout as error:
            raise InputError(
                f"{self.path}: another run is using this cache; wait for it, or choose another --output_dir."
            ) from error
        except OSError as error:
            self._lock.release()
            raise InputError(
                f"{self.path}: cannot be opened ({error.strerror}); choose another --output_dir."
            ) from error
        try:
            self._read()
        except BaseException:
            self.__exit__()
            raise
        if self.n_cut_lines:
            logger.warning("%s: skipped %d lines that were cut off by a kill", self.path.name, self.n_cut_lines)
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._lock.release()

    def __len__(self) -> int:
        return len(self._offsets)

    def __contains__(self, key: str) -> bool:
        return bytes.fromhex(key) in self._offsets

    def get(self, key: str) -> Reply | None:
        """The reply to a request, or None."""
        offset = self._offsets.get(bytes.fromhex(key))
        if offset is None:
            return None
        self._file.seek(offset)
        record = _parse(self._file.readline())
        assert record is not None, f"{self.path} was changed by somebody else"
        return record[1]

    def add(self, key: str, reply: Reply) -> None:
        """Keep a reply: it is with the operating system when this returns, so that a killed run has it."""
        line = json.dumps({"key": key, **asdict(reply)}, separators=(",", ":")).encode() + b"\n"
        try:
            self._file.seek(0, 2)
            offset = self._file.tell()
            self._file.write(line)
            self._file.flush()
        except OSError as error:
            raise InputError(
                f"{self.path}: cannot be written ({error.strerror}); make room and run the same command again."
            ) from error
        self._offsets[bytes.fromhex(key)] = offset

    def _read(self) -> None:
        self._file.seek(0)
        offset, n_lines, line = 0, 0, b"\n"
        for line in self._file:
            n_lines += 1
            record = _parse(line) if line.endswith(b"\n") else None
            if record is None:
                self.n_cut_lines += 1
            else:
                self._offsets.setdefault(record[0], offset)
            offset += len(line)
        if n_lines > 1 and not self._offsets:
            raise InputError(f"{self.path}: holds no replies of a judge; choose another file.")
        if not line.endswith(b"\n"):
            self._file.write(b"\n")  # the next reply starts on a line of its own
            self._file.flush()


def _parse(line: bytes) -> tuple[bytes, Reply] | None:
    try:
        record = json.loads(line)
        key = bytes.fromhex(record.pop("key"))
        reply = Reply(**record)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return (key, reply) if len(key) == 32 and isinstance(reply.text, str) else None
