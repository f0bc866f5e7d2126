"""`AutoRewardModel`: a reward model over any backbone with a `*ForSequenceClassification` class in transformers.

The class is made on the fly from the backbone's own class and `RewardModelMixin`, and carries the backbone class's NAME:
`save_pretrained` writes that name into `architectures`, PEFT, FSDP wrapping policies and servers look it up, and the file
on disk is an ordinary stock checkpoint. Two forms of the same config:

- in memory: `config.num_labels == 1`, what `trl.RewardTrainer`, GRPO and RLOO expect of a reward model;
- on disk: `num_labels` 1, 2 or 5, `id2label` naming the outputs, `problem_type` "regression" (pipelines and servers then
  return raw values), and the `reward_head` entry.
"""

import copy
import functools
import inspect
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoConfig, PreTrainedConfig, PreTrainedModel
from transformers.utils import TRANSFORMERS_DYNAMIC_MODULE_NAME

from distreward.errors import InputError
from distreward.modeling.features import outputs_from_features
from distreward.modeling.foreign import (
    classifier_class,
    is_stock_classifier,
    require_one_output,
    sequence_classification_class,
    trained_pooling,
    untrusted,
)
from distreward.modeling.heads import REWARD_HEADS, reward_head_entry
from distreward.modeling.output import RewardOutput
from distreward.modeling.pooling import last_token_index, position_ids, without_leading_padding

logger = logging.getLogger("distreward")


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
        **kwargs: Any,
    ) -> RewardOutput:
        """Rewards of B responses.

        Args:
            input_ids, attention_mask: [B, T] as for the backbone.
            pooled_index: int64 [R, 2] (row, column) of the last token of every response, for rows that hold several
                responses; R takes the place of B. Decoders only. Default: each row's last attended token.
            pooled_features: [B, H] features computed before (`modeling.features`), in place of the texts.
            kwargs: passed to the backbone.

        Returns:
            `RewardOutput`, float32.
        """
        kwargs.pop("labels", None)
        kwargs.pop("return_dict", None)
        backbone = None
        if pooled_features is not None:
            raw = outputs_from_features(self, pooled_features)
        elif hasattr(self, "score") and not self._own_code:
            pooled, backbone = self.last_hidden(input_ids, attention_mask, pooled_index, **kwargs)
            dtype = next(self.score.parameters()).dtype
            with torch.autocast(device_type=pooled.device.type, enabled=False):  # the head stays in its own precision
                raw = outputs_from_features(self, pooled.to(dtype))
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

    def last_hidden(self, input_ids, attention_mask, pooled_index=None, **kwargs) -> tuple[Tensor, Any]:
        """A decoder's hidden states at the pooled positions only, [R, H], and the backbone's output."""
        kwargs.setdefault("use_cache", False)  # packed rows are silently wrong with a cache, and rewards need none
        if attention_mask is not None and attention_mask.dim() == 2 and takes_position_ids(type(self.base_model)):
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


class AutoRewardModel:
    """Loads a reward model, or makes one from a base model. See `from_pretrained` and `from_config`."""

    @classmethod
    def from_config(cls, config: PreTrainedConfig, reward_head: str | None = None, **kwargs: Any) -> PreTrainedModel:
        """A reward model with random weights, e.g. for tests; kwargs as `dtype`, `attn_implementation`.

        >>> from transformers import LlamaConfig
        >>> tiny = LlamaConfig(vocab_size=8, hidden_size=4, intermediate_size=8, num_hidden_layers=1,
        ...                    num_attention_heads=2, pad_token_id=0)
        >>> model = AutoRewardModel.from_config(tiny, reward_head="mean_variance")
        >>> out = model(input_ids=torch.tensor([[1, 2, 3]]))
        >>> out.logits.shape, bool(out.std[0] >= 0.1), model.config.num_labels
        (torch.Size([1, 1]), True, 1)
        """
        config = with_reward_head(config, reward_head, str(getattr(config, "_name_or_path", "") or "the config"))
        return reward_model_class(sequence_classification_class(config))._from_config(config, **kwargs)

    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: str, reward_head: str | None = None, **kwargs: Any
    ) -> PreTrainedModel:
        """Open a reward model checkpoint, or put a new head on a base model.

        Args:
            pretrained_model_name_or_path: a checkpoint of ours, a stock 1-label reward model (opened as a `scalar`
                head), or any base model (then `reward_head` is needed). A directory or a Hub id.
            reward_head: `scalar`, `mean_variance` or `likert`, to train one. May be left out for reward model
                checkpoints; stock ones are then read where transformers reads them (`foreign.trained_pooling`).
            kwargs: everything `PreTrainedModel.from_pretrained` takes (`dtype`, `device_map`,
                `quantization_config`, `attn_implementation`, `trust_remote_code`, `revision` ...).

        Returns:
            A `PreTrainedModel` whose forward returns `RewardOutput`, with `config.num_labels == 1`.

        Raises:
            InputError: no such model, a base model without `reward_head`, a head that is not the checkpoint's, a stock
                classifier with another number of outputs, or code in the checkpoint without `trust_remote_code`.
        """
        path = str(pretrained_model_name_or_path)
        hub = {"trust_remote_code": False} | {key: kwargs[key] for key in HUB_KWARGS if kwargs.get(key) is not None}
        config = kwargs.pop("config", None)
        if config is None:
            if path.startswith((".", "/", "~")) and not Path(path).is_dir():
                raise InputError(f"{path}: no such model directory; check the path.")
            try:
                config = AutoConfig.from_pretrained(path, **hub)
            except (OSError, ValueError) as error:
                if "trust_remote_code" in str(error):
                    raise untrusted(path, "named in config.json, `auto_map`") from error
                raise InputError(
                    f"{path}: cannot be opened as a model ({first_line(error)}); check the path."
                ) from error
        if not kwargs.get("ignore_mismatched_sizes"):
            refuse_other_outputs(config, reward_head, path)
        for_scoring = reward_head is None and getattr(config, "reward_head", None) is None
        config = with_reward_head(config, reward_head, path)
        backbone = classifier_class(config, path, hub) if for_scoring else sequence_classification_class(config)
        model_class = reward_model_class(backbone)
        try:
            return model_class.from_pretrained(path, config=config, **kwargs)
        except OSError as error:
            raise InputError(f"{path}: its weights cannot be opened ({first_line(error)}); check the path.") from error


HUB_KWARGS = ("revision", "trust_remote_code", "token", "cache_dir", "local_files_only", "force_download", "subfolder")


def with_reward_head(config: PreTrainedConfig, reward_head: str | None, path: str) -> PreTrainedConfig:
    """A copy of `config` with a `reward_head` entry: the checkpoint's own, or the one asked for on a base model."""
    config = copy.deepcopy(config)  # the caller may make another model from it
    entry = getattr(config, "reward_head", None)
    if entry is not None:
        if entry["type"] not in REWARD_HEADS:
            raise InputError(
                f"{path}: config.json names a reward head {entry['type']!r}, wanted one of {', '.join(REWARD_HEADS)}; "
                "was it written by a newer version?"
            )
        if reward_head not in (None, entry["type"]):
            raise InputError(
                f"{path}: this checkpoint has a {entry['type']!r} reward head, not {reward_head!r}; leave `reward_head` "
                "out, or start from the base model."
            )
        return config
    if reward_head is None:
        require_one_output(config, path)
        config.reward_head = reward_head_entry("scalar", **trained_pooling(config))
    else:
        config.reward_head = reward_head_entry(reward_head)
    return config


def refuse_other_outputs(config: PreTrainedConfig, reward_head: str | None, path: str) -> None:
    """Refuse a stock classifier whose output layer does not fit the head asked for."""
    if reward_head not in REWARD_HEADS or getattr(config, "reward_head", None) or not is_stock_classifier(config):
        return
    wanted = len(REWARD_HEADS[reward_head].output_names)
    if config.num_labels != wanted:
        raise InputError(
            f"{path}: a classifier with {config.num_labels} outputs, but a {reward_head!r} reward head has {wanted}; "
            "start from its base model, or pass ignore_mismatched_sizes=True to replace the output layer."
        )


def first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
