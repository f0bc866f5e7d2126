import copy
import logging

import pytest
import torch
from datasets import Dataset, IterableDataset
from torch.utils.data import DataLoader

from distreward.modeling import AutoRewardModel
from distreward.trainers import OBJECTIVES, DistributionalRewardConfig
from distreward.trainers.streams import StreamReport


def logged(caplog) -> list[str]:
    """What was said since the last call."""
    lines = [record.getMessage() for record in caplog.records if record.name == "distreward"]
    lines = [line for line in lines if not line.startswith("packing:")]
    caplog.clear()
    return lines


@pytest.mark.parametrize("n_workers", [0, 2])
def test_every_row_is_counted_wherever_it_is_read(n_workers, caplog):
    # 0 .. 19 in two shards, multiples of three go: 0 3 6 9 12 15 18. Twice over.
    report = StreamReport(n_workers)
    count = report.count("dropped %d of %d rows: multiples of three")
    rows = Dataset.from_dict({"number": list(range(20))}).to_iterable_dataset(num_shards=2)
    kept = rows.filter(lambda number: not count.add(number % 3 == 0), input_columns="number")
    for _ in range(2):
        numbers = [
            int(number) for batch in DataLoader(kept, batch_size=4, num_workers=n_workers) for number in batch["number"]
        ]
        assert sorted(numbers) == [number for number in range(20) if number % 3]
        report.log()
        assert logged(caplog) == ["dropped 7 of 20 rows: multiples of three"]
    report.log()
    assert logged(caplog) == []  # nothing new


def test_nothing_is_said_where_nothing_happened(caplog):
    report = StreamReport(0)
    report.count("cut %d of %d rows").add(False)
    report.log()
    assert logged(caplog) == []


@pytest.fixture
def make_trainer(tmp_path, llama_config, tokenizer):
    quiet = {"report_to": "none", "bf16": False, "gradient_checkpointing": False, "use_cpu": True, "disable_tqdm": True}

    def make(objective: str, train, **options):
        torch.manual_seed(0)
        model = AutoRewardModel.from_config(copy.deepcopy(llama_config), OBJECTIVES[objective].reward_head)
        evaluated = options.pop("evaluated", None)
        options = {"save_strategy": "no", "per_device_train_batch_size": 3, **quiet, **options}
        args = DistributionalRewardConfig(tmp_path / "out", **options)
        return OBJECTIVES[objective](
            model, args, train_dataset=train, eval_dataset=evaluated, processing_class=tokenizer
        )

    return make


def test_each_epoch_says_what_it_dropped(make_trainer, pairs, caplog):
    # Of the twelve pairs 3 and 9 have only ties; of the other ten 1, 5, 7 and 11 are longer than 60 tokens. Six are left: two
    # steps an epoch, two epochs.
    trainer = make_trainer("mean_variance_nll", pairs.to_iterable_dataset(), max_steps=4, max_length=60)
    assert logged(caplog) == []
    trainer.train()
    epoch = [
        "dropped 2 of 12 rows: no label in the train set that this objective can learn from",
        "dropped 4 of 10 rows: longer than max_length=60 tokens in the train set (see --truncation)",
    ]
    assert trainer.state.global_step == 4 and logged(caplog) == 2 * epoch


def test_a_training_that_stops_within_an_epoch_says_it_too(make_trainer, pairs, caplog):
    trainer = make_trainer(
        "mean_variance_kl", pairs.to_iterable_dataset(), max_steps=1, max_length=60, truncation="fit"
    )
    trainer.train()
    # Two batches of three pairs were read, one of them ahead of its step; every second pair is too long.
    assert logged(caplog) == ["cut 3 of 6 train pairs to 60 tokens (fit)"]


def test_an_evaluation_says_what_it_dropped(make_trainer, pairs, caplog):
    evaluated = {"first": pairs.to_iterable_dataset(), "second": pairs.select([0, 2]).to_iterable_dataset()}
    trainer = make_trainer("mean_variance_kl", pairs, evaluated=evaluated, max_length=60, calibrate=False)
    logged(caplog)
    assert trainer.evaluate()["eval_second_loss"] > 0
    assert logged(caplog) == [
        "dropped 6 of 12 rows: longer than max_length=60 tokens in the first set (see --truncation)"
    ]


def test_streams_in_the_hosts_format_are_counted_alike(make_trainer, caplog):
    rows = [
        {"prompt": f"Name a colour, {n}. ", "chosen": "Red. " * (1 + 9 * (n % 2)), "rejected": "No."} for n in range(6)
    ]
    trainer = make_trainer(
        "bradley_terry", IterableDataset.from_generator(lambda: iter(rows)), max_steps=1, max_length=60
    )
    with caplog.at_level(logging.WARNING):
        trainer.train()
    assert logged(caplog) == [
        "dropped 3 of 6 rows: longer than max_length=60 tokens in the train set (see --truncation)"
    ]
