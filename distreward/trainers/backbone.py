"""What TRL's `ModelConfig` says of a base model, put to a trainer that opens it by name: precision, quantisation, adapter."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from peft import PeftConfig
from trl import ModelConfig, get_peft_config, get_quantization_config

from distreward.errors import InputError


def check_backbone(config: ModelConfig) -> None:
    """Refuse what no run could work with.

    Raises:
        InputError: a quantised model without an adapter, which alone could be trained.
    """
    if (config.load_in_8bit or config.load_in_4bit) and not config.use_peft:
        raise InputError("--load_in_8bit and --load_in_4bit train an adapter over the quantised model: add --use_peft.")


def opening_kwargs(config: ModelConfig, given: dict[str, Any] | None) -> dict[str, Any]:
    """For `model_init_kwargs` of a trainer's config; `given`, what the user put there, goes before."""
    own = {"revision": config.model_revision, "attn_implementation": config.attn_implementation, "dtype": config.dtype}
    return {**own, **(given or {})}


def trainer_kwargs(config: ModelConfig) -> dict[str, Any]:
    """`quantization_config` and `peft_config`, made anew for each run: training changes neither, wrapping may."""
    config.lora_task_type = "SEQ_CLS"  # TRL's default, CAUSAL_LM, crashes on sequence classification
    return {"quantization_config": get_quantization_config(config), "peft_config": adapter_config(config)}


def adapter_config(config: ModelConfig) -> PeftConfig | None:
    """The adapter that TRL's options ask for; None where they ask for none.

    TRL makes a string of a lone `--lora_target_modules q_proj`, and PEFT takes a string for a pattern of whole paths, which no
    module has; it is meant as a name.
    """
    found = get_peft_config(config)
    if found is not None and isinstance(found.target_modules, str) and found.target_modules.isidentifier():
        found.target_modules = {found.target_modules}
    return found


@contextlib.contextmanager
def target_modules_told(targets: Sequence[str] | None) -> Iterator[None]:
    """Inside, an adapter for layers that the model has not got is the user's mistake.

    Raises:
        InputError: PEFT found none of `targets`.
    """
    try:
        yield
    except ValueError as error:  # PEFT has a class of its own for this only from 0.20 on
        if not str(error).startswith(("No modules were targeted", "Target modules")):
            raise
        raise InputError(
            f"--lora_target_modules {targets}: the model has no such modules; pass the names of its linear layers "
            "(q_proj, v_proj ...) or all-linear."
        ) from error
