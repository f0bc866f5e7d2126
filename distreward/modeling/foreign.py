"""Reward models that others made: which can be opened for scoring, with which class, and at which token they are read.

Supported is whatever `AutoModelForSequenceClassification` opens with ONE output, code that comes with the checkpoint
included where the user trusts it. Everything else is refused with the reason.
"""

from typing import Any

from transformers import PreTrainedConfig, PreTrainedModel
from transformers.dynamic_module_utils import get_class_from_dynamic_module
from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING

from distreward.errors import InputError
from distreward.modeling.heads import REWARD_HEADS

AUTO_CLASS = "AutoModelForSequenceClassification"


def is_stock_classifier(config: PreTrainedConfig) -> bool:
    """Whether the checkpoint was saved from a `*ForSequenceClassification` class."""
    return any(name.endswith("ForSequenceClassification") for name in config.architectures or ())


def own_code(config: PreTrainedConfig) -> str | None:
    """The class that comes with the checkpoint for `AutoModelForSequenceClassification`, as `file.Class`, or None."""
    return (getattr(config, "auto_map", None) or {}).get(AUTO_CLASS)


def require_one_output(config: PreTrainedConfig, path: str) -> None:
    """Refuse a checkpoint without `reward_head` entry that is no reward model with one output.

    Raises:
        InputError: a base model, or a classifier with several outputs (an attribute model, for instance).
    """
    made_by = ", ".join(config.architectures or ()) or f"a {config.model_type!r} model"
    if not is_stock_classifier(config) and own_code(config) is None:
        raise InputError(
            f"{path}: not a reward model checkpoint ({made_by} has no classification head); train one from it with "
            f"`distreward train --model_name_or_path {path}` (in Python: pass reward_head="
            f"{' or '.join(map(repr, REWARD_HEADS))})."
        )
    if config.num_labels != 1:
        raise InputError(
            f"{path}: not a reward model checkpoint ({made_by} has {config.num_labels} outputs); supported are "
            "ForSequenceClassification models with one output, and checkpoints of distreward, which have a `reward_head` "
            "entry in config.json."
        )


def trained_pooling(config: PreTrainedConfig) -> dict[str, Any]:
    """What a stock decoder's `reward_head` entry has to say about the token its head was trained on.

    transformers reads the last token that is not `pad_token_id`. A checkpoint saved with pad == EOS was therefore trained
    on the token BEFORE the final EOS, and its own numbers come from there.

    Returns:
        `{"skipped_token_id": ...}` for such a checkpoint, else nothing.

    >>> from transformers import LlamaConfig
    >>> trained_pooling(LlamaConfig(pad_token_id=2, eos_token_id=2)), trained_pooling(LlamaConfig(pad_token_id=0))
    ({'skipped_token_id': 2}, {})
    """
    text = config.get_text_config()
    eos = text.eos_token_id
    if text.pad_token_id is None or text.pad_token_id not in (eos if isinstance(eos, list) else [eos]):
        return {}
    return {"skipped_token_id": text.pad_token_id}


def classifier_class(config: PreTrainedConfig, path: str, hub: dict[str, Any]) -> type[PreTrainedModel]:
    """The class that `AutoModelForSequenceClassification` would open this reward model with.

    Args:
        config: of a checkpoint with one output.
        path: directory or Hub id.
        hub: `trust_remote_code`, `revision` and the like, as given to `from_pretrained`.

    Raises:
        InputError: the class comes with the checkpoint and the caller did not say that it may be run.
    """
    reference = own_code(config)
    known = type(config) in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING
    if reference is not None and hub.get("trust_remote_code"):
        options = {name: value for name, value in hub.items() if name != "trust_remote_code"}
        return get_class_from_dynamic_module(reference, path, **options)
    if reference is not None and not (known and is_stock_classifier(config)):
        raise untrusted(path, reference.split("--")[-1])
    return sequence_classification_class(config)


def untrusted(path: str, what: str) -> InputError:
    """The error for code that nobody said may be run; the caller raises it."""
    return InputError(
        f"{path}: needs Python code that comes with it ({what}); read it, then pass --trust_remote_code (in Python: "
        "trust_remote_code=True)."
    )


def sequence_classification_class(config: PreTrainedConfig) -> type[PreTrainedModel]:
    """transformers' own `*ForSequenceClassification` class of this architecture."""
    try:
        return MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING[type(config)]
    except KeyError as error:
        raise InputError(
            f"model type {config.model_type!r} has no ForSequenceClassification class in transformers; use another base."
        ) from error
