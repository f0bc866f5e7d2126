"""Which position of a decoder's row is the response's last real token. The one place that decides it."""

import torch
from torch import Tensor


def last_token_index(input_ids: Tensor | None, attention_mask: Tensor | None, pad_token_id: int | None) -> Tensor:
    """Column of the last attended token of every row, whatever the padding side.

    The attention mask decides, not the pad token: where pad and EOS are the same token, transformers' own pooling reads
    the token BEFORE the final EOS.

    Args:
        input_ids: [B, T] token ids, used only when there is no mask.
        attention_mask: [B, T], non-zero on real tokens.
        pad_token_id: fallback without a mask: the last token that is not padding, as transformers pools.

    Returns:
        int64 [B]. A row with no real token gives 0.

    >>> last_token_index(None, torch.tensor([[1, 1, 0], [0, 1, 1]]), None)
    tensor([1, 2])
    """
    if attention_mask is not None and attention_mask.dim() == 2:
        real = attention_mask != 0
    elif input_ids is None:
        raise ValueError("Pooling needs `pooled_index`, a [B, T] `attention_mask` or `input_ids`.")
    elif pad_token_id is None:
        real = torch.ones_like(input_ids, dtype=torch.bool)
    else:
        real = input_ids != pad_token_id
    columns = torch.arange(real.shape[-1], device=real.device)
    return (columns * real).argmax(-1)
