"""How far the difference of two AUROCs on the same pairs can be trusted (DeLong, DeLong and Clarke-Pearson, 1988)."""

import numpy as np
from scipy.stats import rankdata

from distreward.errors import InputError
from distreward.metrics.checks import as_vector


def auroc_difference_error(first: np.ndarray, second: np.ndarray, positive: np.ndarray) -> float:
    """Standard error of AUROC(first) - AUROC(second), both on the same pairs.

    Args:
        first, second: [N] scores, higher should mean positive; only their order matters, ties count 1/2.
        positive: [N] bool, with at least two pairs of each class.

    Returns:
        >= 0; 0 where both order the classes in the same way.

    Raises:
        InputError: shapes that do not fit, scores that are not finite, fewer than two pairs of a class.

    >>> positive = np.array([False, False, True, True])
    >>> auroc_difference_error(np.array([1, 2, 3, 4]), np.array([10, 20, 30, 40]), positive)
    0.0
    """
    positive = np.asarray(positive, dtype=bool)
    first, second = as_vector(first, "first", len(positive)), as_vector(second, "second", len(positive))
    if min(positive.sum(), (~positive).sum()) < 2:
        raise InputError("the error of an AUROC needs two positives and two negatives or more.")
    placements = zip(_placements(first, positive), _placements(second, positive), strict=True)
    return float(np.sqrt(sum((one - other).var(ddof=1) / len(one) for one, other in placements)))


def _placements(scores: np.ndarray, positive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each positive the share of negatives below it, and of each negative the share of positives above it."""
    ranks = rankdata(scores)
    above, below = ranks[positive], ranks[~positive]
    of_positives = (above - rankdata(scores[positive])) / len(below)
    of_negatives = 1 - (below - rankdata(scores[~positive])) / len(above)
    return of_positives, of_negatives
