"""`DistributionalRewardConfig`: every argument of `trl.RewardConfig`, and what distributional training adds."""

import copy
import os
from dataclasses import dataclass, field, fields
from typing import Any

from transformers.trainer_utils import IntervalStrategy, SaveStrategy
from trl import RewardConfig

from distreward.data.encoding import TRUNCATIONS, resolve_chat_template
from distreward.errors import InputError
from distreward.losses import CDFS
from distreward.scoring.inference import on_cpus

FROZEN_LEARNING_RATE = 2e-3
"""Peak learning rate of a head over a frozen backbone: what the experiments on people's labels use."""

UNKNOWN_STRENGTHS = ("significant", "sides")

PACKINGS = ("auto", "prefix_sharing", "length_buckets", "off")


@dataclass
class DistributionalRewardConfig(RewardConfig):
    """Arguments of `DistributionalRewardTrainer`; the help of each field is its documentation.

    > Labels: `label_aggregation`, `eta`, `cdf`, `level_smoothing`, `unknown_strength`, `min_std`, `calibrate`
    > What is trained: `freeze_backbone`, `feature_cache_dir`
    > Lengths: `truncation` (with TRL's `max_length`), `packing`, `max_tokens_per_row`
    > Evaluation and resuming: `eval_every_epochs`, `resume_from_checkpoint`

    >>> DistributionalRewardConfig("out", eta=0.5, report_to="none", bf16=False).label_aggregation
    'all'
    """

    learning_rate: float | None = field(
        default=None,
        metadata={
            "help": "Peak learning rate. Default: TRL's, 1e-4; with freeze_backbone 2e-3, since a head alone hardly moves at "
            "the rates that a backbone stands."
        },
    )
    label_aggregation: str = field(
        default="all",
        metadata={
            "help": "`all`: learn from every annotator's label. `majority`: one label per pair, the majority's (the most "
            "common score); pairs without a majority are left out and counted.",
            "choices": ["all", "majority"],
        },
    )
    eta: float = field(
        default=0.0,
        metadata={
            "help": "mean_variance_kl only: the correlation of the two rewards of a pair is its share of ties times eta, "
            "0 to 1, in training only. The paper tries 0, 0.5 and 1 on development data."
        },
    )
    cdf: str = field(
        default="logistic",
        metadata={
            "help": "mean_variance_kl, taste_factors_kl only: distribution function of the reward difference.",
            "choices": list(CDFS),
        },
    )
    level_smoothing: float = field(
        default=0.05,
        metadata={
            "help": "mean_variance_kl, taste_factors_kl only: added to each predicted level probability before renormalising."
        },
    )
    unknown_strength: str = field(
        default="significant",
        metadata={
            "help": "mean_variance_kl, taste_factors_kl only: of labels that say A, tie or B without strength "
            "(`strength_known` false) `significant` learns every preference as a significant one, `sides` the shares of B, "
            "tie and A.",
            "choices": list(UNKNOWN_STRENGTHS),
        },
    )
    min_std: float = field(
        default=0.1,
        metadata={
            "help": "mean_variance_kl, taste_factors_kl, mean_variance_nll only: added to every predicted standard deviation, "
            "for stability."
        },
    )
    calibrate: bool = field(
        default=True,
        metadata={
            "help": "Where lambda is tuned, on the evaluation set, also fit the few numbers that calibrate the predicted level "
            "distribution and chance to diverge, and keep them in config.json if they help (docs/calibration.md). Not with label_aggregation "
            "`majority`: one label per pair is no distribution."
        },
    )
    freeze_backbone: bool = field(
        default=False,
        metadata={
            "help": "Train only the reward head: the backbone runs once over every response, and epochs over its pooled "
            "features take seconds. The checkpoint is the same as ever."
        },
    )
    feature_cache_dir: str | None = field(
        default=None,
        metadata={
            "help": "freeze_backbone only: keep the pooled features in this folder, under a key made of the backbone's "
            "weights and the tokens, and take them from there next time."
        },
    )
    truncation: str = field(
        default="drop",
        metadata={
            "help": "Pairs longer than `max_length`: `drop` them (as TRL does), `prompt_left` cuts the start of the "
            "prompt and drops pairs whose response alone is too long, `fit` also cuts the end of the response. All three "
            "are counted in the log.",
            "choices": list(TRUNCATIONS),
        },
    )
    packing: str = field(
        default="auto",
        metadata={
            "help": "`prefix_sharing`: encode the prompt of a pair once for both responses, in rows without padding; "
            "`length_buckets`: one response a row, rows of nearly one length together; `off`: pad to the longest, as TRL "
            "does. `auto` takes the first that the model allows, and checks it on the first batch. The optimiser sees the "
            "same pairs and the same loss in all of them.",
            "choices": list(PACKINGS),
        },
    )
    max_tokens_per_row: int | None = field(
        default=None,
        metadata={
            "help": "prefix_sharing: most tokens in one row, and so at once in a layer; a pair that is longer is taken apart. "
            "Default: 2048 on a CPU and 4096 on an accelerator, or as many as the longest pair of the step has. Where "
            "attention needs a dense mask (eager, torch_compile): one pair a row on a CPU, 2048 on an accelerator."
        },
    )
    eval_every_epochs: float | None = field(
        default=0.25,
        metadata={
            "help": "With an evaluation set and `eval_strategy` left at `no`: evaluate and save this often, in epochs, and "
            "keep the best checkpoint (`metric_for_best_model`, default the evaluation loss). None: do not."
        },
    )

    resume_from_checkpoint: str | None = field(
        default=None,
        metadata={
            "help": "Go on with an interrupted run: `true` for the newest complete checkpoint in `output_dir`, or a "
            "checkpoint folder."
        },
    )

    def __post_init__(self):
        if self.bf16 is None and (self.use_cpu or on_cpus()):
            self.bf16 = False  # TRL's default, True, is for accelerators: without one it is refused
        if int(os.environ.get("WORLD_SIZE", "1")) > 1 and on_cpus():
            self.use_cpu = True  # else accelerate joins no CPU processes: each trains alone, into the same folder
        if self.learning_rate is None:
            self.learning_rate = FROZEN_LEARNING_RATE if self.freeze_backbone else RewardConfig.learning_rate
        super().__post_init__()
        choices = {
            "label_aggregation": ("all", "majority"), "cdf": CDFS, "truncation": TRUNCATIONS, "packing": PACKINGS,
            "unknown_strength": UNKNOWN_STRENGTHS,
        }  # fmt: skip
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise InputError(f"`{name}` is {getattr(self, name)!r}, wanted one of {', '.join(allowed)}.")
        for name, low, high in (("eta", 0, 1), ("level_smoothing", 0, 1), ("min_std", 0, float("inf"))):
            if not low <= getattr(self, name) <= high:
                raise InputError(f"`{name}` is {getattr(self, name)}, wanted {low} to {high}.")
        if self.max_tokens_per_row is not None and self.max_tokens_per_row < 1:
            raise InputError(f"`max_tokens_per_row` is {self.max_tokens_per_row}, wanted a positive number or None.")
        if self.eval_every_epochs is not None and self.eval_every_epochs <= 0:
            raise InputError(f"`eval_every_epochs` is {self.eval_every_epochs}, wanted a positive number or None.")

    @classmethod
    def from_reward_config(cls, config: RewardConfig) -> "DistributionalRewardConfig":
        """The same settings, with our additions at their defaults: what makes a TRL script run unchanged.

        So nothing is evaluated or saved but what TRL's settings ask for: `eval_every_epochs` is None.
        """
        ours = cls.__new__(cls)  # what TRL's config settled when it was made is not settled a second time
        vars(ours).update({f.name: f.default for f in fields(cls)} | vars(config) | {"eval_every_epochs": None})
        return ours


def own_config(args: RewardConfig | None, model: Any, eval_dataset: Any) -> DistributionalRewardConfig:
    """A config of the trainer's own from what it was given, evaluation schedule and packaged chat template filled in."""
    if args is None:
        name = model if isinstance(model, str) else model.config._name_or_path
        args = DistributionalRewardConfig(f"{name.split('/')[-1]}-Reward")
    elif not isinstance(args, DistributionalRewardConfig):
        args = DistributionalRewardConfig.from_reward_config(args)
    args = copy.copy(args)
    args.chat_template_path = resolve_chat_template(args.chat_template_path)
    if eval_dataset is not None:
        schedule_evaluation(args, eval_dataset)
    return args


def schedule_evaluation(args: DistributionalRewardConfig, eval_dataset: Any = None) -> None:
    """Fill in evaluation every fraction of an epoch, saving in step and keeping the best, unless the user chose.

    Of several evaluation sets (a dict `eval_dataset`) the first decides which checkpoint is best.
    """
    if args.eval_every_epochs is None or args.eval_strategy != "no" or args.max_steps > 0:
        return
    share = args.eval_every_epochs / args.num_train_epochs
    # transformers reads a number of steps below 1 as a share of all steps, which is what a share of an epoch comes to.
    strategy = IntervalStrategy.STEPS if share < 1 else IntervalStrategy.EPOCH
    args.eval_strategy, args.save_strategy = strategy, SaveStrategy(strategy.value)
    if share < 1:
        args.eval_steps = args.save_steps = share
    args.load_best_model_at_end = True
    first = f"{next(iter(eval_dataset))}_" if isinstance(eval_dataset, dict) else ""
    args.metric_for_best_model = args.metric_for_best_model or f"eval_{first}loss"
    if args.greater_is_better is None:
        args.greater_is_better = not args.metric_for_best_model.endswith("loss")
    if args.save_total_limit is None:
        args.save_total_limit = 1  # the best one stays besides the latest
