"""How the runs of an experiment are trained where its YAML is silent: the paper's appendix A."""

import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from enum import Enum
from typing import Any

from trl import ModelConfig

from distreward.errors import InputError
from distreward.trainers import DistributionalRewardConfig

PAPER_LEARNING_RATE = 5e-5

KEY_FORMAT = "key_format"
"""In a key whose settings are all those that are not at their default."""

OF_THE_CELLS = {
    "seed": "every row is trained under several seeds; name them with --seeds.",
    "label_aggregation": "each row has its own; choose rows with --rows, as bradley_terry_aggregated and bradley_terry.",
    "eta": "mean_variance_kl is trained with each of --etas and the best counts; name one value there for no choice.",
    "calibrate": "the tables show every run with and without calibration; leave the option out.",
    "resume_from_checkpoint": "the same command goes on with the runs that are missing; leave the option out.",
    "save_only_model": "runs begin anew where they were cut off, so models are all that is saved; leave the option out.",
    "push_to_hub": "runs are not published; train the model you want with distreward train --push_to_hub.",
}
"""Options of training that an experiment settles cell by cell, and what to do instead of giving them."""

ALWAYS_TOLD = frozenset({
    "learning_rate", "lr_scheduler_type", "warmup_steps", "weight_decay", "num_train_epochs", "max_steps",
    "per_device_train_batch_size", "gradient_accumulation_steps", "bf16", "fp16", "max_length", "truncation",
    "chat_template_path", "freeze_backbone", "eval_every_epochs", "metric_for_best_model", "cdf", "level_smoothing",
    "min_std", "unknown_strength",
})  # fmt: skip
"""Settings of training that a reader looks for, whether at their default or not."""

OPENING = ("token", "cache_dir", "local_files_only", "force_download", "device_map")
"""Of `model_init_kwargs`: how a machine comes by a model. A token is also nobody else's business."""

NOT_SHAPING = frozenset({
    *OF_THE_CELLS,
    # where things lie
    "output_dir", "feature_cache_dir", "save_on_each_node", "save_total_limit", "enable_jit_checkpoint", "ignore_data_skip",
    "restore_callback_states_from_checkpoint",
    # what is said
    "logging_strategy", "logging_steps", "logging_first_step", "log_on_each_node", "logging_nan_inf_filter", "log_level",
    "log_level_replica", "include_num_input_tokens_seen", "disable_tqdm", "report_to", "run_name", "project", "trackio_space_id",
    "trackio_bucket_id", "trackio_static_space_id", "debug", "skip_memory_metrics",
    # the Hub
    "hub_token", "hub_private_repo", "hub_model_id", "hub_strategy", "hub_always_push", "hub_revision",
    # the machine: how the same numbers are come by
    "per_device_eval_batch_size", "eval_accumulation_steps", "eval_use_gather_object", "gradient_checkpointing",
    "gradient_checkpointing_kwargs", "activation_checkpointing", "activation_checkpointing_kwargs", "activation_offloading",
    "torch_empty_cache_steps", "use_cpu", "local_rank", "accelerator_config", "parallelism_config", "dataloader_num_workers",
    "dataloader_pin_memory", "dataloader_persistent_workers", "dataloader_prefetch_factor",
    "dataloader_multiprocessing_context", "dataset_num_proc", "ddp_find_unused_parameters", "ddp_bucket_cap_mb",
    "ddp_broadcast_buffers", "ddp_static_graph", "ddp_backend", "ddp_timeout", "fsdp", "fsdp_config", "deepspeed",
    # lists that transformers fills in
    "include_for_metrics", "pad_to_multiple_of",
})  # fmt: skip
"""Settings of training that cells may differ in and still be cells of one experiment; every other one is part of its key."""


@dataclass
class ExperimentConfig(DistributionalRewardConfig):
    """`DistributionalRewardConfig` with the paper's learning rate 5e-5, batches of 16 and at most 10 epochs.

    Evaluation every quarter of an epoch and the best checkpoint are its defaults anyway; a head over a frozen backbone keeps
    that default's learning rate.

    >>> config = ExperimentConfig("out", report_to="none", bf16=False)
    >>> config.learning_rate, config.per_device_train_batch_size, config.num_train_epochs, config.eval_every_epochs
    (5e-05, 16, 10, 0.25)
    """

    learning_rate: float | None = field(
        default=None,
        metadata={"help": "Peak learning rate. Default: the paper's 5e-5; with freeze_backbone 2e-3."},
    )
    per_device_train_batch_size: int = field(
        default=16, metadata={"help": "Pairs per device and step (the paper: 16)."}
    )
    num_train_epochs: float = field(default=10, metadata={"help": "Epochs at most; the best checkpoint counts."})

    def __post_init__(self):
        if self.learning_rate is None and not self.freeze_backbone:
            self.learning_rate = PAPER_LEARNING_RATE
        super().__post_init__()

    def check(self) -> None:
        """Refuse options that are another thing's here: given, they would change nothing.

        Raises:
            InputError: naming the option that is meant.
        """
        defaults = {f.name: f.default for f in fields(self)}
        for name, instead in OF_THE_CELLS.items():
            value = getattr(self, name)
            if value != defaults[name] and str(value).lower() != str(defaults[name]).lower():
                raise InputError(f"--{name} {value}: {instead}")

    def shaping(self) -> dict[str, Any]:
        """The settings that numbers depend on: those of `ALWAYS_TOLD`, and every one that is not at its default."""
        found = {}
        for f in fields(self):
            value = plain(getattr(self, f.name))
            if f.name == "model_init_kwargs":
                value = {name: given for name, given in (value or {}).items() if name not in OPENING} or None
            if f.name not in NOT_SHAPING and (f.name in ALWAYS_TOLD or value != plain(f.default)):
                found[f.name] = value
        return found


@dataclass
class BackboneConfig(ModelConfig):
    """TRL's `ModelConfig` without the model's name, which the experiment's own arguments hold: precision, adapters."""

    model_name_or_path: str | None = field(default=None, init=False)
    lora_task_type: str = field(
        default="SEQ_CLS", metadata={"help": "Reward models are sequence classifiers: leave it."}
    )

    def given(self) -> dict[str, Any]:
        """What is not at its default: the part of an experiment's settings that numbers depend on."""
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != f.default}


def plain(value: Any) -> Any:
    """A setting as JSON holds it.

    >>> plain(ExperimentConfig("out", report_to="none", bf16=False).lr_scheduler_type)
    'linear'
    """
    return json.loads(json.dumps(value, default=lambda other: other.value if isinstance(other, Enum) else str(other)))


def setting_defaults() -> dict[str, Any]:
    """Setting -> default, of both dataclasses; those without a plain default are not there."""
    known = (*fields(ExperimentConfig), *fields(BackboneConfig))
    return {f.name: plain(f.default) for f in known if f.default is not MISSING}


def told_settings(found: Mapping[str, Any]) -> set[str]:
    """Which settings an experiment's key answers for: of one that is not named it says that it is at its default.

    Keys of earlier versions (without `KEY_FORMAT`) say that of the backbone's settings only; of training they name
    some, and nothing is known of the others.
    """
    of_training = {f.name for f in fields(ExperimentConfig)}
    known = of_training | {f.name for f in fields(BackboneConfig)} | set(found)
    return (known if KEY_FORMAT in found else known - (of_training - set(found))) - NOT_SHAPING
