"""The class of a reward model: a backbone's own `*ForSequenceClassification`, read through a reward head.

The class is made on the fly from the backbone's class and `RewardModelMixin`, and carries the backbone class's NAME:
`save_pretrained` writes that name into `architectures`, PEFT, FSDP wrapping policies and servers look it up, and the file
on disk is an ordinary stock checkpoint. Two forms of the same config:

- in memory: `config.num_labels == 1`, what `trl.RewardTrainer`, GRPO and RLOO expect of a reward model;
- on disk: `num_labels` 1, 2, 5 or 6, `id2label` naming the outputs, `problem_type` "regression" (pipelines and servers then
  return raw values), and the `reward_head` entry.
"""

import functools
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.utils import TRANSFORMERS_DYNAMIC_MODULE_NAME

from distreward.errors import InputError
from distreward.modeling.features import outputs_from_features
from distreward.modeling.heads import REWARD_HEADS
from distreward.modeling.output import RewardOutput
from distreward.modeling.output_layer import keep_head_exact
from distreward.modeling.packing import attention_arguments
from distreward.modeling.pooling import last_token_index, position_ids, without_leading_padding


class RewardModelMixin:
    """Reads the outputs of a `*ForSequenceClassification` backbone as a reward head. Comes first in the MRO."""

    # A causal language model's checkpoint carries this head; a reward model has none. Not worth a warning.
    _keys_to_ignore_on_load_unexpected = (r"^lm_head\.",)

    # Set on classes that come with a checkpoint: what they read, and where, is their own affair.
    _own_code = False

    def __init__(self, config: PreTrainedConfig, *args: Any, **kwargs: Any):
        entry = config.reward_head
        set_stock_form(config)
        super().__init__(config, *args, **kwargs)
        # `config` may have been copied on the way; `self.config` is the one that counts from here on.
        self.config.reward_head = entry
        set_memory_form(self.config)
        keep_head_exact(self)

    @property
    def reward_head(self) -> dict[str, Any]:
        """The checkpoint's `reward_head` entry: type, constants, and what training tuned (lambda, eta)."""
        return self.config.reward_head

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        pooled_index: Tensor | None = None,
        pooled_features: Tensor | None = None,
        sub_batches: list[dict[str, Tensor]] | None = None,
        **kwargs: Any,
    ) -> RewardOutput:
        """Rewards of B responses.

        Args:
            input_ids, attention_mask: [B, T] as for the backbone.
            pooled_index: int64 [R, 2] (row, column) of the last token of every response, for rows that hold several
                responses; R takes the place of B. Decoders only. Default: each row's last attended token.
            pooled_features: [B, H] features computed before (`modeling.features`), in place of the texts.
            sub_batches: B responses in batches of rows of nearly one length, in place of `input_ids`
                (`data.packing.sub_batches`, `padded_sub_batches`). All go through in this one call, because a data-parallel
                wrapper synchronises at every call.
            kwargs: passed to the backbone.

        Returns:
            `RewardOutput`, float32.
        """
        kwargs.pop("labels", None)
        kwargs.pop("return_dict", None)
        backbone = None
        if sub_batches is not None:
            return self.forward_sub_batches(sub_batches, **kwargs)
        if pooled_features is not None:
            raw = outputs_from_features(self, pooled_features)
        elif hasattr(self, "score") and not self._own_code:
            pooled, backbone = self.last_hidden(input_ids, attention_mask, pooled_index, **kwargs)
            raw = outputs_from_features(self, pooled)
        else:
            if pooled_index is not None:
                raise ValueError("`pooled_index` needs a decoder backbone; an encoder pools one response per row.")
            kwargs.pop("use_cache", None)
            inputs = without_leading_padding({"input_ids": input_ids, "attention_mask": attention_mask, **kwargs})
            backbone = super().forward(**inputs, return_dict=True)
            raw = backbone.logits.float().reshape(-1, len(REWARD_HEADS[self.reward_head["type"]].output_names))
        output = REWARD_HEADS[self.reward_head["type"]].read(raw, self.reward_head)
        output.hidden_states = getattr(backbone, "hidden_states", None)
        output.attentions = getattr(backbone, "attentions", None)
        return output

    def forward_sub_batches(self, sub_batches: list[dict[str, Tensor]], **kwargs: Any) -> RewardOutput:
        """`forward` over several batches of rows; the outputs have the places that `numbers` of each batch names."""
        outputs = []
        for batch in sub_batches:
            if "segments" in batch:
                places = {name: batch[name] for name in ("input_ids", "position_ids", "pooled_index")}
                outputs.append(self.forward(**places, **attention_arguments(batch, self), **kwargs))
            else:
                outputs.append(self.forward(batch["input_ids"], batch["attention_mask"], **kwargs))
        order = torch.argsort(torch.cat([batch["numbers"] for batch in sub_batches]))
        whole = RewardOutput()
        for name in ("logits", "mean", "std", "level_logits", "factors"):
            if outputs[0].get(name) is not None:
                whole[name] = torch.cat([output[name] for output in outputs])[order]
        return whole

    def last_hidden(self, input_ids, attention_mask, pooled_index=None, **kwargs) -> tuple[Tensor, Any]:
        """A decoder's hidden states at the pooled positions only, [R, H], and the backbone's output."""
        kwargs.setdefault("use_cache", False)  # packed rows are silently wrong with a cache, and rewards need none
        if (
            isinstance(attention_mask, Tensor)
            and attention_mask.dim() == 2
            and takes_position_ids(type(self.base_model))
        ):
            kwargs.setdefault("position_ids", position_ids(attention_mask))
        backbone = self.base_model(input_ids=input_ids, attention_mask=attention_mask, **kwargs)
        hidden = backbone[0]  # [B, T, H]
        if pooled_index is None:
            pad, skipped = self.config.get_text_config().pad_token_id, self.reward_head.get("skipped_token_id")
            column = last_token_index(input_ids, attention_mask, pad, skipped)
            row = torch.arange(hidden.shape[0], device=hidden.device)
        else:
            row, column = pooled_index.unbind(-1)
        return hidden[row, column.to(hidden.device)], backbone

    def save_pretrained(self, save_directory: str, **kwargs: Any) -> None:
        """Write a stock `*ForSequenceClassification` checkpoint, see `PreTrainedModel.save_pretrained`.

        Raises:
            InputError: a model that runs code of its own checkpoint: the file would open nowhere without it.
        """
        if self._own_code:
            raise InputError(
                f"{self.config.name_or_path}: runs code that comes with it and cannot be saved as a stock checkpoint; copy "
                "its folder."
            )
        with stock_form(self.config):
            super().save_pretrained(save_directory, **kwargs)


def set_stock_form(config: PreTrainedConfig) -> None:
    """Give `config` the form it has on disk: one label per output of the head, named."""
    names = REWARD_HEADS[config.reward_head["type"]].output_names
    config.num_labels = len(names)
    config.id2label = dict(enumerate(names))
    config.label2id = {name: index for index, name in enumerate(names)}
    config.problem_type = "regression"


def set_memory_form(config: PreTrainedConfig) -> None:
    """Give `config` the form TRL expects: `num_labels == 1`."""
    config.num_labels = 1


@contextmanager
def stock_form(config: PreTrainedConfig) -> Iterator[PreTrainedConfig]:
    """`config` in its on-disk form for the length of a `with` block."""
    set_stock_form(config)
    try:
        yield config
    finally:
        set_memory_form(config)


@functools.cache
def reward_model_class(backbone_class: type[PreTrainedModel]) -> type[PreTrainedModel]:
    """The reward model class over a stock `*ForSequenceClassification` class; the same one at every call."""
    own_code = backbone_class.__module__.split(".")[0] == TRANSFORMERS_DYNAMIC_MODULE_NAME
    members = {"__module__": __name__, "_own_code": own_code}
    return type(backbone_class.__name__, (RewardModelMixin, backbone_class), members)


@functools.cache
def takes_position_ids(backbone_class: type[PreTrainedModel]) -> bool:
    """Whether a backbone is told the positions of its tokens; those with ALiBi or recurrence count for themselves."""
    return "position_ids" in inspect.signature(backbone_class.forward).parameters
