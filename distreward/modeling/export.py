"""`export_scalar`: a stock checkpoint with ONE output, for tools that take nothing else.

TRL's GRPO and RLOO load a reward model named by a path with `num_labels=1`; servers rank with one output. Such a checkpoint is
exact where the number wanted is one row of the last layer, and only there: a last layer is linear, and neither
`mean - k std` nor an expected rating is.
"""

import copy
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from distreward.errors import InputError, nearest
from distreward.modeling.auto import AutoRewardModel
from distreward.modeling.heads import reward_head_entry
from distreward.modeling.padding import ensure_pad_token
from distreward.modeling.reward_model import RewardModelMixin
from distreward.modeling.tokenizers import open_tokenizer

EXPORTABLE: dict[str, dict[str, int]] = {
    "scalar": {"mean": 0},
    "mean_variance": {"mean": 0, "raw_std": 1},
    "taste_factors": {"mean": 0, "raw_std": 1},
    "likert": {},
}
"""Reward head -> outputs that are one row of its last layer, with the row."""

NOT_LINEAR = {
    "std": "abs(raw_std) + min_std",
    "mean_minus_std": "mean - k (abs(raw_std) + min_std)",
    "likert": "a softmax over the five ratings' logits",
}
"""What people ask for that one row cannot give -> how it is made from the outputs."""


def export_scalar(
    model: str | Path | PreTrainedModel,
    output_dir: str | Path,
    tokenizer: PreTrainedTokenizerBase | None = None,
    output: str = "mean",
    **kwargs: Any,
) -> Path:
    """Write one output of a reward model as a stock 1-label `*ForSequenceClassification` checkpoint, with its tokenizer.

    Its logit is the reward model's output, weights unchanged. `problem_type` is "regression", so that pipelines and servers
    return it raw. `reward_head` in config.json says where it came from (`exported_from`, `exported_head`, `exported_output`).

    Args:
        model: a checkpoint (directory or Hub id) or an open reward model, which stays as it is.
        output_dir: where the checkpoint goes; made if need be.
        tokenizer: default: the one beside the checkpoint. Needed with an open model that was not read from a checkpoint.
        output: `mean`, the expected reward, or for a mean-variance head also `raw_std`.
        kwargs: passed to `AutoRewardModel.from_pretrained` with a path (`dtype`, `revision` ...).

    Returns:
        `output_dir`.

    Raises:
        InputError: an output that is not linear in the model's outputs, a path that cannot be opened, no tokenizer, or
            `output_dir` is the checkpoint itself.
    """
    path = str(model) if isinstance(model, (str, Path)) else model.config.name_or_path
    if path and Path(path).is_dir() and Path(path).resolve() == Path(output_dir).resolve():
        raise InputError(f"{output_dir}: is the checkpoint to export; choose another folder.")
    if isinstance(model, (str, Path)):
        model = AutoRewardModel.from_pretrained(path, **kwargs)
    refuse_unexportable(model, path)
    if Path(output_dir).is_file():
        raise InputError(f"{output_dir}: is a file; choose another folder.")
    row = exported_row(model.config.reward_head["type"], output, path)
    if tokenizer is None and not path:
        raise InputError(
            "the model was not read from a checkpoint, so there is no tokenizer beside it; pass `tokenizer`."
        )
    tokenizer = copy.deepcopy(tokenizer) if tokenizer is not None else open_tokenizer(path, **kwargs)
    scalar = scalar_model(model, row, output, path)
    ensure_pad_token(tokenizer, scalar)
    scalar.save_pretrained(output_dir)
    tokenizer.save_pretrained(output_dir)
    return Path(output_dir)


def refuse_unexportable(model: Any, path: str) -> None:
    """Refuse what has no plain weights of a stock class to write."""
    if not isinstance(model, RewardModelMixin):
        raise InputError(
            f"{type(model).__name__} {path}: not a reward model of AutoRewardModel; merge adapters first "
            "(`merge_and_unload()`), or pass the checkpoint's path."
        )
    if model._own_code:
        raise InputError(f"{path}: runs code that comes with it and cannot be a stock checkpoint; copy its folder.")
    if getattr(model, "is_quantized", False):
        raise InputError(f"{path}: is quantised; open it in full precision to export it.")


def exported_row(head: str, output: str, path: str) -> int:
    """Row of the last layer that is this output of this head.

    >>> exported_row("mean_variance", "mean", "out")
    0
    """
    if output in EXPORTABLE[head]:
        return EXPORTABLE[head][output]
    why = NOT_LINEAR.get("likert" if head == "likert" and output == "mean" else output)
    if why is not None:
        raise InputError(
            f"{path}: {output!r} of a {head!r} head is {why}, which one linear output cannot give exactly; for TRL use "
            "the callable distreward.rlhf.RewardCallable, for servers read all outputs (docs/serving.md)."
        )
    known = EXPORTABLE[head] or {"mean": 0}
    raise InputError(
        f"{path}: no output {output!r} of a {head!r} head{nearest(output, known)}; wanted one of {', '.join(known)}."
    )


def scalar_model(model: PreTrainedModel, row: int, output: str, path: str) -> PreTrainedModel:
    """A scalar reward model whose one output is `row` of `model`'s last layer; it shares all other weights."""
    config = copy.deepcopy(model.config)
    kept = {key: value for key, value in config.reward_head.items() if key == "skipped_token_id"}
    origin = Path(path).name if Path(path).is_dir() else path  # where somebody's files lie is nobody's business
    config.reward_head = reward_head_entry(
        "scalar", exported_from=origin or None, exported_head=model.reward_head["type"], exported_output=output, **kept
    )
    with torch.device("meta"):  # only the shapes are needed: no second copy of a large model
        scalar = type(model)(config)
    wanted = scalar.state_dict()
    # What differs in shape is the last layer, whatever an architecture calls it.
    weights = {
        name: value if value.shape == wanted[name].shape else value[row : row + 1].clone()
        for name, value in model.state_dict().items()
    }
    scalar.load_state_dict(weights, assign=True)
    scalar.config.dtype = model.dtype
    return scalar.eval()
