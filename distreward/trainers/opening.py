"""The model a trainer starts from: opened, checked against the objective, frozen where asked."""

from typing import Any

import torch
from transformers import PreTrainedModel, set_seed

from distreward.errors import InputError
from distreward.modeling import AutoRewardModel
from distreward.modeling.features import freeze_backbone
from distreward.trainers.config import DistributionalRewardConfig


def open_model(
    path: str, args: DistributionalRewardConfig, reward_head: str, quantization_config: Any
) -> PreTrainedModel:
    """The reward model a string names, as TRL opens it: float32 unless said otherwise, seeded before the new head."""
    kwargs = {"dtype": torch.float32, "trust_remote_code": args.trust_remote_code, **(args.model_init_kwargs or {})}
    kwargs = {key: value for key, value in kwargs.items() if value is not None}
    if isinstance(kwargs["dtype"], str) and kwargs["dtype"] != "auto":
        kwargs["dtype"] = getattr(torch, kwargs["dtype"])
    if quantization_config is not None:
        kwargs["quantization_config"] = quantization_config
    if args.distributed_state.distributed_type in ("MULTI_GPU", "DEEPSPEED"):
        kwargs["device_map"] = None
    set_seed(args.seed)
    return AutoRewardModel.from_pretrained(path, reward_head=reward_head, **kwargs)


def record_objective(
    model: PreTrainedModel, args: DistributionalRewardConfig, trainer: str, objective: str, reward_head: str
) -> None:
    """Write the objective and its constants into the model's `reward_head` entry; refuse a model with another head."""
    entry = getattr(model.config, "reward_head", None)
    found = entry["type"] if entry else "scalar"
    if found != reward_head:
        raise InputError(
            f"{trainer} trains a {reward_head!r} head, but the model has a {found!r} one: pass the model's name as a "
            f"string, or AutoRewardModel.from_pretrained(..., reward_head={reward_head!r})."
        )
    if entry is not None:
        entry["objective"] = objective
        if reward_head == "mean_variance":
            entry["min_std"] = args.min_std
        if objective == "mean_variance_kl":
            entry.update(cdf=args.cdf, level_smoothing=args.level_smoothing, eta=args.eta)


def freeze_for_features(model: PreTrainedModel, peft_config: Any) -> PreTrainedModel:
    """Freeze all but the head of `model` and put it where its features will be computed."""
    if peft_config is not None or not hasattr(model.config, "reward_head"):
        raise InputError(
            "freeze_backbone trains the head of a model given by name or by AutoRewardModel, without PEFT."
        )
    freeze_backbone(model)
    return model.to("cuda" if torch.cuda.is_available() else "cpu")
