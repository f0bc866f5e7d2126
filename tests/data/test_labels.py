import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose

from distreward.data.labels import LABEL_COLUMNS, LABEL_KINDS, label_columns
from distreward.errors import InputError
from distreward.levels import LEVELS

PREFERENCES = [[2, 0, -1], [1, 1, 2, 0], [0, 0, 0], [-2], []]
SCORES_A = [[5, 3, 2], [4.25, 4, 4, 1], [3, 3, 3], [], [1, 2]]
SCORES_B = [[3, 3, 3], [2, 2, 5], [3, 3, 3], [], []]


@pytest.mark.parametrize(
    ("kind", "weight"),
    [
        ("votes", [3, 4, 3, 1, 0]),
        ("levels", [3, 4, 3, 1, 0]),
        ("decisive_votes", [2, 3, 0, 1, 0]),  # without the ties
        ("scores", [3, 3.5, 3, 0, 0]),  # mean of the two sides' numbers; 0 where a side has none
    ],
)
def test_weights_by_hand(kind, weight):
    assert label_columns(PREFERENCES, SCORES_A, SCORES_B, kind)["pair_weight"].tolist() == weight


@pytest.mark.parametrize(
    ("kind", "weight"),
    [
        ("votes", [0, 1, 1, 1, 0]),  # the first has no majority: one each way and a tie
        ("levels", [0, 1, 1, 1, 0]),
        ("decisive_votes", [0, 1, 0, 1, 0]),  # the third's majority is a tie
        ("scores", [1, 1, 1, 0, 0]),
    ],
)
def test_aggregated_weights_by_hand(kind, weight):
    assert label_columns(PREFERENCES, SCORES_A, SCORES_B, kind, aggregated=True)["pair_weight"].tolist() == weight


def test_columns_by_hand():
    columns = label_columns(PREFERENCES, SCORES_A, SCORES_B, "votes")
    assert columns["level_counts"].tolist() == [
        [0, 1, 1, 0, 1],
        [0, 0, 1, 2, 1],
        [0, 0, 3, 0, 0],
        [1, 0, 0, 0, 0],
        [0, 0, 0, 0, 0],
    ]
    # A of the first: (5 + 3 + 2) / 3 = 10/3; squares 38/3 - 100/9 = 14/9
    assert_allclose(columns["score_mean"][0], [10 / 3, 3], rtol=1e-6)
    assert_allclose(columns["score_var"][0], [14 / 9, 0], rtol=1e-6)
    # A of the second: 4.25 is .75 of a 4 and .25 of a 5; of four annotators: 1/4 on 1, 2.75/4 on 4, .25/4 on 5
    assert_allclose(columns["rating_shares"][1, 0], [0.25, 0, 0, 0.6875, 0.0625], rtol=1e-6)
    assert_allclose(columns["rating_shares"][1, 1], [0, 2 / 3, 0, 0, 1 / 3], rtol=1e-6)


def test_strength_is_known_unless_the_data_says_otherwise():
    labels = ([[2], [0], [-2]], [[]] * 3, [[]] * 3, "levels")
    assert label_columns(*labels)["strength_known"].tolist() == [1, 1, 1]
    assert label_columns(*labels, strength_known=[False, None, True])["strength_known"].tolist() == [0, 1, 1]


def test_aggregated_columns_by_hand():
    columns = label_columns(PREFERENCES, SCORES_A, SCORES_B, "levels", aggregated=True)
    # majority for A with 2 slight : 1 significant; a tie; B significantly
    assert columns["level_counts"].tolist() == [[0] * 5, [0, 0, 0, 1, 0], [0, 0, 1, 0, 0], [1, 0, 0, 0, 0], [0] * 5]
    # most common score; 5, 3, 2 are equally common: their mean 10/3
    assert_allclose(columns["score_mean"][:3], [[10 / 3, 3], [4, 2], [3, 3]], rtol=1e-6)
    assert_allclose(columns["score_var"][:3], 0)
    assert_allclose(columns["rating_shares"][0, 0], [0, 0, 2 / 3, 1 / 3, 0], rtol=1e-5)


@pytest.mark.parametrize("aggregated", [False, True])
def test_without_scores_nan_and_weight_zero(aggregated):
    columns = label_columns([[1], [2]], [[], [4]], [[], []], "scores", aggregated)
    assert np.isnan(columns["score_mean"][0]).all() and np.isnan(columns["score_var"][0]).all()
    assert np.isnan(columns["rating_shares"][0]).all()
    assert columns["score_mean"][1, 0] == 4 and np.isnan(columns["score_mean"][1, 1])
    assert columns["pair_weight"].tolist() == [0, 0]
    assert label_columns([[1], [2]], [[], []], [[], []], "votes", aggregated)["pair_weight"].tolist() == [1, 1]


@pytest.mark.parametrize("kind", LABEL_KINDS)
@pytest.mark.parametrize("aggregated", [False, True])
def test_shapes_and_types(kind, aggregated):
    columns = label_columns(PREFERENCES, SCORES_A, SCORES_B, kind, aggregated)
    assert tuple(columns) == LABEL_COLUMNS
    assert {name: values.shape for name, values in columns.items()} == {
        "level_counts": (5, 5),
        "strength_known": (5,),
        "score_mean": (5, 2),
        "score_var": (5, 2),
        "rating_shares": (5, 2, 5),
        "pair_weight": (5,),
    }
    assert {values.dtype for values in columns.values()} == {np.dtype(np.float32)}
    assert (columns["pair_weight"] >= 0).all()


@pytest.mark.parametrize("aggregated", [False, True])
@pytest.mark.parametrize("kind", LABEL_KINDS)
def test_swapping_the_responses(kind, aggregated):
    preferences = [list(labels) for n in (1, 2, 3) for labels in itertools.product(LEVELS, repeat=n)]
    scores = [[float(1 + (i * 7 + k) % 5) for k in range(len(row))] for i, row in enumerate(preferences)]
    others = scores[::-1]
    forward = label_columns(preferences, scores, others, kind, aggregated)
    backward = label_columns([[-x for x in row] for row in preferences], others, scores, kind, aggregated)
    assert_allclose(forward["pair_weight"], backward["pair_weight"])
    assert_allclose(forward["level_counts"], backward["level_counts"][:, ::-1])
    for name in ("score_mean", "score_var", "rating_shares"):
        assert_allclose(forward[name], backward[name][:, ::-1])


def test_an_unknown_kind_is_refused():
    with pytest.raises(InputError, match="unknown label kind 'vote'.*votes, decisive_votes, levels, scores"):
        label_columns([[1]], [[]], [[]], "vote")
