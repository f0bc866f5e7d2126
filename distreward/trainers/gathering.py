"""What the Trainer gathers during an evaluation, kept in whole pairs.

`Trainer.evaluation_loop` gathers the logits of every batch over all processes and cuts those of the last batch to as many
rows as the data set still has, because processes are given rows twice to fill it up. It counts pairs; but N pairs have 2N
logits, [A of every pair; B of every pair]. So under `trl.RewardTrainer` a last batch that is not full comes out with the
logits of its A sides only (on one process), and `compute_metrics` and `predict` get them. A full batch is not touched.
"""

from collections.abc import Callable
from typing import Any

import torch
from accelerate.utils import recursively_apply
from torch import Tensor


class PairGather:
    """Stands in for `Trainer.gather_function` during an evaluation; counts by pairs whatever has two rows per pair.

    What comes out has the order that TRL gives: [A; B] of every batch of every process.

    >>> last = PairGather(lambda rows: rows[:2])  # of the three pairs of this batch, one only fills it up
    >>> last.begin_batch(3)
    >>> last(torch.zeros(3)).shape  # the loss, one entry per pair
    torch.Size([2])
    >>> last(torch.tensor([[1.0], [2.0], [3.0], [-1.0], [-2.0], [-3.0]])).flatten().tolist()
    [1.0, 2.0, -1.0, -2.0]
    """

    def __init__(self, gather: Callable[[Any], Any]):
        self._gather = gather
        self._n_pairs = 0
        self._loss_is_next = False

    def begin_batch(self, n_pairs: int) -> None:
        """To be called for every batch, with its number of pairs on this process, before anything of it is gathered."""
        self._n_pairs, self._loss_is_next = n_pairs, True

    def __call__(self, data: Any) -> Any:
        if self._loss_is_next:  # the Trainer gathers the loss first, repeated to one entry per pair of a full batch
            self._loss_is_next = False
            return self._gather(data)
        return recursively_apply(self._by_pair, data)

    def _by_pair(self, rows: Tensor) -> Tensor:
        if rows.dim() == 0 or len(rows) != 2 * self._n_pairs:  # made by the user's preprocess_logits_for_metrics
            return self._gather(rows)
        pairs = self._gather(torch.stack(rows.chunk(2), dim=1))  # [pairs of all processes, 2, ...]
        return torch.cat([batch.transpose(0, 1).flatten(0, 1) for batch in pairs.split(self._n_pairs)])
