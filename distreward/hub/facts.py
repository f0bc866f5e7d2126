"""The facts of a model card: read from the files a run left beside the model, each with the file it came from."""

import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from distreward.errors import InputError
from distreward.hub.plain import tells_of_training
from distreward.modeling.adapter_files import REWARD_CONFIG
from distreward.modeling.heads import uncalibrated

logger = logging.getLogger("distreward")

TRAINING_FACTS = "training_facts.json"
"""What a trainer writes beside the model; `distreward train` puts the same into `results.json`."""

RELIABILITY_FIGURE = "reliability.png"
"""Drawn beside the results of an evaluation."""

FILES = {"config": ("config.json", REWARD_CONFIG), "adapter": ("adapter_config.json",)}
"""Kind of fact -> files of the model folder it may stand in, the first that is there counts."""

OF_A_RUN = ("objective", "steps", "reward_head")
"""What two files about the same training agree on."""


class Wanted(NamedTuple):
    """A fact a card should have: what it is called where it is missing, and where it is looked for in turn."""

    words: str
    places: tuple[tuple[str, str], ...]  # kind of file, keys joined by dots


WANTED = {
    "reward_head": Wanted("the reward head", (("config", "reward_head"), ("training", "reward_head"))),
    "base_model": Wanted("the base model", (("training", "base_model"), ("adapter", "base_model_name_or_path"))),
    "objective": Wanted("the training objective", (("training", "objective"), ("config", "reward_head.objective"))),
    "label_aggregation": Wanted("whether labels were aggregated", (("training", "config.label_aggregation"),)),
    "train_data": Wanted("the training data", (("training", "data.train"),)),
    "data_name": Wanted("the name of the training data", (("training", "data.train.name"),)),
    "rows": Wanted("the number of training pairs", (("training", "data.train.rows"),)),
    "annotators_per_pair": Wanted("annotators per pair", (("training", "data.train.annotators_per_pair"),)),
    "licence_of_data": Wanted(
        "the licence of the data", (("given", "licence_of_data"), ("training", "data.train.licence"))
    ),
    "license": Wanted("the licence of the model", (("given", "license"),)),
    "development": Wanted("an evaluation on development pairs", (("training", "development"),)),
    "settings": Wanted("the training settings", (("training", "config"),)),
    "machine": Wanted("the hardware", (("training", "machine"),)),
    "train_seconds": Wanted("the training time", (("training", "train_seconds"),)),
    "steps": Wanted("the number of steps", (("training", "steps"),)),
    "versions": Wanted("the versions of the libraries", (("training", "versions"),)),
}


class Fact(NamedTuple):
    """A value, and the file it was read from (None: given by the caller)."""

    value: Any
    file: Path | None


@dataclass(frozen=True)
class Evaluation:
    """One `results.json` of `distreward evaluate`."""

    file: Path
    results: Mapping[str, Any]

    def get(self, keys: str) -> Any:
        """The value at keys joined by dots, or None."""
        return _at(self.results, keys)


@dataclass(frozen=True)
class ModelFacts:
    """Everything a card is written from.

    Attributes:
        folder: the model's.
        files: kind of `FILES`, or `given`, -> path (None for what the caller gave) and contents.
        evaluations: of this model.
        figures: file of an evaluation -> its reliability plot, where one was drawn.
    """

    folder: Path
    files: Mapping[str, tuple[Path | None, Mapping[str, Any]]]
    evaluations: Sequence[Evaluation] = ()
    figures: Mapping[Path, Path] = field(default_factory=dict)

    def fact(self, name: str) -> Fact | None:
        """A row of `WANTED`, or None where no file has it; an empty value counts as missing."""
        for kind, keys in WANTED[name].places:
            file, contents = self.files.get(kind, (None, {}))
            value = _at(contents, keys)
            if value not in (None, "", {}, []):
                return Fact(value, file)
        return None

    def value(self, name: str, default: Any = None) -> Any:
        """The value of `fact`, or a default."""
        found = self.fact(name)
        return default if found is None else found.value

    def missing(self) -> list[str]:
        """What a card should say and no file tells, in words."""
        words = [row.words for name, row in WANTED.items() if self.fact(name) is None]
        return words if self.evaluations else [*words, "an evaluation on held-out pairs (`distreward evaluate`)"]


def read_facts(
    folder: str | Path,
    evaluations: Sequence[str | Path] | None = None,
    licence_of_data: str | None = None,
    license: str | None = None,
) -> ModelFacts:
    """Read the facts of a model folder.

    Args:
        folder: with `config.json` or an adapter's files, and what training left: `results.json` of `distreward train` or
            `training_facts.json` of a trainer.
        evaluations: folders or `results.json` files of `distreward evaluate`; None takes those inside the folder that are of
            this checkpoint.
        licence_of_data, license: of the training data and of the model, where no file tells.

    Raises:
        InputError: no such folder, a file that is no JSON, an evaluation of another command or another checkpoint.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"--model_dir {folder}: no such folder; name the one that training saved the model to.")
    given: dict[str, Any] = {"licence_of_data": licence_of_data, "license": license}
    files: dict[str, tuple[Path | None, Mapping[str, Any]]] = {"given": (None, given)}
    for kind, names in FILES.items():
        found_here = [folder / name for name in names if (folder / name).is_file()]
        if found_here:
            files[kind] = (found_here[0], read_json(found_here[0]))
    training = training_file(folder)
    if training is not None:
        files["training"] = training
    facts = ModelFacts(folder, files)
    if evaluations is None:
        return _evaluated(facts, own_evaluations(facts))
    found = [read_evaluation(facts, path) for path in evaluations]
    given["evaluations"] = [_within(folder, evaluation.file) for evaluation in found]
    return _evaluated(facts, found)


def recalled(facts: ModelFacts, before: Mapping[str, Any], joining: Path | None = None) -> ModelFacts:
    """The facts with what was given for a card before, where nothing is given now.

    Args:
        facts: of the model.
        before: what `writing.given_for` reads in the card. Evaluations chosen then are looked up again; those that are gone,
            or of another checkpoint by now, are named and no longer chosen. Where none is left all are shown again.
        joining: folder of an evaluation made since, which joins the chosen ones. Where none were chosen all are shown anyway.
    """
    now = {key: value for key, value in facts.files["given"][1].items() if value is not None}
    given = {**before, **now}
    if "evaluations" in before and "evaluations" not in now:
        more = [] if joining is None else [_within(facts.folder, joining / "results.json")]
        found = {}
        for name in dict.fromkeys([*before["evaluations"], *more]):
            try:
                found[name] = read_evaluation(facts, facts.folder / name)
            except InputError as error:
                logger.warning("left out of the model card: %s", error)
        given["evaluations"] = list(found) or None
        facts = _evaluated(facts, list(found.values())) if found else facts
    return replace(facts, files={**facts.files, "given": (None, given)})


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file.

    Raises:
        InputError: it cannot be read, or holds something else.
    """
    try:
        contents = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({error}); write it anew or take it away.") from error
    if not isinstance(contents, dict):
        raise InputError(
            f"{path}: holds a {type(contents).__name__}, wanted a JSON object; write it anew or take it away."
        )
    return contents


def training_file(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """The file that tells of the training of the model in a folder: `results.json`, which knows more, or the trainer's own.

    Where the two are of different runs the newer one counts. None where there is neither; the `results.json` of another
    command tells nothing of training.
    """
    results, facts = folder / "results.json", folder / TRAINING_FACTS
    contents = {path: read_json(path) for path in (results, facts) if path.is_file()}
    if not tells_of_training(contents.get(results)):
        contents.pop(results, None)
    if len(contents) == 2 and any(contents[results].get(key) != contents[facts].get(key) for key in OF_A_RUN):
        newest = max(contents, key=lambda path: path.stat().st_mtime_ns)
        return newest, contents[newest]
    return next(iter(contents.items()), None)


def own_evaluations(facts: ModelFacts) -> list[Evaluation]:
    """Evaluations inside a model's folder, by name; those of another checkpoint, left by an earlier run, are named and left out."""
    found = []
    for path in sorted(facts.folder.glob("*/results.json")):
        inside = path.relative_to(facts.folder).parts
        evaluation = Evaluation(path, read_json(path))
        if inside[0].startswith("checkpoint-") or evaluation.get("command") != "evaluate":
            continue
        try:
            check_evaluation(facts, evaluation)
        except InputError as error:
            logger.warning("left out of the model card: %s", error)
        else:
            found.append(evaluation)
    return found


def read_evaluation(facts: ModelFacts, path: str | Path) -> Evaluation:
    """An evaluation that was named, by its folder or file.

    Raises:
        InputError: none there, or not of this model (`check_evaluation`).
    """
    file = _results_file(path)
    evaluation = Evaluation(file, read_json(file))
    check_evaluation(facts, evaluation)
    return evaluation


def check_evaluation(facts: ModelFacts, evaluation: Evaluation) -> None:
    """Refuse numbers of another command or another model.

    The reward head tells models apart: its type, its constants, and the lambda that was tuned for its weights.
    """
    if evaluation.results.get("command") != "evaluate":
        raise InputError(f"{evaluation.file}: not of `distreward evaluate`; name the folder that it wrote to.")
    own, seen = facts.value("reward_head"), evaluation.results.get("reward_head")
    if own is not None and uncalibrated(own) != uncalibrated(seen or {}):
        raise InputError(
            f"{evaluation.file}: of a model with another reward head than that of {facts.folder.name}; evaluate this model again."
        )


def shown(path: Path, start: Path) -> str:
    """A file's name as a card in `start` names it: relative, or folder and name where that would tell where things lie.

    >>> shown(Path("out/evaluation/results.json"), Path("out")), shown(Path("out/config.json"), Path("a/b/c/d"))
    ('evaluation/results.json', 'out/config.json')
    """
    relative = os.path.relpath(path.resolve(), start.resolve())
    if relative.startswith(os.path.join("..", "..", "..")):
        return f"{path.resolve().parent.name}/{path.name}"
    return Path(relative).as_posix()


def _evaluated(facts: ModelFacts, evaluations: Sequence[Evaluation]) -> ModelFacts:
    figures = {one.file: one.file.with_name(RELIABILITY_FIGURE) for one in evaluations}
    figures = {file: path for file, path in figures.items() if path.is_file()}
    return replace(facts, evaluations=evaluations, figures=figures)


def _within(folder: Path, file: Path) -> str:
    """A file's path from a folder, the same from wherever a command is run."""
    return Path(os.path.relpath(file.resolve(), folder.resolve())).as_posix()


def _results_file(path: str | Path) -> Path:
    path = Path(path)
    file = path / "results.json" if path.is_dir() else path
    if not file.is_file():
        raise InputError(
            f"--evaluation {path}: no results.json there; name a folder that `distreward evaluate` wrote to."
        )
    return file


def _at(contents: Any, keys: str) -> Any:
    for key in keys.split("."):
        contents = contents.get(key) if isinstance(contents, Mapping) else None
    return contents
