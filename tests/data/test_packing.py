"""Rows that share prompts: every token once, what it sees by hand, responses found again."""

import random

import pytest
import torch

from distreward.data.packing import Group, pack, padded_sub_batches, share_prefix, sub_batches, taken_apart


def pair(a, b, first=0):
    return share_prefix([a, b], [first, first + 1])


def test_a_row_by_hand():
    # prompt 7 8, A ends 1 2, B ends 3: five tokens; A's positions and B's both go on after the prompt's
    (row,) = pack([pair([7, 8, 1, 2], [7, 8, 3])])
    assert row.tokens == [7, 8, 1, 2, 3]
    assert row.positions == [0, 1, 2, 3, 2]
    assert row.segments == [0, 0, 1, 1, 2] and row.parents == [0, 0, 0, 0, 0]
    assert row.pooled == [(3, 0), (4, 1)]
    (batch,) = sub_batches([row], pad_token_id=9)
    assert batch["pooled_index"].tolist() == [[0, 3], [0, 4]] and batch["numbers"].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("a", "b", "prefix"),
    [
        ([1, 2, 3], [1, 2, 3], [1, 2]),  # equal responses keep one token each
        ([1, 2], [1, 2, 3], [1]),  # one is the beginning of the other
        ([1], [1], []),
        ([4, 1], [5, 1], []),
    ],
)
def test_every_response_keeps_a_token_of_its_own(a, b, prefix):
    group = pair(a, b)
    assert group.prefix == prefix and all(group.endings)
    assert taken_apart(sub_batches(pack([group]), 0)) == [a, b]


def test_first_fit_decreasing_fills_rows_up_to_their_capacity():
    groups = [Group([], [[1] * n], [number]) for number, n in enumerate([4, 7, 2, 3])]
    # capacity 9: 7 + 2, then 4 + 3
    assert [len(row.tokens) for row in pack(groups, capacity=9)] == [9, 7]
    assert [len(row.tokens) for row in pack(groups)] == [7, 4, 3, 2]  # one group a row


def test_a_group_too_long_for_a_row_is_taken_apart():
    rows = pack([pair([1, 2, 3, 4, 5, 6], [1, 2, 3, 7, 8, 9])], capacity=7)
    assert [row.tokens for row in rows] == [[1, 2, 3, 4, 5, 6], [1, 2, 3, 7, 8, 9]]
    assert [len(row.tokens) for row in pack([pair([1, 2, 3], [1, 2, 4])], capacity=1)] == [3, 3]  # but never cut


def test_padding_stays_within_the_tolerance():
    rows = pack([Group([], [[1] * n], [number]) for number, n in enumerate([100, 97, 60, 59, 10])])
    shapes = [tuple(batch["input_ids"].shape) for batch in sub_batches(rows, 0)]
    assert shapes == [(2, 100), (2, 60), (1, 10)]
    assert [tuple(b["input_ids"].shape) for b in sub_batches(rows, 0, tolerance=1.0)] == [(5, 100)]
    assert [tuple(b["input_ids"].shape) for b in sub_batches(rows, 0, max_tokens=150)] == [
        (1, 100),
        (1, 97),
        (2, 60),
        (1, 10),
    ]


@pytest.mark.parametrize("capacity", [None, 40, 200])
def test_nothing_is_lost_whatever_the_rows(capacity):
    draw = random.Random(0)

    def text(n):
        return [draw.randrange(1, 5) for _ in range(n)]

    sides = []
    for _ in range(30):
        prompt = text(draw.randrange(0, 30))
        sides.append((prompt + text(draw.randrange(1, 20)), prompt + text(draw.randrange(1, 20))))
    groups = [pair(a, b, 2 * number) for number, (a, b) in enumerate(sides)]
    batches = sub_batches(pack(groups, capacity), pad_token_id=0)
    assert taken_apart(batches) == [side for both in sides for side in both]
    numbers = torch.cat([batch["numbers"] for batch in batches])
    assert sorted(numbers.tolist()) == list(range(60))
    for batch in batches:
        real = (batch["segments"] >= 0).sum()
        assert real >= 0.95 * batch["input_ids"].numel()
        assert (batch["input_ids"][batch["segments"] < 0] == 0).all()


def test_padded_sub_batches_keep_each_response_in_a_row():
    responses = [[1] * 3, [2] * 20, [3] * 19, [4]]
    batches = padded_sub_batches(responses, pad_token_id=0)
    found = {}
    for batch in batches:
        for ids, mask, number in zip(
            batch["input_ids"], batch["attention_mask"], batch["numbers"].tolist(), strict=True
        ):
            found[number] = ids[mask.bool()].tolist()
    assert [found[number] for number in range(4)] == responses
    assert [batch["numbers"].tolist() for batch in batches] == [[1, 2], [0], [3]]
