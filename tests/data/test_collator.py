import numpy as np
import torch

from distreward.data.collator import PairCollator
from distreward.data.labels import LABEL_COLUMNS, label_columns

EXAMPLES = [
    {"chosen_ids": [5, 6, 7], "rejected_ids": [8]},
    {"chosen_ids": [9], "rejected_ids": [5, 6, 7, 8]},
    {"chosen_ids": [4, 4], "rejected_ids": [3, 3]},
]


def test_rows_by_hand():
    batch = PairCollator(pad_token_id=0)(EXAMPLES)
    # A of every pair, then B of every pair, as wide as the longest of the six
    assert batch["input_ids"].tolist() == [
        [5, 6, 7, 0],
        [9, 0, 0, 0],
        [4, 4, 0, 0],
        [8, 0, 0, 0],
        [5, 6, 7, 8],
        [3, 3, 0, 0],
    ]
    assert batch["attention_mask"].sum(1).tolist() == [3, 1, 2, 1, 4, 2]
    assert batch["input_ids"].dtype == batch["attention_mask"].dtype == torch.int64
    assert set(batch) == {"input_ids", "attention_mask"}


def test_the_mask_marks_real_tokens_even_where_they_equal_the_pad():
    batch = PairCollator(pad_token_id=2)([{"chosen_ids": [5, 2], "rejected_ids": [2, 2, 5]}])
    assert batch["attention_mask"].tolist() == [[1, 1, 0], [1, 1, 1]]
    assert batch["input_ids"].tolist() == [[5, 2, 2], [2, 2, 5]]


def test_width_is_rounded_up():
    for multiple, width in ((None, 4), (1, 4), (3, 6), (4, 4), (8, 8)):
        assert PairCollator(0, multiple)(EXAMPLES)["input_ids"].shape == (6, width)


def test_labels_and_margin_come_along_as_float32_tensors():
    columns = label_columns([[2, 0], [1], [-1, -2]], [[5], [4], []], [[3], [1], []], "votes")
    examples = [
        {**example, **{name: columns[name][row].tolist() for name in LABEL_COLUMNS}, "margin": float(row)}
        for row, example in enumerate(EXAMPLES)
    ]
    batch = PairCollator(0)(examples)
    for name in LABEL_COLUMNS:
        np.testing.assert_array_equal(batch[name].numpy(), columns[name])
        assert batch[name].dtype == torch.float32
    assert batch["margin"].tolist() == [0, 1, 2]
    # a column of None (an absent margin) is no column
    assert "margin" not in PairCollator(0)([{**example, "margin": None} for example in examples])


def test_the_order_of_the_pairs_is_kept():
    rows = PairCollator(0)(EXAMPLES)["input_ids"]
    turned = PairCollator(0)(EXAMPLES[::-1])["input_ids"]
    assert torch.equal(turned, rows[[2, 1, 0, 5, 4, 3]])
