"""Cluster bootstrap over prompts, and an AUROC that is cheap to compute again for every draw.

Pairs of one prompt are not independent, so a draw takes PROMPTS with replacement and every pair of a prompt gets
its multiplicity as weight. A metric is a function of such weights (all ones: the metric itself); `bootstrap_estimates`
turns it into estimates. Equal groups, `n_draws` and `seed` give equal draws, so differences can be paired.

Every estimate is `{"value", "ci_low", "ci_high", "n"}`: Python floats and an int, `nan` where undefined.
"""

import warnings
from collections.abc import Callable, Hashable, Iterator, Sequence

import numpy as np

from distreward.errors import InputError


def bootstrap_counts(
    n_rows: int, groups: Sequence[Hashable] | None, n_draws: int, seed: int = 0
) -> Iterator[np.ndarray]:
    """Draw groups with replacement, as many as there are, and yield how often each row is in the draw.

    Args:
        n_rows: N.
        groups: [N] group (prompt) of each row, any hashable values; None makes every row its own group.
        n_draws: number of draws, >= 0.
        seed: of NumPy's default generator.

    Yields:
        int64 array [N] >= 0, `n_draws` times; rows of one group have equal entries.

    Raises:
        InputError: `groups` has not one entry per row, or `n_draws` is negative.

    >>> [draw.tolist() for draw in bootstrap_counts(3, ["p", "p", "q"], n_draws=2, seed=1)]
    [[1, 1, 1], [0, 0, 2]]
    """
    if n_draws < 0:
        raise InputError(f"`n_bootstrap` is {n_draws}, wanted a whole number >= 0: pass 0 for no interval.")
    group = group_index(n_rows, groups)
    n_groups = int(group.max()) + 1 if n_rows else 0
    rng = np.random.default_rng(seed)
    for _ in range(n_draws):
        multiplicity = np.bincount(rng.integers(0, n_groups, n_groups), minlength=n_groups) if n_groups else group
        yield multiplicity if groups is None else multiplicity[group]


def group_index(n_rows: int, groups: Sequence[Hashable] | None) -> np.ndarray:
    """Number the groups 0, 1, ... by first appearance.

    Args:
        n_rows: N.
        groups: [N] hashable values, or None for one group per row.

    Returns:
        int64 array [N].

    Raises:
        InputError: another length, or an entry that is not hashable.

    >>> group_index(3, ["q", "p", "q"])
    array([0, 1, 0])
    """
    if groups is None:
        return np.arange(n_rows)
    _check_length(groups, n_rows)
    number: dict[Hashable, int] = {}
    try:
        return np.fromiter((number.setdefault(group, len(number)) for group in groups), np.int64, n_rows)
    except TypeError:
        raise InputError(
            f"`groups` row {len(number)} or later is not hashable, wanted a string or number per pair: "
            "pass prompt names, not messages."
        ) from None


def kept_groups(groups: Sequence[Hashable] | None, keep: np.ndarray) -> list[Hashable] | None:
    """The groups of the rows that take part.

    Args:
        groups: [N] hashable values, or None.
        keep: [N] bool with M rows that are True.

    Returns:
        [M] groups, or None for None.

    Raises:
        InputError: `groups` has not one entry per row.

    >>> kept_groups(["p", "q", "q"], np.array([True, False, True]))
    ['p', 'q']
    """
    if groups is None:
        return None
    _check_length(groups, len(keep))
    return [group for group, kept in zip(groups, keep, strict=True) if kept]


def _check_length(groups: Sequence[Hashable], n_rows: int) -> None:
    if len(groups) != n_rows:
        raise InputError(f"`groups` has {len(groups)} entries, wanted {n_rows}: pass one prompt name per pair.")


def interval(draws: np.ndarray, confidence: float = 0.95) -> tuple[float, float]:
    """Percentile interval of bootstrap draws.

    Args:
        draws: [K] values of one metric; draws where it is undefined (nan) are left out.
        confidence: share of the draws inside, strictly between 0 and 1.

    Returns:
        (low, high); (nan, nan) where no draw is defined.

    Raises:
        InputError: `confidence` is outside (0, 1).

    >>> interval(np.arange(101), confidence=0.5)
    (25.0, 75.0)
    """
    if not 0 < confidence < 1:
        raise InputError(f"`confidence` is {confidence}, wanted a number between 0 and 1: pass 0.95 for 95 percent.")
    draws = np.asarray(draws, dtype=np.float64)
    defined = draws[~np.isnan(draws)]
    if len(defined) == 0:
        return float("nan"), float("nan")
    low, high = np.quantile(defined, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def bootstrap_estimates(
    statistic: Callable[[np.ndarray], np.ndarray],
    sizes: Sequence[int],
    n_rows: int,
    groups: Sequence[Hashable] | None,
    n_bootstrap: int,
    seed: int,
    confidence: float,
) -> list[dict]:
    """Estimate K numbers at once, from the same draws.

    Args:
        statistic: maps integer weights [N] to K values (nan where undefined).
        sizes: [K] the `n` of each estimate.
        n_rows: N.
        groups, n_bootstrap, seed: as in `bootstrap_counts`; `n_bootstrap=0` leaves the interval nan.
        confidence: as in `interval`.

    Returns:
        K estimates. With fewer than two groups the interval is nan, and it warns: no draw could differ.

    Raises:
        InputError: as `bootstrap_counts` and `interval`.

    >>> values = np.array([0.0, 1.0])
    >>> bootstrap_estimates(lambda w: [w @ values / w.sum()], [2], 2, None, n_bootstrap=20, seed=0, confidence=0.9)
    [{'value': 0.5, 'ci_low': 0.0, 'ci_high': 1.0, 'n': 2}]
    """
    values = np.asarray(statistic(np.ones(n_rows, dtype=np.int64)), dtype=np.float64)
    n_groups = len(np.unique(group_index(n_rows, groups)))
    if n_bootstrap > 0 and n_groups < 2:
        if n_groups == 1:
            warnings.warn(
                "bootstrap: all pairs used are of one group (prompt), so the interval is undefined: nan.", stacklevel=3
            )
        n_bootstrap = 0
    draws = [statistic(weights) for weights in bootstrap_counts(n_rows, groups, n_bootstrap, seed)]
    table = np.asarray(draws, dtype=np.float64).reshape(len(draws), len(values))
    estimates = []
    for value, size, column in zip(values, sizes, table.T, strict=True):
        low, high = interval(column, confidence)
        estimates.append({"value": float(value), "ci_low": low, "ci_high": high, "n": int(size)})
    return estimates


def flatten_estimate(name: str, estimate: dict) -> dict:
    """Spell an estimate as the flat keys that `evaluate` modules return.

    Args:
        name: key of the value; the other entries get `<name>_<entry>`.
        estimate: {"value", "ci_low", "ci_high", "n", ...}.

    Returns:
        {name, name_ci_low, name_ci_high, name_n, ...}.

    >>> flatten_estimate("brier", {"value": 0.5, "n": 3})
    {'brier': 0.5, 'brier_n': 3}
    """
    return {name if entry == "value" else f"{name}_{entry}": number for entry, number in estimate.items()}


class WeightedAUROC:
    """AUROC under whole-number or real weights; the sorting is done once, each call is O(N) per class.

    Args:
        scores: [N] finite; higher should mean positive. Equal scores count as 1/2.
        positive: [N] or [C, N] bool, for C cells over the same scores.
        keep: same shape as `positive`, rows that take part; the negatives are `keep & ~positive`. None keeps all.

    Called with `weights` [N] >= 0 (None: ones) it returns the AUROC, a float for [N] masks, else an array [C]: the
    weighted share of (positive, negative) pairs in the right order, in [0, 1]; nan where a class has no weight.

    >>> auroc = WeightedAUROC([0.1, 0.4, 0.4, 0.8], np.array([False, True, False, True]))
    >>> auroc()  # of 4 comparisons: 3 right, one equal = 3.5 / 4
    0.875
    >>> auroc(np.array([0, 1, 1, 0]))
    0.5
    """

    def __init__(self, scores: np.ndarray, positive: np.ndarray, keep: np.ndarray | None = None):
        scores, positive = np.asarray(scores, dtype=np.float64), np.asarray(positive, dtype=bool)
        keep = np.ones_like(positive) if keep is None else np.asarray(keep, dtype=bool)
        if positive.shape[-1:] != scores.shape or keep.shape != positive.shape:
            raise InputError(
                f"`positive` has shape {positive.shape} and `keep` {keep.shape}, wanted both [N] or [C, N] with "
                f"N = {len(scores)} scores."
            )
        self._single = positive.ndim == 1
        self._order = np.argsort(scores, kind="stable")
        ordered = scores[self._order]
        starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(scores) else np.empty(0, np.int64)
        self._starts = None if len(starts) == len(scores) else starts
        # cells share classes (one set of positives, several of negatives): each distinct class is summed once a draw
        masks = np.concatenate([np.atleast_2d(keep & positive), np.atleast_2d(keep & ~positive)])
        distinct: dict[bytes, int] = {}
        class_of = [distinct.setdefault(mask.tobytes(), len(distinct)) for mask in masks]
        self._cells = list(zip(class_of[: len(masks) // 2], class_of[len(masks) // 2 :], strict=True))
        firsts = [class_of.index(number) for number in range(len(distinct))]
        self._masks = [masks[first][self._order].astype(np.float64) for first in firsts]
        # written anew by every call: fresh arrays of this size cost several times the arithmetic
        self._sums = np.empty((len(distinct), len(starts)))
        self._below = np.empty(len(starts))

    def __call__(self, weights: np.ndarray | None = None) -> float | np.ndarray:
        if weights is None:
            weights = np.ones(len(self._order))
        ordered = np.asarray(weights)[self._order].astype(np.float64)
        for mask, sums in zip(self._masks, self._sums, strict=True):
            if self._starts is None:
                np.multiply(ordered, mask, out=sums)
            else:
                np.add.reduceat(ordered * mask, self._starts, out=sums)
        totals = self._sums.sum(1)
        values = np.full(len(self._cells), np.nan)
        for negative in {neg for _, neg in self._cells if totals[neg] > 0}:
            np.cumsum(self._sums[negative], out=self._below)
            for cell, (pos, neg) in enumerate(self._cells):
                if neg == negative and totals[pos] > 0:
                    # `below` counts equal scores in full, so half of them come off again
                    right = self._sums[pos] @ self._below - self._sums[pos] @ self._sums[neg] / 2
                    values[cell] = right / (totals[pos] * totals[neg])
        return float(values[0]) if self._single else values
