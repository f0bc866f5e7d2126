"""From encoded pairs to a batch.

A collator of pairs returns what the model's forward takes (`input_ids` and `attention_mask`, or `sub_batches`) plus one
tensor per label column. Responses come in the order [A of every pair; B of every pair], as in `trl.RewardTrainer`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from distreward.data.labels import LABEL_COLUMNS
from distreward.data.packing import (
    Group,
    pack,
    padded_sub_batches,
    row_batches,
    share_prefix,
    sub_batches,
    worth_sharing,
)

FEATURE_COLUMNS = ("chosen_features", "rejected_features")
"""Pooled features of A and B, [H] each: what a frozen backbone makes of the texts."""


@dataclass
class PairCollator:
    """Pads the two responses of every pair to the longest of the batch.

    Args:
        pad_token_id: id to pad with, on the right.
        pad_to_multiple_of: round the length up to a multiple of this.

    >>> batch = PairCollator(pad_token_id=0)([{"chosen_ids": [5, 6], "rejected_ids": [7]}])
    >>> batch["input_ids"].tolist(), batch["attention_mask"].tolist()
    ([[5, 6], [7, 0]], [[1, 1], [1, 0]])
    """

    pad_token_id: int
    pad_to_multiple_of: int | None = None

    def __call__(self, examples: list[dict[str, Any]]) -> dict[str, Tensor]:
        """Examples to a batch, label columns included.

        `chosen_ids`, `rejected_ids` become `input_ids`, `attention_mask` [2B, T]; where a frozen backbone's features are
        there (`FEATURE_COLUMNS`), they become `pooled_features` [2B, H] in place of the tokens.
        """
        if FEATURE_COLUMNS[0] in examples[0]:
            features = [example[side] for side in FEATURE_COLUMNS for example in examples]
            batch = {"pooled_features": torch.from_numpy(np.asarray(features, dtype=np.float32))}
        else:
            batch = self.rows_of([example[side] for side in ("chosen_ids", "rejected_ids") for example in examples])
        for name in (*LABEL_COLUMNS, "margin"):
            if examples[0].get(name) is not None:
                batch[name] = torch.tensor([example[name] for example in examples], dtype=torch.float32)
        return batch

    def rows_of(self, rows: list[list[int]]) -> dict[str, Any]:
        """What the model takes of 2B token lists, [A of every pair; B of every pair]."""
        length = max(len(row) for row in rows)
        if self.pad_to_multiple_of:
            length = -(-length // self.pad_to_multiple_of) * self.pad_to_multiple_of
        input_ids = torch.full((len(rows), length), self.pad_token_id, dtype=torch.long)
        attention_mask = torch.zeros_like(input_ids)
        for index, row in enumerate(rows):
            input_ids[index, : len(row)] = torch.as_tensor(row, dtype=torch.long)
            attention_mask[index, : len(row)] = 1
        return {"input_ids": input_ids, "attention_mask": attention_mask}


TOKENS_PER_PAIR = "tokens_per_pair"
"""Column of a packed batch: tokens of both responses of each pair, the prompt counted twice as in `trl.RewardTrainer`."""


ROW_TOKENS = 2048
"""Tokens to a row without padding: enough that matrix products are efficient, few enough that memory is re-used."""

FORMS = ("spans", "mask", "texts", "padded")
"""How the responses of a step lie in rows: prompts shared, attention computed span by span (no padding) or under one mask
(rows of nearly one length); prompts repeated, text after text in one row (no padding), or one response a row."""


@dataclass
class PackedPairCollator(PairCollator):
    """Rows that share their prompt, or at least have nearly the same length, instead of rows padded to the longest.

    Args:
        pad_token_id, pad_to_multiple_of: as in `PairCollator`; rounding up applies to padded rows only.
        form: one of `FORMS`.
        max_tokens_per_row: most tokens in a row of several responses; a pair that is longer is taken apart. None: with
            "mask", one pair a row; else `ROW_TOKENS`, or as many as the longest pair has.
        width: the model's hidden size, by which "spans" judges whether sharing a prompt is worth it; None: it always is.
        in_one_piece: a single batch of rows a step, for wrappers that count the model's layers' calls (FSDP, ZeRO-3).

    >>> batch = PackedPairCollator(pad_token_id=0)([{"chosen_ids": [5, 6, 7], "rejected_ids": [5, 8]}])
    >>> [sub["input_ids"].tolist() for sub in batch["sub_batches"]], batch["tokens_per_pair"].tolist()
    ([[[5, 6, 7, 8]]], [5])
    """

    form: str = "mask"
    max_tokens_per_row: int | None = None
    width: int | None = None
    in_one_piece: bool = False

    def rows_of(self, rows: list[list[int]]) -> dict[str, Any]:
        n_pairs = len(rows) // 2
        lengths = torch.tensor([len(a) + len(b) for a, b in zip(rows[:n_pairs], rows[n_pairs:], strict=True)])
        return {TOKENS_PER_PAIR: lengths, "sub_batches": self.sub_batches_of(rows)}

    def sub_batches_of(self, rows: list[list[int]]) -> list[dict[str, Any]]:
        """The batches of rows that hold 2B token lists, [A of every pair; B of every pair]."""
        tolerance = {"tolerance": 1.0} if self.in_one_piece else {}
        if self.form == "padded":
            return padded_sub_batches(rows, self.pad_token_id, **tolerance)
        n_pairs = len(rows) // 2
        pairs = [share_prefix([rows[i], rows[n_pairs + i]], [i, n_pairs + i]) for i in range(n_pairs)]
        if self.form == "mask":
            return sub_batches(pack(pairs, self.max_tokens_per_row), self.pad_token_id, **tolerance)
        groups = [part for pair in pairs for part in ([pair] if self._shares(pair) else pair.alone())]
        return row_batches(pack(groups, self._capacity(groups)), self.pad_token_id)

    def _shares(self, pair: Group) -> bool:
        return self.form == "spans" and (self.width is None or worth_sharing(pair, self.width))

    def _capacity(self, groups: list[Group]) -> int:
        lengths = [len(group) for group in groups]
        if self.in_one_piece:
            return sum(lengths)
        return self.max_tokens_per_row or max(ROW_TOKENS, *lengths)
