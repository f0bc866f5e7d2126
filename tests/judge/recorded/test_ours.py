"""Verdicts that come with the pairs."""

import pytest

from distreward.errors import InputError
from distreward.judge.recorded import verdicts_in_meta
from distreward.judge.recorded.ours import FIRST_SHOWN_UNKNOWN
from tests.judge.rows import pair


def test_judges_and_orders_of_every_pair():
    pairs = [
        pair("p1", [2], judges={"one": -1, "two": None}),
        pair("p2", [2], judges={"one": 2}, judge_orders={"one": {"ab": 0, "ba": -1}}),
        pair("p3", [2], judge_orders={"one": [1, None]}),
        pair("p4", [2]),
    ]
    found = [(v.pair_id, v.judge, v.level, v.order) for v in verdicts_in_meta(pairs)]
    assert found == [
        ("p1", "one", -1, "unknown"),
        ("p1", "two", None, "unknown"),
        ("p2", "one", 0, "ab"),  # the orders say more than `judges`, which is left alone
        ("p2", "one", -2, "ba"),  # a winner without strength is a significant one
        ("p3", "one", 2, "ab"),
        ("p3", "one", None, "ba"),
    ]
    unnamed = {v.pair_id: v.meta.get(FIRST_SHOWN_UNKNOWN, False) for v in verdicts_in_meta(pairs)}
    assert unnamed == {"p1": False, "p2": False, "p3": True}


@pytest.mark.parametrize(
    ("meta", "message"),
    [
        ({"judges": {"one": 3}}, "pair 'p1', field `meta.judges\\['one'\\]`: got 3"),
        ({"judges": {"one": True}}, "got True"),
        ({"judges": ["one"]}, "field `meta.judges`"),
        ({"judge_orders": {"one": [1]}}, "field `meta.judge_orders\\['one'\\]`: got \\[1\\]"),
        ({"judge_orders": {"one": {"aab": 1}}}, "wanted two winners"),
        ({"judge_orders": {"one": [2, 1]}}, "got 2, wanted one of -1, 0, 1 or null"),
    ],
)
def test_mistakes_name_pair_and_judge(meta, message):
    with pytest.raises(InputError, match=message):
        verdicts_in_meta([pair("p1", [2], **meta)])
