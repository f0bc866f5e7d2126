"""From encoded pairs to a batch: the seam where packing goes.

A collator of pairs returns what the model's forward takes (`input_ids`, `attention_mask` and, where a row holds several
responses, `position_ids` and `pooled_index`) plus one tensor per label column. Responses come in the order [A of every
pair; B of every pair], as in `trl.RewardTrainer`.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from distreward.data.labels import LABEL_COLUMNS

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
            batch = {"pooled_features": torch.tensor(features, dtype=torch.float32)}
        else:
            batch = self._pad([example[side] for side in ("chosen_ids", "rejected_ids") for example in examples])
        for name in (*LABEL_COLUMNS, "margin"):
            if examples[0].get(name) is not None:
                batch[name] = torch.tensor([example[name] for example in examples], dtype=torch.float32)
        return batch

    def _pad(self, rows: list[list[int]]) -> dict[str, Tensor]:
        length = max(len(row) for row in rows)
        if self.pad_to_multiple_of:
            length = -(-length // self.pad_to_multiple_of) * self.pad_to_multiple_of
        input_ids = torch.full((len(rows), length), self.pad_token_id, dtype=torch.long)
        attention_mask = torch.zeros_like(input_ids)
        for index, row in enumerate(rows):
            input_ids[index, : len(row)] = torch.as_tensor(row, dtype=torch.long)
            attention_mask[index, : len(row)] = 1
        return {"input_ids": input_ids, "attention_mask": attention_mask}
