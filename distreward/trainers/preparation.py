"""From a data set of pairs to encoded rows with label columns; every row that leaves is counted and named in the log."""

import copy
from collections.abc import Callable
from typing import Any

from datasets import Dataset, Features, IterableDataset, Sequence, Value
from trl.data_utils import is_conversational

from distreward.data.encoding import TOKEN_COLUMNS, encode_response, require_chat_template
from distreward.data.labels import LABEL_COLUMNS, label_columns
from distreward.data.loading import drop_rows
from distreward.data.scratch import scratch_file
from distreward.errors import InputError
from distreward.levels import N_LEVELS, N_RATINGS
from distreward.trainers.config import DistributionalRewardConfig
from distreward.trainers.lengths import SAMPLED_BY_LENGTH, limit_length, with_lengths
from distreward.trainers.streams import StreamReport

SCHEMA_COLUMNS = {"prompt", "response_a", "response_b", "preferences"}

LABELLED = LABEL_COLUMNS[0]
"""A column that only encoded pairs have: those need no further look at their labels."""


def prepare_pairs(
    dataset: Dataset | IterableDataset,
    tokenizer: Any,
    args: DistributionalRewardConfig,
    name: str,
    *,
    objective: str,
    label_kind: str,
    report: StreamReport,
    encode_as_trl: Callable[..., Dataset | IterableDataset],
) -> Dataset | IterableDataset:
    """Pairs in our schema or in one of TRL's formats, encoded and no longer than `max_length`.

    Args:
        dataset, tokenizer, args, name: as TRL's trainer has them.
        objective, label_kind: the trainer's.
        report: says what became of the rows of a stream.
        encode_as_trl: TRL's own preparation, called with the first four.

    Raises:
        InputError: no row, none that can be learnt from, or one that cannot be encoded.
    """
    require_rows(dataset, name)
    columns, num_proc = dataset.column_names or list(next(iter(dataset))), args.dataset_num_proc
    if is_schema(columns) and LABELLED not in columns:
        require_chat_template(tokenizer)
        aggregated = args.label_aggregation == "majority"
        dataset = encode_schema(dataset, tokenizer, label_kind, aggregated, name, num_proc, report)
    else:
        check_trl_data(dataset, tokenizer, objective, label_kind)
        unlimited = copy.copy(args)
        unlimited.max_length = None  # TRL would drop long rows without a word
        dataset = checked_margins(encode_as_trl(dataset, tokenizer, unlimited, name), name)
        if "chosen" not in columns:
            dataset = require_tokens(dataset, name)
    dataset = limit_length(dataset, tokenizer, args.max_length, args.truncation, name, num_proc, report)
    if args.train_sampling_strategy in SAMPLED_BY_LENGTH:
        dataset = with_lengths(dataset, args.length_column_name, name, num_proc)
    return dataset


def is_schema(column_names: list[str]) -> bool:
    """Whether a data set is in our schema (DESIGN section 2), as opposed to one of TRL's formats."""
    return SCHEMA_COLUMNS <= set(column_names)


def require_rows(dataset: Dataset | IterableDataset, name: str) -> None:
    """Refuse a data set without a single row."""
    if next(iter(dataset), None) is None:
        raise InputError(f"the {name} data set is empty: pass one with labelled pairs.")


def check_trl_data(dataset: Dataset | IterableDataset, tokenizer: Any, objective: str, label_kind: str) -> None:
    """Refuse data in one of TRL's formats that an objective cannot use, before anything is tokenised."""
    first = next(iter(dataset))
    if label_kind == "scores" and not set(LABEL_COLUMNS) <= set(first):
        raise InputError(
            f"the {objective} objective needs Likert scores of both responses (`scores_a`, `scores_b`), which "
            "chosen/rejected data does not have; use another objective."
        )
    if "chosen_ids" not in first and is_conversational(first):
        require_chat_template(tokenizer)


def encode_schema(
    dataset: Dataset | IterableDataset,
    tokenizer: Any,
    label_kind: str,
    aggregated: bool,
    name: str,
    num_proc: int | None,
    report: StreamReport,
) -> Dataset | IterableDataset:
    """Schema rows to `chosen_ids` (A), `rejected_ids` (B), `prompt_length` and label columns.

    Rows that `with_tokens` has been over are not tokenised again.

    Rows an objective cannot learn from (no vote, only ties for a loss that ignores ties, no scores) are dropped and
    counted (for a stream by `report`, as it is read); if none is left of a stored data set it is refused.
    """

    def encode(batch: dict[str, list]) -> dict[str, list]:
        done = all(column in batch for column in TOKEN_COLUMNS)
        rows = {column: batch[column] for column in TOKEN_COLUMNS} if done else tokenise(batch, tokenizer)
        empty = [[] for _ in batch["prompt"]]
        scores = (batch.get("scores_a", empty), batch.get("scores_b", empty))
        known = batch.get("strength_known")
        labels = label_columns(batch["preferences"], *scores, label_kind, aggregated, known)
        return {**rows, **{key: values.tolist() for key, values in labels.items()}}

    names = dataset.column_names
    if isinstance(dataset, IterableDataset):
        encoded = dataset.map(encode, batched=True, remove_columns=[c for c in names or () if c != "margin"])
        useless = report.count(f"dropped %d of %d rows: {_no_label(name)}")
        return encoded.filter(lambda weight: not useless.add(weight <= 0), input_columns="pair_weight")
    encoded = dataset.map(
        encode,
        batched=True,
        remove_columns=[column for column in names if column != "margin"],
        features=_encoded_features("margin" in names),
        num_proc=num_proc,
        cache_file_name=scratch_file(),
        desc=f"Encoding the {name} pairs",
    )
    encoded = checked_margins(encoded, name)
    weights = encoded.with_format("numpy")["pair_weight"][:]
    kept = drop_rows(encoded, weights > 0, _no_label(name))
    if kept.num_rows == 0:
        wanted = (
            "Likert scores for both responses (`scores_a`, `scores_b`)" if label_kind == "scores" else "`preferences`"
        )
        raise InputError(
            f"no pair of the {name} set has {wanted}, which this objective needs; use another --objective."
        )
    return kept


def tokenise(batch: dict[str, list], tokenizer: Any) -> dict[str, list]:
    """`TOKEN_COLUMNS` of a batch of schema rows: token ids of both responses under their prompt, and the prompt's length."""
    rows = {column: [] for column in TOKEN_COLUMNS}
    for prompt, response_a, response_b in zip(batch["prompt"], batch["response_a"], batch["response_b"], strict=True):
        ids_a, length = encode_response(tokenizer, prompt, response_a)
        ids_b, _ = encode_response(tokenizer, prompt, response_b)
        for column, value in zip(TOKEN_COLUMNS, (ids_a, ids_b, length), strict=True):
            rows[column].append(value)
    return rows


def with_tokens(dataset: Dataset, tokenizer: Any) -> Dataset:
    """Schema rows with `TOKEN_COLUMNS` beside their own: for data that several trainers and scorers will read.

    The tokenizer must be the trainers', chat template included.
    """
    require_chat_template(tokenizer)
    return dataset.map(
        lambda batch: tokenise(batch, tokenizer),
        batched=True,
        features=Features({**dataset.features, **_token_features()}),
        cache_file_name=scratch_file(),
        desc="Encoding the pairs",
    )


def _no_label(name: str) -> str:
    return f"no label in the {name} set that this objective can learn from"


def checked_margins(encoded: Dataset | IterableDataset, name: str) -> Dataset | IterableDataset:
    """`margin` where every row has one; the column goes where none has; a mixture is refused, not guessed at."""
    if isinstance(encoded, IterableDataset) or "margin" not in encoded.column_names:
        return encoded
    margins = encoded["margin"][:]
    missing = sum(margin is None for margin in margins)
    if 0 < missing < len(margins):
        raise InputError(
            f"`margin` is missing in {missing} of the {len(margins)} rows of the {name} set; give every row one (0 asks for "
            "no margin), or none."
        )
    return encoded.remove_columns("margin") if missing else encoded


def _encoded_features(with_margin: bool) -> Features:
    number = Value("float32")
    features = {
        **_token_features(),
        "level_counts": Sequence(number, length=N_LEVELS),
        "strength_known": number,
        "score_mean": Sequence(number, length=2),
        "score_var": Sequence(number, length=2),
        "rating_shares": Sequence(Sequence(number, length=N_RATINGS), length=2),
        "pair_weight": number,
    }
    return Features({**features, "margin": number} if with_margin else features)


def _token_features() -> dict[str, Any]:
    ids = Sequence(Value("int32"))
    return dict(zip(TOKEN_COLUMNS, (ids, ids, Value("int32")), strict=True))


def require_tokens(dataset: Dataset | IterableDataset, name: str) -> Dataset | IterableDataset:
    """Refuse data that came tokenised and has a response without a single token; a stream as it is read."""

    unchanged = {} if isinstance(dataset, IterableDataset) else None  # with None a stored set is read, not written anew

    def check(chosen_ids: list[int], rejected_ids: list[int], index: int) -> dict | None:
        for column, ids in (("chosen_ids", chosen_ids), ("rejected_ids", rejected_ids)):
            if len(ids) == 0:
                raise InputError(
                    f"row {index} of the {name} set, field `{column}`: got no token, wanted one or more (a blank response "
                    "has the EOS token); mend or remove the row."
                )
        return unchanged

    return dataset.map(check, with_indices=True, input_columns=["chosen_ids", "rejected_ids"])
