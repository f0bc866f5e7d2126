"""Whatever the sizes, the pairs that keep their weight over all processes are all pairs, each once."""

from types import SimpleNamespace

import pytest
import torch
from accelerate import PartialState
from accelerate.data_loader import prepare_data_loader, skip_first_batches
from accelerate.state import GradientState
from torch.utils.data import DataLoader

from distreward.trainers.fillers import real_rows, take_fillers_out


def kept(n: int, batch_size: int, n_processes: int, skipped: int = 0, **options) -> list[list[int]]:
    """The rows that keep a weight, of every process, as accelerate gives rows 0 .. n-1 out."""
    PartialState(cpu=True)
    found = []
    for process in range(n_processes):
        loader = DataLoader(range(n), batch_size=batch_size, drop_last=options.get("drop_last", False))
        split = {"split_batches": options.get("split_batches", False)}
        loader = prepare_data_loader(loader, num_processes=n_processes, process_index=process, **split)
        accelerator = SimpleNamespace(gradient_state=GradientState(), process_index=process, device="cpu")
        rows = []
        for batch in skip_first_batches(loader, skipped) if skipped else loader:
            sample = {"input_ids": torch.zeros(2 * len(batch), 3)}
            take_fillers_out(sample, accelerator)
            weight = sample.get("pair_weight", torch.ones(len(batch)))
            rows += batch[weight > 0].tolist()
        found.append(rows)
    return found


def test_by_hand():
    # Batches of 2 for 2 processes: 0 1 | 2 3, then 4 and three fillers: 4 0 | 1 2.
    assert kept(5, 2, 2) == [[0, 1, 4], [2, 3]]


@pytest.mark.parametrize("n_processes", [1, 2, 3])
@pytest.mark.parametrize("batch_size", [1, 2, 3])
def test_every_row_is_kept_once(batch_size, n_processes):
    for n in range(1, 14):
        assert sorted(sum(kept(n, batch_size, n_processes), [])) == list(range(n))
        split = kept(n, batch_size * n_processes, n_processes, split_batches=True)
        assert sorted(sum(split, [])) == list(range(n))


def test_an_epoch_that_was_resumed():
    # Six batches of 2, of which each process skipped one: 4 5 | 6 7, then 8 and fillers.
    assert kept(9, 2, 2, skipped=1) == [[4, 5, 8], [6, 7]]


def test_a_last_batch_that_is_dropped_has_no_fillers():
    assert kept(7, 2, 2, drop_last=True) == [[0, 1], [2, 3]]


def test_labels_stay_and_batches_of_another_kind_are_left_alone():
    PartialState(cpu=True)
    loader = prepare_data_loader(DataLoader(range(3), batch_size=2), num_processes=2, process_index=1)
    accelerator = SimpleNamespace(gradient_state=GradientState(), process_index=1, device="cpu")
    for _ in loader:  # one batch: rows 2 and 0, of which 0 fills up
        mine, theirs = {"pair_weight": torch.tensor([4.0, 3.0])}, {"labels": torch.zeros(2)}
        take_fillers_out(mine, accelerator)
        take_fillers_out(theirs, accelerator)
        assert mine["pair_weight"].tolist() == [4.0, 0.0] and list(theirs) == ["labels"]
        assert real_rows(loader) == 3
