"""`distreward experiment`: the paper's comparison of ways to train, on your data and backbone, with intervals."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers.utils import logging as transformers_logging

from distreward.analysis.plots import headless_pyplot
from distreward.cli.data_options import DATA_OPTIONS, DataOptions
from distreward.cli.parsing import CommandParser
from distreward.cli.results import prepare_output_dir, publishable, versions, write_results, write_text
from distreward.cli.tables import estimate_text, print_rows
from distreward.cli.train import describe
from distreward.data.agreement import level_counts
from distreward.errors import InputError
from distreward.experiments.analysing import analyse_experiment, rounded_curves
from distreward.experiments.breakdowns import parts_of
from distreward.experiments.cells import has_failed, read_facts
from distreward.experiments.collected import ModelRun, chosen_cells, collect_runs
from distreward.experiments.page.drawing import draw_experiment
from distreward.experiments.page.report import experiment_page
from distreward.experiments.page.tables import COLUMNS, HEADINGS, LEVEL_COLUMNS, columns_of, ensemble_title, title_of
from distreward.experiments.page.words import NO_SCORES, NO_STRENGTH
from distreward.experiments.plan import ETAS, ROWS, Cell, fold_of_prompts, held_out_pairs, plan_cells, usable_rows
from distreward.experiments.provenance import makers, runs_made, settings_list
from distreward.experiments.running import claim_folder, run_cells, source_commit, source_digest
from distreward.experiments.settings import BackboneConfig, ExperimentConfig
from distreward.experiments.stock import check_stock_model, read_stock_runs, score_stock_model, stock_names
from distreward.trainers.backbone import check_backbone, opening_kwargs

logger = logging.getLogger("distreward")

DESCRIPTION = f"""Train every row of the paper's Table 3 over seeds and folds and compare them, with intervals over prompts
and seeds.

  distreward experiment --config recipes/experiments/synthetic.yaml --output_dir table3

Rows: {", ".join(ROWS)}.
A run that was stopped goes on where it was when the same command is given again. Writes report.html (one file, figures
inside), results.json and figures/; --render_only makes them anew without training.
"""

ESSENTIAL = (
    "dataset_name", "model_name_or_path", "output_dir", "rows", "seeds", "folds", "etas", "eval_size", "test_size",
    "stock_models", "split_seed", "n_bootstrap", "by", "figures", "keep_checkpoints", "render_only", "learning_rate", "num_train_epochs", "per_device_train_batch_size",
    "max_length", "truncation", "chat_template_path", "freeze_backbone", "feature_cache_dir", "eval_every_epochs",
    "use_peft", "lora_r", "load_in_8bit", "load_in_4bit", "dtype", "attn_implementation",
)  # fmt: skip

CAPTION = "95 % intervals over prompts and seeds, of ensembles over prompts"

NOT_FACTS = ("figures", "keep_checkpoints", "render_only")
"""Arguments that no number depends on."""


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
    by: list[str] | None = field(
        default=None,
        metadata={
            "help": "Break down by `source` and by keys of `meta`, besides the number of annotators; `none` for nothing. Default: source "
            "and category, where they have 2 to 20 values.",
            "nargs": "+",
        },
    )
    figures: bool = field(default=True, metadata={"help": "Draw figures (needs matplotlib)."})
    keep_checkpoints: bool = field(
        default=False,
        metadata={
            "help": "Keep the best model of every run; else only its predictions stay, which all tables are made of."
        },
    )
    render_only: bool = field(
        default=False, metadata={"help": "Train nothing: make tables, figures and page of the runs that are done."}
    )

    @property
    def keys(self) -> list[str] | None:
        """What to break down by; None for the default."""
        return [] if self.by == ["none"] else self.by

    def check(self) -> None:
        """Refuse what cannot work before anything is trained."""
        if self.n_bootstrap < 0:
            raise InputError(f"--n_bootstrap {self.n_bootstrap}: wanted 0 or more; 0 gives no intervals.")
        if self.figures:
            headless_pyplot()


def main(argv: Sequence[str]) -> int:
    """Run the command; returns the exit status: 1 where a run failed."""
    started = time.time()
    dataclasses = (ExperimentArguments, ExperimentConfig, BackboneConfig, DataOptions)
    parser = CommandParser("experiment", dataclasses, DESCRIPTION, (*ESSENTIAL, *DATA_OPTIONS))
    arguments, config, backbone, options = parser.parse(argv)
    arguments.check()
    config.check()
    check_backbone(backbone)
    settings = settings_of(arguments, config) | backbone.given()
    config.model_init_kwargs = opening_kwargs(backbone, config.model_init_kwargs)
    dataset = options.load(arguments.dataset_name)
    parts_of(dataset, level_counts(dataset["preferences"][:]), arguments.keys)  # a wrong key is told before training
    rows = usable_rows(dataset, arguments.rows)
    folder = prepare_output_dir(config.output_dir)
    data = describe(arguments.dataset_name, dataset)
    key = {"data": data["fingerprint"], "model": arguments.model_name_or_path, **settings}
    claim_folder(folder, key)
    cells = list(plan_cells(rows, arguments.seeds, arguments.folds, arguments.etas))
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    sizes = tuple(as_size(size) for size in (arguments.eval_size, arguments.test_size))
    made_with = {"data": data["fingerprint"], "model": arguments.model_name_or_path, "settings": settings}
    made_with |= {"versions": versions(), "source": source_digest(), "commit": source_commit()}
    made_with = publishable(made_with)
    tested = held_out_pairs(dataset, arguments.folds, sizes, arguments.split_seed)
    stock = stock_names(arguments.stock_models)
    if arguments.render_only:
        failed = [cell for cell in cells if has_failed(cell, folder)]
        for name, path in stock.items():
            check_stock_model(name, path, folder)
    else:
        failed = run_cells(
            cells, dataset, arguments.folds, sizes, arguments.split_seed, arguments.model_name_or_path, config, folder,
            backbone, made_with, arguments.keep_checkpoints,
        )  # fmt: skip
        for name, path in stock.items():
            score_stock_model(name, path, dataset, tested, config.max_length, folder, made_with)
    found = collect_runs(cells, folder, dataset)
    folds = fold_of_prompts(dataset, arguments.folds, arguments.split_seed) if arguments.folds > 1 else None
    found |= {name: runs for name in stock if (runs := read_stock_runs(name, dataset, arguments.seeds, folder, folds))}
    done = [cell for chosen in chosen_cells(cells, folder).values() for cell, _ in chosen]
    values: dict[str, Any] = {
        "failed": [cell.name for cell in failed],
        "chosen_etas": {cell.name: cell.eta for cell in done},
        "source": source_digest(),
    }
    facts = {name: value for name, value in vars(arguments).items() if name not in NOT_FACTS}
    facts |= {**options.given(), **settings}
    if found:
        values |= render(
            found, dataset, folder, arguments, data, facts, values, warnings_of(cells, failed, folder, dataset)
        )
    path = write_results(folder, "experiment", facts, data, started, values)
    n_done = sum(read_facts(folder / "cells" / cell.name) is not None for cell in cells)
    if found:
        show(values, f"{dataset.num_rows} pairs, {n_done} of {len(cells)} runs")
        print(f"report: {folder / 'report.html'}")
    print(f"all numbers: {path}")
    return 1 if failed or not found else 0


def render(
    found: dict[str, list[ModelRun]],
    dataset: Dataset,
    folder: Path,
    arguments: ExperimentArguments,
    data: dict[str, Any],
    facts: dict[str, Any],
    values: dict[str, Any],
    warnings: list[str],
) -> dict[str, Any]:
    """Compute everything from the runs there are, write the figures and `report.html`, and return what goes to `results.json`."""
    results = analyse_experiment(found, dataset, arguments.n_bootstrap, arguments.keys)
    results |= {"runs": runs_made(found), "made_with": makers(found)}
    figures = {}
    if arguments.figures:
        figures = draw_experiment(results, found, level_counts(dataset["preferences"][:]), folder / "figures")
    settings = settings_list(publishable(data), publishable(facts), {**values, **results}, versions())
    name = Path(arguments.dataset_name).name.removesuffix(".gz").removesuffix(".jsonl").removesuffix(".parquet")
    page = experiment_page(results, figures, settings, name, arguments.n_bootstrap, warnings)
    write_text(folder / "report.html", page)
    for metric, estimate in results["average_distribution"].items():
        results[f"average_distribution_{metric}"] = estimate["value"]
    results["densities"] = rounded_curves(results["densities"])
    return results | {"figures": [f"figures/{path.name}" for path in figures.values()]}


def warnings_of(cells: Sequence[Cell], failed: Sequence[Cell], folder: Path, dataset: Dataset) -> list[str]:
    """What a reader of the page must know about runs that are not there, and about what the data do not say."""
    found = []
    if failed:
        found.append(f"{len(failed)} of {len(cells)} runs failed: {', '.join(f'`{cell.name}`' for cell in failed)}.")
    missing = [cell for cell in cells if cell not in failed and read_facts(folder / "cells" / cell.name) is None]
    if missing:
        found.append(f"{len(missing)} of {len(cells)} runs are still to be made: the numbers will change.")
    if not any(dataset["strength_known"][:]):
        found.append(NO_STRENGTH)
    if not any(len(scores) for scores in dataset["scores_a"][:]):
        found.append(NO_SCORES)
    return found


def settings_of(arguments: ExperimentArguments, config: ExperimentConfig) -> dict[str, Any]:
    """What every cell's number depends on besides its own row, seed, fold and eta, and the backbone's settings."""
    return {
        name: getattr(arguments, name) for name in ("folds", "split_seed", "eval_size", "test_size")
    } | config.shaping()


def show(values: dict[str, Any], title: str) -> None:
    """The tables people read: Table 3, and the level probabilities, both with the ensembles over seeds."""
    rows = {title_of(name): metrics for name, metrics in values["rows"].items()}
    rows |= {ensemble_title(name): metrics for name, metrics in values["ensembles"].get("rows", {}).items()}
    print_rows(title, estimates_of(rows, COLUMNS), CAPTION)
    average = values["average_distribution"]
    constant = ", ".join(f"{HEADINGS[name]} {average[name]['value']:.3f}" for name in ("log_loss", "jensen_shannon"))
    title = f"Level probabilities, calibrated on each run's development pairs (average distribution for every pair: {constant})"
    print_rows(title, estimates_of(rows, LEVEL_COLUMNS), CAPTION)


def estimates_of(rows: dict[str, dict[str, Any]], metrics: Sequence[str]) -> list[list[str]]:
    """A table of `metrics`, as far as any row has them, by the title of the row."""
    columns = columns_of(rows, metrics)
    lines = [[title, *(estimate_text(found.get(name)) for name in columns)] for title, found in rows.items()]
    return [["", *columns.values()], *lines]


def as_size(size: float) -> float | int:
    """A share stays one; anything from 1 on is a number of pairs."""
    if size <= 0:
        raise InputError(f"--eval_size and --test_size are numbers of pairs, or shares below 1, not {size:g}.")
    return size if size < 1 else int(size)
