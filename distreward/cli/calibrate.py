"""`distreward calibrate`: an existing checkpoint, with its level probabilities calibrated on development labels."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from distreward.cli.data_options import DATA_OPTIONS, DATASET_HELP, DataOptions
from distreward.cli.evaluate import ModelArguments, load_pairs, overlap_with_training
from distreward.cli.parsing import CommandParser
from distreward.cli.results import prepare_output_dir, write_results
from distreward.cli.tables import estimate_text, print_rows
from distreward.cli.train import describe
from distreward.data.agreement import level_counts
from distreward.data.splitting import prompt_key
from distreward.errors import InputError
from distreward.hub.facts import read_facts
from distreward.hub.writing import CARD, write_card
from distreward.metrics.calibration import divergence_calibration, level_calibration, level_log_loss
from distreward.modeling.rewriting import copy_with_reward_head
from distreward.scoring.calibration import Calibrations, announce, fit_calibration
from distreward.scoring.divergence_model import NEUTRAL_DIVERGENCE
from distreward.scoring.held_out import N_FOLDS, HeldOut, held_out
from distreward.scoring.inference import running_processes
from distreward.scoring.level_model import NEUTRAL
from distreward.scoring.predictions import PairPredictions, own_annotators

DESCRIPTION = """Calibrate the level probabilities and the chance to diverge that a checkpoint predicts, on labelled development
pairs which it must not have been trained on, and write a copy of it with the calibration in config.json. The rewards stay as
they are.

  distreward calibrate --model_name_or_path out --dataset_name labels.jsonl \\
      --splits_file out/splits.json --split validation --output_dir calibrated

A reward model with one output, also somebody else's, gets a distribution over the levels that way. Training calibrates by
itself (--calibrate); this is for other checkpoints, and for other people's labels.
"""


@dataclass
class CalibrateArguments(ModelArguments):
    """What to calibrate on, and where the copy goes."""

    dataset_name: str = field(default=None, metadata={"help": DATASET_HELP})
    output_dir: str = field(default=None, metadata={"help": "Where the copy of the checkpoint and results.json go."})
    split: str | None = field(default=None, metadata={"help": "Split of the data, or of --splits_file."})
    splits_file: str | None = field(
        default=None, metadata={"help": "splits.json of a training run: take only the pairs of --split in it."}
    )
    n_bootstrap: int = field(default=1000, metadata={"help": "Bootstrap draws behind the intervals."})
    seed: int = field(default=0, metadata={"help": "Seed of the bootstrap and of the folds."})


def main(argv: Sequence[str]) -> int:
    """Run the command; returns the exit status."""
    started = time.time()
    parser = CommandParser("calibrate", (CalibrateArguments, DataOptions), DESCRIPTION, DATA_OPTIONS)
    arguments, options = parser.parse(argv)
    for name in ("dataset_name", "output_dir"):
        if getattr(arguments, name) is None:
            raise InputError(f"--{name} is missing; see distreward calibrate --help")
    dataset = load_pairs(arguments, options)
    processes = running_processes()
    scorer = arguments.open(processes)
    overlap_with_training([arguments.model_name_or_path], dataset)
    output_dir = prepare_output_dir(arguments.output_dir, model=True)
    predictions = scorer.score_pairs(dataset)
    if processes is not None and not processes.is_main_process:
        return 0
    counts, known = level_counts(dataset["preferences"][:]), np.array(dataset["strength_known"][:])
    groups = [prompt_key(prompt) for prompt in dataset["prompt"][:]]
    fitted = fit_calibration(predictions, counts, known)
    announce(fitted)
    entry = fitted.applied_to(scorer.reward_head)
    hub = {"revision": arguments.revision} if arguments.revision else {}
    copy_with_reward_head(arguments.model_name_or_path, output_dir, scorer.model, entry, **hub)

    calibrated = replace(predictions, reward_head=entry).with_strength_known(known)
    bootstrap = {"groups": groups, "n_bootstrap": arguments.n_bootstrap, "seed": arguments.seed}
    outside = held_out(predictions, counts, known, groups, arguments.seed)
    measured = measure(calibrated, fitted, outside, counts, bootstrap)
    show(measured, fitted, entry["type"], dataset.num_rows)
    fits = {"calibration": fitted.levels, "divergence_calibration": fitted.divergence}
    values = {name: fit.calibration for name, fit in fits.items()}
    values |= {"why_not": {name: fit.why_not for name, fit in fits.items()}, **measured, "reward_head": entry}
    data = describe(arguments.dataset_name, dataset)
    path = write_results(output_dir, "calibrate", {**vars(arguments), **options.given()}, data, started, values)
    if (output_dir / CARD).is_file():  # the copy of a card that knows nothing of the calibration
        write_card(read_facts(output_dir))
    with_it = "with its calibration" if fitted.kept else "WITHOUT a calibration (see the warning above)"
    print(f"checkpoint {with_it}: {output_dir}\nall numbers: {path}")
    return 0


def measure(
    calibrated: PairPredictions,
    fitted: Calibrations,
    outside: HeldOut | None,
    counts: np.ndarray,
    bootstrap: dict[str, Any],
) -> dict[str, dict[str, Any] | None]:
    """`before`, `after` and `held_out`: the levels' metrics and, under `diverging`, those of the chance to diverge.

    None where there are no levels, and for `after` where nothing was kept.
    """
    own_n = own_annotators(counts)
    found = {
        "before": (calibrated.level_probs(False), calibrated.diverging_probability(own_n, False)),
        "after": (calibrated.level_probs(), calibrated.diverging_probability(own_n)) if fitted.kept else (None, None),
        "held_out": (None, None) if outside is None else (outside.level_probs, outside.diverging_probability),
    }
    return {
        name: None
        if probs is None
        else {
            "log_loss": level_log_loss(probs, counts),
            **level_calibration(probs, counts, **bootstrap),
            "diverging": divergence_calibration(chance, counts, **bootstrap),
        }
        for name, (probs, chance) in found.items()
    }


COLUMNS = {
    "before": "without",
    "after": "with, on the labels it was fitted to",
    "held_out": f"with, on held-out prompts ({N_FOLDS} folds)",
}


LEVEL_ROWS = {
    "brier": "Brier score",
    "ece": "calibration error",
    "jensen_shannon": "Jensen-Shannon distance to people",
}
DIVERGING_ROWS = {
    "predicted": "mean chance",
    "observed": "share that diverged",
    "brier": "Brier score (lower is better)",
    "log_loss": "log loss (nats, lower is better)",
}


def show(measured: dict[str, Any], fitted: Calibrations, head: str, n_pairs: int) -> None:
    """The tables people read, and the parameters."""
    given = {name: measured[name] or {} for name in COLUMNS}
    header = ["", *COLUMNS.values()]
    log_losses = [f"{found['log_loss']:.4f}" if found else "-" for found in given.values()]
    rows = [header, ["log loss of labels (nats)", *log_losses]]
    rows += [[label, *(estimate_text(found.get(key)) for found in given.values())] for key, label in LEVEL_ROWS.items()]
    print_rows(f"Level probabilities of {n_pairs} development pairs (lower is better)", rows)
    diverging = [found.get("diverging", {}) for found in given.values()]
    rows = [[label, *(estimate_text(found.get(key)) for found in diverging)] for key, label in DIVERGING_ROWS.items()]
    print_rows("diverging_probability of the pairs with two or more annotators", [header, *rows])
    for fit, neutral in ((fitted.levels, NEUTRAL[head]), (fitted.divergence, NEUTRAL_DIVERGENCE)):
        if fit.calibration is not None:
            named = (f"{name} {fit.calibration[name]:.3f} (neutral: {value:g})" for name, value in neutral.items())
            print(", ".join(named))
