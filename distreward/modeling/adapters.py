"""PEFT adapters over a reward model: the head is always trained, in full precision, and always saved."""

import copy
import logging

import torch
from peft import PeftConfig, PeftModel, TaskType
from peft.utils import ModulesToSaveWrapper
from torch import nn
from transformers import PreTrainedModel

from distreward.errors import InputError
from distreward.modeling.output_layer import head_names, output_layer_name

logger = logging.getLogger("distreward")

PLAIN_MODULES = ("torch.", "transformers.", "distreward.")
"""Where a module that no PEFT method has touched comes from."""


def keep_head(model: PreTrainedModel, peft_config: PeftConfig) -> PeftConfig:
    """A copy of `peft_config` under which the whole head of `model` is trained and saved.

    `task_type` becomes `SEQ_CLS`, and everything after the backbone joins `modules_to_save`, as does any weight of the
    backbone that the checkpoint did not have (a BERT saved without its pooler, for example).

    Raises:
        InputError: a PEFT method that cannot save modules in full.
    """
    config = copy.deepcopy(peft_config)
    if config.task_type not in (TaskType.SEQ_CLS, None):
        logger.warning("peft_config: task_type is %s, but a reward model needs SEQ_CLS: using that.", config.task_type)
    config.task_type = TaskType.SEQ_CLS
    if "modules_to_save" not in vars(config):
        raise InputError(
            f"peft_config: {type(config).__name__} cannot save modules in full, so the reward head would be lost; use a "
            "method with `modules_to_save`, such as LoraConfig."
        )
    fresh = sorted({name.rpartition(".")[0] for name in newly_made(model)} - {output_layer_name(model)})
    config.modules_to_save = list(dict.fromkeys([*(config.modules_to_save or ()), *head_names(model), *fresh]))
    return config


def newly_made(model: PreTrainedModel) -> list[str]:
    """Names of the weights that were not in the checkpoint `model` was opened from; empty for a model made otherwise."""
    return vars(model).get("missing_weights", [])


def trained_head(model: nn.Module) -> list[nn.Module]:
    """The modules of the head, in order; of one that PEFT saves in full, the copy that is trained."""
    base = model.get_base_model() if isinstance(model, PeftModel) else model
    modules = [getattr(base, name) for name in head_names(base)]
    return [
        module.modules_to_save[module.active_adapters[0]] if isinstance(module, ModulesToSaveWrapper) else module
        for module in modules
    ]


def settle_head(model: nn.Module, weights: list[torch.Tensor]) -> None:
    """See to it, once PEFT and TRL have done their part, that the head is exact, kept, and the only one.

    Args:
        model: with its adapter, if it has one.
        weights: of `full_precision_head`, from before; empty for a backbone that is not quantised.
    """
    if weights:
        restore_head(model, weights)
    check_head_is_kept(model)
    share_head(model)


def is_quantized(model: nn.Module) -> bool:
    """Whether bitsandbytes or the like holds the backbone's weights; transformers sets the mark on quantised models only."""
    return getattr(model, "is_quantized", False)


def adopt_head(model: PeftModel) -> None:
    """Make a user's own PEFT model train and save its head, where PEFT was not told to.

    An adapter without `task_type="SEQ_CLS"` leaves the output layer as it is, frozen and unsaved: rewards would come from
    whatever it was initialised with.
    """
    base, name = model.get_base_model(), model.active_adapters[0]
    config = model.peft_config[name]
    unsaved = [head for head in head_names(base) if type(getattr(base, head)).__module__.startswith(PLAIN_MODULES)]
    if not unsaved or config.inference_mode:
        return
    for head in unsaved:
        wrapper = ModulesToSaveWrapper(getattr(base, head), name)
        wrapper.enable_adapters(True)  # PEFT had frozen the module
        setattr(base, head, wrapper)
    config.modules_to_save = [*(config.modules_to_save or ()), *unsaved]
    config.task_type = TaskType.SEQ_CLS
    logger.warning("the PEFT model did not save its output layer (%s): it is trained and saved now.", unsaved[-1])


def share_head(model: nn.Module) -> None:
    """Let the head that PEFT saves be the only one: the copy it keeps of the untrained one would be of no use to anybody."""
    if not isinstance(model, PeftModel):
        return
    base = model.get_base_model()
    for name in head_names(base):
        module = getattr(base, name)
        if isinstance(module, ModulesToSaveWrapper):
            module.original_module = module.modules_to_save[module.active_adapters[0]]


def check_head_is_kept(model: nn.Module) -> None:
    """Refuse a PEFT model whose output layer would not be trained or not be saved, and a quantised one without adapter.

    Raises:
        InputError: with the remedy.
    """
    if not isinstance(model, PeftModel):
        if is_quantized(model):
            raise InputError(
                "a quantised backbone cannot be trained itself: train an adapter over it (--use_peft, or `peft_config`), or "
                "load the model without quantisation."
            )
        return
    base = model.get_base_model()
    name = head_names(base)[-1]
    saved = isinstance(getattr(base, name), ModulesToSaveWrapper)
    if not saved or not all(parameter.requires_grad for parameter in trained_head(model)[-1].parameters()):
        raise InputError(
            f"the PEFT model does not {'train' if saved else 'save'} its output layer {name!r}, so its rewards would come "
            f"from a {'frozen' if saved else 'random'} layer; make the adapter with task_type='SEQ_CLS', "
            f"modules_to_save=[{name!r}] and inference_mode=False, or pass `peft_config` and leave all that to the trainer."
        )


def full_precision_head(model: nn.Module) -> list[torch.Tensor]:
    """Float32 copies of the head's weights, for `restore_head`."""
    return [parameter.detach().float().clone() for module in trained_head(model) for parameter in module.parameters()]


def restore_head(model: nn.Module, weights: list[torch.Tensor]) -> None:
    """Give the head its float32 weights back: TRL rounds every trained weight of a quantised model to bfloat16."""
    parameters = [parameter for module in trained_head(model) for parameter in module.parameters()]
    for parameter, kept in zip(parameters, weights, strict=True):
        parameter.data = kept.to(parameter.device)
