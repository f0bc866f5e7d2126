"""The lengths of encoded pairs: `max_length` applied with every cut and every drop counted, and lengths for samplers."""

import logging
from typing import Any

import pyarrow.compute as pc
from datasets import Dataset, IterableDataset

from distreward.data.encoding import closing_length, common_prefix_length, fit_to_length
from distreward.data.loading import drop_rows
from distreward.errors import InputError
from distreward.trainers.streams import StreamReport

logger = logging.getLogger("distreward")

SAMPLED_BY_LENGTH = ("group_by_length", "batch_rebalance")
"""Values of `train_sampling_strategy` that need the length of every row."""


def limit_length(
    dataset: Dataset | IterableDataset,
    tokenizer: Any,
    max_length: int | None,
    truncation: str,
    name: str,
    num_proc: int | None,
    report: StreamReport,
) -> Dataset | IterableDataset:
    """Apply `max_length` to encoded pairs by `truncation` (see `fit_to_length`); say how many were cut and dropped.

    For a stream `report` says so, as it is read.
    """
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
        fits = short[0] is not None and short[1] is not None
        cut = fits and any(len(now) < len(ids) for now, ids in zip(short, sides, strict=True))
        return {"chosen_ids": short[0] or [], "rejected_ids": short[1] or [], "cut": cut, "fits": fits}

    too_long = f"longer than max_length={max_length} tokens in the {name} set (see --truncation)"
    cut_message = f"cut %d of %d {name} pairs to {max_length} tokens ({truncation})"
    if isinstance(dataset, IterableDataset):
        cuts, drops = report.count(cut_message), report.count(f"dropped %d of %d rows: {too_long}")

        def count(cut: bool, fits: bool) -> bool:
            cuts.add(cut)
            return not drops.add(not fits)

        return dataset.map(shorten).filter(count, input_columns=["cut", "fits"]).remove_columns(["cut", "fits"])
    if dataset.num_rows == 0 or _longest(dataset) <= max_length:
        return dataset
    shortened = dataset.map(shorten, num_proc=num_proc, desc=f"Fitting the {name} pairs into {max_length} tokens")
    fits, n_cut = shortened["fits"][:], sum(shortened["cut"])
    if not any(fits):
        raise InputError(
            f"all {len(fits)} pairs of the {name} set are longer than max_length={max_length} tokens; pass a larger "
            "--max_length or --truncation fit."
        )
    if n_cut:
        logger.warning(cut_message, n_cut, len(fits))
    return drop_rows(shortened.remove_columns(["cut", "fits"]), fits, too_long)


def _longest(dataset: Dataset) -> int:
    """Tokens of the longest response with its prompt."""
    columns = (dataset.with_format("arrow")[side][:] for side in ("chosen_ids", "rejected_ids"))
    return max(pc.max(pc.list_value_length(column)).as_py() for column in columns)


def with_lengths(
    dataset: Dataset | IterableDataset, column: str, name: str, num_proc: int | None
) -> Dataset | IterableDataset:
    """Add what the samplers that group by length look for: the tokens of a pair's longer side, which a batch is padded to."""
    if isinstance(dataset, IterableDataset) or column in dataset.column_names:
        return dataset

    def measure(chosen_ids: list[int], rejected_ids: list[int]) -> dict[str, int]:
        return {column: max(len(chosen_ids), len(rejected_ids))}

    columns = ["chosen_ids", "rejected_ids"]
    return dataset.map(measure, input_columns=columns, num_proc=num_proc, desc=f"Measuring the {name} pairs")
