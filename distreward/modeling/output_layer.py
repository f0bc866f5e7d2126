"""The head of a reward model, everything after its backbone, stays in full precision whatever happens to the rest.

Rewards are compared, subtracted and exponentiated: the 8 bits of a half-precision mantissa are too few for them. So the
head keeps float32 weights when the backbone is loaded in half precision, computes in its own precision under autocast,
and is never quantised. Beside an adapter it is trained and saved in full (`modeling.adapters`).
"""

import copy
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, autocast, nn
from torch.nn import functional
from transformers import BitsAndBytesConfig, PreTrainedModel

from distreward.errors import InputError


class FullPrecisionLinear(nn.Linear):
    """`nn.Linear` that computes in the precision of its weights: [..., H] of any float type -> [..., n_outputs]."""

    def forward(self, features: Tensor) -> Tensor:
        with autocast(device_type=features.device.type, enabled=False):
            return functional.linear(features.to(self.weight.dtype), self.weight, self.bias)


def head_names(model: PreTrainedModel) -> list[str]:
    """The children of a `*ForSequenceClassification` model that come after its backbone and have weights, in order.

    `["score"]` for a Llama, `["classifier"]` for a BERT, `["head", "classifier"]` for a ModernBERT.
    """
    return [
        name
        for name, child in model.named_children()
        if name != model.base_model_prefix and next(child.parameters(), None) is not None
    ]


def output_layer_name(model: PreTrainedModel) -> str:
    """Dotted name of the output layer: the last linear one of the head.

    Raises:
        InputError: nothing linear comes after the backbone.
    """
    found = _linear_layers(model)
    if not found:
        raise InputError(f"{type(model).__name__}: has no linear output layer to read rewards from; use another base.")
    return found[-1]


def keep_head_exact(model: PreTrainedModel) -> None:
    """Make the linear layers of a new model's head compute in float32, load as float32 and be spared by quantisers."""
    for name in _linear_layers(model):
        exact = FullPrecisionLinear.__new__(FullPrecisionLinear)
        exact.__dict__.update(model.get_submodule(name).__dict__)  # the same parameters, on whatever device they are
        model.set_submodule(name, exact)
    names = head_names(model)
    model._keep_in_fp32_modules = {*(model._keep_in_fp32_modules or ()), *names}  # every quantiser reads this one
    model._keep_in_fp32_modules_strict = {*(model._keep_in_fp32_modules_strict or ()), *(f"{name}." for name in names)}


@contextmanager
def output_layer_expected_missing(model_class: type[PreTrainedModel]) -> Iterator[None]:
    """Loading does not report a missing output layer inside the `with` block: a base model has none. All else it does."""
    before = model_class._keys_to_ignore_on_load_missing
    model_class._keys_to_ignore_on_load_missing = [*(before or ()), rf"^(?!{model_class.base_model_prefix}\.)"]
    try:
        yield
    finally:
        model_class._keys_to_ignore_on_load_missing = before


def refuse_missing_head(model: PreTrainedModel, path: str) -> None:
    """Refuse a checkpoint that calls itself a reward model but does not hold its head."""
    lost = [name for name in model.missing_weights if name.split(".")[0] in head_names(model)]
    if lost:
        raise InputError(
            f"{path}: the weights of its reward head ({', '.join(lost)}) are not in the checkpoint, so rewards would come "
            "from a random layer; save it again from the trained model, or train a new head with reward_head=..."
        )


def spare_missing(model: PreTrainedModel, missing: Iterable[str], quantization_config: Any) -> Any:
    """The quantisation config that also spares backbone layers the checkpoint did not have, None if there are none.

    A fresh layer has nothing to be quantised from; bitsandbytes leaves it in a state that fails at the first forward.
    """
    fresh = {name.rpartition(".")[0] for name in missing if name.split(".")[0] not in head_names(model)}
    if not fresh or not isinstance(quantization_config, BitsAndBytesConfig):
        return None
    config = copy.deepcopy(quantization_config)
    config.llm_int8_skip_modules = sorted({*(config.llm_int8_skip_modules or ()), *fresh, *head_names(model)})
    return None if config.llm_int8_skip_modules == quantization_config.llm_int8_skip_modules else config


def record_spared(model: PreTrainedModel) -> None:
    """Write into the model's bitsandbytes config which modules were left alone, so that it can be opened alike elsewhere."""
    config = vars(model.config).get("quantization_config")
    if isinstance(config, BitsAndBytesConfig):
        spared = copy.copy(config)  # the caller's object stays as it is
        spared.llm_int8_skip_modules = sorted(model.hf_quantizer.modules_to_not_convert)
        model.config.quantization_config = spared


def _linear_layers(model: PreTrainedModel) -> list[str]:
    return [
        f"{child}.{name}" if name else child
        for child in head_names(model)
        for name, module in getattr(model, child).named_modules()
        if isinstance(module, nn.Linear)
    ]
