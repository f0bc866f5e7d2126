"""Which position of a row is pooled, and how positions are counted, so that a reward does not depend on the padding.

The one place that decides both. Three rules, none of which needs to look at a value on the CPU:

- a decoder's row is read at its last real token (`last_token_index`);
- positions are counted from a row's first real token (`position_ids`), or a model with absolute positions (GPT-2) would
  read another text under left padding;
- an encoder is read at its first token, so its rows are moved to the front (`without_leading_padding`).
"""

from typing import Any

import torch
from torch import Tensor


def last_token_index(
    input_ids: Tensor | None,
    attention_mask: Tensor | None,
    pad_token_id: int | None,
    skipped_token_id: int | None = None,
) -> Tensor:
    """Column of the last attended token of every row, whatever the padding side.

    The attention mask decides, not the pad token: where pad and EOS are the same token, transformers' own pooling reads
    the token BEFORE the final EOS.

    Args:
        input_ids: [B, T] token ids, used when there is no mask or a token to skip.
        attention_mask: [B, T], non-zero on real tokens.
        pad_token_id: fallback without a mask: the last token that is not padding, as transformers pools.
        skipped_token_id: a token never read, for checkpoints that were trained with transformers' pooling and pad ==
            EOS: their head knows the token before the EOS.

    Returns:
        int64 [B]. A row with no real token gives 0.

    >>> last_token_index(None, torch.tensor([[1, 1, 0], [0, 1, 1]]), None)
    tensor([1, 2])
    >>> ids = torch.tensor([[5, 6, 2, 2]])
    >>> last_token_index(ids, torch.tensor([[1, 1, 1, 0]]), 2), last_token_index(ids, None, 2, skipped_token_id=2)
    (tensor([2]), tensor([1]))
    """
    if attention_mask is not None and attention_mask.dim() == 2:
        real = attention_mask != 0
    elif input_ids is None:
        raise ValueError("Pooling needs `pooled_index`, a [B, T] `attention_mask` or `input_ids`.")
    elif pad_token_id is None:
        real = torch.ones_like(input_ids, dtype=torch.bool)
    else:
        real = input_ids != pad_token_id
    if skipped_token_id is not None and input_ids is not None:
        real = real & (input_ids != skipped_token_id)
    columns = torch.arange(real.shape[-1], device=real.device)
    return (columns * real).argmax(-1)


def leading_padding(attention_mask: Tensor) -> Tensor:
    """int64 [B]: how many columns of an attention mask [B, T] come before a row's first real token.

    >>> leading_padding(torch.tensor([[0, 0, 1], [1, 0, 1]]))
    tensor([2, 0])
    """
    return (attention_mask != 0).int().argmax(-1)


def position_ids(attention_mask: Tensor) -> Tensor:
    """int64 [B, T]: positions counted from each row's first real token; padding before it gets 0.

    For rows that begin with a real token these are a model's own default, 0, 1, 2 ...

    >>> position_ids(torch.tensor([[1, 1, 0], [0, 1, 1]]))
    tensor([[0, 1, 2],
            [0, 0, 1]])
    """
    columns = torch.arange(attention_mask.shape[-1], device=attention_mask.device)
    return (columns - leading_padding(attention_mask).unsqueeze(-1)).clamp_min(0)


def without_leading_padding(inputs: dict[str, Any]) -> dict[str, Any]:
    """A model's inputs with every row moved to the front, so that padding is only behind it.

    Args:
        inputs: keyword arguments of a forward; whatever has one entry per token ([B, T] or [B, T, ...]) moves.

    Returns:
        The same, as it is where there is no `attention_mask` [B, T]. Rows that begin with a real token do not change.

    >>> moved = without_leading_padding({"input_ids": torch.tensor([[0, 7, 8]]), "attention_mask": torch.tensor([[0, 1, 1]])})
    >>> moved["input_ids"], moved["attention_mask"]
    (tensor([[7, 8, 0]]), tensor([[1, 1, 0]]))
    """
    mask = inputs.get("attention_mask")
    if mask is None or mask.dim() != 2:
        return inputs
    columns = torch.arange(mask.shape[-1], device=mask.device)
    columns = (columns + leading_padding(mask).unsqueeze(-1)) % mask.shape[-1]  # [B, T], what was in front comes last
    rows = torch.arange(mask.shape[0], device=mask.device).unsqueeze(-1)

    def moved(value: Any) -> Any:
        per_token = isinstance(value, Tensor) and value.dim() >= 2 and value.shape[:2] == mask.shape
        return value[rows, columns] if per_token else value

    return {name: moved(value) for name, value in inputs.items()}
