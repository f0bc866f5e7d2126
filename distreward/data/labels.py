"""What a loss needs to know of every annotator's label, one row per pair. NumPy only.

The columns made here replace the label lists during training, so a pair is encoded once whatever its annotators.
"""

from collections.abc import Iterable

import numpy as np

from distreward.data.aggregation import aggregated_score, majority_level, score_distribution
from distreward.data.agreement import level_counts
from distreward.errors import InputError
from distreward.levels import LEVELS, N_LEVELS

LABEL_COLUMNS = ("level_counts", "strength_known", "score_mean", "score_var", "rating_shares", "pair_weight")

LABEL_KINDS = ("votes", "decisive_votes", "levels", "scores")
"""Which labels an objective learns from: A/tie/B votes, votes without ties, all five levels, or Likert scores."""


def label_columns(
    preferences: Iterable[list[int]],
    scores_a: Iterable[list[float]],
    scores_b: Iterable[list[float]],
    kind: str,
    aggregated: bool = False,
    strength_known: Iterable[bool] | None = None,
) -> dict[str, np.ndarray]:
    """Labels of N pairs as arrays.

    Args:
        preferences, scores_a, scores_b: per pair, one entry per annotator (schema columns).
        kind: one of `LABEL_KINDS`; decides `pair_weight`.
        aggregated: train on one label per pair instead of all: the majority level, and the most common score.
        strength_known: per pair, the schema's column; None (for a pair, or for all): known, as in the schema.

    Returns:
        `level_counts` float32 [N, 5]; `strength_known` float32 [N], 1 or 0; `score_mean`, `score_var` float32 [N, 2] (A, B; nan without scores);
        `rating_shares` float32 [N, 2, 5] (nan without scores); `pair_weight` float32 [N]: the number of labels of
        that kind, so that a weighted mean over pairs equals a plain mean over annotators. 0 = nothing to learn from.

    >>> columns = label_columns([[2, 0, -1]], [[5, 3, 2]], [[3, 3, 3]], kind="decisive_votes")
    >>> columns["level_counts"].tolist(), columns["pair_weight"].tolist()
    ([[0.0, 1.0, 1.0, 0.0, 1.0]], [2.0])
    """
    if kind not in LABEL_KINDS:
        raise InputError(f"unknown label kind {kind!r}: wanted one of {', '.join(LABEL_KINDS)}.")
    counts = level_counts(list(preferences))
    sides = [list(scores_a), list(scores_b)]
    n_scores = np.array([[len(scores) for scores in side] for side in sides]).mean(0)
    shares = np.stack([score_distribution(side) for side in sides], axis=1)
    if aggregated:
        level, has_majority = majority_level(counts)
        counts = np.eye(N_LEVELS, dtype=np.int64)[level - LEVELS[0]] * has_majority[:, None]
        sides = [[[score] if score == score else [] for score in aggregated_score(side)] for side in sides]
        shares = np.stack([score_distribution(side) for side in sides], axis=1)
        n_scores = np.array([[len(scores) for scores in side] for side in sides]).mean(0)
    mean = np.array([[np.mean(s) if len(s) else np.nan for s in side] for side in sides]).T
    var = np.array([[np.var(s) if len(s) else np.nan for s in side] for side in sides]).T
    weight = {
        "votes": counts.sum(1),
        "decisive_votes": counts.sum(1) - counts[:, N_LEVELS // 2],
        "levels": counts.sum(1),
        "scores": np.where(np.isnan(mean).any(1), 0, n_scores),
    }[kind]
    arrays = {
        "level_counts": counts,
        "strength_known": [True] * len(counts) if strength_known is None else [x is None or x for x in strength_known],
        "score_mean": mean,
        "score_var": var,
        "rating_shares": shares,
        "pair_weight": weight,
    }
    return {name: np.asarray(values, dtype=np.float32) for name, values in arrays.items()}
