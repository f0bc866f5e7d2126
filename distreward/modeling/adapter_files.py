"""What lies in an adapter's folder, and opening a reward model from it.

Besides PEFT's own files there is `reward_config.json`: the model's config in its stock form, with the `reward_head` entry
and the quantisation the backbone was trained in. It is not called `config.json`, because transformers takes a folder with
both for a complete model and no longer looks for the base model the adapter names.
"""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from huggingface_hub import hf_hub_download
from huggingface_hub.errors import EntryNotFoundError
from peft import PeftConfig, PeftModel
from peft.utils.save_and_load import load_peft_weights
from torch import Tensor
from transformers import AutoConfig, BitsAndBytesConfig, PreTrainedConfig, PreTrainedModel
from transformers.utils import find_adapter_config_file

from distreward.errors import InputError
from distreward.modeling.heads import REWARD_HEADS

logger = logging.getLogger("distreward")

REWARD_CONFIG = "reward_config.json"
HEADS = ("score", "classifier", "classification_head", "logits_proj")
"""What `*ForSequenceClassification` classes of transformers call the module with the output layer."""

HUB_KWARGS = ("revision", "token", "cache_dir", "local_files_only", "force_download", "subfolder")


def is_adapter(path: str, **hub: Any) -> bool:
    """Whether a directory or Hub id holds a PEFT adapter rather than a whole model."""
    if Path(path).is_dir():
        return Path(path, "adapter_config.json").is_file() and not Path(path, "config.json").is_file()
    return find_adapter_config_file(path, **hub) is not None


def open_adapter(
    open_base: Callable[..., PreTrainedModel], path: str, reward_head: str | None, is_trainable: bool, **kwargs: Any
) -> PeftModel:
    """The base model an adapter names, in the precision it was trained in, with the adapter over it.

    Args:
        open_base: `AutoRewardModel.from_pretrained`.
        path: adapter folder or Hub id.
        reward_head: needed where `reward_config.json` is missing and the adapter's head has more than one output.
        is_trainable: leave the adapter ready to be trained further.
        kwargs: for the base model. `quantization_config=None` opens it unquantised.

    Raises:
        InputError: the adapter has no head, the base model is gone, or the kind of head cannot be told.
    """
    hub = {key: kwargs.pop(key) for key in HUB_KWARGS if key in kwargs}
    adapter = PeftConfig.from_pretrained(path, **hub)
    saved = read_reward_config(path, **hub)
    weights = load_peft_weights(path, device="cpu", **hub)
    n_outputs = head_size(path, weights)
    if reward_head is None:
        reward_head = head_of_size(path, n_outputs) if saved is None else saved["reward_head"]["type"]
    base = {key: value for key, value in hub.items() if key not in ("revision", "subfolder")}
    if adapter.revision is not None:
        base["revision"] = adapter.revision
    config = base_config(path, adapter.base_model_name_or_path, saved, base)
    if "quantization_config" not in kwargs:
        kwargs["quantization_config"] = saved_quantization(saved, config)
    model = open_base(adapter.base_model_name_or_path, reward_head=reward_head, config=config, **base, **kwargs)
    n_tokens = (saved or {}).get("vocab_size", model.get_input_embeddings().num_embeddings)
    if n_tokens != model.get_input_embeddings().num_embeddings:  # a chat template brought tokens of its own
        model.resize_token_embeddings(n_tokens)
    opened = PeftModel.from_pretrained(model, path, is_trainable=is_trainable, **hub)
    for name, parameter in opened.named_parameters():
        # PEFT makes everything float32; over a quantised base TRL trains in bfloat16, and rewards must come out the same
        saved_weight = weights.get(name.replace(".modules_to_save.default", "").replace(".default", ""))
        if saved_weight is not None:
            parameter.data = parameter.data.to(saved_weight.dtype)
    return opened


def save_reward_config(config: PreTrainedConfig, directory: str | Path) -> None:
    """Write `reward_config.json` beside an adapter; `config` in its stock form (`modeling.reward_model.stock_form`)."""
    config.to_json_file(Path(directory, REWARD_CONFIG))


def read_reward_config(path: str, **hub: Any) -> dict[str, Any] | None:
    """The contents of `reward_config.json` in a directory or Hub repository; None where there is none."""
    file = Path(path, REWARD_CONFIG)
    if not Path(path).is_dir():
        try:
            file = Path(hf_hub_download(path, REWARD_CONFIG, **hub))
        except EntryNotFoundError:
            return None
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None


def head_size(path: str, weights: dict[str, Tensor]) -> int:
    """Number of outputs of the output layer among an adapter's weights.

    Raises:
        InputError: it holds none.
    """
    sizes = []
    for name, weight in weights.items():
        # base_model.model.score.weight, or base_model.score.weight for prompts, which wrap no module
        of_head = any(part in HEADS for part in name.split(".")[1:3])
        if of_head and name.endswith(".weight") and "lora_" not in name:
            sizes.append(weight.shape[0])
    if not sizes:
        raise InputError(
            f"{path}: this adapter holds no output layer (`score` or `classifier`), so its rewards would come from a random "
            "one; train it again with task_type='SEQ_CLS', which saves the layer, or name a merged checkpoint."
        )
    return sizes[-1]


def head_of_size(path: str, n_outputs: int) -> str:
    """`scalar` for one output; anything else must be said, because its constants are not in the adapter."""
    if n_outputs == 1:
        return "scalar"
    fitting = [name for name, head in REWARD_HEADS.items() if len(head.output_names) == n_outputs]
    raise InputError(
        f"{path}: an adapter whose output layer has {n_outputs} outputs, without {REWARD_CONFIG} to say what they mean; "
        + (f"pass reward_head={fitting[0]!r}." if fitting else "no reward head of ours has that many.")
    )


def base_config(path: str, base: str, saved: dict[str, Any] | None, hub: dict[str, Any]) -> PreTrainedConfig:
    """The config of the base model an adapter names, with what `reward_config.json` knows besides."""
    try:
        config = AutoConfig.from_pretrained(base, **hub)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: its base model {base!r} cannot be opened; put it back there, or change base_model_name_or_path in "
            "adapter_config.json."
        ) from error
    if saved is not None:
        config.reward_head = saved["reward_head"]
        text = config.get_text_config()
        text.pad_token_id = saved.get("pad_token_id", text.pad_token_id)
    return config


def saved_quantization(saved: dict[str, Any] | None, config: PreTrainedConfig) -> BitsAndBytesConfig | None:
    """The bitsandbytes settings an adapter was trained under; None where there were none, or the base has its own."""
    settings = (saved or {}).get("quantization_config")
    if settings is None or settings.get("quant_method") != "bitsandbytes" or "quantization_config" in vars(config):
        return None
    return BitsAndBytesConfig.from_dict({name: value for name, value in settings.items() if not name.startswith("_")})
