"""Metrics over repeated runs: the mean over seeds and folds, with intervals over prompts AND seeds.

A run is one trained model's scores on the pairs it never saw. Scores of different models are on different scales, so each
run gets its own metric and the metrics are averaged; pairs of different runs are never compared with each other.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from distreward.data.agreement import agreement_masks
from distreward.errors import InputError
from distreward.metrics.bootstrap import WeightedAUROC, bootstrap_counts, interval
from distreward.metrics.calibration import jensen_shannon_distance
from distreward.metrics.checks import as_counts

Metric = Callable[[np.ndarray], float]
"""Weights [M] of a run's pairs to the run's metric, nan where undefined."""


@dataclass(frozen=True)
class Run:
    """One model on M of the N pairs.

    Attributes:
        seed: of the training; runs of one seed are drawn together.
        pairs: [M] positions among the N pairs.
        metric: of this run.
    """

    seed: int
    pairs: np.ndarray
    metric: Metric


def repeated_estimate(
    runs: Sequence[Run],
    n_pairs: int,
    groups: Sequence[Hashable] | None,
    n_bootstrap: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
    baseline: Sequence[Run] | None = None,
) -> dict:
    """The mean metric over runs, or its difference to a baseline's, with a bootstrap over prompts and seeds.

    Every draw takes prompts with replacement and, if there are several, seeds with replacement; the baseline's runs see the
    same draw.

    Args:
        runs: of one row of a table.
        n_pairs: N.
        groups: [N] prompt of each pair.
        n_bootstrap, seed, confidence: of the interval.
        baseline: runs to subtract, of the same seeds.

    Returns:
        `{"value", "ci_low", "ci_high", "n", "std_over_seeds"}`, `n` the number of runs; for a difference also `p_value`,
        two-sided: twice the smaller share of draws on one side of 0, at least 2 / (draws + 1).

    >>> half = Run(0, np.array([0, 1]), lambda weights: 0.5)
    >>> repeated_estimate([half, half], 2, None, n_bootstrap=0)["value"]
    0.5
    """
    if not runs:
        raise InputError("no run of this row is there to average; run its cells first.")
    whole = np.ones(n_pairs)
    seeds = sorted({run.seed for run in runs})
    sides = [runs, baseline or []]

    def value(weights: np.ndarray, seed_weights: dict[int, float]) -> float:
        means = [_weighted_mean(side, weights, seed_weights) for side in sides if side]
        return means[0] - (means[1] if len(means) == 2 else 0.0)

    estimate = value(whole, dict.fromkeys(seeds, 1.0))
    per_seed = [value(whole, {one: 1.0}) for one in seeds]
    draws = []
    rng = np.random.default_rng(seed + 1)
    for weights in bootstrap_counts(n_pairs, groups, n_bootstrap, seed):
        drawn = rng.choice(seeds, size=len(seeds))
        draws.append(value(weights, {one: float((drawn == one).sum()) for one in seeds}))
    low, high = interval(np.array(draws), confidence) if n_bootstrap else (np.nan, np.nan)
    spread = float(np.std(per_seed, ddof=1)) if len(seeds) > 1 else float("nan")
    found = {"value": estimate, "ci_low": low, "ci_high": high, "n": len(runs), "std_over_seeds": spread}
    return found if baseline is None else {**found, "p_value": _two_sided(np.array(draws))}


def _weighted_mean(runs: Sequence[Run], weights: np.ndarray, seed_weights: dict[int, float]) -> float:
    """Mean metric of the runs whose seed was drawn; runs in which the draw left the metric undefined do not count."""
    total, n = 0.0, 0.0
    for run in runs:
        times = seed_weights.get(run.seed, 0.0)
        metric = run.metric(weights[run.pairs]) if times else np.nan
        if metric == metric:
            total, n = total + times * metric, n + times
    return total / n if n else np.nan


def _two_sided(draws: np.ndarray) -> float:
    draws = draws[np.isfinite(draws)]
    if len(draws) == 0:
        return float("nan")
    below, above = (draws <= 0).sum(), (draws >= 0).sum()
    return float(min(1.0, 2 * (min(below, above) + 1) / (len(draws) + 1)))


def accuracy_metric(reward_gap: np.ndarray, counts: np.ndarray) -> Metric:
    """`preference_accuracy` of a run: [M] gaps, [M, 5] annotators per level."""
    counts = as_counts(counts)
    for_a, for_b = counts[:, 3:].sum(1), counts[:, :2].sum(1)
    right = np.where(reward_gap > 0, for_a, np.where(reward_gap < 0, for_b, (for_a + for_b) / 2)).astype(float)
    chosen = (for_a + for_b).astype(float)

    def metric(weights: np.ndarray) -> float:
        total = weights @ chosen
        return float(weights @ right / total) if total else float("nan")

    return metric


def auroc_metric(scores: np.ndarray, counts: np.ndarray, positive: str = "diverging") -> Metric:
    """AUROC of a run, `positive` pairs against all others with two or more annotators."""
    counts = as_counts(counts)
    several = counts.sum(1) >= 2
    auroc = WeightedAUROC(np.asarray(scores)[several], agreement_masks(counts)[positive][several])
    return lambda weights: auroc(weights[several])


def jensen_shannon_metric(level_probs: np.ndarray, counts: np.ndarray) -> Metric:
    """Mean Jensen-Shannon distance of a run's level distributions [M, 5] to the label shares."""
    counts = as_counts(counts)
    labelled = counts.sum(1) > 0
    shares = counts[labelled] / counts[labelled].sum(1, keepdims=True)
    distances = jensen_shannon_distance(np.asarray(level_probs)[labelled], shares)

    def metric(weights: np.ndarray) -> float:
        total = weights[labelled].sum()
        return float(weights[labelled] @ distances / total) if total else float("nan")

    return metric
