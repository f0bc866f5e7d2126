"""`AutoRewardModel`: opens a reward model, or puts a reward head on any backbone with a `*ForSequenceClassification` class."""

import copy
import logging
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id
from transformers import AutoConfig, PreTrainedConfig, PreTrainedModel

from distreward.errors import InputError
from distreward.modeling.adapter_files import HUB_KWARGS, is_adapter, open_adapter
from distreward.modeling.foreign import (
    classifier_class,
    is_stock_classifier,
    require_one_output,
    sequence_classification_class,
    trained_pooling,
    untrusted,
)
from distreward.modeling.heads import REWARD_HEADS, reward_head_entry
from distreward.modeling.output_layer import (
    output_layer_expected_missing,
    record_spared,
    refuse_missing_head,
    spare_missing,
)
from distreward.modeling.reward_model import reward_model_class

logger = logging.getLogger("distreward")


class AutoRewardModel:
    """Loads a reward model, or makes one from a base model. See `from_pretrained` and `from_config`."""

    @classmethod
    def from_config(cls, config: PreTrainedConfig, reward_head: str | None = None, **kwargs: Any) -> PreTrainedModel:
        """A reward model with random weights, e.g. for tests; kwargs as `dtype`, `attn_implementation`.

        >>> import torch
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
                head), a PEFT adapter over either, or any base model (then `reward_head` is needed). A directory or a
                Hub id.
            reward_head: `scalar`, `mean_variance`, `taste_factors` or `likert`. May be left out for reward model checkpoints.
            kwargs: everything `PreTrainedModel.from_pretrained` takes (`dtype`, `device_map`,
                `quantization_config`, `attn_implementation`, `trust_remote_code`, `revision` ...), and settings of the
                model's config (`attention_dropout`, `output_router_logits` ...). An adapter's base model is quantised
                as it was in training unless `quantization_config` says otherwise (None: not at all), and
                `is_trainable=True` opens the adapter for more training.

        Returns:
            A `PreTrainedModel` (for an adapter a `PeftModel` over one) whose forward returns `RewardOutput`, with
            `config.num_labels == 1`.

        Raises:
            InputError: no such model, a base model without `reward_head`, a head that is not the checkpoint's, a stock
                classifier with another number of outputs, a reward model whose output layer was not saved, or code in
                the checkpoint without `trust_remote_code`.
        """
        path = str(pretrained_model_name_or_path)
        hub = {key: kwargs[key] for key in HUB_KWARGS if kwargs.get(key) is not None}
        trusted = {"trust_remote_code": bool(kwargs.get("trust_remote_code"))}
        config = kwargs.pop("config", None)
        if config is None:
            require_place(path)
            if is_adapter(path, **hub):
                trainable = kwargs.pop("is_trainable", False)
                return open_adapter(cls.from_pretrained, path, reward_head, trainable, **kwargs)
            try:
                config = AutoConfig.from_pretrained(path, **hub, **trusted)
            except (OSError, ValueError) as error:
                if "trust_remote_code" in str(error):
                    raise untrusted(path, "named in config.json, `auto_map`") from error
                raise InputError(
                    f"{path}: cannot be opened as a model ({first_line(error)}); check the path."
                ) from error
        if not kwargs.get("ignore_mismatched_sizes"):
            refuse_other_outputs(config, reward_head, path)
        has_head = is_stock_classifier(config) and (reward_head is None or hasattr(config, "reward_head"))
        for_scoring = reward_head is None and getattr(config, "reward_head", None) is None
        config = with_reward_head(config, reward_head, path)
        for name in set(kwargs) & set(config.to_dict()) - {"dtype", "quantization_config"}:
            setattr(config, name, kwargs.pop(name))
        backbone = (
            classifier_class(config, path, {**hub, **trusted}) if for_scoring else sequence_classification_class(config)
        )
        model_class = reward_model_class(backbone)
        try:
            with nullcontext() if has_head else output_layer_expected_missing(model_class):
                model, found = model_class.from_pretrained(path, config=config, output_loading_info=True, **kwargs)
                unquantizable = spare_missing(model, found["missing_keys"], kwargs.get("quantization_config"))
                if unquantizable is not None:
                    kwargs["quantization_config"] = unquantizable
                    model, found = model_class.from_pretrained(path, config=config, output_loading_info=True, **kwargs)
        except OSError as error:
            raise InputError(f"{path}: its weights cannot be opened ({first_line(error)}); check the path.") from error
        record_spared(model)
        model.missing_weights = sorted(found["missing_keys"])
        if has_head:
            refuse_missing_head(model, path)
        return model


def require_place(path: str) -> None:
    """Refuse what is no directory and no name of a Hub repository: asking for it there takes long, or fails strangely."""
    if Path(path).is_dir():
        return
    if Path(path).is_file():
        raise InputError(f"{path}: a file; name the model's directory.")
    try:
        validate_repo_id(path)
        on_hub = not path.startswith((".", "/", "~"))
    except HFValidationError:
        on_hub = False
    if not on_hub:
        raise InputError(f"{path}: no such model directory; check the path.")


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
