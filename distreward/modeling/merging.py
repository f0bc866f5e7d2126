"""From an adapter to one whole checkpoint that any tool opens."""

from pathlib import Path
from typing import Any

from peft import PeftModel
from peft.tuners.tuners_utils import BaseTuner
from transformers import AutoTokenizer, PreTrainedModel

from distreward.errors import InputError
from distreward.modeling.auto import AutoRewardModel


def merge_adapter(path: str, output_dir: str | Path, reward_head: str | None = None, **kwargs: Any) -> PreTrainedModel:
    """Merge a reward adapter into its base model and save a stock `*ForSequenceClassification` checkpoint.

    The base model is opened unquantised, whatever the adapter was trained under: weights of 8 or 4 bits cannot take the
    adapter up without rounding it.

    Args:
        path: adapter folder or Hub id, with the tokenizer beside it.
        output_dir: where to write model and tokenizer.
        reward_head: see `AutoRewardModel.from_pretrained`.
        kwargs: for the base model, such as `dtype` (default: the base model's own).

    Returns:
        The merged model.

    Raises:
        InputError: `path` is no adapter, is `output_dir` too, cannot be merged (prompt tuning), or see
            `AutoRewardModel.from_pretrained`.
    """
    if Path(output_dir).resolve() == Path(path).resolve():
        raise InputError(f"{path}: the merged model would be written into the adapter's own folder; name another one.")
    model = AutoRewardModel.from_pretrained(path, reward_head=reward_head, **{"quantization_config": None, **kwargs})
    if not isinstance(model, PeftModel):
        raise InputError(f"{path}: a whole model, not an adapter; there is nothing to merge.")
    if not isinstance(model.base_model, BaseTuner):
        kind = model.active_peft_config.peft_type.value
        raise InputError(f"{path}: an adapter of type {kind} lies beside the weights and cannot be merged into them.")
    merged = model.merge_and_unload(safe_merge=True)
    merged.save_pretrained(output_dir)
    AutoTokenizer.from_pretrained(path).save_pretrained(output_dir)
    return merged
