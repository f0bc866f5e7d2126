"""The one inference loop: token rows in, one row of numbers each out, in the order they came."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

BATCH_TOKENS = 8192
"""Padded tokens per batch: about 30 responses of 256 tokens, which keeps two CPU cores and a small GPU busy."""


@torch.inference_mode()
def run_in_batches(
    rows: Sequence[Sequence[int]],
    forward: Callable[..., Tensor],
    pad_token_id: int,
    device: torch.device | str = "cpu",
    batch_tokens: int = BATCH_TOKENS,
    progress: str | None = None,
) -> np.ndarray:
    """Run `forward` over token rows, batched by length so that little is padding.

    Args:
        rows: N lists of token ids, none empty.
        forward: called with `input_ids` and `attention_mask` [B, T] on `device`; returns [B, K].
        pad_token_id: id to pad with, on the right.
        device: where the batches go.
        batch_tokens: most padded tokens in a batch; a longer row makes a batch of its own.
        progress: text beside a progress bar on standard error, or None for no bar.

    Returns:
        float32 [N, K]; row i belongs to `rows[i]`.
    """
    results: np.ndarray | None = None
    with tqdm(total=len(rows), desc=progress, unit="response", disable=progress is None) as bar:
        for numbers in length_batches([len(row) for row in rows], batch_tokens):
            width = max(len(rows[number]) for number in numbers)
            input_ids = torch.full((len(numbers), width), pad_token_id, dtype=torch.long)
            attention_mask = torch.zeros_like(input_ids)
            for index, number in enumerate(numbers):
                input_ids[index, : len(rows[number])] = torch.as_tensor(rows[number], dtype=torch.long)
                attention_mask[index, : len(rows[number])] = 1
            found = (
                forward(input_ids=input_ids.to(device), attention_mask=attention_mask.to(device)).float().cpu().numpy()
            )
            if results is None:
                results = np.empty((len(rows), found.shape[1]), dtype=np.float32)
            results[numbers] = found
            bar.update(len(numbers))
    return np.empty((0, 0), dtype=np.float32) if results is None else results


def length_batches(lengths: Sequence[int], batch_tokens: int) -> list[list[int]]:
    """Row numbers, longest first (memory runs out at once or not at all), at most `batch_tokens` padded a batch.

    >>> length_batches([3, 9, 4, 8], batch_tokens=18)
    [[1, 3], [2, 0]]
    """
    batches: list[list[int]] = []
    for number in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        if batches and lengths[batches[-1][0]] * (len(batches[-1]) + 1) <= batch_tokens:
            batches[-1].append(number)
        else:
            batches.append([number])
    return batches
