"""The model a trainer starts from: opened, checked against the objective, frozen where asked."""

from typing import Any

import torch
from datasets import Dataset, IterableDataset
from peft import PeftConfig, PeftModel, get_peft_model
from transformers import PreTrainedModel, PreTrainedTokenizerBase, set_seed
from trl import RewardConfig
from trl.trainer.utils import create_model_from_path

from distreward.errors import InputError
from distreward.modeling import AutoRewardModel
from distreward.modeling.adapters import adopt_head, keep_head
from distreward.modeling.features import freeze_backbone
from distreward.modeling.padding import ensure_pad_token
from distreward.trainers.config import DistributionalRewardConfig


def open_model(
    path: str, args: DistributionalRewardConfig, reward_head: str, quantization_config: Any
) -> PreTrainedModel:
    """The reward model a string names, as TRL opens it: float32 unless said otherwise, seeded before the new head."""
    kwargs = {"trust_remote_code": args.trust_remote_code, **(args.model_init_kwargs or {})}
    kwargs.pop("num_labels", None)  # the head decides; TRL overrides it too
    if quantization_config is not None:
        if "quantization_config" in kwargs:
            raise InputError("`quantization_config` came twice, to the trainer and in model_init_kwargs; give it once.")
        kwargs["quantization_config"] = quantization_config
    if args.distributed_state.distributed_type in ("MULTI_GPU", "DEEPSPEED") or args.freeze_backbone:
        kwargs["device_map"] = None
    set_seed(args.seed)
    return create_model_from_path(path, AutoRewardModel, reward_head=reward_head, **kwargs)


def add_adapter(
    model: PreTrainedModel, peft_config: Any, args: DistributionalRewardConfig, by_name: bool
) -> tuple[Any, Any]:
    """Settle that an adapter keeps the head, and put it over a model that was opened `by_name`.

    TRL seeds once, makes the head, then the adapter. Given an opened model it seeds again, and the adapter would start
    from the numbers the head started from. It still has to do the wrapping itself where a chat template brings tokens
    that the adapter must train, and under DeepSpeed, which wants adapters in another precision.

    Returns:
        The model, and the PEFT config that is left for TRL to apply; None where it is used up.
    """
    if isinstance(model, PeftModel) and peft_config is None:
        adopt_head(model)
    if not isinstance(peft_config, PeftConfig) or isinstance(model, PeftModel):
        return model, peft_config  # TRL refuses what it cannot take
    peft_config = keep_head(model, peft_config)
    template = args.chat_template_path
    brings_tokens = template is not None and not template.endswith((".jinja", ".j2"))
    if not by_name or brings_tokens or args.deepspeed_plugin is not None:
        return model, peft_config
    return get_peft_model(model, peft_config), None


def record_objective(trainer: Any, model: PreTrainedModel, args: DistributionalRewardConfig) -> None:
    """Write a trainer's objective and its constants into the model's `reward_head` entry; refuse a model with another head."""
    entry = getattr(model.config, "reward_head", None)
    found, wanted = entry["type"] if entry else "scalar", trainer.reward_head
    if found != wanted:
        raise InputError(
            f"{type(trainer).__name__} trains a {wanted!r} head, but the model has a {found!r} one: pass the model's name as a "
            f"string, or AutoRewardModel.from_pretrained(..., reward_head={wanted!r})."
        )
    if entry is not None:
        entry["objective"] = trainer.objective
        entry.pop("eta", None)  # of an earlier training
        entry.update({name: getattr(args, name) for name in trainer.own_settings if name != "unknown_strength"})


def record_strength(trainer: Any, dataset: Dataset | IterableDataset | None) -> None:
    """Write into a model's entry that it learns sides only (`unknown_strength`), so that it predicts no strength.

    Of a stream it is not known in advance whether any label has one: they count as having it.
    """
    entry = getattr(trainer.model.config, "reward_head", None)
    if entry is None:
        return
    entry.pop("strength_known", None)  # of an earlier training
    if "unknown_strength" not in trainer.own_settings or not isinstance(dataset, Dataset):
        return
    known = "strength_known" in dataset.column_names and any(dataset["strength_known"][:])
    if trainer.args.unknown_strength == "sides" and not known:
        entry["strength_known"] = False


def settle_special_tokens(tokenizer: PreTrainedTokenizerBase, model: PreTrainedModel, args: RewardConfig) -> None:
    """Set the EOS token the user names, then find a pad token that is another one, unless the user names that too.

    A token that is not in the vocabulary is left to TRL, which refuses it.
    """
    if args.eos_token in tokenizer.get_vocab():
        tokenizer.eos_token = args.eos_token
    if args.pad_token is None:
        ensure_pad_token(tokenizer, model)


def freeze_for_features(model: PreTrainedModel, peft_config: Any) -> PreTrainedModel:
    """Freeze all but the head of `model` and put it where its features will be computed."""
    if peft_config is not None or not hasattr(model.config, "reward_head"):
        raise InputError(
            "freeze_backbone trains the head of a model given by name or by AutoRewardModel, without PEFT."
        )
    freeze_backbone(model)
    return model.to("cuda" if torch.cuda.is_available() else "cpu")
