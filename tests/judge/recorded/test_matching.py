"""Which pair a record speaks of."""

from distreward.judge.recorded.matching import Found, PairIndex
from tests.judge.rows import pair


def test_pairs_are_found_by_question_models_and_turn():
    index = PairIndex(
        [
            pair("p1", [2], question_id=1, model_a="x", model_b="y"),
            pair("p2", [2], question_id=1, model_a="y", model_b="z"),
            pair("p3", [2], question_id=1, model_a="x", model_b="y", turn=2),
            pair("p4", [2], uid="u", model_a="owner/x", model_b="y"),
        ]
    )
    assert index.by_models(1, "x", "y") == [Found("p1", False)]
    assert index.by_models("1", "y", "x") == [Found("p1", True)]  # questions may be numbers or texts
    assert index.by_models(1, "y") == [Found("p1", True), Found("p2", False)]
    assert index.by_models(1, "x", "y", turn=2) == [Found("p3", False)]
    assert index.by_models("u", "someone/x", "y") == [Found("p4", False)]
    assert index.by_models("p4", "x", "y") == [Found("p4", False)]  # a pair's own id names its question too
    assert index.by_models(1, "x", "z") == [] and index.by_models(2, "x", "y") == []


def test_two_equal_responses_are_one_pair():
    index = PairIndex([pair("p1", [0], prompt="Hi", a="Same.", b="Same.")])
    assert index.by_text("Hi ", "Same.", " Same.") == [Found("p1", False)]


def test_levels_and_orders_turn_with_the_pair():
    straight, flipped = Found("p", False), Found("p", True)
    assert (straight.level(2), flipped.level(2)) == (2, -2)
    assert (straight.order(True), straight.order(False), flipped.order(True), flipped.order(False)) == (
        "ab",
        "ba",
        "ba",
        "ab",
    )
