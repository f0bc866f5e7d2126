"""Metrics over repeated runs: the mean over seeds and folds, with intervals over prompts AND seeds.

A run is one trained model's scores on the pairs it never saw. Scores of different models are on different scales, so each
run gets its own metric and the metrics are averaged; pairs of different runs are never compared with each other.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from distreward.data.agreement import agreement_masks
from distreward.errors import InputError
from distreward.metrics.bootstrap import bootstrap_counts, interval
from distreward.metrics.calibration import jensen_shannon_distance
from distreward.metrics.checks import as_counts
from distreward.metrics.drawn import AUROCMetric, DrawnMetric, RatioMetric, mean_metric

Metric = Callable[[np.ndarray], float]
"""Weights [M] of a run's pairs to the run's metric, nan where undefined; a `DrawnMetric` is faster."""

DRAWS_AT_ONCE = 250
"""Draws whose weights lie in memory as float64 together."""


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


@dataclass(frozen=True)
class Draws:
    """The bootstrap's draws, the same for everything that is estimated from them.

    Attributes:
        weights: [1 + K, N] how often each pair is drawn; the first row holds ones, the data as they are.
        seed: of the generator that draws the seeds of training.
    """

    weights: np.ndarray
    seed: int

    def times(self, seeds: Sequence[int]) -> np.ndarray:
        """[1 + K, S] how often each of S seeds of training is drawn; once each in the first row."""
        n = len(seeds)
        drawn = np.random.default_rng(self.seed + 1).integers(0, n, size=(len(self.weights) - 1, n))
        return np.concatenate([np.ones((1, n), int), (drawn[:, :, None] == np.arange(n)).sum(1)])


def draw_pairs(n_pairs: int, groups: Sequence[Hashable] | None, n_bootstrap: int, seed: int = 0) -> Draws:
    """K = `n_bootstrap` draws of prompts with replacement.

    Args:
        n_pairs: N.
        groups: [N] prompt of each pair; None makes each its own.
        n_bootstrap: K.
        seed: of the draws.

    >>> draw_pairs(3, ["p", "p", "q"], n_bootstrap=2, seed=1).weights.tolist()
    [[1, 1, 1], [1, 1, 1], [0, 0, 2]]
    """
    draws = list(bootstrap_counts(n_pairs, groups, n_bootstrap, seed))
    return Draws(np.stack([np.ones(n_pairs, dtype=np.int64), *draws]).astype(np.uint16), seed)


def run_values(runs: Sequence[Run], draws: Draws) -> np.ndarray:
    """[1 + K, R] the metric of every run under every draw, nan where undefined."""
    found = [values_of_metrics([run.metric], run.pairs, draws) for run in runs]
    return np.concatenate(found, axis=1) if found else np.empty((len(draws.weights), 0))


def values_of_metrics(metrics: Sequence[Metric], pairs: np.ndarray, draws: Draws) -> np.ndarray:
    """[1 + K, C] values of C metrics of one run on the pairs at the positions `pairs` [M], under every draw."""
    table = np.empty((len(draws.weights), len(metrics)))
    for start in range(0, len(table), DRAWS_AT_ONCE):
        rows = slice(start, start + DRAWS_AT_ONCE)
        weights = draws.weights[rows][:, pairs].astype(np.float64)
        for column, metric in enumerate(metrics):
            table[rows, column] = (
                metric.over(weights) if isinstance(metric, DrawnMetric) else [metric(one) for one in weights]
            )
    return table


def estimate_of_runs(
    values: np.ndarray,
    seeds: Sequence[int],
    draws: Draws,
    confidence: float = 0.95,
    baseline: tuple[np.ndarray, Sequence[int]] | None = None,
) -> dict:
    """What `repeated_estimate` returns, from the runs' values: one computation of them serves a table and its tests.

    Args:
        values: [1 + K, R] of `run_values`.
        seeds: [R] seed of training of each run.
        draws: that the values are of.
        confidence: of the interval.
        baseline: values and seeds of the runs to subtract; runs of other seeds than `seeds` do not count.
    """
    names = sorted(set(seeds))
    times = draws.times(names)
    sides = []
    for table, of in [(values, seeds), *([baseline] if baseline else [])]:
        column = [number for number, seed in enumerate(of) if seed in names]
        sides.append((table[:, column], [names.index(of[number]) for number in column]))

    def value(weights: np.ndarray, rows: slice) -> np.ndarray:
        means = [_mean_of_runs(table[rows], weights[:, seed]) for table, seed in sides]
        return means[0] - (means[1] if baseline else 0.0)

    estimates = value(times, slice(None))
    per_seed = np.concatenate([value(one[None], slice(0, 1)) for one in np.eye(len(names))])
    drawn = estimates[1:]
    low, high = interval(drawn, confidence) if len(drawn) else (np.nan, np.nan)
    spread = float(np.std(per_seed, ddof=1)) if len(names) > 1 else float("nan")
    found = {"value": float(estimates[0]), "ci_low": low, "ci_high": high, "n": len(seeds), "std_over_seeds": spread}
    return found if baseline is None else {**found, "p_value": _two_sided(drawn)}


def _mean_of_runs(values: np.ndarray, times: np.ndarray) -> np.ndarray:
    """[K] means over R runs, [K, R] values and how often each run's seed was drawn; undefined values do not count."""
    times = np.where(np.isnan(values), 0, times)
    total, n = (np.nan_to_num(values) * times).sum(1), times.sum(1)
    return np.divide(total, n, out=np.full(len(total), np.nan), where=n > 0)


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
    draws = draw_pairs(n_pairs, groups, n_bootstrap, seed)
    other = None if baseline is None else (run_values(baseline, draws), [run.seed for run in baseline])
    return estimate_of_runs(run_values(runs, draws), [run.seed for run in runs], draws, confidence, other)


def _two_sided(draws: np.ndarray) -> float:
    draws = draws[np.isfinite(draws)]
    if len(draws) == 0:
        return float("nan")
    below, above = (draws <= 0).sum(), (draws >= 0).sum()
    return float(min(1.0, 2 * (min(below, above) + 1) / (len(draws) + 1)))


def accuracy_metric(reward_gap: np.ndarray, counts: np.ndarray) -> RatioMetric:
    """`preference_accuracy` of a run: [M] gaps, [M, 5] annotators per level."""
    counts = as_counts(counts)
    for_a, for_b = counts[:, 3:].sum(1), counts[:, :2].sum(1)
    right = np.where(reward_gap > 0, for_a, np.where(reward_gap < 0, for_b, (for_a + for_b) / 2)).astype(float)
    return RatioMetric(right, (for_a + for_b).astype(float))


def auroc_metric(scores: np.ndarray, counts: np.ndarray, positive: str = "diverging") -> AUROCMetric:
    """AUROC of a run, `positive` pairs against all others with two or more annotators."""
    counts = as_counts(counts)
    return AUROCMetric(np.asarray(scores), agreement_masks(counts)[positive], counts.sum(1) >= 2)


def jensen_shannon_metric(level_probs: np.ndarray, counts: np.ndarray) -> RatioMetric:
    """Mean Jensen-Shannon distance of a run's level distributions [M, 5] to the label shares."""
    counts = as_counts(counts)
    labelled = counts.sum(1) > 0
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    return mean_metric(jensen_shannon_distance(np.asarray(level_probs), shares), labelled)
