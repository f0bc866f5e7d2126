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
from distreward.metrics.calibration import jensen_shannon_distance, label_losses
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
        if n == 0:
            return np.empty((len(self.weights), 0), int)
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


@dataclass(frozen=True)
class RunValues:
    """The metric of R runs under every draw.

    Attributes:
        values: [1 + K, R], nan where undefined.
        seeds: R seeds of training.
        pairs: R arrays of positions: the pairs of each run.
    """

    values: np.ndarray
    seeds: Sequence[int]
    pairs: Sequence[np.ndarray]


def run_values(runs: Sequence[Run], draws: Draws) -> RunValues:
    """The metric of every run under every draw."""
    found = [values_of_metrics([run.metric], run.pairs, draws) for run in runs]
    values = np.concatenate(found, axis=1) if found else np.empty((len(draws.weights), 0))
    return RunValues(values, [run.seed for run in runs], [run.pairs for run in runs])


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
    runs: RunValues, draws: Draws, confidence: float = 0.95, baseline: RunValues | None = None
) -> dict:
    """What `repeated_estimate` returns, from the runs' values: one computation of them serves a table and its tests.

    Args:
        runs: of one row.
        draws: that the values are of.
        confidence: of the interval.
        baseline: runs to subtract. Only runs of the same seed on the same pairs are compared (`matched`).
    """
    sides = [runs] if baseline is None else matched(runs, baseline)
    names = sorted(set(sides[0].seeds))
    times = draws.times(names)
    seeds = [[names.index(seed) for seed in side.seeds] for side in sides]

    def value(weights: np.ndarray, rows: slice) -> np.ndarray:
        means = [_mean_of_runs(side.values[rows], weights[:, seed]) for side, seed in zip(sides, seeds, strict=True)]
        return means[0] - (means[1] if len(means) > 1 else 0.0)

    estimates = value(times, slice(None))
    per_seed = [value(one[None], slice(0, 1))[0] for one in np.eye(len(names))]
    drawn = estimates[1:]
    low, high = interval(drawn, confidence) if len(drawn) else (np.nan, np.nan)
    found = {
        "value": float(estimates[0]),
        "ci_low": low,
        "ci_high": high,
        "n": len(sides[0].seeds),
        "std_over_seeds": float(np.std(per_seed, ddof=1)) if len(names) > 1 else float("nan"),
    }
    return found if baseline is None else {**found, "p_value": _two_sided(drawn)}


def matched(runs: RunValues, baseline: RunValues) -> tuple[RunValues, RunValues]:
    """Those runs of two rows that can be compared, in one order: the same seed of training, tested on the same pairs.

    A run that failed on one side is left out on the other; what is undefined under a draw on one side is taken as undefined
    on both. So a difference never has other seeds, folds or draws on its left than on its right.

    >>> runs = RunValues(np.array([[0.9, 0.5]]), [0, 0], [np.array([0, 1]), np.array([2, 3])])
    >>> other = RunValues(np.array([[0.1, 0.2]]), [0, 1], [np.array([2, 3]), np.array([2, 3])])
    >>> [side.values.tolist() for side in matched(runs, other)]
    [[[0.5]], [[0.1]]]
    """
    place = {key: column for column, key in enumerate(_keys(baseline))}
    both = [(column, place[key]) for column, key in enumerate(_keys(runs)) if key in place]
    left, right = (np.array([columns[side] for columns in both], dtype=int) for side in (0, 1))
    undefined = np.isnan(runs.values[:, left]) | np.isnan(baseline.values[:, right])
    return tuple(
        RunValues(
            np.where(undefined, np.nan, side.values[:, columns]),
            [side.seeds[column] for column in columns],
            [side.pairs[column] for column in columns],
        )
        for side, columns in ((runs, left), (baseline, right))
    )


def _keys(runs: RunValues) -> list[tuple[int, bytes]]:
    return [(seed, np.asarray(pairs, np.int64).tobytes()) for seed, pairs in zip(runs.seeds, runs.pairs, strict=True)]


def _mean_of_runs(values: np.ndarray, times: np.ndarray) -> np.ndarray:
    """[K] means over R runs, [K, R] values and how often each run's seed was drawn; undefined values do not count."""
    values = np.asfortranarray(values)  # one order of addition, however they were put together
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
        baseline: runs to subtract; only runs of the same seed on the same pairs are compared.

    Returns:
        `{"value", "ci_low", "ci_high", "n", "std_over_seeds"}`, `n` the number of runs; for a difference that of the runs
        compared, and also `p_value`, two-sided: twice the smaller share of draws on one side of 0, at least 2 / (draws + 1).
        All nan, `n` 0, where no run of the baseline fits.

    >>> half = Run(0, np.array([0, 1]), lambda weights: 0.5)
    >>> repeated_estimate([half, half], 2, None, n_bootstrap=0)["value"]
    0.5
    """
    if not runs:
        raise InputError("no run of this row is there to average; run its cells first.")
    draws = draw_pairs(n_pairs, groups, n_bootstrap, seed)
    other = None if baseline is None else run_values(baseline, draws)
    return estimate_of_runs(run_values(runs, draws), draws, confidence, other)


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


def log_loss_metric(level_probs: np.ndarray, counts: np.ndarray) -> RatioMetric:
    """Mean negative log probability of the labels of a run's pairs [M, 5], in nats (`level_log_loss`).

    >>> metric = log_loss_metric(np.array([[0.25, 0, 0.25, 0, 0.5]]), np.array([[1, 0, 0, 0, 1]]))
    >>> round(metric(np.ones(1)), 4)  # (ln 4 + ln 2) / 2
    1.0397
    """
    counts = as_counts(counts)
    return RatioMetric(label_losses(level_probs, counts).sum(1), counts.sum(1).astype(np.float64))
