"""The tokenizer that lies beside a checkpoint."""

from typing import Any

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from distreward.errors import InputError
from distreward.modeling.adapter_files import HUB_KWARGS
from distreward.modeling.foreign import untrusted


def open_tokenizer(path: str, **kwargs: Any) -> PreTrainedTokenizerBase:
    """The tokenizer of a checkpoint, a directory or Hub id.

    Args:
        path: the checkpoint.
        kwargs: as given to `AutoRewardModel.from_pretrained`; what concerns the model's weights is left out.

    Raises:
        InputError: there is none, or it needs code that nobody said may be run.
    """
    hub = {key: kwargs[key] for key in HUB_KWARGS if kwargs.get(key) is not None}
    hub["trust_remote_code"] = bool(kwargs.get("trust_remote_code"))
    try:
        return AutoTokenizer.from_pretrained(path, **hub)
    except (OSError, ValueError) as error:
        if "trust_remote_code" in str(error):
            raise untrusted(path, "named in tokenizer_config.json, `auto_map`") from error
        raise InputError(f"{path}: holds a model but no tokenizer; save the tokenizer beside it.") from error
