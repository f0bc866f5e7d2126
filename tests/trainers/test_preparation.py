import copy
from pathlib import Path

import pytest
import torch
from datasets import Dataset, IterableDataset

from distreward.data.encoding import PLAIN_TEMPLATE, TOKEN_COLUMNS, encode_response
from distreward.data.labels import LABEL_COLUMNS
from distreward.errors import InputError
from distreward.modeling import AutoRewardModel
from distreward.trainers import OBJECTIVES, DistributionalRewardConfig
from distreward.trainers.preparation import encode_schema, is_schema, require_rows, require_tokens, with_tokens
from distreward.trainers.streams import StreamReport
from tests.conftest import make_tokenizer


def encode(dataset, tokenizer, kind="levels", aggregated=False):
    return encode_schema(dataset, tokenizer, kind, aggregated, "train", None, StreamReport(0))


def with_column(dataset: Dataset, name: str, values: list) -> Dataset:
    """`dataset` with the values of one column replaced; its type stays."""
    rows = [{**row, name: value} for row, value in zip(dataset, values, strict=True)]
    return Dataset.from_list(rows, features=dataset.features)


def test_is_schema(pairs):
    assert is_schema(pairs.column_names)
    assert not is_schema(["prompt", "chosen", "rejected"])
    assert not is_schema(["prompt", "response_a", "response_b"])


# --- encoding


def test_encoded_pairs_lie_on_disk(pairs, tokenizer):
    encoded = encode(pairs, tokenizer)
    (file,) = [entry["filename"] for entry in encoded.cache_files]
    filtered = encoded.filter(lambda length: length > 0, input_columns="prompt_length")
    folders = {Path(entry["filename"]).parent for entry in filtered.cache_files}
    assert Path(file).is_file() and folders == {Path(file).parent}  # what is made of them goes beside them


def test_a_pair_is_encoded_once_whatever_its_annotators(pairs, tokenizer):
    encoded = encode(pairs, tokenizer)
    assert len(encoded) == len(pairs) == 12  # 36 labels
    assert set(encoded.column_names) == {"chosen_ids", "rejected_ids", "prompt_length", *LABEL_COLUMNS}
    row = pairs[2]
    ids_a, prompt_length = encode_response(tokenizer, row["prompt"], row["response_a"])
    ids_b, _ = encode_response(tokenizer, row["prompt"], row["response_b"])
    assert encoded[2]["chosen_ids"] == ids_a and encoded[2]["rejected_ids"] == ids_b
    assert encoded[2]["prompt_length"] == prompt_length


def test_the_data_says_which_labels_have_a_strength(pairs, tokenizer):
    assert encode(pairs, tokenizer)["strength_known"][:] == [1.0] * 12
    rows = [{**row, "preferences": [2, 0], "strength_known": number > 3} for number, row in enumerate(pairs)]
    mixed = Dataset.from_list(rows, features=pairs.features)
    assert encode(mixed, tokenizer)["strength_known"][:] == [0.0] * 4 + [1.0] * 8
    assert encode(mixed.remove_columns("strength_known"), tokenizer)["strength_known"][:] == [1.0] * 12


def test_labels_by_hand(pairs, tokenizer):
    # row 2: levels 2 -2 0 -> one annotator each; scores of A: 3 + max(level, 0) = 5 3 3, of B: 3 + max(-level, 0) = 3 5 3.
    # mean 11/3; variance ((4/3)^2 + 2 (2/3)^2) / 3 = 8/9 on both sides.
    row = encode(pairs, tokenizer)[2]
    assert row["level_counts"] == [1, 0, 1, 0, 1] and row["pair_weight"] == 3
    assert row["score_mean"] == pytest.approx([11 / 3, 11 / 3])
    assert row["score_var"] == pytest.approx([8 / 9, 8 / 9])
    assert row["rating_shares"] == [pytest.approx([0, 0, 2 / 3, 0, 1 / 3])] * 2


def test_one_label_per_pair_under_majority(pairs, tokenizer, caplog):
    # rows 0 .. 5: 2 2 1 -> 2.   -2 -1 -2 -> -2.   2 -2 0 -> no majority, out.   0 0 0 -> 0.   1 0 1 -> 1.
    # -1 2 1 -> A has two of three votes, one slight and one significant -> 1.   Rows 6 .. 11 repeat them.
    encoded = encode(pairs, tokenizer, aggregated=True)
    levels = [row.index(1) - 2 for row in encoded["level_counts"]]
    assert levels == [2, -2, 0, 1, 1] * 2
    assert encoded["pair_weight"][:] == [1.0] * 10
    assert "dropped 2 of 12 rows: no label in the train set that this objective can learn from" in caplog.text


def test_rows_without_a_usable_label_leave_and_are_counted(pairs, tokenizer, caplog):
    encoded = encode(pairs, tokenizer, kind="decisive_votes")  # rows 3 and 9 are ties only
    assert len(encoded) == 10
    assert "dropped 2 of 12 rows" in caplog.text
    # row 2: 2 -2 0 -> the tie is no decisive vote
    assert encoded["pair_weight"][:] == [3, 3, 2, 2, 3] * 2


def test_nothing_leaves_without_reason(pairs, tokenizer, caplog):
    encode(pairs, tokenizer)
    assert "dropped" not in caplog.text


def test_no_usable_label_at_all_is_refused(pairs, tokenizer):
    unscored = with_column(with_column(pairs, "scores_a", [[]] * 12), "scores_b", [[]] * 12)
    with pytest.raises(InputError, match="no pair of the train set has Likert scores for both responses"):
        encode(unscored, tokenizer, kind="scores")
    with pytest.raises(InputError, match="no pair of the train set has `preferences`"):
        encode(with_column(pairs, "preferences", [[0]] * 12), tokenizer, kind="decisive_votes")


def test_an_empty_data_set_is_refused(pairs):
    require_rows(pairs, "train")
    for empty in (pairs.select([]), pairs.to_iterable_dataset().take(0)):
        with pytest.raises(InputError, match="the train data set is empty: pass one with labelled pairs"):
            require_rows(empty, "train")


def test_scores_without_preferences_serve_the_likert_objectives(pairs, tokenizer):
    unaligned = with_column(pairs, "preferences", [[]] * 12)
    assert encode(unaligned, tokenizer, kind="scores")["pair_weight"][:] == [3.0] * 12


def test_margins_stay_where_every_row_has_one(pairs, tokenizer):
    margins = [float(index) / 2 for index in range(12)]
    assert encode(with_column(pairs, "margin", margins), tokenizer)["margin"][:] == margins
    assert "margin" not in encode(pairs, tokenizer).column_names


def test_margins_of_some_rows_only_are_refused(pairs, tokenizer):
    with pytest.raises(InputError, match="`margin` is missing in 3 of the 12 rows of the train set"):
        encode(with_column(pairs, "margin", [1.0] * 9 + [None] * 3), tokenizer)


def test_data_that_came_tokenised_needs_a_token_in_every_response():
    rows = [{"chosen_ids": [1, 2], "rejected_ids": [1]}, {"chosen_ids": [1, 2], "rejected_ids": []}]
    fine, broken = Dataset.from_list(rows[:1]), Dataset.from_list(rows)
    assert (
        require_tokens(fine, "train") is fine and list(require_tokens(fine.to_iterable_dataset(), "train")) == rows[:1]
    )
    for data in (broken, broken.to_iterable_dataset()):
        with pytest.raises(InputError, match="row 1 of the train set, field `rejected_ids`: got no token"):
            list(require_tokens(data, "train"))


@pytest.mark.parametrize("kind", ["levels", "decisive_votes"])
def test_streamed_data_gives_the_same_rows(pairs, tokenizer, kind):
    streamed = list(encode(pairs.to_iterable_dataset(), tokenizer, kind=kind))
    stored = list(encode(pairs, tokenizer, kind=kind))
    assert len(streamed) == len(stored)
    for one, other in zip(streamed, stored, strict=True):
        for name in other:
            assert one[name] == pytest.approx(other[name]) if name != "rating_shares" else len(one[name]) == 2


# --- in the trainer


@pytest.fixture
def make_trainer(tmp_path, llama_config, tokenizer, pairs):
    """A trainer over the twelve pairs, with a new tiny model."""
    quiet = {"report_to": "none", "bf16": False, "gradient_checkpointing": False, "use_cpu": True, "disable_tqdm": True}

    def make(objective="mean_variance_kl", train=pairs, evaluated=None, processing_class=tokenizer, **options):
        torch.manual_seed(2)
        config = copy.deepcopy(llama_config)
        config.initializer_range = 0.5  # rewards that differ from response to response
        model = AutoRewardModel.from_config(config, OBJECTIVES[objective].reward_head)
        args = DistributionalRewardConfig(tmp_path / "out", **quiet, **{"num_train_epochs": 1, **options})
        return OBJECTIVES[objective](
            model, args, train_dataset=train, eval_dataset=evaluated, processing_class=processing_class
        )

    return make


def chosen_rejected(n: int = 6) -> Dataset:
    return Dataset.from_list(
        [{"prompt": f"Name a colour, {index}.", "chosen": "Red.", "rejected": "No."} for index in range(n)]
    )


@pytest.mark.parametrize("objective", ["mse", "likert_kl"])
def test_chosen_and_rejected_have_no_scores(make_trainer, objective):
    with pytest.raises(InputError, match=f"the {objective} objective needs Likert scores of both responses"):
        make_trainer(objective, train=chosen_rejected())


def test_conversations_need_a_chat_template(make_trainer, pairs):
    bare = make_tokenizer(template=False)
    conversations = Dataset.from_list(
        [
            {
                side: [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": side}]
                for side in ("chosen", "rejected")
            }
        ]
    )
    for data in (pairs, conversations):
        with pytest.raises(
            InputError, match="the tokenizer has no chat template, which conversations need; pass --chat"
        ):
            make_trainer("bradley_terry", train=data, processing_class=bare)
    make_trainer("bradley_terry", train=chosen_rejected(), processing_class=bare)  # plain text needs none


@pytest.mark.parametrize("path", ["plain", str(PLAIN_TEMPLATE)])
def test_a_chat_template_can_be_given(make_trainer, pairs, tokenizer, path):
    trainer = make_trainer(processing_class=make_tokenizer(template=False), chat_template_path=path)
    wanted, _ = encode_response(tokenizer, pairs[0]["prompt"], pairs[0]["response_a"])
    assert trainer.train_dataset[0]["chosen_ids"] == wanted


def test_unlabelled_and_long_rows_are_counted_in_the_log(make_trainer, pairs, caplog):
    trainer = make_trainer("mean_variance_nll", max_length=60, evaluated=pairs.select(range(6)))
    # ties only: rows 3 and 9 of 12. Then too long: 1 5 7 11 (72 tokens or more; 3 and 9 are gone). In the evaluation set
    # row 3 of 6, then 1 and 5.
    assert "dropped 2 of 12 rows: no label in the train set" in caplog.text
    assert "dropped 4 of 10 rows: longer than max_length=60 tokens in the train set" in caplog.text
    assert "dropped 1 of 6 rows: no label in the eval set" in caplog.text
    assert "dropped 2 of 5 rows: longer than max_length=60 tokens in the eval set" in caplog.text
    assert len(trainer.train_dataset) == 6 and len(trainer.eval_dataset) == 3


def test_long_chosen_and_rejected_rows_are_counted_too(make_trainer, caplog):
    rows = [*chosen_rejected(5), {"prompt": "why ", "chosen": "is " * 50, "rejected": "no"}]
    trainer = make_trainer("bradley_terry", train=Dataset.from_list(rows), max_length=60)
    assert "dropped 1 of 6 rows: longer than max_length=60 tokens in the train set" in caplog.text
    assert len(trainer.train_dataset) == 5


@pytest.mark.parametrize(
    ("truncation", "message"), [("prompt_left", "cut 6 of 12 train pairs"), ("fit", "cut 6 of 12")]
)
def test_truncation_is_counted(make_trainer, caplog, truncation, message):
    trainer = make_trainer(max_length=60, truncation=truncation)
    assert message in caplog.text and "dropped" not in caplog.text and len(trainer.train_dataset) == 12


def test_streamed_pairs(make_trainer, pairs):
    streamed = pairs.to_iterable_dataset()
    trainer = make_trainer(train=streamed, evaluated=streamed, max_steps=3, eval_strategy="steps", eval_steps=3)
    before = trainer.model.score.weight.clone()
    trainer.train()
    assert trainer.state.global_step == 3 and not torch.equal(before, trainer.model.score.weight)
    stored = trainer.evaluate(pairs)
    line = next(line for line in trainer.state.log_history if "eval_loss" in line)
    assert line["eval_loss"] == pytest.approx(stored["eval_loss"], rel=1e-5)


def test_streams_that_do_not_name_their_columns(make_trainer, pairs):
    for objective, rows in (("mean_variance_kl", list(pairs)), ("bradley_terry", list(chosen_rejected()))):
        stream = IterableDataset.from_generator(lambda rows=rows: iter(rows))
        trainer = make_trainer(objective, train=stream, max_steps=2)
        trainer.train()
        assert trainer.state.global_step == 2


def test_tokens_that_are_there_are_not_made_again(pairs, tokenizer, monkeypatch):
    tokens = with_tokens(pairs, tokenizer)
    assert set(tokens.column_names) == {*pairs.column_names, *TOKEN_COLUMNS}
    expected = encode(pairs, tokenizer)
    monkeypatch.setattr("distreward.trainers.preparation.encode_response", None)  # a call would fail
    assert encode(tokens, tokenizer).to_list() == expected.to_list()
