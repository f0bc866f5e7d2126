"""What a calibration is worth on labels it was not fitted to: every prompt predicted by a fit to the other prompts."""

from collections.abc import Hashable, Sequence
from dataclasses import replace

import numpy as np

from distreward.metrics.bootstrap import group_index
from distreward.scoring.calibration import fit_calibration, uncalibrated
from distreward.scoring.predictions import PairPredictions

N_FOLDS = 5


def held_out_levels(
    predictions: PairPredictions,
    counts: np.ndarray,
    strength_known: np.ndarray,
    groups: Sequence[Hashable],
    seed: int = 0,
) -> np.ndarray | None:
    """Level distributions of N pairs, each under a calibration fitted to the pairs of other prompts (five folds).

    Args:
        predictions: of N pairs.
        counts, strength_known: [N, 5] and [N], as for `fit_calibration`.
        groups: [N] prompt of each pair.
        seed: of the folds.

    Returns:
        [N, 5], uncalibrated in the folds whose fit was not kept; None where there are fewer than five prompts, or where a
        fold of a scalar head has no calibration and so no levels.
    """
    group = group_index(len(counts), groups)
    n_groups = int(group.max()) + 1 if len(group) else 0
    if n_groups < N_FOLDS:
        return None
    fold = np.random.default_rng(seed).permutation(n_groups)[group] % N_FOLDS
    columns, head = predictions.to_columns(), uncalibrated(predictions.reward_head)
    found = np.full((len(counts), counts.shape[1]), np.nan)
    for number in range(N_FOLDS):
        inside, outside = fold == number, fold != number
        others = PairPredictions.from_columns(columns[outside], head)
        calibration = fit_calibration(others, counts[outside], strength_known[outside]).calibration
        own = PairPredictions.from_columns(columns[inside], head).with_strength_known(strength_known[inside])
        if calibration is not None:
            own = replace(own, reward_head={**head, "calibration": calibration})
        probs = own.level_probs()
        if probs is None:
            return None
        found[inside] = probs
    return found
