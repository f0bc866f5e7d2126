"""`distreward calibrate`: an existing checkpoint, with its level probabilities calibrated on development labels."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
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
from distreward.metrics.calibration import level_calibration, level_log_loss
from distreward.modeling.rewriting import copy_with_reward_head
from distreward.scoring.calibration import announce, fit_calibration, uncalibrated
from distreward.scoring.held_out import N_FOLDS, held_out_levels
from distreward.scoring.inference import running_processes
from distreward.scoring.level_model import NEUTRAL

DESCRIPTION = """Calibrate the level probabilities of a checkpoint on labelled development pairs, which it must not have been
trained on, and write a copy of it with the calibration in config.json. The rewards stay as they are.

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
    output_dir = prepare_output_dir(arguments.output_dir)
    predictions = scorer.score_pairs(dataset)
    if processes is not None and not processes.is_main_process:
        return 0
    counts, known = level_counts(dataset["preferences"][:]), np.array(dataset["strength_known"][:])
    groups = [prompt_key(prompt) for prompt in dataset["prompt"][:]]
    fit = fit_calibration(predictions, counts, known)
    announce(fit)
    entry = uncalibrated(scorer.reward_head)
    if fit.calibration is not None:
        entry["calibration"] = fit.calibration
    hub = {"revision": arguments.revision} if arguments.revision else {}
    copy_with_reward_head(arguments.model_name_or_path, output_dir, scorer.model, entry, **hub)

    predictions.reward_head = entry
    predictions = predictions.with_strength_known(known)
    found = {
        "before": predictions.level_probs(calibrated=False),
        "after": predictions.level_probs() if fit.calibration is not None else None,
        "held_out": held_out_levels(predictions, counts, known, groups, arguments.seed),
    }
    bootstrap = {"groups": groups, "n_bootstrap": arguments.n_bootstrap, "seed": arguments.seed}
    measured = {
        name: None
        if probs is None
        else {"log_loss": level_log_loss(probs, counts), **level_calibration(probs, counts, **bootstrap)}
        for name, probs in found.items()
    }
    show(measured, fit.calibration, entry["type"], dataset.num_rows)
    values = {"calibration": fit.calibration, "why_not": fit.why_not, **measured, "reward_head": entry}
    data = describe(arguments.dataset_name, dataset)
    path = write_results(output_dir, "calibrate", {**vars(arguments), **options.given()}, data, started, values)
    if (output_dir / CARD).is_file():  # the copy of a card that knows nothing of the calibration
        write_card(read_facts(output_dir))
    with_it = "with its calibration" if fit.calibration is not None else "WITHOUT a calibration (see the warning above)"
    print(f"checkpoint {with_it}: {output_dir}\nall numbers: {path}")
    return 0


COLUMNS = {
    "before": "without",
    "after": "with, on the labels it was fitted to",
    "held_out": f"with, on held-out prompts ({N_FOLDS} folds)",
}


def show(measured: dict[str, Any], calibration: dict[str, Any] | None, head: str, n_pairs: int) -> None:
    """The parameters and the table people read."""
    rows = [["", *COLUMNS.values()]]
    log_losses = ["-" if measured[name] is None else f"{measured[name]['log_loss']:.4f}" for name in COLUMNS]
    rows.append(["log loss of labels (nats)", *log_losses])
    labels = {"brier": "Brier score", "ece": "calibration error", "jensen_shannon": "Jensen-Shannon distance to people"}
    for key, label in labels.items():
        rows.append([label, *(estimate_text((measured[name] or {}).get(key)) for name in COLUMNS)])
    print_rows(f"Level probabilities of {n_pairs} development pairs (lower is better)", rows)
    if calibration is not None:
        print(
            ", ".join(f"{name} {calibration[name]:.3f} (neutral: {value:g})" for name, value in NEUTRAL[head].items())
        )
