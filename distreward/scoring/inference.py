"""The one inference loop: token rows in, one row of numbers each out, in the order they came."""

import os
from collections.abc import Callable, Sequence

import numpy as np
import torch
from accelerate import PartialState
from accelerate.utils import gather_object
from torch import Tensor
from tqdm.auto import tqdm

BATCH_TOKENS = 8192
"""Padded tokens per batch: about 30 responses of 256 tokens, which keeps two CPU cores and a small GPU busy."""


def on_cpus() -> bool:
    """Whether the processes of a distributed launch run on CPUs: there is no accelerator, or the launch wants none."""
    return not torch.accelerator.is_available() or os.environ.get("ACCELERATE_USE_CPU", "").lower() == "true"


def running_processes() -> PartialState | None:
    """The processes of a distributed launch (`accelerate launch`, `torchrun`); None for a single one."""
    world_size = int(os.environ.get("WORLD_SIZE", "1"))
    if world_size == 1:
        return None
    processes = PartialState(cpu=on_cpus())  # else accelerate runs each CPU process alone
    if processes.num_processes != world_size:
        raise RuntimeError(f"{world_size} processes were launched, but accelerate joined {processes.num_processes}.")
    return processes


@torch.inference_mode()
def run_in_batches(
    rows: Sequence[Sequence[int]],
    forward: Callable[..., Tensor],
    pad_token_id: int,
    device: torch.device | str = "cpu",
    batch_tokens: int = BATCH_TOKENS,
    progress: str | tqdm | None = None,
    processes: PartialState | None = None,
) -> np.ndarray:
    """Run `forward` over token rows, batched by length so that little is padding.

    Args:
        rows: N lists of token ids, none empty.
        forward: called with `input_ids` and `attention_mask` [B, T] on `device`; returns [B, K].
        pad_token_id: id to pad with, on the right.
        device: where the batches go.
        batch_tokens: most padded tokens in a batch; a longer row makes a batch of its own.
        progress: text beside a progress bar on standard error, a bar of the caller's, or None for no bar.
        processes: the processes of a distributed run that all call this with the same rows: each runs a part of the
            batches, and all get all results. None: this process runs everything.

    Returns:
        float32 [N, K]; row i belongs to `rows[i]`. The batches, and so the last bits, do not depend on the number of
        processes.
    """
    batches = length_batches([len(row) for row in rows], batch_tokens)
    own = batches if processes is None else batches[processes.process_index :: processes.num_processes]
    found: list[tuple[list[int], np.ndarray]] = []
    bar = (
        progress
        if isinstance(progress, tqdm)
        else tqdm(total=len(rows), desc=progress, unit="response", disable=progress is None)
    )
    for numbers in own:
        input_ids, attention_mask = padded([rows[number] for number in numbers], pad_token_id)
        outputs = forward(input_ids=input_ids.to(device), attention_mask=attention_mask.to(device))
        found.append((numbers, outputs.float().cpu().numpy()))
        bar.update(len(numbers) if processes is None else len(numbers) * processes.num_processes)
    if bar is not progress:
        bar.close()
    if processes is not None and processes.num_processes > 1:
        found = gather_object(found)
    if not found:
        return np.empty((0, 0), dtype=np.float32)
    results = np.empty((len(rows), found[0][1].shape[1]), dtype=np.float32)
    for numbers, values in found:
        results[numbers] = values
    return results


def padded(rows: Sequence[Sequence[int]], pad_token_id: int) -> tuple[Tensor, Tensor]:
    """`input_ids` and `attention_mask` [B, T] of token rows, padded on the right."""
    input_ids = torch.full((len(rows), max(map(len, rows))), pad_token_id, dtype=torch.long)
    attention_mask = torch.zeros_like(input_ids)
    for index, row in enumerate(rows):
        input_ids[index, : len(row)] = torch.as_tensor(row, dtype=torch.long)
        attention_mask[index, : len(row)] = 1
    return input_ids, attention_mask


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
