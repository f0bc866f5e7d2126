"""From a data set of pairs to encoded rows with label columns; every row that leaves is counted and named in the log."""

import logging
from typing import Any

from datasets import Dataset, Features, IterableDataset, Sequence, Value
from trl.data_utils import is_conversational

from distreward.data.encoding import (
    closing_length,
    common_prefix_length,
    encode_response,
    fit_to_length,
    require_chat_template,
)
from distreward.data.labels import LABEL_COLUMNS, label_columns
from distreward.data.loading import drop_rows
from distreward.errors import InputError
from distreward.levels import N_LEVELS, N_RATINGS

logger = logging.getLogger("distreward")

SCHEMA_COLUMNS = {"prompt", "response_a", "response_b", "preferences"}


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
) -> Dataset | IterableDataset:
    """Schema rows to `chosen_ids` (A), `rejected_ids` (B), `prompt_length` and label columns.

    Rows an objective cannot learn from (no vote, only ties for a loss that ignores ties, no scores) are dropped and
    counted; if none is left the data set is refused.
    """

    def encode(batch: dict[str, list]) -> dict[str, list]:
        rows = {"chosen_ids": [], "rejected_ids": [], "prompt_length": []}
        for prompt, response_a, response_b in zip(
            batch["prompt"], batch["response_a"], batch["response_b"], strict=True
        ):
            ids_a, length = encode_response(tokenizer, prompt, response_a)
            ids_b, _ = encode_response(tokenizer, prompt, response_b)
            rows["chosen_ids"].append(ids_a)
            rows["rejected_ids"].append(ids_b)
            rows["prompt_length"].append(length)
        empty = [[] for _ in batch["prompt"]]
        labels = label_columns(
            batch["preferences"], batch.get("scores_a", empty), batch.get("scores_b", empty), label_kind, aggregated
        )
        return {**rows, **{key: values.tolist() for key, values in labels.items()}}

    names = dataset.column_names
    if isinstance(dataset, IterableDataset):
        encoded = dataset.map(encode, batched=True, remove_columns=[c for c in names or () if c != "margin"])
        return encoded.filter(lambda weight: weight > 0, input_columns="pair_weight")
    encoded = dataset.map(
        encode,
        batched=True,
        remove_columns=[column for column in names if column != "margin"],
        features=_encoded_features("margin" in names),
        num_proc=num_proc,
        desc=f"Encoding the {name} pairs",
    )
    encoded = _checked_margins(encoded, name)
    weights = encoded.with_format("numpy")["pair_weight"][:]
    kept = drop_rows(encoded, weights > 0, f"no label in the {name} set that this objective can learn from")
    if kept.num_rows == 0:
        wanted = (
            "Likert scores for both responses (`scores_a`, `scores_b`)" if label_kind == "scores" else "`preferences`"
        )
        raise InputError(
            f"no pair of the {name} set has {wanted}, which this objective needs; use another --objective."
        )
    return kept


def _checked_margins(encoded: Dataset, name: str) -> Dataset:
    """`margin` where every row has one; the column goes where none has; a mixture is refused, not guessed at."""
    margins = encoded["margin"][:] if "margin" in encoded.column_names else []
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
        "chosen_ids": Sequence(Value("int32")),
        "rejected_ids": Sequence(Value("int32")),
        "prompt_length": Value("int32"),
        "level_counts": Sequence(number, length=N_LEVELS),
        "score_mean": Sequence(number, length=2),
        "score_var": Sequence(number, length=2),
        "rating_shares": Sequence(Sequence(number, length=N_RATINGS), length=2),
        "pair_weight": number,
    }
    return Features({**features, "margin": number} if with_margin else features)


def limit_length(
    dataset: Dataset | IterableDataset,
    tokenizer: Any,
    max_length: int | None,
    truncation: str,
    name: str,
    num_proc: int | None,
) -> Dataset | IterableDataset:
    """Apply `max_length` to encoded pairs by `truncation` (see `fit_to_length`); report how many were cut and dropped."""
    if max_length is None:
        return dataset
    conversational = bool(getattr(tokenizer, "chat_template", None)) and truncation == "fit"
    closing = closing_length(tokenizer) if conversational else 1

    def shorten(row: dict[str, Any]) -> dict[str, Any]:
        length = row.get("prompt_length")
        if length is None:  # pairs encoded by TRL: what both sides share is, or contains, the prompt
            length = common_prefix_length(row["chosen_ids"], row["rejected_ids"])
        sides = [row["chosen_ids"], row["rejected_ids"]]
        short = [fit_to_length(ids, length, closing, max_length, truncation) for ids in sides]
        cut = any(now is not None and len(now) < len(ids) for now, ids in zip(short, sides, strict=True))
        return {"chosen_ids": short[0] or [], "rejected_ids": short[1] or [], "cut": cut}

    if isinstance(dataset, IterableDataset):
        shortened = dataset.map(shorten)
        return shortened.filter(lambda a, b: bool(a and b), input_columns=["chosen_ids", "rejected_ids"])
    if dataset.num_rows == 0:
        return dataset
    shortened = dataset.map(shorten, num_proc=num_proc, desc=f"Fitting the {name} pairs into {max_length} tokens")
    fits = [bool(a and b) for a, b in zip(shortened["chosen_ids"], shortened["rejected_ids"], strict=True)]
    if not any(fits):
        raise InputError(
            f"all {len(fits)} pairs of the {name} set are longer than max_length={max_length} tokens; pass a larger "
            "--max_length or --truncation fit."
        )
    n_cut = sum(cut for cut, fit in zip(shortened["cut"], fits, strict=True) if fit)
    if n_cut:
        logger.warning("cut %d of %d %s pairs to %d tokens (%s)", n_cut, len(fits), name, max_length, truncation)
    reason = f"longer than max_length={max_length} tokens in the {name} set (see --truncation)"
    return drop_rows(shortened.remove_columns("cut"), fits, reason)
