import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose

from distreward.data.aggregation import aggregated_score, level_distribution, majority_level, score_distribution
from distreward.data.agreement import level_counts
from distreward.levels import LEVELS, RATINGS

ALL_LISTS = [labels for n in range(1, 5) for labels in itertools.product(LEVELS, repeat=n)]


def test_level_distribution_by_hand():
    # labels 2, 2, 1, -1: a quarter each for -1 and 1, a half for 2
    assert_allclose(level_distribution(level_counts([[2, 2, 1, -1]])), [[0, 0.25, 0, 0.25, 0.5]])


def test_level_distribution_rows_sum_to_one_and_mirror():
    counts = level_counts(ALL_LISTS)
    shares = level_distribution(counts)
    assert shares.dtype == np.float64
    assert_allclose(shares.sum(1), 1)
    assert_allclose(level_distribution(counts[:, ::-1]), shares[:, ::-1])


def test_no_annotator_gives_nan_shares_and_no_majority():
    shares = level_distribution(level_counts([[], [1]]))
    assert np.isnan(shares[0]).all()
    assert_allclose(shares[1], [0, 0, 0, 1, 0])
    level, has_majority = majority_level(level_counts([[]]))
    assert level.tolist() == [0] and has_majority.tolist() == [False]


@pytest.mark.parametrize(
    ("labels", "level", "has_majority"),
    [
        ([2, 2, 1, -2], 2, True),  # 3 of 4 for A; significant 2 : 1 slight
        ([2, 1, -1], 1, True),  # 2 of 3 for A; 1 : 1 gives slight
        ([-2, -2, -1], -2, True),
        ([-2, -1], -1, True),
        ([0, 0, 2], 0, True),
        ([2, 2, -2, -2], 0, False),  # 2 of 4 is not more than half
        ([2, 0, -1], 0, False),
        ([2, 2, 0, 0, -1], 0, False),  # 2 of 5
    ],
)
def test_majority_level_by_hand(labels, level, has_majority):
    levels, has = majority_level(level_counts([labels]))
    assert (levels[0], has[0]) == (level, has_majority)
    assert levels.dtype == np.int64 and has.dtype == bool


def test_majority_level_turns_its_sign_when_the_responses_are_swapped():
    counts = level_counts(ALL_LISTS)
    level, has_majority = majority_level(counts)
    swapped_level, swapped_has = majority_level(counts[:, ::-1])
    assert (swapped_level == -level).all() and (swapped_has == has_majority).all()


def test_majority_level_is_a_label_somebody_gave():
    for labels, level, has in zip(ALL_LISTS, *majority_level(level_counts(ALL_LISTS)), strict=True):
        assert level in labels if has else level == 0


def test_score_distribution_by_hand():
    # 4.25 -> 0.75 of a 4, 0.25 of a 5; 2 is wholly a 2. Two annotators: halve.
    assert_allclose(score_distribution([[4.25, 2]]), [[0, 0.5, 0, 0.375, 0.125]])
    assert_allclose(score_distribution([[r] for r in RATINGS]), np.eye(5))


def test_score_distribution_keeps_the_mean():
    generator = np.random.default_rng(0)
    scores = [generator.uniform(1, 5, size=n).tolist() for n in generator.integers(1, 6, size=50)]
    shares = score_distribution(scores)
    assert_allclose(shares.sum(1), 1)
    assert_allclose(shares @ np.array(RATINGS), [np.mean(row) for row in scores])


def test_scores_of_nobody_give_nan():
    shares = score_distribution([[], [3.0]])
    assert np.isnan(shares[0]).all() and not np.isnan(shares[1]).any()
    assert np.isnan(aggregated_score([[]])).all()
    assert score_distribution([]).shape == (0, 5)
    assert aggregated_score([]).shape == (0,)


@pytest.mark.parametrize(
    ("scores", "score"),
    [
        ([4, 4, 1], 4),
        ([1, 5], 3),  # both once: (1 + 5) / 2
        ([1, 2, 5, 5, 2], 3.5),  # 2 and 5 twice: (2 + 5) / 2
        ([2.5], 2.5),
    ],
)
def test_aggregated_score_by_hand(scores, score):
    assert aggregated_score([scores]).tolist() == [score]
    assert aggregated_score([scores[::-1]]).tolist() == [score]


@pytest.mark.parametrize("bad", [0, 5.5, float("nan")])
def test_scores_off_the_scale_are_refused(bad):
    with pytest.raises(ValueError, match="wanted numbers from 1 to 5"):
        score_distribution([[3], [bad]])
    with pytest.raises(ValueError, match="wanted numbers from 1 to 5"):
        aggregated_score([[bad]])


@pytest.mark.parametrize("function", [level_distribution, majority_level])
def test_labels_instead_of_counts_are_refused(function):
    with pytest.raises(ValueError, match="pass level_counts"):
        function([[1, 2]])
