import pytest
from datasets import Dataset

from distreward.errors import InputError
from distreward.modeling import AutoRewardModel
from distreward.trainers import BradleyTerryRewardTrainer, DistributionalRewardConfig
from distreward.trainers.lengths import SAMPLED_BY_LENGTH, limit_length, with_lengths
from distreward.trainers.preparation import encode_schema
from distreward.trainers.streams import StreamReport


def encode(dataset, tokenizer):
    return encode_schema(dataset, tokenizer, "levels", False, "train", None, StreamReport(0))


def limit(dataset, tokenizer, max_length, truncation="drop"):
    return limit_length(dataset, tokenizer, max_length, truncation, "train", None, StreamReport(0))


def lengths(dataset) -> list[tuple[int, int]]:
    return [(len(row["chosen_ids"]), len(row["rejected_ids"])) for row in dataset]


def test_no_limit_and_a_limit_nobody_reaches(pairs, tokenizer, caplog):
    encoded = encode(pairs, tokenizer)
    assert limit(encoded, tokenizer, None) is encoded
    within = limit(encoded, tokenizer, 512)
    assert lengths(within) == lengths(encoded) and within.column_names == encoded.column_names
    assert caplog.text == ""


def test_drop_leaves_out_long_pairs_and_counts_them(pairs, tokenizer, caplog):
    # One token per byte. Prompt: <s>, "User: Name a colour, number 0.\n" and "Assistant: ", 1 + 31 + 11 = 43. A: 5, 10 or
    # 15 letters, B: 14 or 28, then </s>: row 0 has 43 + 5 + 1 = 49 and 43 + 14 + 1 = 58, every second row 72 on side B.
    encoded = encode(pairs, tokenizer)
    assert lengths(encoded)[:4] == [(49, 58), (54, 72), (59, 58), (49, 72)]
    kept = limit(encoded, tokenizer, 59)
    assert len(kept) == 6 and max(map(max, lengths(kept))) == 59
    assert "dropped 6 of 12 rows: longer than max_length=59 tokens in the train set" in caplog.text
    assert "cut" not in caplog.text and kept.column_names == encoded.column_names


def test_prompt_left_cuts_the_prompt_and_counts(pairs, tokenizer, caplog):
    encoded = encode(pairs, tokenizer)
    cut = limit(encoded, tokenizer, 60, "prompt_left")
    assert len(cut) == 12
    for before, after in zip(encoded, cut, strict=True):
        for side in ("chosen_ids", "rejected_ids"):
            assert len(after[side]) == min(60, len(before[side]))
            assert after[side][0] == before[side][0] and after[side][-20:] == before[side][-20:]
    assert "cut 6 of 12 train pairs to 60 tokens (prompt_left)" in caplog.text and "dropped" not in caplog.text


def test_prompt_left_drops_responses_that_are_too_long_themselves(pairs, tokenizer, caplog):
    # <s> + " I cannot say. " * 2 + </s> needs more than 25 tokens: every second pair goes, the others are cut.
    cut = limit(encode(pairs, tokenizer), tokenizer, 25, "prompt_left")
    assert len(cut) == 6 and max(map(max, lengths(cut))) == 25
    assert "dropped 6 of 12 rows" in caplog.text and "cut 6 of 12 train pairs to 25 tokens" in caplog.text


def test_fit_keeps_every_pair_and_the_closing_token(pairs, tokenizer, caplog):
    encoded = encode(pairs, tokenizer)
    cut = limit(encoded, tokenizer, 20, "fit")
    assert len(cut) == 12 and set(sum(lengths(cut), ())) == {20}
    assert all(row["chosen_ids"][-1] == row["rejected_ids"][-1] == tokenizer.eos_token_id for row in cut)
    assert "cut 12 of 12 train pairs to 20 tokens (fit)" in caplog.text and "dropped" not in caplog.text


def test_pairs_encoded_elsewhere_are_cut_at_what_both_sides_share(tokenizer):
    # shared: 1 2 3 4 5 -> the prompt. Limit 6, prompt_left: the first token, then prompt's end, then the response.
    data = Dataset.from_list([{"chosen_ids": [1, 2, 3, 4, 5, 10, 11, 12], "rejected_ids": [1, 2, 3, 4, 5, 20]}])
    row = limit(data, tokenizer, 6, "prompt_left")[0]
    assert row == {"chosen_ids": [1, 4, 5, 10, 11, 12], "rejected_ids": [1, 2, 3, 4, 5, 20]}


@pytest.mark.parametrize("truncation", ["drop", "prompt_left"])
def test_a_limit_nobody_keeps_is_refused(pairs, tokenizer, truncation):
    with pytest.raises(InputError, match="all 12 pairs of the train set are longer than max_length=4 tokens"):
        limit(encode(pairs, tokenizer), tokenizer, 4, truncation)


@pytest.mark.parametrize(("max_length", "truncation"), [(59, "drop"), (60, "prompt_left"), (20, "fit")])
def test_streamed_data_is_limited_alike(pairs, tokenizer, max_length, truncation):
    encoded = encode(pairs, tokenizer)
    stored = limit(encoded, tokenizer, max_length, truncation)
    streamed = list(limit(encoded.to_iterable_dataset(), tokenizer, max_length, truncation))
    assert [row["chosen_ids"] for row in streamed] == stored["chosen_ids"][:]
    assert [row["rejected_ids"] for row in streamed] == stored["rejected_ids"][:]


def test_the_length_of_a_pair_is_its_longer_sides():
    data = Dataset.from_list(
        [{"chosen_ids": [1, 2, 3], "rejected_ids": [1]}, {"chosen_ids": [1], "rejected_ids": [1, 2]}]
    )
    assert with_lengths(data, "width", "train", None)["width"][:] == [3, 2]


def test_lengths_the_user_gives_stay():
    data = Dataset.from_list([{"chosen_ids": [1, 2, 3], "rejected_ids": [1], "length": 7}])
    assert with_lengths(data, "length", "train", None) is data
    stream = data.to_iterable_dataset()
    assert with_lengths(stream, "width", "train", None) is stream  # no sampler looks into a stream


@pytest.fixture
def make_trainer(tmp_path, llama_config, tokenizer):
    def make(data, strategy):
        quiet = {"report_to": "none", "bf16": False, "use_cpu": True, "disable_tqdm": True, "save_strategy": "no"}
        batches = {"per_device_train_batch_size": 4, "per_device_eval_batch_size": 4, "num_train_epochs": 1}
        args = DistributionalRewardConfig(tmp_path, train_sampling_strategy=strategy, packing="off", **quiet, **batches)
        model = AutoRewardModel.from_config(llama_config, "scalar")
        return BradleyTerryRewardTrainer(model, args, train_dataset=data, eval_dataset=data, processing_class=tokenizer)

    return make


def one_in_four_is_long(pairs, schema: bool) -> Dataset:
    letters = [40, 1, 1, 1] * 12
    if not schema:
        return Dataset.from_list([{"prompt": "p", "chosen": "c", "rejected": "r" * n} for n in letters])
    rows = [{**pairs[0], "response_a": "a" * n, "response_b": "b"} for n in letters]
    return Dataset.from_list(rows, features=pairs.features)


@pytest.mark.parametrize("schema", [True, False])
def test_pairs_of_like_length_share_a_batch(make_trainer, pairs, schema):
    # 48 pairs in twelve batches of four. The sampler sorts within twelve pairs at a time, so a batch is long where a long
    # pair is in it; at random nearly every batch has one (the chance of none is (3/4)^4 = 0.32).
    data = one_in_four_is_long(pairs, schema)

    def n_long(strategy: str) -> int:
        widths = [batch["input_ids"].shape[1] for batch in make_trainer(data, strategy).get_train_dataloader()]
        assert len(widths) == 12
        return sum(width == max(widths) for width in widths)

    assert n_long("group_by_length") <= 6 < n_long("random")


@pytest.mark.parametrize("strategy", SAMPLED_BY_LENGTH)
def test_training_by_length(make_trainer, pairs, strategy):
    trainer = make_trainer(one_in_four_is_long(pairs, schema=True), strategy)
    trainer.train()
    assert trainer.state.global_step == 12 and trainer.evaluate()["eval_loss"] > 0
