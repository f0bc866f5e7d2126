"""Position and length."""

import numpy as np
import pytest

from distreward.judge.audit import judged_pairs
from distreward.judge.audit.biases import length_bias, position_bias
from distreward.judge.recorded import verdicts_in_meta
from distreward.judge.verdicts import PairVerdict
from tests.judge.rows import pair


def judged(pairs, verdicts):
    return judged_pairs(pairs, verdicts)["one"]


def both(pair_id, ab, ba):
    return [PairVerdict(pair_id, "one", ab, "ab"), PairVerdict(pair_id, "one", ba, "ba")]


def test_position_bias_by_hand():
    pairs = [pair(f"p{i}", [2]) for i in range(4)]
    verdicts = [
        *both("p0", 2, -2),  # the first response wins twice: +1
        *both("p1", 2, 1),  # A twice: once first, once second: 0
        *both("p2", 0, 2),  # a tie, then A, shown second: -1/2
        PairVerdict("p3", "one", 2, "ab"),  # one order only: left out where others have both
    ]
    found = position_bias(judged(pairs, verdicts), 0, 0)
    assert found["position_bias"]["value"] == pytest.approx((1 + 0 - 0.5) / 3)
    assert found["position_bias"]["n"] == 3 and found["position_bias_measured"] == "both_orders"
    assert found["order_contradiction"]["value"] == pytest.approx(1 / 3)
    assert found["order_disagreement"]["value"] == pytest.approx(2 / 3)


def test_a_judge_without_position_bias_has_none_whatever_the_quality():
    rng = np.random.default_rng(0)
    pairs = [pair(f"p{i}", [2]) for i in range(50)]
    verdicts = [v for i in range(50) for v in both(f"p{i}", *[int(rng.choice([-2, 1, 2]))] * 2)]
    assert position_bias(judged(pairs, verdicts), 0, 0)["position_bias"]["value"] == 0


def test_one_order_is_measured_against_people():
    # p0 in order ab: judge A (+1), people 2 of 2 for A (+1): 0. p1 in order ba: judge B, which is first (+1); people are
    # 1 : 1 (0): +1. p2 has no labels. Mean 1/2.
    pairs = [pair("p0", [2, 1]), pair("p1", [1, -1]), pair("p2", [])]
    verdicts = [
        PairVerdict("p0", "one", 2, "ab"),
        PairVerdict("p1", "one", -1, "ba"),
        PairVerdict("p2", "one", 2, "ab"),
    ]
    found = position_bias(judged(pairs, verdicts), 0, 0)
    assert found["position_bias"]["value"] == 0.5 and found["position_bias"]["n"] == 2
    assert found["position_bias_measured"] == "against_people"
    assert found["order_contradiction"]["n"] == 0


def test_unknown_orders_give_no_position_bias():
    pairs = [pair("p0", [2], judges={"one": 2})]
    found = position_bias(judged(pairs, verdicts_in_meta(pairs)), 0, 0)
    assert np.isnan(found["position_bias"]["value"]) and found["position_bias_measured"] is None
    # two orders of which nobody knows which was which still tell how often swapping matters
    pairs = [pair("p0", [2], judge_orders={"one": [1, -1]}), pair("p1", [2], judge_orders={"one": [1, 1]})]
    found = position_bias(judged(pairs, verdicts_in_meta(pairs)), 0, 0)
    assert found["position_bias"]["n"] == 0 and found["position_bias_measured"] is None
    assert found["order_contradiction"]["value"] == 0.5


def test_length_bias_by_hand():
    pairs = [
        pair("p0", [2, -2], a="long answer", b="short"),  # judge: longer; people 1/2
        pair("p1", [-2, -1, 0], a="long answer", b="short"),  # judge: shorter; people 0 of 2 (the tie is no vote)
        pair("p2", [2], a="short", b="long answer"),  # judge: longer (B); people 0
        pair("p3", [2], a="same", b="size"),  # equal lengths: left out
        pair("p4", [0, 0], a="long answer", b="short"),  # nobody prefers one: left out
        pair("p5", [2], a="long answer", b="short"),  # the judge says tie: left out
    ]
    levels = [1, -2, -1, 2, 2, 0]
    verdicts = [PairVerdict(f"p{i}", "one", level, "unknown") for i, level in enumerate(levels)]
    found = length_bias(judged(pairs, verdicts), 0, 0)
    assert found["longer_wins"]["judge"]["value"] == pytest.approx(2 / 3)
    assert found["longer_wins"]["people"]["value"] == pytest.approx(0.5 / 3)
    assert found["length_bias"]["value"] == pytest.approx(0.5) and found["length_bias"]["n"] == 3


def test_a_judge_that_votes_like_people_has_no_length_bias():
    pairs = [pair(f"p{i}", [[2], [-2]][i % 2], a="long answer", b="short") for i in range(20)]
    verdicts = [PairVerdict(p["id"], "one", p["preferences"][0], "unknown") for p in pairs]
    found = length_bias(judged(pairs, verdicts), 50, 0)["length_bias"]
    assert (found["value"], found["ci_low"], found["ci_high"]) == (0, 0, 0)
