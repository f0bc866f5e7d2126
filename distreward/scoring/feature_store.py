"""Pooled features on disk, one row per text of one backbone: whatever data set a text turns up in, it is encoded once.

A store is a folder of shards. Each is written in one piece under a name of its own, so several runs may add to a store at
once, and a run that is killed leaves no half shard to be trusted later.
"""

import hashlib
import uuid
from collections.abc import Sequence
from pathlib import Path

import numpy as np

KEY = np.dtype("V16")


class FeatureStore:
    """The features of one backbone.

    Args:
        folder: holds `<name>.keys.npy` [N] of 16 bytes and `<name>.features.npy` [N, H] float32 for every shard.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        self._shards: list[np.ndarray] = []
        self._places: dict[bytes, tuple[int, int]] = {}
        for file in sorted(folder.glob("*.keys.npy")):
            features = np.load(file.with_name(file.name.replace(".keys.", ".features.")), mmap_mode="r")
            self._index(np.load(file), features)

    def _index(self, keys: np.ndarray, features: np.ndarray) -> None:
        self._shards.append(features)
        self._places.update({key.tobytes(): (len(self._shards) - 1, row) for row, key in enumerate(keys)})

    def missing(self, keys: Sequence[bytes]) -> list[int]:
        """Positions of the first occurrence of every key that is not in the store."""
        seen: set[bytes] = set()
        found = []
        for number, key in enumerate(keys):
            if key not in self._places and key not in seen:
                seen.add(key)
                found.append(number)
        return found

    def add(self, keys: Sequence[bytes], features: np.ndarray) -> None:
        """Keep the features [N, H] of N texts."""
        if len(keys) == 0:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        name = uuid.uuid4().hex
        array = np.frombuffer(b"".join(keys), dtype=KEY)
        # the keys come last: a shard without them does not exist for anybody
        for part, values in (("features", features.astype(np.float32)), ("keys", array)):
            temporary = self._folder / f"{name}.{part}.tmp"
            with temporary.open("wb") as file:
                np.save(file, values)
            temporary.replace(self._folder / f"{name}.{part}.npy")
        self._index(array, features)

    def get(self, keys: Sequence[bytes]) -> np.ndarray:
        """Features [N, H] float32 of N texts that are all in the store."""
        places = np.array([self._places[key] for key in keys], dtype=np.int64).reshape(-1, 2)
        width = self._shards[0].shape[1]
        features = np.empty((len(keys), width), dtype=np.float32)
        for shard in np.unique(places[:, 0]):
            here = places[:, 0] == shard
            features[here] = self._shards[shard][places[here, 1]]
        return features


def text_key(tokens: Sequence[int]) -> bytes:
    """16 bytes that stand for a text of the given token ids.

    >>> text_key([1, 2]) == text_key([1, 2]), text_key([1, 2]) == text_key([12])
    (True, False)
    """
    return hashlib.sha256(np.asarray(tokens, dtype=np.int64).tobytes()).digest()[:16]
