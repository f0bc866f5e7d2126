"""Reliability curves: of the pairs or labels that a model gave a probability near p, what share came out so."""

import numpy as np

from distreward.errors import InputError
from distreward.metrics.checks import as_counts, as_probs, as_vector


def equal_width_bins(predicted: np.ndarray, observed: np.ndarray, weights: np.ndarray, n_bins: int = 10) -> list[dict]:
    """Bins of equal width over the probability; the empty ones are left out.

    Args:
        predicted: [M] probabilities in 0..1.
        observed: [M] shares in 0..1 in which the event came out.
        weights: [M] >= 0, how much each counts, as a number of labels or pairs.
        n_bins: >= 1; bin i holds i/n_bins <= p < (i+1)/n_bins, the last one also p = 1.

    Returns:
        Ascending `{"predicted", "observed", "n"}`: the weighted means of the bin and its weight. A perfect model has
        `predicted` near `observed` in every bin.

    Raises:
        InputError: shapes that do not fit, values that are not finite, `n_bins` below 1.

    >>> equal_width_bins([0.1, 0.15, 0.9], [0.0, 0.5, 1.0], [1, 3, 2], n_bins=2)  # 0.1375 = (0.1 + 3 * 0.15) / 4
    [{'predicted': 0.1375, 'observed': 0.375, 'n': 4}, {'predicted': 0.9, 'observed': 1.0, 'n': 2}]
    """
    if n_bins < 1:
        raise InputError(f"`n_bins` is {n_bins}, wanted a whole number >= 1: pass 10.")
    predicted = as_vector(predicted, "predicted")
    observed, weights = (
        as_vector(x, name, len(predicted)) for x, name in ((observed, "observed"), (weights, "weights"))
    )
    bins = np.minimum((predicted * n_bins).astype(np.int64), n_bins - 1)
    found = []
    for number in range(n_bins):
        inside = (bins == number) & (weights > 0)
        if inside.any():
            means = {
                name: float(round(np.average(values[inside], weights=weights[inside]), 12))
                for name, values in (("predicted", predicted), ("observed", observed))
            }
            found.append({**means, "n": int(weights[inside].sum())})
    return found


def level_reliability(level_probs: np.ndarray, counts: np.ndarray, n_bins: int = 10) -> list[dict]:
    """Reliability of predicted level probabilities, the five levels together.

    Args:
        level_probs: [N, 5] predicted, rows summing to 1 within 1e-3.
        counts: [N, 5] annotators per level; pairs without annotators do not count.
        n_bins: as in `equal_width_bins`.

    Returns:
        As `equal_width_bins`; `n` is labels, each once for each of the five levels it could have been.

    >>> level_reliability([[0, 0, 0, 0.5, 0.5]], [[0, 0, 0, 3, 1]], n_bins=2)
    [{'predicted': 0.0, 'observed': 0.0, 'n': 12}, {'predicted': 0.5, 'observed': 0.5, 'n': 8}]
    """
    counts = as_counts(counts)
    probs = as_probs(level_probs, "level_probs", len(counts))
    n_labels = counts.sum(1, keepdims=True)
    shares = np.divide(counts, n_labels, out=np.zeros(probs.shape), where=n_labels > 0)
    weights = np.broadcast_to(n_labels, probs.shape)
    return equal_width_bins(probs.reshape(-1), shares.reshape(-1), weights.reshape(-1), n_bins)


def divergence_reliability(probability: np.ndarray, diverging: np.ndarray, counts: np.ndarray, n_bins: int = 10):
    """Reliability of the predicted chance that annotators diverge.

    Args:
        probability: [N] in 0..1 (`divergence.diverging_probability` for the number of annotators the pairs have).
        diverging: [N] bool, which pairs did (`agreement_masks`).
        counts: [N, 5] annotators per level; pairs with fewer than two annotators do not count.
        n_bins: as in `equal_width_bins`.

    Returns:
        As `equal_width_bins`; `n` is pairs.

    >>> divergence_reliability([0.2, 0.3, 0.8], [False, True, True], [[0, 0, 0, 0, 2], [1, 0, 0, 0, 1], [0, 0, 0, 0, 1]], 2)
    [{'predicted': 0.25, 'observed': 0.5, 'n': 2}]
    """
    several = as_counts(counts).sum(1) >= 2
    return equal_width_bins(probability, np.asarray(diverging, dtype=float), several.astype(float), n_bins)
