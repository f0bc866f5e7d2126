"""The agreement category of a pair (paper, section 3.1), from its level counts. NumPy only.

Which label lists fall where, for a pair with n annotators (signs: A = level > 0, B = level < 0, tie = 0):

| category | rule |
|---|---|
| `diverging` | at least one annotator prefers A, at least one prefers B, and at least one of ALL labels is significant (-2 or 2). Opposing labels that are all slight, e.g. `[1, -1]`, are filtered out, as in section 2 of the paper |
| `diverging_substantial` | at least one 2 and at least one -2. Always `diverging` too |
| `high_agreement_preference` | more than half of the annotators prefer the same response and nobody prefers the other one; ties do not count against it: `[2, 1, 0]` |
| `high_agreement_tie` | more than half of the annotators say tie, and the pair is not `diverging`: `[0, 0, 0, 1]`, `[0, 0, 0, 1, -1]` |
| `other` | everything else: no strict majority (`[1, 0]`, `[1, 1, 0, 0]`), a majority rejected only slightly (`[1, 1, -1]`), and EVERY pair with fewer than two annotators, who can neither agree nor disagree |

Except for `diverging_substantial`, which is a part of `diverging`, the categories exclude each other and cover all pairs.
"""

from collections.abc import Sequence

import numpy as np

from distreward.levels import LEVELS, N_LEVELS

CATEGORIES = ("high_agreement_preference", "high_agreement_tie", "diverging", "diverging_substantial", "other")

CATEGORY_WORDS = {
    "high_agreement_preference": "agree on a preference",
    "high_agreement_tie": "agree on a tie",
    "diverging": "diverging",
    "diverging_substantial": "diverging substantially",
    "other": "none of these",
}
"""What people read in tables and figures."""


def level_counts(preferences: Sequence[Sequence[int]]) -> np.ndarray:
    """Count the annotators of each pair per preference level.

    Args:
        preferences: N lists of levels in -2..2, one label per annotator; lengths may differ.

    Returns:
        int64 array [N, 5], columns in the order of `distreward.levels.LEVELS`.

    Raises:
        ValueError: a label is not one of the five levels.

    >>> level_counts([[2, 2, -1], [0]])
    array([[0, 1, 0, 0, 2],
           [0, 0, 1, 0, 0]])
    """
    lengths = np.fromiter((len(labels) for labels in preferences), dtype=np.int64, count=len(preferences))
    flat = np.fromiter((label for labels in preferences for label in labels), dtype=np.int64, count=lengths.sum())
    outside = ~np.isin(flat, LEVELS)
    if outside.any():
        raise ValueError(f"`preferences` holds {flat[outside][0]}, wanted one of {LEVELS}.")
    row = np.repeat(np.arange(len(lengths)), lengths)
    cell = row * N_LEVELS + (flat - LEVELS[0])
    return np.bincount(cell, minlength=len(lengths) * N_LEVELS).reshape(len(lengths), N_LEVELS)


def agreement_masks(counts: np.ndarray) -> dict[str, np.ndarray]:
    """Say for every pair which agreement categories it belongs to; the rules are in the module docstring.

    Args:
        counts: [N, 5] annotators per level, ascending levels (`level_counts`).

    Returns:
        One boolean array [N] per name in `CATEGORIES`.

    >>> masks = agreement_masks(level_counts([[2, 1, 0], [2, -2], [2]]))
    >>> masks["high_agreement_preference"].tolist(), masks["diverging_substantial"].tolist(), masks["other"].tolist()
    ([True, False, False], [False, True, False], [False, False, True])
    """
    counts = np.asarray(counts)
    if counts.ndim != 2 or counts.shape[1] != N_LEVELS:
        raise ValueError(f"`counts` has shape {counts.shape}, wanted [N, {N_LEVELS}]: pass level_counts(preferences).")
    b_significant, b_slight, tie, a_slight, a_significant = counts.T
    for_a, for_b = a_slight + a_significant, b_slight + b_significant
    n = counts.sum(1)

    diverging = (for_a > 0) & (for_b > 0) & (a_significant + b_significant > 0)
    several = n >= 2
    agrees = several & (((2 * for_a > n) & (for_b == 0)) | ((2 * for_b > n) & (for_a == 0)))
    ties = several & (2 * tie > n) & ~diverging
    return {
        "high_agreement_preference": agrees,
        "high_agreement_tie": ties,
        "diverging": diverging,
        "diverging_substantial": (a_significant > 0) & (b_significant > 0),
        "other": ~(agrees | ties | diverging),
    }


def agreement_categories(preferences: Sequence[int]) -> tuple[str, ...]:
    """The agreement categories of ONE pair, in the order of `CATEGORIES`.

    >>> agreement_categories([2, -2, 1])
    ('diverging', 'diverging_substantial')
    >>> agreement_categories([1, 0])
    ('other',)
    """
    masks = agreement_masks(level_counts([preferences]))
    return tuple(name for name in CATEGORIES if masks[name][0])
