"""Pairs that only fill up the last batch of an epoch when several processes share the data.

All processes must take equally many steps with equally many rows, so where the pairs do not divide evenly accelerate gives
some of the epoch's first ones out again at its end. Here those get weight 0: no gradient, no share of the loss's divisor, no
place in a logged metric. So two processes train and evaluate as one process does with the same global batch.
"""

from typing import Any

import torch
from accelerate import Accelerator
from accelerate.data_loader import BatchSamplerShard, DataLoaderDispatcher, SkipBatchSampler

from distreward.data.collator import TOKENS_PER_PAIR


def take_fillers_out(sample: dict[str, Any], accelerator: Accelerator) -> None:
    """Set `pair_weight` [B] of a batch, which holds B pairs of this process, to 0 for those that only fill it up.

    Args:
        sample: the batch that was read last; left alone where it holds no fillers, or nothing that says how many pairs.
        accelerator: knows this process and the data loader that is being read.
    """
    n_pairs, state = pairs_in(sample), accelerator.gradient_state
    if n_pairs is None or not state.end_of_dataloader:
        return
    n_real = real_rows(state.active_dataloader)
    if n_real is None:
        return
    n_own = n_real - accelerator.process_index * n_pairs  # process 0 has the first rows, then process 1 ...
    if n_own < n_pairs:
        weight = sample.get("pair_weight")
        weight = torch.ones(n_pairs, device=accelerator.device) if weight is None else weight.clone()
        weight[max(n_own, 0) :] = 0
        sample["pair_weight"] = weight


def real_rows(loader: Any) -> int | None:
    """Rows of the last batch of all processes together that are not fillers; None where nothing is filled up.

    `GradientState.remainder` says it too, but not in an epoch that was resumed: accelerate loses it with the batches that
    it skips.
    """
    if isinstance(loader, DataLoaderDispatcher):  # streams: the main process reads for all, and counts
        return loader.remainder if loader.remainder > 0 else None
    sampler = loader.batch_sampler
    while isinstance(sampler, SkipBatchSampler):
        sampler = sampler.batch_sampler
    if not isinstance(sampler, BatchSamplerShard) or sampler.num_processes == 1 or sampler.drop_last:
        return None
    rows = sampler.batch_size * (1 if sampler.split_batches else sampler.num_processes)
    return len(loader.dataset) % rows or rows


def pairs_in(sample: dict[str, Any]) -> int | None:
    """Pairs of a batch; None for a collator of another kind, which says nothing of pairs.

    >>> pairs_in({"input_ids": torch.zeros(6, 9)}), pairs_in({"pair_weight": torch.ones(3)}), pairs_in({})
    (3, 3, None)
    """
    for name in ("pair_weight", TOKENS_PER_PAIR):
        if name in sample:
            return len(sample[name])
    rows = sample.get("input_ids", sample.get("pooled_features"))
    return None if rows is None else len(rows) // 2
