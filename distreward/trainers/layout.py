"""How the responses of a step lie in rows: prompts shared where the model allows it, checked once against padding."""

import dataclasses
import logging
from typing import Any

import torch
from accelerate.utils import send_to_device
from datasets import IterableDataset
from peft import PeftConfig, PeftModel
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase
from transformers.integrations import is_deepspeed_zero3_enabled
from trl import RewardTrainer

from distreward.data.collator import TOKENS_PER_PAIR, PackedPairCollator, PairCollator
from distreward.data.packing import taken_apart
from distreward.errors import InputError
from distreward.modeling.packing import disagreement, packed_form, why_not_packed
from distreward.modeling.prefix_attention import without_prefix_attention
from distreward.modeling.reward_model import RewardModelMixin
from distreward.trainers.config import DistributionalRewardConfig
from distreward.trainers.fillers import pairs_in

logger = logging.getLogger("distreward")

MASK_ROW, LONG_ROW = 2048, 4096
"""Tokens per row on an accelerator. A dense mask costs time with the square of the row; spans and block masks do not."""


class RowLayout:
    """Settles a trainer's `packing` and keeps to it.

    Args:
        trainer: set up, with its model and data in place.
        packer: made the trainer's batches, or is to make them out of padded ones (`pair_collators`); None: no packing.
    """

    def __init__(self, trainer: RewardTrainer, packer: PackedPairCollator | None):
        self._collator = packer
        self._half = trainer.args.bf16 or trainer.args.fp16
        self._unproven = False
        if packer is None:
            return
        wanted, model = trainer.args.packing, base_of(trainer.model)
        asked = "as asked for" if wanted == "length_buckets" else None
        refusal = asked or why_not_packed(model, trainer.args.max_length)
        if refusal is not None and wanted == "prefix_sharing":
            raise InputError(f"packing='prefix_sharing' is not possible: {refusal}; use packing='auto'.")
        compiled = trainer.args.torch_compile  # spans differ from step to step, and each would be compiled anew
        packer.form = "padded" if refusal else "mask" if compiled else packed_form(model)
        self._model = model
        packer.width = model.config.get_text_config().hidden_size
        packer.max_tokens_per_row = trainer.args.max_tokens_per_row or default_row(trainer, packer.form)
        packer.in_one_piece = trainer.is_fsdp_enabled or is_deepspeed_zero3_enabled()
        self._unproven = refusal is None
        if refusal is not None:
            logger.warning("packing: length buckets, prompts are not shared (%s)", refusal)

    def inputs_for(self, model: nn.Module, inputs: dict[str, Any]) -> dict[str, Any]:
        """The inputs of a step, in the layout that holds: the first packed ones are checked, and if they fail, no more."""
        if self._collator is not None and "input_ids" in inputs:
            inputs = self._packed(inputs)
        batches = inputs.get("sub_batches")
        if batches is None:
            return inputs
        while self._unproven:
            batches = self._in_form(batches)
            self._prove(model, batches)
        return {**inputs, "sub_batches": self._in_form(batches)}

    @torch.no_grad()
    def _prove(self, model: nn.Module, batches: list[dict[str, Any]]) -> None:
        """Compare packed with padded rewards on one batch, without dropout; if they differ, go on to the next form."""
        training = model.training
        model.eval()
        packed = model(sub_batches=batches, use_cache=False).mean
        padded = model(sub_batches=self._padded(batches), use_cache=False).mean
        model.train(training)
        found = disagreement(packed, padded, torch.bfloat16 if self._half else next(model.parameters()).dtype)
        form = self._collator.form
        if found is None:
            largest = float((packed - padded).abs().max())
            logger.info("packing: %s (first batch: within %.0e of padded rewards)", TAKEN[form], largest)
            self._unproven = False
            return
        if form == "spans":
            without_prefix_attention(self._model)
            self._collator.form = "mask"
            logger.info("packing: this model's layers do not take spans (rewards differed by %.1e)", found)
            return
        self._collator.form, self._unproven = "padded", False
        logger.warning(
            "packing: length buckets, prompts are not shared (on the first batch rewards differed by %.1e from padded ones; "
            "please report this model)",
            found,
        )

    def _packed(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Padded rows as sub-batches: those of a stream, whose batches accelerate cuts up and so must be plain tensors."""
        inputs = dict(inputs)
        input_ids, mask = inputs.pop("input_ids"), inputs.pop("attention_mask").bool()
        rows = [row[kept].tolist() for row, kept in zip(input_ids.cpu(), mask.cpu(), strict=True)]
        return {**inputs, "sub_batches": moved(self._collator.sub_batches_of(rows), input_ids.device)}

    def _in_form(self, batches: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Batches in the collator's present form; those from before it changed, or made by its copies in other processes,
        are made anew."""
        if made_for(batches[0], self._collator.form):
            return batches
        return moved(self._collator.sub_batches_of(taken_apart(batches)), batches[0]["input_ids"].device)

    def _padded(self, batches: list[dict[str, Any]]) -> list[dict[str, Any]]:
        padding = dataclasses.replace(self._collator, form="padded")
        return moved(padding.sub_batches_of(taken_apart(batches)), batches[0]["input_ids"].device)


TAKEN = {
    "spans": "a pair's prompt is encoded once, rows without padding",
    "mask": "a pair's prompt is encoded once",
    "texts": "rows without padding, prompts are not shared (flash attention)",
}
"""What the log says of a form (`data.collator.FORMS`) that was found sound."""


def made_for(batch: dict[str, Any], form: str) -> bool:
    """Whether a sub-batch was made in a form; rows of "texts" and of "spans" are alike."""
    return form == ("spans" if "spans" in batch else "mask" if "segments" in batch else "padded") or (
        form == "texts" and "spans" in batch
    )


def pair_collators(
    tokenizer: PreTrainedTokenizerBase,
    args: DistributionalRewardConfig,
    model: nn.Module,
    peft_config: Any,
    streams: bool,
) -> tuple[PairCollator, PackedPairCollator | None]:
    """The collator of a trainer, and the one that packs: the same one, unless batches must stay plain tensors for others
    (accelerate cuts up those of a stream, the Trainer counts `input_ids` where it is told to).

    Nothing packs with `off`, for a model of plain transformers (it takes no sub-batches), for prompt tuning (it puts tokens
    of its own before every row), and for NEFTune (its noise depends on the length of a row).
    """
    # TRL sets `args.pad_token` on the tokenizer only later, and refuses unknown ones
    pad_token_id = tokenizer.convert_tokens_to_ids(args.pad_token or tokenizer.pad_token)
    plain = PairCollator(pad_token_id, args.pad_to_multiple_of)
    configs = list(model.peft_config.values()) if isinstance(model, PeftModel) else [peft_config]
    prompts = any(isinstance(config, PeftConfig) and config.is_prompt_learning for config in configs)
    noisy = args.neftune_noise_alpha is not None
    if args.packing == "off" or prompts or noisy or not isinstance(base_of(model), RewardModelMixin):
        return plain, None
    packer = PackedPairCollator(pad_token_id, args.pad_to_multiple_of)
    counted = args.include_num_input_tokens_seen not in (False, "no")
    return plain if streams or counted else packer, packer


def is_stream(*datasets: Any) -> bool:
    """Whether any of the data sets, or of those in dicts of them, has no length."""
    each = [one for data in datasets for one in (data.values() if isinstance(data, dict) else [data])]
    return any(isinstance(one, IterableDataset) for one in each)


def moved(batches: list[dict[str, Any]], device: torch.device) -> list[dict[str, Any]]:
    """Sub-batches on a device."""
    return send_to_device(batches, device)


def base_of(model: nn.Module) -> nn.Module:
    """The reward model itself, inside an adapter."""
    return model.get_base_model() if isinstance(model, PeftModel) else model


def default_row(trainer: RewardTrainer, form: str) -> int | None:
    """Tokens per row where the user named none; None leaves it to the collator."""
    if trainer.accelerator.device.type == "cpu":
        return None
    dense = form == "mask" and base_of(trainer.model).config._attn_implementation != "flex_attention"
    return MASK_ROW if dense else LONG_ROW


def labels_in(sample: dict[str, Any]) -> Tensor | None:
    """Labels of a micro-batch; one per pair where the data set has no label columns; None for a collator of another kind."""
    if "pair_weight" in sample:
        return sample["pair_weight"].sum()
    n_pairs = pairs_in(sample)
    return None if n_pairs is None else torch.tensor(float(n_pairs))


def tokens_in(inputs: dict[str, Any]) -> Tensor:
    """Takes the tokens of every pair, [B], out of a batch; a single 0 for features, which have no tokens."""
    if TOKENS_PER_PAIR in inputs:
        return inputs.pop(TOKENS_PER_PAIR)
    if "attention_mask" not in inputs:
        return torch.zeros(1)
    return inputs["attention_mask"].sum(1).view(2, -1).sum(0)
