"""What a checkpoint's config says of the reward head, written anew, in place or in a copy; the weights stay as they are."""

import json
import shutil
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download
from peft import PeftModel
from transformers import PreTrainedModel

from distreward.errors import InputError
from distreward.modeling.adapter_files import REWARD_CONFIG, save_reward_config
from distreward.modeling.reward_model import stock_form

NOT_COPIED = (
    "results.json", "training_args.bin", "trainer_state.json", "optimizer.*", "scheduler.*", "scaler.*", "rng_state*",
)  # fmt: skip
"""Files of the run that made the checkpoint, which the copy is no part of."""


def copy_with_reward_head(
    path: str, output_dir: str | Path, model: PreTrainedModel | PeftModel, entry: dict[str, Any], **hub: Any
) -> Path:
    """Copy a checkpoint or an adapter with another `reward_head` entry.

    Args:
        path: directory or Hub id.
        output_dir: where to; the files of the folder itself are copied, not those of folders within.
        model: the checkpoint as `AutoRewardModel` opened it.
        entry: the new entry. The stock 1-label model of somebody else becomes a checkpoint with such an entry.
        hub: `revision` and the like, for a Hub id.

    Returns:
        `output_dir`.

    Raises:
        InputError: `output_dir` is the checkpoint itself, or the model runs code that comes with it: whoever reads the entry
            would no longer look for the code.
    """
    if Path(output_dir).resolve() == Path(path).resolve():
        raise InputError(f"{path}: the copy would be written into the checkpoint's own folder; name another one.")
    base = model.get_base_model() if isinstance(model, PeftModel) else model
    if base._own_code:
        raise InputError(f"{path}: runs code that comes with it, and its config cannot be given a reward head.")
    source = Path(path) if Path(path).is_dir() else Path(snapshot_download(path, **hub))
    target = Path(output_dir)
    target.mkdir(parents=True, exist_ok=True)
    for file in sorted(source.iterdir()):
        if file.is_file() and not any(fnmatch(file.name, pattern) for pattern in NOT_COPIED):
            shutil.copy2(file, target / file.name)
    if isinstance(model, PeftModel) and not (target / REWARD_CONFIG).is_file():  # an adapter that another tool saved
        with stock_form(model.config):
            save_reward_config(model.config, target)
    write_reward_head(target, entry)
    return target


def write_reward_head(folder: str | Path, entry: dict[str, Any]) -> None:
    """Put an entry into the config of the checkpoint or adapter in a folder, in one piece; nothing else changes.

    An adapter's config is `reward_config.json`, also where the folder holds a `config.json` beside it.
    """
    adapter = Path(folder, REWARD_CONFIG)
    file = adapter if adapter.is_file() else Path(folder, "config.json")
    config = json.loads(file.read_text(encoding="utf-8"))
    config["reward_head"] = entry
    temporary = file.with_name(f".{file.name}.tmp")
    temporary.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    temporary.replace(file)
