"""The inference loop: rows batched by length, results in input order."""

import numpy as np

from distreward.scoring.inference import length_batches, run_in_batches


def test_batches_hold_every_row_once_and_stay_below_the_limit():
    lengths = [10, 60, 3, 25, 25, 7, 7, 1, 49]
    batches = length_batches(lengths, batch_tokens=50)
    assert sorted(row for rows in batches for row in rows) == list(range(9))
    assert batches[0] == [1]  # longer than the limit: alone, and first
    assert all(len(rows) * max(lengths[row] for row in rows) <= 50 for rows in batches[1:])
    longest = [max(lengths[row] for row in rows) for rows in batches]
    assert longest == sorted(longest, reverse=True)


def test_results_come_back_in_input_order_without_padding():
    """forward returns [sum of real tokens, number of real tokens] per row."""
    rows = [[1, 2], [5], [1, 1, 1, 1], [7, 1]]

    def forward(input_ids, attention_mask):
        assert (input_ids[attention_mask == 0] == 9).all()  # padded with the pad token, on the right
        return np_stack(input_ids * attention_mask, attention_mask)

    def np_stack(tokens, mask):
        import torch

        return torch.stack([tokens.sum(1), mask.sum(1)], dim=1)

    found = run_in_batches(rows, forward, pad_token_id=9, batch_tokens=6)
    assert found.tolist() == [[3, 2], [5, 1], [4, 4], [8, 2]]


def test_no_rows_give_an_empty_array():
    assert run_in_batches([], None, pad_token_id=0).shape == (0, 0)
    assert isinstance(run_in_batches([], None, pad_token_id=0), np.ndarray)
