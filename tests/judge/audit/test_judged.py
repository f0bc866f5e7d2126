"""Verdicts beside labels."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from distreward.errors import InputError
from distreward.judge.audit import judged_pairs
from distreward.judge.recorded import verdicts_in_meta
from distreward.judge.verdicts import PairVerdict
from tests.judge.rows import pair


def test_arrays_follow_the_order_of_the_data():
    pairs = [pair("p1", [2, 0]), pair("p2", [-1]), pair("p3", []), pair("p4", [1, 1])]
    verdicts = [
        PairVerdict("p4", "one", -1, "unknown"),
        PairVerdict("p1", "one", 2, "ab"),
        PairVerdict("p1", "one", 1, "ba"),
        PairVerdict("p2", "one", None, "ab"),
        PairVerdict("p3", "two", 0, "ba"),
        PairVerdict("elsewhere", "one", 2, "ab"),
    ]
    judged = judged_pairs(pairs, verdicts)
    one = judged["one"]
    assert list(judged) == ["one", "two"]
    assert one.level.tolist() == [1, -1]  # (2 + 1) / 2 towards zero; p2 has no verdict
    assert one.n_unparsed == 1
    assert_array_equal(one.order_level, [[2, 1, np.nan], [np.nan, np.nan, -1]])
    assert one.both_orders.tolist() == [True, False]
    assert one.counts.tolist() == [[0, 0, 1, 0, 1], [0, 0, 0, 2, 0]]
    assert one.human_signs.tolist() == [[0, 1, 1], [0, 0, 2]]
    assert one.length_a.tolist() == [4, 4] and one.length_b.tolist() == [10, 10]
    assert len(set(one.groups)) == 2
    assert judged["two"].categories["other"].tolist() == [True]


def test_unnamed_orders_are_remembered():
    pairs = [pair("p1", [2, 0], judge_orders={"named": {"ab": 1, "ba": 1}, "unnamed": [1, -1]})]
    judged = judged_pairs(pairs, verdicts_in_meta(pairs))
    assert judged["named"].first_shown_known and not judged["unnamed"].first_shown_known


def test_doubled_verdicts_are_refused():
    twice = [PairVerdict("p1", "one", 2, "ab"), PairVerdict("p1", "one", 2, "ab")]
    with pytest.raises(InputError, match="two verdicts on pair 'p1'"):
        judged_pairs([pair("p1", [2])], twice)
