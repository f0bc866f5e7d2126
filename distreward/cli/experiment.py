"""`distreward experiment`: the paper's comparison of ways to train, on your data and backbone, with intervals."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from transformers.utils import logging as transformers_logging

from distreward.cli.data_options import DATA_OPTIONS, DataOptions
from distreward.cli.parsing import CommandParser
from distreward.cli.results import prepare_output_dir, write_results
from distreward.cli.tables import estimate_text
from distreward.cli.train import describe, public_facts
from distreward.errors import InputError
from distreward.experiments.collected import chosen_cells, collect_runs, stock_runs
from distreward.experiments.ensembles import ensembles_over_seeds
from distreward.experiments.plan import ETAS, ROWS, held_out_pairs, plan_cells, usable_rows
from distreward.experiments.running import claim_folder, run_cells, source_digest
from distreward.experiments.summary import average_distribution, summarise
from distreward.scoring import RewardScorer
from distreward.trainers import DistributionalRewardConfig

logger = logging.getLogger("distreward")

DESCRIPTION = f"""Train every row of the paper's Table 3 over seeds and folds and compare them, with intervals over prompts
and seeds.

  distreward experiment --config recipes/experiments/synthetic.yaml --output_dir table3

Rows: {", ".join(ROWS)}.
A run that was stopped goes on where it was when the same command is given again.
"""

ESSENTIAL = (
    "dataset_name", "model_name_or_path", "output_dir", "rows", "seeds", "folds", "etas", "eval_size", "test_size",
    "stock_models", "split_seed", "n_bootstrap", "learning_rate", "num_train_epochs", "per_device_train_batch_size",
    "max_length", "truncation", "chat_template_path", "freeze_backbone", "feature_cache_dir", "eval_every_epochs",
)  # fmt: skip


COLUMNS = {
    "preference_accuracy": "accuracy",
    "diverging_id_auroc": "AUROC, own score",
    "substantial_auroc": "substantial, own",
    "gap_auroc": "AUROC, -|gap|",
    "diverging_probability_auroc": "AUROC, probability",
    "diverging_probability_substantial_auroc": "substantial, prob.",
    "jensen_shannon": "Jensen-Shannon",
}

LEVEL_COLUMNS = {
    "log_loss": "log loss",
    "calibrated_log_loss": "  calibrated",
    "jensen_shannon": "Jensen-Shannon",
    "calibrated_jensen_shannon": "  calibrated",
    "diverging_probability_auroc": "AUROC, probability",
    "calibrated_diverging_probability_auroc": "  calibrated",
    "diverging_probability_substantial_auroc": "substantial, prob.",
    "calibrated_diverging_probability_substantial_auroc": "  calibrated",
}
"""The table of level probabilities, without and with calibration (docs/calibration.md)."""


@dataclass
class ExperimentArguments:
    """What is compared, on what."""

    dataset_name: str = field(metadata={"help": "Labelled pairs, as for `distreward train`."})
    model_name_or_path: str = field(metadata={"help": "Base model of all rows: a directory or Hub id."})
    rows: list[str] = field(
        default_factory=list, metadata={"help": "Rows to run; default: all that the labels allow.", "nargs": "*"}
    )
    seeds: list[int] = field(default_factory=lambda: [0, 1, 2], metadata={"help": "Seeds of training."})
    folds: int = field(
        default=0, metadata={"help": "Cross-validation by prompt in this many folds; 0: one split of --test_size."}
    )
    etas: list[float] = field(
        default_factory=lambda: list(ETAS),
        metadata={"help": "Tried for mean_variance_kl; the best on development data counts, seed by seed."},
    )
    eval_size: float = field(default=500, metadata={"help": "Development pairs, or a share of the pairs below 1."})
    test_size: float = field(default=500, metadata={"help": "Test pairs without folds, or a share below 1."})
    stock_models: list[str] = field(
        default_factory=list, metadata={"help": "Reward models to put in the table as they are.", "nargs": "*"}
    )
    split_seed: int = field(default=0, metadata={"help": "Seed of folds and splits."})
    n_bootstrap: int = field(default=1000, metadata={"help": "Bootstrap draws behind intervals and tests."})


def main(argv: Sequence[str]) -> int:
    """Run the command; returns the exit status: 1 where a run failed."""
    started = time.time()
    dataclasses = (ExperimentArguments, DistributionalRewardConfig, DataOptions)
    parser = CommandParser("experiment", dataclasses, DESCRIPTION, (*ESSENTIAL, *DATA_OPTIONS))
    arguments, config, options = parser.parse(argv)
    dataset = options.load(arguments.dataset_name)
    rows = usable_rows(dataset, arguments.rows)
    folder = prepare_output_dir(config.output_dir)
    data = describe(arguments.dataset_name, dataset)
    settings = settings_of(arguments, config)
    claim_folder(folder, {"data": data["fingerprint"], "model": arguments.model_name_or_path, **settings})
    cells = list(plan_cells(rows, arguments.seeds, arguments.folds, arguments.etas))
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    sizes = tuple(as_size(size) for size in (arguments.eval_size, arguments.test_size))
    failed = run_cells(
        cells, dataset, arguments.folds, sizes, arguments.split_seed, arguments.model_name_or_path, config, folder
    )
    found = collect_runs(cells, folder, dataset)
    for path in arguments.stock_models:
        scorer = RewardScorer.from_pretrained(path, max_length=config.max_length, progress=True)
        tested = held_out_pairs(dataset, arguments.folds, sizes, arguments.split_seed)
        predicted = scorer.score_pairs(dataset.select(tested))
        found[Path(path).name] = stock_runs(predicted, tested, arguments.seeds)
    values = summarise(found, dataset, arguments.n_bootstrap) if found else {}
    etas = {cell.name: cell.eta for chosen in chosen_cells(cells, folder).values() for cell, _ in chosen}
    values |= {"failed": [cell.name for cell in failed], "chosen_etas": etas, "source": source_digest()}
    average = average_distribution(dataset)
    values |= {f"average_distribution_{name}": value for name, value in average.items()}
    together = ensembles_over_seeds(found)
    values["ensembles"] = summarise(together, dataset, arguments.n_bootstrap) if together else {}
    path = write_results(
        folder, "experiment", {**vars(arguments), **options.given(), **settings}, data, started, values
    )
    show(values, f"{dataset.num_rows} pairs, {len(cells) - len(failed)} of {len(cells)} runs")
    print(f"all numbers: {path}")
    return 1 if failed else 0


def settings_of(arguments: ExperimentArguments, config: DistributionalRewardConfig) -> dict[str, Any]:
    """What every cell's number depends on besides its own row, seed, fold and eta."""
    settings = {name: getattr(arguments, name) for name in ("folds", "split_seed", "eval_size", "test_size")}
    left_out = ("output_dir", "seed", "eta", "label_aggregation", "calibrate", "resume_from_checkpoint")
    return settings | {name: value for name, value in public_facts(config).items() if name not in left_out}


def show(values: dict[str, Any], title: str) -> None:
    """The tables people read: Table 3, and the level probabilities, both with the ensembles over seeds."""
    rows = {ROWS[name].title if name in ROWS else name: metrics for name, metrics in values.get("rows", {}).items()}
    together = values["ensembles"].get("rows", {})
    rows |= {f"{ROWS[name].title}, ensemble": metrics for name, metrics in together.items()}
    print_rows(rows, title, COLUMNS)
    average = (f"{values[f'average_distribution_{name}']:.3f}" for name in ("log_loss", "jensen_shannon"))
    constant = "average distribution for every pair: log loss {}, Jensen-Shannon {}".format(*average)
    print_rows(rows, f"Level probabilities, calibrated on each run's development pairs ({constant})", LEVEL_COLUMNS)


def print_rows(rows: dict[str, dict[str, Any]], title: str, columns: dict[str, str]) -> None:
    """One table: `columns` of `rows` by their title."""
    table = Table(
        title=title,
        box=box.SIMPLE_HEAD,
        title_justify="left",
        caption="95 % intervals over prompts and seeds, of ensembles over prompts",
    )
    table.add_column("")
    for heading in columns.values():
        table.add_column(heading, justify="right", no_wrap=True)
    for name, metrics in rows.items():
        table.add_row(name, *(estimate_text(metrics.get(column)) for column in columns))
    Console(width=40 + 24 * len(columns)).print(table)


def as_size(size: float) -> float | int:
    """A share stays one; anything from 1 on is a number of pairs."""
    if size <= 0:
        raise InputError(f"--eval_size and --test_size are numbers of pairs, or shares below 1, not {size:g}.")
    return size if size < 1 else int(size)
