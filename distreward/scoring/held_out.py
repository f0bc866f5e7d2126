"""What calibrations are worth on labels they were not fitted to: every prompt predicted by a fit to the other prompts."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from distreward.metrics.bootstrap import group_index
from distreward.metrics.checks import as_counts
from distreward.modeling.heads import uncalibrated
from distreward.scoring.calibration import fit_calibration
from distreward.scoring.predictions import PairPredictions, own_annotators

N_FOLDS = 5


@dataclass(frozen=True)
class HeldOut:
    """Predictions for N pairs under calibrations fitted to other prompts.

    Attributes:
        level_probs: [N, 5].
        diverging_probability: [N], each for the pair's own number of annotators.
    """

    level_probs: np.ndarray
    diverging_probability: np.ndarray


def held_out(
    predictions: PairPredictions,
    counts: np.ndarray,
    strength_known: np.ndarray,
    groups: Sequence[Hashable],
    seed: int = 0,
) -> HeldOut | None:
    """Predictions for N pairs, each under calibrations fitted to the pairs of other prompts (five folds).

    Args:
        predictions: of N pairs.
        counts, strength_known: [N, 5] and [N], as for `fit_calibration`.
        groups: [N] prompt of each pair.
        seed: of the folds.

    Returns:
        The predictions, uncalibrated in the folds whose fit was not kept; None where there are fewer than five prompts, or
        where a fold of a scalar head has no calibration and so no levels.
    """
    counts = as_counts(counts)
    group = group_index(len(counts), groups)
    n_groups = int(group.max()) + 1 if len(group) else 0
    if n_groups < N_FOLDS:
        return None
    fold = np.random.default_rng(seed).permutation(n_groups)[group] % N_FOLDS
    columns, head = predictions.to_columns(), uncalibrated(predictions.reward_head)
    found = HeldOut(np.full((len(counts), counts.shape[1]), np.nan), np.full(len(counts), np.nan))
    for number in range(N_FOLDS):
        inside, outside = fold == number, fold != number
        others = PairPredictions.from_columns(columns[outside], head)
        fitted = fit_calibration(others, counts[outside], strength_known[outside])
        own = PairPredictions.from_columns(columns[inside], head).with_strength_known(strength_known[inside])
        own = replace(own, reward_head=fitted.applied_to(head))
        probs = own.level_probs()
        if probs is None:
            return None
        found.level_probs[inside] = probs
        found.diverging_probability[inside] = own.diverging_probability(own_annotators(counts[inside]))
    return found
