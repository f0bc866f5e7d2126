"""What of a model's folder is published, and why the rest stays.

Published is what is named here; anything else stays unless it is asked for. A folder of training also holds optimiser states,
pickled settings with tokens and paths in them, and ids of people's pairs.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from distreward.errors import InputError
from distreward.hub.secrets import PICKLED_WEIGHTS

WEIGHTS = (
    "model.safetensors", "model-*.safetensors", "model.safetensors.index.json", "pytorch_model.bin.index.json",
    "adapter_model.safetensors", *PICKLED_WEIGHTS,
)  # fmt: skip
CONFIGS = ("config.json", "adapter_config.json", "reward_config.json", "generation_config.json")
ADAPTER = ("adapter_config.json", "adapter_model.safetensors", "reward_config.json")
TOKENIZER = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json", "vocab.txt",
    "merges.txt", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "*.tiktoken", "chat_template.jinja",
    "additional_chat_templates/*.jinja", "preprocessor_config.json", "processor_config.json",
)  # fmt: skip

SENT = {
    "model": (*WEIGHTS, *CONFIGS),
    "tokenizer": TOKENIZER,
    "card": ("README.md", "LICENSE*", "NOTICE*"),
    "figures": ("*.png", "*.svg", "figures/*.png", "figures/*.svg"),
    "facts": ("training_facts.json",),
}
"""Kind of file -> patterns of paths within the folder; `*` does not cross a `/`."""

PUBLISHED_RESULTS = ("train", "evaluate", "demo", "merge", "export", "calibrate")
"""Commands whose `results.json` goes: numbers over whole data sets. Those of others may name annotators or prompts."""

STAYS = {
    "checkpoint-*": "a checkpoint of training, with the optimiser's state",
    "training_args.bin": "pickled settings, in which tokens and paths can be read",
    "splits.json": "ids of pairs, which may be private",
    "optimizer.*": "state to resume training from",
    "scheduler.*": "state to resume training from",
    "rng_state*": "state to resume training from",
    "scaler.*": "state to resume training from",
    "trainer_state.json": "state to resume training from",
    ".*": "hidden",
    "_*": "temporary",
    "__pycache__": "a cache",
    "*.jsonl": "data",
    "*.jsonl.gz": "data",
    "*.parquet": "data",
    "*.arrow": "data",
    "*.csv": "data",
    "runs": "logs",
    "*.log": "logs",
}
"""Pattern of a file or folder, wherever it lies -> why it stays, for what people ask about; the rest is `UNKNOWN`."""

UNKNOWN = "not part of a model's repository"


@dataclass(frozen=True)
class Sent:
    """A file to publish: its path within the folder and the repository, its size, what it is."""

    path: str
    n_bytes: int
    kind: str


@dataclass(frozen=True)
class Kept:
    """A file or a whole folder that stays, its size, the number of files, and why."""

    path: str
    n_bytes: int
    n_files: int
    reason: str


@dataclass(frozen=True)
class Selection:
    """What of `folder` goes and what stays, both sorted by path."""

    folder: Path
    sent: tuple[Sent, ...]
    kept: tuple[Kept, ...]

    @property
    def paths(self) -> dict[str, Path]:
        """Path in the repository -> file."""
        return {file.path: self.folder / file.path for file in self.sent}

    @property
    def n_bytes(self) -> int:
        """Size of all that goes."""
        return sum(file.n_bytes for file in self.sent)


def select_files(folder: str | Path, include: Sequence[str] = ()) -> Selection:
    """What of a model's folder is published.

    Args:
        folder: a checkpoint or adapter, as training, merging or `save_pretrained` leaves it.
        include: patterns of files that go although they would stay, e.g. `splits.json` or `checkpoint-100/*`. Here `*` also
            crosses a `/`.

    Raises:
        InputError: the folder is no checkpoint, or a pattern fits no file.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("config.json", "model.safetensors", "training_args.bin"):
    ...         _ = Path(folder, name).write_text("{}")
    ...     selection = select_files(folder)
    >>> [file.path for file in selection.sent], [file.path for file in selection.kept]
    (['config.json', 'model.safetensors'], ['training_args.bin'])
    """
    folder = Path(folder)
    check_checkpoint(folder)
    return _selection(folder, include)


def beside_the_model(folder: str | Path) -> dict[str, Path]:
    """Card, figures and results of a folder, whether or not a model lies in it yet: path in the repository -> file."""
    selection = _selection(Path(folder))
    return {
        file.path: selection.folder / file.path for file in selection.sent if file.kind not in ("model", "tokenizer")
    }


def local_base(folder: str | Path) -> str | None:
    """The name of the local folder over which an adapter was trained, which nobody else has; None for a Hub id."""
    base = str(_json(Path(folder, "adapter_config.json")).get("base_model_name_or_path") or "")
    return Path(base).name if base.startswith((".", "/", "~")) or Path(base).is_dir() else None


def check_checkpoint(folder: Path) -> None:
    """Refuse a folder that holds neither a whole model nor a whole adapter.

    Raises:
        InputError: what is missing.
    """
    wanted = "wanted the --output_dir of `distreward train` or a folder of save_pretrained"
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; {wanted}.")
    if not any((folder / name).is_file() for name in ("config.json", "adapter_config.json")):
        inside = sorted(path.parent.name for path in folder.glob("*/*config.json") if path.name in CONFIGS)
        hint = f" ({folder / inside[0]} is one)" if inside else ""
        raise InputError(f"{folder}: not a checkpoint, it has no config.json or adapter_config.json{hint}; {wanted}.")
    weights = [path.name for path in folder.iterdir() if any(fnmatchcase(path.name, name) for name in WEIGHTS)]
    for index in (name for name in weights if name.endswith(".index.json")):
        shards = set(json.loads((folder / index).read_text(encoding="utf-8")).get("weight_map", {}).values())
        if missing := sorted(shards - set(weights)):
            raise InputError(f"{folder}: {missing[0]}, which {index} names, is missing; save the model again.")
    if not any(name.endswith((".safetensors", ".bin")) for name in weights):
        raise InputError(f"{folder}: not a whole checkpoint, it has no weights (model.safetensors ...); {wanted}.")


def outdated(existing: Iterable[str], new: Iterable[str]) -> list[str]:
    """Files of the model that lies in a repository which the new one would leave standing beside its own.

    A repository with the weights of two models opens as the wrong one, or not at all.

    >>> outdated(["adapter_model.safetensors", "adapter_config.json", "README.md"], ["model.safetensors", "config.json"])
    ['adapter_config.json', 'adapter_model.safetensors']
    """
    parts = (*WEIGHTS, *CONFIGS)
    return sorted(name for name in set(existing) - set(new) if any(fnmatchcase(name, part) for part in parts))


def of_another_kind(existing: Iterable[str], adapter: bool) -> list[str]:
    """Files in a repository that a push is sure to refuse to stand beside: of a model where an adapter comes, or the other
    way round. How many parts the weights will have is not known before they are saved.

    >>> of_another_kind(["config.json", "model-00001-of-00002.safetensors", "adapter_config.json"], adapter=False)
    ['adapter_config.json']
    """
    existing = list(existing)
    own = ADAPTER if adapter else ("config.json", "generation_config.json", "model*.safetensors*")
    return outdated(existing, [name for name in existing if any(fnmatchcase(name, part) for part in own)])


def _selection(folder: Path, include: Sequence[str] = ()) -> Selection:
    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    for pattern in include:
        if not any(fnmatchcase(name, pattern) for name in files):
            raise InputError(f"--include {pattern}: fits no file of {folder}; wanted paths within it, `*` allowed.")
    kinds = {name: _kind(name, folder, include) for name in files}
    sent = tuple(Sent(name, files[name].stat().st_size, kind) for name, kind in kinds.items() if kind is not None)
    return Selection(folder, sent, _kept(files, {file.path for file in sent}))


def _kind(name: str, folder: Path, include: Sequence[str]) -> str | None:
    if any(fnmatchcase(name, pattern) for pattern in include):
        return "included"
    path = PurePosixPath(name)
    if any(fnmatchcase(part, pattern) for part in path.parts for pattern in STAYS):
        return None
    if path.name == "results.json" and len(path.parts) <= 2:
        return "results" if _command(folder / name) in PUBLISHED_RESULTS else None
    if path.suffix == ".py" and len(path.parts) == 1:  # a model whose code comes with it
        return "model" if "auto_map" in _json(folder / "config.json") else None
    for kind, patterns in SENT.items():
        if any(_fits(path, PurePosixPath(pattern)) for pattern in patterns):
            return kind
    beside = folder / path.parent / "results.json"
    if len(path.parts) == 2 and path.suffix in (".png", ".svg") and _command(beside) in PUBLISHED_RESULTS:
        return "figures"
    return None


def _fits(path: PurePosixPath, pattern: PurePosixPath) -> bool:
    pairs = zip(path.parts, pattern.parts, strict=False)
    return len(path.parts) == len(pattern.parts) and all(fnmatchcase(part, wanted) for part, wanted in pairs)


def _command(results: Path) -> str | None:
    return _json(results).get("command")


def _json(path: Path) -> dict:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # absent or not JSON: then it is not a file of ours
        return {}
    return content if isinstance(content, dict) else {}


def _kept(files: dict[str, Path], sent: set[str]) -> tuple[Kept, ...]:
    """The files that stay; a folder of which nothing goes is one row."""
    going = {name.split("/")[0] for name in sent if "/" in name}
    rows: dict[str, list[str]] = {}
    for name in (name for name in files if name not in sent):
        top = name.split("/")[0]
        rows.setdefault(f"{top}/" if "/" in name and top not in going else name, []).append(name)
    return tuple(
        Kept(row, sum(files[name].stat().st_size for name in names), len(names), _reason(row, names))
        for row, names in sorted(rows.items())
    )


def _reason(row: str, names: Sequence[str]) -> str:
    for pattern, reason in STAYS.items():
        if any(fnmatchcase(part, pattern) for part in PurePosixPath(row).parts):
            return reason
    if all(name.endswith("results.json") for name in names):
        return "results that may name annotators or prompts"
    return UNKNOWN
