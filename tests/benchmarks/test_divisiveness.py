"""Divisiveness by hand, and the ranking with its intervals."""

import numpy as np
import pytest

from distreward.benchmarks.divisiveness import ScoredResponse, measure_of, rank_prompts, scored_responses
from distreward.errors import InputError
from distreward.metrics.divergence import diverging_probability, rating_level_probs
from distreward.modeling import reward_head_entry

LIKERT = {"type": "likert"}
EVEN = [3.0, 2.0, 0.5, 0, 0, 0, 0.5]
SURE = [3.0, 0.0, 0, 0, 1, 0, 0]
TOP = [5.0, 0.0, 0, 0, 0, 0, 1]


def test_likert_by_hand():
    # two turns of tulip: P(1)P(5) = 1/4 and 0, mean 1/8
    keys = [("81", "tulip", 0), ("81", "tulip", 1), ("81", "rose", 0)]
    found = scored_responses(keys, np.array([EVEN, SURE, TOP]), LIKERT, n_annotators=2)
    assert found["81", "tulip"].divisiveness["extremes"] == 0.125
    assert found["81", "rose"].divisiveness["extremes"] == 0
    # rose is compared with tulip's first turn only; tulip's second turn has nobody to be compared with
    probs = rating_level_probs([EVEN[2:]], [TOP[2:]])
    assert found["81", "rose"].divisiveness["diverging_probability"] == diverging_probability(probs, 2)[0]
    assert found["81", "rose"].gap_divergence == -2.0
    assert np.isnan(found["81", "tulip"].divisiveness["diverging_probability"])


def test_mean_variance_gives_std_and_compares_with_every_other_response():
    head = reward_head_entry("mean_variance")
    nan = [np.nan] * 5
    columns = np.array([[0.0, 1.0, *nan], [0.0, 2.0, *nan], [9.0, 0.1, *nan]])
    found = scored_responses([("p", name, 0) for name in "abc"], columns, head)
    assert [found["p", name].divisiveness["std"] for name in "abc"] == [1.0, 2.0, pytest.approx(0.1)]
    chance = [found["p", name].divisiveness["diverging_probability"] for name in "abc"]
    assert chance[0] > chance[2] and chance[1] > chance[2]  # c is better for everybody
    assert found["p", "a"].gap_divergence == -4.5  # -(0 + 9) / 2


def test_measures_and_heads():
    assert measure_of({"type": "mean_variance"}) == "std"
    with pytest.raises(InputError, match="a scalar head says nothing about divisiveness"):
        measure_of({"type": "scalar"})
    with pytest.raises(InputError, match=r"unknown measure 'sdt' \(did you mean 'std'"):
        measure_of(LIKERT, "sdt")
    with pytest.raises(InputError, match="'extremes' needs a likert head, and this one is mean_variance"):
        measure_of({"type": "mean_variance"}, "extremes")


def scored(values):
    """{(prompt, system): value} as scored responses."""
    return {key: ScoredResponse(0.0, 1.0, {"std": value}, -1.0) for key, value in values.items()}


def test_ranking_is_by_the_mean_over_systems():
    ranked = rank_prompts(scored({("p", "a"): 1.0, ("p", "b"): 3.0, ("q", "a"): 2.5, ("q", "b"): 2.5}), "std", 200)
    assert [(prompt.id, prompt.rank, prompt.divisiveness["value"]) for prompt in ranked] == [
        ("q", 1, 2.5),
        ("p", 2, 2.0),
    ]
    # draws of two systems: aa, ab, ba, bb; p is 1, 2, 2 or 3 and q always 2.5
    assert (ranked[1].divisiveness["ci_low"], ranked[1].divisiveness["ci_high"]) == (1.0, 3.0)
    assert (ranked[0].divisiveness["ci_low"], ranked[0].divisiveness["ci_high"]) == (2.5, 2.5)
    assert (ranked[0].rank_low, ranked[0].rank_high) == (1.0, 2.0)


def test_a_missing_system_and_a_single_one():
    ranked = rank_prompts(scored({("p", "a"): 1.0, ("p", "b"): 3.0, ("q", "a"): 4.0, ("r", "b"): np.nan}), "std", 100)
    assert [prompt.id for prompt in ranked] == ["q", "p", "r"]  # nan last
    assert ranked[0].divisiveness["n"] == 1 and np.isnan(ranked[0].divisiveness["ci_low"])
    assert ranked[2].divisiveness["n"] == 0 and np.isnan(ranked[2].rank_low)
    alone = rank_prompts(scored({("p", "a"): 1.0, ("q", "a"): 4.0}), "std", 100)
    assert np.isnan(alone[0].rank_low) and alone[0].id == "q"


def test_equal_prompts_keep_their_order():
    ranked = rank_prompts(scored({(p, s): 1.0 for p in "cab" for s in "xy"}), "std", 0)
    assert [prompt.id for prompt in ranked] == ["c", "a", "b"]
