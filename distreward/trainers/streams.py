"""What becomes of the rows of a stream, which nobody can count before they are read.

The rows of a stored data set that leave are counted and logged before training. Those of a stream are counted as they are
read, also in the data loader's worker processes, and logged at the end of each epoch, evaluation and training.
"""

import logging

import torch
from torch.utils.data import get_worker_info
from transformers import TrainerCallback

logger = logging.getLogger("distreward")


class StreamCount:
    """How many of the rows read from a stream something happened to.

    Args:
        message: for the log, with two `%d`: rows it happened to, rows read.
        n_workers: worker processes of the data loader, `dataloader_num_workers`.

    >>> count = StreamCount("dropped %d of %d rows: no vote", n_workers=0)
    >>> [count.add(happened) for happened in (True, False, False)]
    [True, False, False]
    >>> count.since_last_report(), count.since_last_report()
    ((1, 3), (0, 0))
    """

    def __init__(self, message: str, n_workers: int):
        self.message = message
        # One line for every process that reads, so that none waits for another or overwrites its numbers.
        self._counts = torch.zeros(n_workers + 1, 2, dtype=torch.int64).share_memory_()
        self._reported = torch.zeros(2, dtype=torch.int64)

    def add(self, happened: bool) -> bool:
        """Count one row that was read, and give `happened` back."""
        worker = get_worker_info()
        line = self._counts[0 if worker is None else worker.id + 1]
        line += torch.tensor([happened, True], dtype=torch.int64)
        return happened

    def since_last_report(self) -> tuple[int, int]:
        """(rows it happened to, rows read) since the last call."""
        total = self._counts.sum(0)
        happened, read = (total - self._reported).tolist()
        self._reported = total
        return happened, read


class StreamReport(TrainerCallback):
    """Logs what `StreamCount`s counted whenever a pass over the data ends."""

    def __init__(self, n_workers: int):
        self._n_workers = n_workers
        self._counts: list[StreamCount] = []

    def count(self, message: str) -> StreamCount:
        """A new count that this report will log; see `StreamCount`."""
        self._counts.append(StreamCount(message, self._n_workers))
        return self._counts[-1]

    def log(self, *args, **kwargs) -> None:
        for count in self._counts:
            happened, read = count.since_last_report()
            if happened:
                logger.warning(count.message, happened, read)

    on_epoch_end = on_evaluate = on_predict = on_train_end = log
