"""`distreward filter`: preference data for DPO and reward training in which diverging pairs are marked, gone or soft."""

import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset

from distreward.benchmarks.cleaning import parse_share
from distreward.cli.data_options import DATA_OPTIONS, DATASET_HELP, DataOptions
from distreward.cli.evaluate import ModelArguments
from distreward.cli.filter_report import report, report_tables, summary
from distreward.cli.parsing import CommandParser
from distreward.cli.results import prepare_output_dir, write_results, write_text
from distreward.cli.tables import print_rows
from distreward.cli.train import describe
from distreward.data.agreement import level_counts
from distreward.errors import InputError, nearest
from distreward.scoring.filtering import (
    ACTIONS,
    FilteredPairs,
    PairLabels,
    diverging_by_model,
    diverging_by_people,
    filter_pairs,
    labels_of_model,
    labels_of_people,
    trl_rows,
)
from distreward.scoring.predictions import PairPredictions, typical_annotators

logger = logging.getLogger("distreward")

MARGINS = ("own", "none", "people", "model")
SOURCES = ("people", "model")

DESCRIPTION = """Write preference data for TRL in which the pairs that divide people are marked, dropped, thinned or soft.

  distreward filter --dataset_name labels.jsonl --action drop --output_dir filtered
  distreward filter --dataset_name pairs.jsonl --model_name_or_path out --top 10% --action soft --output_dir filtered

Which pairs diverge is read off people's labels, or with --model_name_or_path predicted. Writes filtered/pairs.jsonl (chosen and
rejected, as DPOTrainer and RewardTrainer take them), left_out.jsonl, report.md and results.json: what changed, by reason.
"""


@dataclass
class FilterArguments(ModelArguments):
    """Which data, which pairs diverge, and what becomes of them."""

    model_name_or_path: str | None = field(
        default=None,
        metadata={"help": "Predict with this checkpoint: a directory or Hub id. Default: people's labels."},
    )
    dataset_name: str = field(default=None, metadata={"help": DATASET_HELP})
    output_dir: str = field(default=None, metadata={"help": "Where pairs.jsonl, report.md and results.json go."})
    split: str | None = field(default=None, metadata={"help": "Split of the data, where it has splits."})
    action: str = field(
        default="mark", metadata={"help": "; ".join(f"{name}: {what}" for name, what in ACTIONS.items()) + "."}
    )
    diverging_by: str = field(
        default="auto", metadata={"help": "people or model; auto: the model where one is given, else people."}
    )
    category: str = field(default="diverging", metadata={"help": "By people: diverging or diverging_substantial."})
    threshold: float | None = field(
        default=None, metadata={"help": "By model: pairs with this probability of divergence or more. Default: 0.5."}
    )
    top: str | None = field(
        default=None, metadata={"help": "By model: in place of --threshold, a share (10%%) or number of the pairs."}
    )
    chosen_by: str = field(
        default="people", metadata={"help": "Who says which response is chosen, and the shares of soft: people, model."}
    )
    weight: float = field(default=0.5, metadata={"help": "weight and thin: of a diverging pair, 0 to 1."})
    copies: int = field(default=4, metadata={"help": "soft: rows per pair."})
    margin: str = field(
        default="own",
        metadata={
            "help": "Column for RewardTrainer: own (the data's, if any), none, people (mean level), model (gap)."
        },
    )
    n_annotators: int | None = field(
        default=None, metadata={"help": "By model: annotators assumed; default: the data's median, or 4."}
    )
    n_bootstrap: int = field(default=1000, metadata={"help": "Bootstrap draws behind the intervals."})
    seed: int = field(default=0, metadata={"help": "Seed of thin and of the bootstrap."})

    def check(self) -> None:
        """Refuse what cannot work before anything is read."""
        for name in ("dataset_name", "output_dir"):
            if getattr(self, name) is None:
                raise InputError(f"--{name} is missing; see distreward filter --help")
        if self.diverging_by == "auto":
            self.diverging_by = "people" if self.model_name_or_path is None else "model"
        choices = {"action": ACTIONS, "diverging_by": SOURCES, "chosen_by": SOURCES, "margin": MARGINS}
        for name, known in choices.items():
            value = getattr(self, name)
            if value not in known:
                raise InputError(f"--{name} {value}{nearest(value, known)}; wanted one of {', '.join(known)}.")
            if value == "model" and self.model_name_or_path is None:
                raise InputError(f"--{name} model needs a checkpoint; pass --model_name_or_path.")
        given = [name for name in ("threshold", "top", "n_annotators") if getattr(self, name) is not None]
        if self.diverging_by == "people" and given:
            raise InputError(f"--{given[0]} is for predictions; pass --model_name_or_path and --diverging_by model.")
        if self.threshold is not None and self.top is not None:
            raise InputError("--threshold and --top are two ways to say the same; pass one of them.")
        if self.n_annotators is not None and self.n_annotators < 2:
            raise InputError(f"--n_annotators is {self.n_annotators}, wanted 2 or more: one person cannot diverge.")
        if self.action == "soft" and self.margin in ("people", "model"):
            raise InputError(f"--margin {self.margin}: a row of soft is a vote, which has no margin; leave it out.")


def main(argv: Sequence[str]) -> int:
    """Run the command; returns the exit status."""
    started = time.time()
    parser = CommandParser("filter", (FilterArguments, DataOptions), DESCRIPTION, DATA_OPTIONS)
    arguments, options = parser.parse(argv)
    arguments.check()
    pairs = options.load(arguments.dataset_name, arguments.split)
    counts = level_counts(pairs["preferences"][:])
    predicted = None if arguments.model_name_or_path is None else arguments.open().score_pairs(pairs)
    n_annotators = arguments.n_annotators or typical_annotators(counts)
    probability = np.full(len(pairs), np.nan)
    if predicted is not None and (found := predicted.diverging_probability(n_annotators)) is not None:
        probability = found
    labels = label_source(arguments.chosen_by, pairs, predicted)
    diverging = find_diverging(arguments, pairs, probability)
    filtered = filter_pairs(
        pairs["id"][:], labels, diverging, arguments.action, arguments.weight, arguments.copies, arguments.seed
    )
    output_dir = prepare_output_dir(arguments.output_dir)
    margin, margin_facts = margins(arguments, pairs, predicted)
    columns = {"diverging": diverging, "share_a": labels.share_a, "weight": filtered.weight}
    columns |= {"diverging_probability": probability} if predicted is not None else {}
    columns["chosen_share"] = np.maximum(labels.share_a, 1 - labels.share_a)
    n_rows = write_rows(pairs, filtered, columns, margin, arguments.action, output_dir)
    values = summary(pairs, labels, diverging, filtered, arguments.n_bootstrap, arguments.seed) | {
        "margin": margin_facts,
        "n_annotators": n_annotators if arguments.diverging_by == "model" else None,
    }
    tables = report_tables(values)
    for heading, rows in tables:
        print_rows(heading, rows)
    title = f"{Path(arguments.dataset_name).name}: {arguments.action} by {arguments.diverging_by}"
    write_text(output_dir / "report.md", report(values, tables, title, arguments.action))
    config = {**vars(arguments), **options.given()}
    path = write_results(output_dir, "filter", config, describe(arguments.dataset_name, pairs), started, values)
    print(f"{n_rows} rows: {output_dir / 'pairs.jsonl'}\nall numbers: {path}")
    return 0


def label_source(name: str, pairs: Dataset, predicted: PairPredictions | None) -> PairLabels:
    """Who says which response is preferred."""
    if name == "model":
        return labels_of_model(predicted)
    return labels_of_people(pairs["preferences"][:], pairs["scores_a"][:], pairs["scores_b"][:])


def find_diverging(arguments: FilterArguments, pairs: Dataset, probability: np.ndarray) -> np.ndarray:
    """[N] bool."""
    if arguments.diverging_by == "people":
        preferences = pairs["preferences"][:]
        if not any(len(labels) > 1 for labels in preferences):
            raise InputError(
                f"{arguments.dataset_name}: no pair has labels of two annotators, so none can diverge; pass a checkpoint, "
                "--model_name_or_path, to predict it."
            )
        return diverging_by_people(preferences, arguments.category)
    if np.isnan(probability).all():
        raise InputError(
            f"--model_name_or_path {arguments.model_name_or_path}: a scalar head predicts no divergence; pass a checkpoint "
            "of another objective than bradley_terry and mse."
        )
    top = None if arguments.top is None else parse_share(arguments.top, "--top")
    return diverging_by_model(probability, 0.5 if arguments.threshold is None else arguments.threshold, top)


def margins(
    arguments: FilterArguments, pairs: Dataset, predicted: PairPredictions | None
) -> tuple[np.ndarray | None, dict[str, Any]]:
    """[N] margin with A chosen, or None for no column; and how many had to be filled or were left out."""
    own = pairs["margin"][:]
    n_own = sum(value is not None for value in own)
    facts = {"column": arguments.margin, "in_the_data": n_own, "filled_with_0": 0}
    if arguments.margin == "people":
        return labels_of_people(pairs["preferences"][:], pairs["scores_a"][:], pairs["scores_b"][:]).level, facts
    if arguments.margin == "model":
        return predicted.reward_gap, facts
    if arguments.margin == "none" or n_own == 0 or arguments.action == "soft":
        if n_own and arguments.margin == "own":
            logger.warning("%d margins of the data are left out: a row of soft is a vote, which has none", n_own)
        return None, {**facts, "column": "none"}
    if n_own < len(own):
        logger.warning("%d of %d pairs have no margin; they get 0", len(own) - n_own, len(own))
    filled = np.array([0.0 if value is None else value for value in own])
    return filled, {**facts, "filled_with_0": len(own) - n_own}


def write_rows(
    pairs: Dataset,
    filtered: FilteredPairs,
    columns: dict[str, np.ndarray],
    margin: np.ndarray | None,
    action: str,
    output_dir: Path,
) -> int:
    """`pairs.jsonl` and `left_out.jsonl`; returns the number of rows of the first."""
    shown = {name: values for name, values in columns.items() if name != "share_a"}
    if action != "weight":
        shown.pop("weight")  # thinned rows count in full
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in trl_rows(pairs, filtered, shown, margin)]
    if not lines:
        raise InputError("no pair is left; lower --top or raise --threshold or --weight.")
    write_text(output_dir / "pairs.jsonl", "".join(lines))
    left = [
        {"id": pair_id, "reason": reason, **{name: _number(columns[name][row]) for name in columns if name != "weight"}}
        for row, (pair_id, reason) in enumerate(zip(pairs["id"][:], filtered.reason, strict=True))
        if reason
    ]
    write_text(output_dir / "left_out.jsonl", "".join(json.dumps(line) + "\n" for line in left))
    return len(lines)


def _number(value: Any) -> Any:
    value = value.item()
    return None if value != value else value
