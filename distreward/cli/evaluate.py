"""`distreward evaluate`: the metrics of a reward model on labelled pairs."""

import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from accelerate import PartialState
from datasets import Dataset

from distreward.cli.data_options import DATA_OPTIONS, DATASET_HELP, DataOptions
from distreward.cli.evaluation import draw_reliability, evaluation_values, refresh_card
from distreward.cli.launching import LAUNCH_OPTIONS, LaunchOptions
from distreward.cli.parsing import CommandParser
from distreward.cli.results import prepare_output_dir, write_results
from distreward.cli.tables import print_metrics
from distreward.cli.train import describe
from distreward.data.encoding import resolve_chat_template
from distreward.data.splitting import prompt_key
from distreward.errors import InputError
from distreward.scoring import RewardEnsemble, RewardScorer
from distreward.scoring.inference import running_processes

logger = logging.getLogger("distreward")

DESCRIPTION = """Evaluate a reward model on labelled pairs: preference accuracy against every annotator's label, the
Diverging-ID AUROC grid with the -|reward gap| baseline of the same checkpoint, and calibration of the level
probabilities, each with a bootstrap interval over prompts. An evaluation written into the model's own folder goes into its
model card.

  distreward evaluate --model_name_or_path out --dataset_name labels.jsonl --output_dir out/evaluation

The model may be a checkpoint of ours or any 1-label reward model. Several checkpoints of one training (seeds) are evaluated
as an ensemble, which tells disagreement among people from the models' own uncertainty.
"""


@dataclass
class ModelArguments:
    """Which checkpoint, and how to run it."""

    model_name_or_path: str = field(metadata={"help": "Reward model checkpoint: a directory or Hub id."})
    max_length: int | None = field(
        default=None, metadata={"help": "Most tokens per response with its prompt; default: what the model takes."}
    )
    chat_template_path: str | None = field(
        default=None, metadata={"help": "A .jinja file, or `plain`, for a tokenizer without chat template."}
    )
    dtype: str = field(default="auto", metadata={"help": "Precision of the weights: auto, float32, bfloat16, float16."})
    revision: str | None = field(default=None, metadata={"help": "Revision of a Hub checkpoint."})
    feature_cache_dir: str | None = field(
        default=None,
        metadata={
            "help": "Keep the backbone's pooled features in this folder and take them from there: for several models "
            "trained with --freeze_backbone."
        },
    )
    trust_remote_code: bool = field(default=False, metadata={"help": "Run Python code that comes with the checkpoint."})

    def open(self, processes: PartialState | None = None) -> RewardScorer:
        """The scorer over this checkpoint; `processes` share its work."""
        return RewardScorer.from_pretrained(self.model_name_or_path, **self.opening(processes))

    def opening(self, processes: PartialState | None) -> dict[str, Any]:
        """How to open it: keyword arguments of `RewardScorer.from_pretrained`."""
        template = resolve_chat_template(self.chat_template_path)
        if template is not None and not Path(template).is_file():
            raise InputError(f"--chat_template_path {template}: no such file.")
        if self.dtype not in ("auto", "float32", "bfloat16", "float16"):
            raise InputError(f"--dtype {self.dtype}: wanted auto, float32, bfloat16 or float16.")
        kwargs = {"revision": self.revision} if self.revision else {}
        return {
            "max_length": self.max_length,
            "progress": True,
            "chat_template": None if template is None else Path(template).read_text(encoding="utf-8"),
            "dtype": self.dtype,
            "trust_remote_code": self.trust_remote_code,
            "processes": processes,
            "feature_cache_dir": self.feature_cache_dir,
            **kwargs,
        }


@dataclass
class SeveralModelsArguments(ModelArguments):
    """One checkpoint, or several as an ensemble."""

    model_name_or_path: list[str] = field(
        metadata={
            "help": "Reward model checkpoint: a directory or Hub id. Several (seeds of one training) are an ensemble "
            "(docs/calibration.md).",
            "nargs": "+",
        }
    )

    def __post_init__(self):
        if isinstance(self.model_name_or_path, str):  # a single name in a YAML file
            self.model_name_or_path = [self.model_name_or_path]

    @property
    def title(self) -> str:
        """What a table calls it."""
        names = [Path(path).name for path in self.model_name_or_path]
        return names[0] if len(names) == 1 else f"ensemble of {len(names)}"

    def facts(self) -> dict[str, Any]:
        """For `results.json`: one checkpoint stands there as a text."""
        paths = self.model_name_or_path
        return {**vars(self), "model_name_or_path": paths[0] if len(paths) == 1 else paths}

    def open(self, processes: PartialState | None = None) -> RewardScorer | RewardEnsemble:
        """The scorer over the checkpoint or the checkpoints; `processes` share its work."""
        paths, options = self.model_name_or_path, self.opening(processes)
        if len(paths) == 1:
            return RewardScorer.from_pretrained(paths[0], **options)
        return RewardEnsemble.from_pretrained(paths, **options)


def heads_of(scorer: RewardScorer | RewardEnsemble) -> dict[str, Any]:
    """`reward_head` of `results.json`, or `reward_heads` of an ensemble."""
    if isinstance(scorer, RewardEnsemble):
        return {"reward_heads": scorer.reward_heads}
    return {"reward_head": scorer.reward_head}


@dataclass
class EvaluateArguments(SeveralModelsArguments):
    """What to evaluate on, and how."""

    dataset_name: str = field(
        default=None,
        metadata={"help": DATASET_HELP},
    )
    output_dir: str = field(default=None, metadata={"help": "Where results.json goes."})
    split: str | None = field(default=None, metadata={"help": "Split of the data, or of --splits_file."})
    splits_file: str | None = field(
        default=None, metadata={"help": "splits.json of a training run: evaluate only the pairs of --split in it."}
    )
    n_bootstrap: int = field(default=1000, metadata={"help": "Bootstrap draws behind the intervals."})
    seed: int = field(default=0, metadata={"help": "Seed of the bootstrap."})


def main(argv: Sequence[str]) -> int:
    """Run the command; returns the exit status."""
    started = time.time()
    dataclasses = (EvaluateArguments, DataOptions, LaunchOptions)
    parser = CommandParser("evaluate", dataclasses, DESCRIPTION, (*DATA_OPTIONS, *LAUNCH_OPTIONS))
    arguments, options, _ = parser.parse(argv)
    for name in ("dataset_name", "output_dir"):
        if getattr(arguments, name) is None:
            raise InputError(f"--{name} is missing; see distreward evaluate --help")
    dataset = load_pairs(arguments, options)
    processes = running_processes()
    scorer = arguments.open(processes)
    trained_on = overlap_with_training(arguments.model_name_or_path, dataset)
    output_dir = prepare_output_dir(arguments.output_dir)
    predictions = scorer.score_pairs(dataset)
    if processes is not None and not processes.is_main_process:
        return 0
    sizes = {"n_bootstrap": arguments.n_bootstrap, "seed": arguments.seed}
    values = evaluation_values(predictions, dataset, **sizes) | heads_of(scorer) | {"trained_on": trained_on}
    n_prompts = len({prompt_key(prompt) for prompt in dataset["prompt"][:]})
    print_metrics({arguments.title: values["metrics"]}, f"{dataset.num_rows} pairs, {n_prompts} prompts")
    data = describe(arguments.dataset_name, dataset)
    path = write_results(output_dir, "evaluate", {**arguments.facts(), **options.given()}, data, started, values)
    print(f"all numbers: {path}")
    if figure := draw_reliability(values["reliability"], output_dir):
        print(f"figure: {figure}")
    for path in arguments.model_name_or_path:
        refresh_card(Path(path), output_dir)
    return 0


def load_pairs(arguments: Any, options: DataOptions) -> Dataset:
    """The labelled pairs of `--dataset_name` and `--split`; `--splits_file` narrows them to one split of a training run."""
    if arguments.splits_file is None:
        dataset = options.load(arguments.dataset_name, arguments.split)
    else:
        dataset = options.load(arguments.dataset_name)
        ids = read_splits(Path(arguments.splits_file))
        if arguments.split not in ids:
            raise InputError(
                f"{arguments.splits_file}: has no split {arguments.split!r}; --split takes {', '.join(ids)}."
            )
        wanted = set(ids[arguments.split])
        rows = [row for row, name in enumerate(dataset["id"][:]) if name in wanted]
        if len(rows) < len(wanted):
            raise InputError(
                f"{arguments.splits_file}: {len(wanted) - len(rows)} of its {len(wanted)} {arguments.split} pairs are not in "
                f"{arguments.dataset_name}; pass the data set the model was trained on."
            )
        dataset = dataset.select(rows)
    n_labelled = sum(bool(labels) for labels in dataset["preferences"][:])
    if n_labelled == 0:
        raise InputError(f"{arguments.dataset_name}: no pair has `preferences`, which evaluation needs.")
    return dataset


def read_splits(path: Path) -> dict[str, list[str]]:
    """`splits.json` of a training run."""
    try:
        splits = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a splits file of `distreward train` ({error}).") from error
    if not isinstance(splits, dict):
        raise InputError(f"{path}: not a splits file of `distreward train`; wanted split names with lists of ids.")
    return splits


def overlap_with_training(paths: Sequence[str], dataset: Dataset) -> int | None:
    """How many of the pairs some model was trained on, and a warning if any was: the splits file of a run lies beside its model.

    None where no model has such a file.
    """
    found = None
    for path in paths:
        beside = Path(path) / "splits.json"
        if not beside.is_file():
            continue
        seen = set(read_splits(beside).get("train", ())) & set(dataset["id"][:])
        found = max(found or 0, len(seen))
        if seen:
            logger.warning(
                "%d of %d pairs were trained on; for held-out pairs pass --splits_file %s --split test",
                len(seen),
                dataset.num_rows,
                beside,
            )
    return found
