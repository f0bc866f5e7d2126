"""From one label per annotator to one target per pair or response. NumPy only.

Undefined values are announced, not smoothed: no annotator gives nan (shares, scores) or "no majority" (levels).
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from distreward.levels import LEVELS, N_LEVELS, N_RATINGS, RATINGS


def level_distribution(counts: np.ndarray) -> np.ndarray:
    """Share of annotators per preference level.

    Args:
        counts: [N, 5] annotators per level, ascending levels (`agreement.level_counts`).

    Returns:
        float64 [N, 5], rows sum to 1; a pair without annotators gives a row of nan.

    >>> level_distribution([[0, 0, 1, 1, 2]])
    array([[0.  , 0.  , 0.25, 0.25, 0.5 ]])
    """
    counts = _checked_counts(counts)
    n_annotators = counts.sum(1, keepdims=True)
    return np.divide(counts, n_annotators, out=np.full(counts.shape, np.nan), where=n_annotators > 0)


def majority_level(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The level most annotators stand behind: the aggregated label by majority vote (paper, section 3.1).

    The vote is over the three signs (A, tie, B), and the winner needs more than half of the annotators. Within the
    winning sign the level is the more common of slight and significant; equally common gives slight.

    Args:
        counts: [N, 5] annotators per level, ascending levels (`agreement.level_counts`).

    Returns:
        level: int64 [N] in -2..2; 0 where no sign has a majority (also: no annotators).
        has_majority: bool [N]; tells a majority for tie from no majority.

    >>> majority_level([[1, 0, 0, 1, 2], [0, 1, 0, 1, 0], [0, 0, 2, 1, 0]])
    (array([2, 0, 0]), array([ True, False,  True]))
    """
    counts = _checked_counts(counts)
    b_significant, b_slight, tie, a_slight, a_significant = counts.T
    half = counts.sum(1) / 2
    a_wins, b_wins, tie_wins = a_slight + a_significant > half, b_slight + b_significant > half, tie > half
    level_a = np.where(a_significant > a_slight, 2, 1)
    level_b = np.where(b_significant > b_slight, -2, -1)
    level = np.where(a_wins, level_a, np.where(b_wins, level_b, 0)).astype(np.int64)
    return level, a_wins | b_wins | tie_wins


def score_distribution(scores: Sequence[Sequence[float]]) -> np.ndarray:
    """Share of annotators per Likert rating, one response per row.

    A score between two ratings counts for both, in proportion to its nearness: 4.25 is 0.75 of a 4 and 0.25 of a 5,
    so the mean of the distribution is the mean of the scores.

    Args:
        scores: N lists of scores in 1..5, one per annotator; lengths may differ.

    Returns:
        float64 [N, 5], columns are the ratings 1..5, rows sum to 1; an empty list gives a row of nan.

    Raises:
        ValueError: a score outside 1..5.

    >>> score_distribution([[4.25], [1, 1, 5, 5]])
    array([[0.  , 0.  , 0.  , 0.75, 0.25],
           [0.5 , 0.  , 0.  , 0.  , 0.5 ]])
    """
    rows, flat = _flattened_scores(scores)
    low = np.minimum(np.floor(flat).astype(np.int64), RATINGS[-1] - 1)  # 5 itself is all of 4's upper neighbour
    share_high = flat - low
    cell = rows * N_RATINGS + (low - RATINGS[0])
    n_cells = len(scores) * N_RATINGS
    mass = np.bincount(cell, 1 - share_high, n_cells) + np.bincount(cell + 1, share_high, n_cells)
    n_annotators = np.bincount(rows, minlength=len(scores))[:, None]
    mass = mass.reshape(len(scores), N_RATINGS)
    return np.divide(mass, n_annotators, out=np.full(mass.shape, np.nan), where=n_annotators > 0)


def aggregated_score(scores: Sequence[Sequence[float]]) -> np.ndarray:
    """The most common score of each response; several equally common ones give their mean.

    Args:
        scores: N lists of scores in 1..5, one per annotator; lengths may differ.

    Returns:
        float64 [N], in 1..5; an empty list gives nan.

    Raises:
        ValueError: a score outside 1..5.

    >>> aggregated_score([[4, 4, 1], [1, 2, 5, 5, 2], []])
    array([4. , 3.5, nan])
    """
    _flattened_scores(scores)
    return np.array([_mean_of_modes(row) for row in scores], dtype=np.float64)


def _mean_of_modes(scores: Sequence[float]) -> float:
    times = Counter(scores)
    most = max(times.values(), default=0)
    modes = [score for score, count in times.items() if count == most]
    return float(np.mean(modes)) if modes else float("nan")


def _flattened_scores(scores: Sequence[Sequence[float]]) -> tuple[np.ndarray, np.ndarray]:
    """Row number and value of every score, both [all scores]."""
    lengths = np.fromiter((len(row) for row in scores), dtype=np.int64, count=len(scores))
    flat = np.fromiter((score for row in scores for score in row), dtype=np.float64, count=lengths.sum())
    outside = ~((flat >= RATINGS[0]) & (flat <= RATINGS[-1]))  # the negation also catches nan
    if outside.any():
        raise ValueError(f"`scores` holds {flat[outside][0]}, wanted numbers from {RATINGS[0]} to {RATINGS[-1]}.")
    return np.repeat(np.arange(len(lengths)), lengths), flat


def _checked_counts(counts: np.ndarray) -> np.ndarray:
    counts = np.asarray(counts)
    if counts.ndim != 2 or counts.shape[1] != N_LEVELS:
        raise ValueError(
            f"`counts` has shape {counts.shape}, wanted [N, {N_LEVELS}], one column per level of {LEVELS}: "
            "pass level_counts(preferences)."
        )
    return counts
