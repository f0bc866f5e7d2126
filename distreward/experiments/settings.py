"""How the runs of an experiment are trained where its YAML is silent: the paper's appendix A."""

from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from trl import ModelConfig, get_peft_config, get_quantization_config

from distreward.errors import InputError
from distreward.trainers import DistributionalRewardConfig

PAPER_LEARNING_RATE = 5e-5


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


@dataclass
class BackboneConfig(ModelConfig):
    """TRL's `ModelConfig` without the model's name, which the experiment's own arguments hold: precision, adapters."""

    model_name_or_path: str | None = field(default=None, init=False)
    lora_task_type: str = field(
        default="SEQ_CLS", metadata={"help": "Reward models are sequence classifiers: leave it."}
    )

    def check(self) -> None:
        """Refuse what no run could work with."""
        if (self.load_in_8bit or self.load_in_4bit) and not self.use_peft:
            raise InputError(
                "--load_in_8bit and --load_in_4bit train an adapter over the quantised model: add --use_peft."
            )

    def given(self) -> dict[str, Any]:
        """What is not at its default: the part of an experiment's settings that numbers depend on."""
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != f.default}

    def model_init_kwargs(self) -> dict[str, Any]:
        """For the config of a trainer that opens the model by name."""
        return {"revision": self.model_revision, "attn_implementation": self.attn_implementation, "dtype": self.dtype}

    def trainer_kwargs(self) -> dict[str, Any]:
        """`quantization_config` and `peft_config`, made anew for each run: training changes neither, wrapping may."""
        return {"quantization_config": get_quantization_config(self), "peft_config": get_peft_config(self)}


def setting_defaults() -> dict[str, Any]:
    """Setting -> default, of both dataclasses; those without a plain default are not there."""
    known = (*fields(ExperimentConfig), *fields(BackboneConfig))
    return {f.name: f.default for f in known if f.default is not MISSING}
