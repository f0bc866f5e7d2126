"""A model's metrics taken apart by agreement category: what it does where people agree, tie and diverge."""

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from distreward.data.agreement import agreement_masks
from distreward.levels import LEVELS
from distreward.metrics.bootstrap import bootstrap_estimates, kept_groups
from distreward.metrics.functional import preference_accuracy
from distreward.metrics.reliability import divergence_reliability, level_reliability
from distreward.scoring.ensemble import EnsemblePredictions
from distreward.scoring.predictions import PairPredictions, typical_annotators


def by_category(
    predictions: PairPredictions | EnsemblePredictions,
    counts: np.ndarray,
    groups: Sequence[Hashable] | None = None,
    n_bootstrap: int = 1000,
    seed: int = 0,
) -> dict[str, dict[str, Any]]:
    """What a model predicts for the pairs of each agreement category (after the paper's Figures 2, 4 and 5).

    Args:
        predictions: of N pairs.
        counts: [N, 5] annotators per level.
        groups, n_bootstrap, seed: as in `evaluate_predictions`.

    Returns:
        Per category with at least one pair: `pairs`, and estimates of `preference_accuracy` (where anybody chose),
        `reward_gap` (mean of |mean_A - mean_B|, in units of reward) and, for heads that have them (not of an ensemble), `std` (mean of both
        responses, in units of reward) and `diverging_probability` (mean, 0..1). A diverging pair can stand in two
        categories.
    """
    columns = {"reward_gap": np.abs(predictions.reward_gap)}
    if isinstance(predictions, PairPredictions) and predictions.std_a is not None:
        columns["std"] = (predictions.std_a + predictions.std_b) / 2
    probability = predictions.diverging_probability(typical_annotators(counts))
    if probability is not None:
        columns["diverging_probability"] = probability
    found = {}
    for category, mask in agreement_masks(counts).items():
        if not mask.any():
            continue
        kept = kept_groups(groups, mask)
        several = len(set(kept)) > 1 if kept is not None else mask.sum() > 1  # of one prompt there is no interval
        options = {"groups": kept, "n_bootstrap": n_bootstrap if several else 0, "seed": seed}
        row: dict[str, Any] = {"pairs": int(mask.sum())}
        if counts[mask][:, np.array(LEVELS) != 0].any():
            row["preference_accuracy"] = preference_accuracy(predictions.reward_gap[mask], counts[mask], **options)
        means = _means(np.stack([column[mask] for column in columns.values()]), **options)
        found[category] = row | dict(zip(columns, means, strict=True))
    return found


def reliability(predictions: PairPredictions | EnsemblePredictions, counts: np.ndarray) -> dict[str, Any] | None:
    """Reliability curves of the level probabilities and of the chance to diverge; None where it predicts none.

    Returns:
        `levels` and `diverging`, lists as of `metrics.reliability.equal_width_bins`, and the `n_annotators` that the
        chance to diverge was computed for.
    """
    probs = predictions.level_probs()
    if probs is None:
        return None
    n_annotators = typical_annotators(counts)
    probability, diverging = predictions.diverging_probability(n_annotators), agreement_masks(counts)["diverging"]
    return {
        "levels": level_reliability(probs, counts),
        "diverging": divergence_reliability(probability, diverging, counts),
        "n_annotators": n_annotators,
    }


def _means(columns: np.ndarray, groups: Sequence[Hashable] | None, n_bootstrap: int, seed: int) -> list[dict]:
    """Estimates of the means of columns [K, M] over M pairs."""
    n = columns.shape[1]
    return bootstrap_estimates(
        lambda weights: columns @ weights / max(weights.sum(), 1),
        [n] * len(columns),
        n,
        groups,
        n_bootstrap,
        seed,
        0.95,
    )
