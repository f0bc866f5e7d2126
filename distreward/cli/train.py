"""`distreward train`: from a file of annotators' labels to a reward model checkpoint."""

import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datasets import Dataset
from trl import ModelConfig

from distreward.cli.data_options import DATA_OPTIONS, DATASET_HELP, DataOptions
from distreward.cli.launching import LAUNCH_OPTIONS, LaunchOptions
from distreward.cli.parsing import CommandParser
from distreward.cli.results import prepare_output_dir, write_results, write_text
from distreward.data.facts import data_facts
from distreward.data.loading import fingerprint, load_preferences
from distreward.data.sources.published import LICENCES
from distreward.data.splitting import THE_REST, AtLeast, split_by_prompt
from distreward.errors import InputError, nearest
from distreward.modeling.rewriting import write_reward_head
from distreward.trainers import OBJECTIVES, DistributionalRewardConfig, StopOnSignal, last_complete_checkpoint
from distreward.trainers.backbone import check_backbone, opening_kwargs, target_modules_told, trainer_kwargs
from distreward.trainers.card import training_facts
from distreward.trainers.resuming import saved_reward_head

logger = logging.getLogger("distreward")

DESCRIPTION = """Train a reward model on annotators' labels and save it as a stock transformers checkpoint.

  distreward train --dataset_name labels.jsonl --model_name_or_path Qwen/Qwen2.5-0.5B-Instruct \\
      --objective mean_variance_kl --test_share 0.2 --output_dir out
  distreward evaluate --model_name_or_path out --dataset_name labels.jsonl \\
      --splits_file out/splits.json --split test --output_dir out/evaluation

Every option of TRL's RewardConfig and ModelConfig works too (--use_peft, --load_in_8bit ...): see --help_all.
On several GPUs: --accelerate_config ddp (or fsdp2, zero2, zero3 ...), or accelerate launch -m distreward train ...
"""

ESSENTIAL = (
    "model_name_or_path", "output_dir", "learning_rate", "num_train_epochs", "max_steps", "per_device_train_batch_size",
    "gradient_accumulation_steps", "gradient_checkpointing", "bf16", "max_length", "truncation", "chat_template_path",
    "freeze_backbone", "label_aggregation", "eta", "cdf", "unknown_strength", "calibrate", "eval_every_epochs", "metric_for_best_model", "resume_from_checkpoint", "seed",
    "use_peft", "lora_r", "load_in_8bit", "load_in_4bit", "dtype", "report_to", "push_to_hub", "hub_model_id",
    "hub_private_repo", "hub_strategy",
)  # fmt: skip


@dataclass
class TrainArguments:
    """What to train on, and how."""

    dataset_name: str = field(metadata={"help": DATASET_HELP})
    objective: str = field(default="mean_variance_kl", metadata={"help": f"Training loss: {', '.join(OBJECTIVES)}."})
    dataset_train_split: str | None = field(
        default=None, metadata={"help": "Split to train on, where the data has splits."}
    )
    eval_dataset_name: str | None = field(
        default=None,
        metadata={"help": "Development pairs in our schema or TRL's, in place of a share of the training data."},
    )
    eval_share: float = field(
        default=0.1,
        metadata={
            "help": "Share of the pairs, by prompt, held out to choose the best checkpoint, lambda and the calibration."
        },
    )
    test_share: float = field(
        default=0.0,
        metadata={"help": "Share of the pairs, by prompt, never touched in training: for `distreward evaluate`."},
    )
    n_validation: int | None = field(
        default=None,
        metadata={"help": "In place of --eval_share: at least so many pairs (the paper: 500), whole prompts."},
    )
    n_test: int | None = field(
        default=None,
        metadata={"help": "In place of --test_share: at least so many pairs (the paper: 500), whole prompts."},
    )
    split_seed: int = field(default=0, metadata={"help": "Seed of the split by prompt."})
    license_of_data: str | None = field(
        default=None,
        metadata={"help": "Licence of the data, for the model card, as cc-by-4.0; of published sets it is known."},
    )


def main(argv: Sequence[str]) -> int:
    """Run the command; returns the exit status."""
    started = time.time()
    dataclasses = (TrainArguments, DistributionalRewardConfig, ModelConfig, DataOptions, LaunchOptions)
    parser = CommandParser("train", dataclasses, DESCRIPTION, (*ESSENTIAL, *DATA_OPTIONS, *LAUNCH_OPTIONS))
    arguments, config, model_arguments, options, _ = parser.parse(argv)
    check_arguments(arguments, model_arguments)
    splits = load_splits(arguments, options)
    output_dir = prepare_output_dir(config.output_dir, model=True)
    checkpoint = checkpoint_to_resume(config, output_dir)

    stop = StopOnSignal()
    trainer = build_trainer(arguments, config, model_arguments, splits, callbacks=[stop])
    if trainer.is_world_process_zero():
        ids = {name: split["id"][:] for name, split in splits.items()}
        write_text(output_dir / "splits.json", json.dumps(ids, indent=1) + "\n")
    trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    if stop.interrupted is not None:
        logger.warning("stopped; to go on, run the same command with --resume_from_checkpoint true")
        return 128 + stop.interrupted

    trainer.save_model(_internal_call=True)  # first of all; to the Hub it goes with its results
    if trainer.eval_dataset is not None:
        trainer.evaluate()
    if trainer.is_world_process_zero():
        entry = trainer.model.config.reward_head  # with what this evaluation tuned
        if saved_reward_head(output_dir) not in (None, entry):  # None: a sharded checkpoint has no config
            write_reward_head(output_dir, entry)
        path = write_facts(output_dir, trainer, arguments, model_arguments, options, splits, started, checkpoint)
        print(f"model saved to {output_dir}, facts of the run in {path}")
    try:
        if config.push_to_hub:
            trainer.push_to_hub(dataset_name=arguments.dataset_name, _saved=True)
        else:
            trainer.create_model_card(dataset_name=arguments.dataset_name)
    finally:
        part(trainer)
    return 0


def part(trainer: Any) -> None:
    """Finish the trackers and leave the other processes.

    All at once, and without the wrapper of data parallel: freed after its group, when the others had left, it was seen to
    wait for ever.
    """
    trainer.accelerator.wait_for_everyone()
    trainer.model_wrapped = trainer.model
    trainer.accelerator.free_memory()
    trainer.end()


def write_facts(
    output_dir: Path,
    trainer: Any,
    arguments: TrainArguments,
    model_arguments: ModelConfig,
    options: DataOptions,
    splits: dict[str, Dataset],
    started: float,
    checkpoint: Path | None = None,
) -> Path:
    """`results.json` of the run: what the trainer knows, and what only the command knows."""
    facts = training_facts(trainer)
    given = {name: describe(arguments.dataset_name, split, arguments.license_of_data) for name, split in splits.items()}
    data = {name: facts["data"].get(name, {}) | described for name, described in given.items()}
    values = {key: value for key, value in facts.items() if key not in ("data", "config", "versions")}
    values["best_checkpoint"] = trainer.state.best_model_checkpoint
    values["resumed_from"] = None if checkpoint is None else checkpoint.name
    config_facts = {
        **vars(arguments),
        **options.given(),
        "model": model_arguments.model_name_or_path,
        **model_settings(model_arguments),
        **facts["config"],
    }
    return write_results(output_dir, "train", config_facts, data, started, values)


def model_settings(model_arguments: ModelConfig) -> dict[str, Any]:
    """How the model was opened and what of it was trained; what has no meaning for the run is left out."""
    names = ["model_revision", "dtype", "attn_implementation", "load_in_8bit", "load_in_4bit", "use_peft"]
    if model_arguments.use_peft:
        names += [name for name in vars(model_arguments) if name.startswith("lora_")] + ["use_rslora", "use_dora"]
    if model_arguments.load_in_4bit:
        names += ["bnb_4bit_quant_type", "use_bnb_nested_quant"]
    return {name: getattr(model_arguments, name) for name in names}


def check_arguments(arguments: TrainArguments, model_arguments: ModelConfig) -> None:
    """Refuse what cannot work before any data is read."""
    if arguments.objective not in OBJECTIVES:
        near = nearest(arguments.objective, OBJECTIVES)
        raise InputError(f"unknown objective {arguments.objective!r}{near}; wanted one of {', '.join(OBJECTIVES)}.")
    if not model_arguments.model_name_or_path:
        raise InputError(
            "--model_name_or_path is missing: a base model to put the reward head on (directory or Hub id)."
        )
    check_backbone(model_arguments)
    for name in ("eval_share", "test_share"):
        if not 0 <= getattr(arguments, name) < 1:
            raise InputError(f"--{name} is {getattr(arguments, name)}, wanted a share from 0 up to 1.")
    for name in ("n_validation", "n_test"):
        if getattr(arguments, name) is not None and getattr(arguments, name) < 1:
            raise InputError(
                f"--{name} is {getattr(arguments, name)}, wanted a number of pairs from 1 on; leave it out for none."
            )
    if arguments.n_test is not None and arguments.test_share > 0:
        raise InputError("--n_test and --test_share both size the test split; leave one out.")
    if arguments.n_validation is not None and arguments.eval_dataset_name is not None:
        raise InputError("--n_validation and --eval_dataset_name both give development pairs; leave one out.")


def load_splits(arguments: TrainArguments, options: DataOptions) -> dict[str, Dataset]:
    """`train` and, where asked for, `validation` and `test`, split by prompt."""
    data = options.load(arguments.dataset_name, arguments.dataset_train_split)
    sizes = {"test": arguments.test_share if arguments.n_test is None else AtLeast(arguments.n_test)}
    if arguments.eval_dataset_name is None:
        n = arguments.n_validation
        sizes["validation"] = arguments.eval_share if n is None else AtLeast(n)
    sizes = {name: size for name, size in sizes.items() if size}
    splits = (
        split_by_prompt(data, {**sizes, "train": THE_REST}, seed=arguments.split_seed) if sizes else {"train": data}
    )
    if arguments.eval_dataset_name is not None:
        splits["validation"] = load_preferences(arguments.eval_dataset_name)
    return splits


def build_trainer(
    arguments: TrainArguments,
    config: DistributionalRewardConfig,
    model_arguments: ModelConfig,
    splits: dict[str, Dataset],
    callbacks: Sequence[Any] = (),
):
    """The objective's trainer over the splits, as `trl reward` builds its own."""
    config.model_init_kwargs = opening_kwargs(model_arguments, config.model_init_kwargs)
    with target_modules_told(model_arguments.lora_target_modules):
        return OBJECTIVES[arguments.objective](
            model=model_arguments.model_name_or_path,
            args=config,
            train_dataset=splits["train"],
            eval_dataset=splits.get("validation"),
            callbacks=list(callbacks),
            **trainer_kwargs(model_arguments),
        )


def checkpoint_to_resume(config: DistributionalRewardConfig, output_dir: Path) -> Path | None:
    """The checkpoint to go on from, or None to begin; never silently mixes two runs in one folder."""
    wanted = config.resume_from_checkpoint
    found = last_complete_checkpoint(output_dir)
    if wanted in (None, False, "false", "False"):
        if found is not None:
            raise InputError(
                f"--output_dir {output_dir}: holds {found.name} of an earlier run; pass --resume_from_checkpoint true to go "
                "on from it, or another --output_dir to start anew."
            )
        return None
    if str(wanted).lower() == "true":
        if found is None:
            logger.info("no complete checkpoint in %s: starting from the beginning", output_dir)
        return found
    path = Path(str(wanted))
    if not (path / "trainer_state.json").is_file():
        raise InputError(
            f"--resume_from_checkpoint {path}: no complete checkpoint there (trainer_state.json is missing)."
        )
    return path


def describe(name: str, dataset: Dataset, licence: str | None = None) -> dict[str, Any]:
    """Name, fingerprint and `data_facts` of a data set, for `results.json`."""
    known = licence or LICENCES.get(name)
    return {"name": name, "fingerprint": fingerprint(dataset), **data_facts(dataset, known)}
