"""Shares and means over pairs with cluster-bootstrap intervals, differences between them with p-values, Holm's correction.

A share is a ratio of two sums over rows, so that a bootstrap draw only changes the weights of the rows. All ratios of one
call see the same draws, so their differences are paired.
"""

from collections.abc import Hashable, Sequence

import numpy as np

from distreward.errors import InputError
from distreward.metrics.bootstrap import bootstrap_counts, group_index, interval


def ratio_estimates(
    numerators: np.ndarray,
    denominators: np.ndarray,
    groups: Sequence[Hashable] | None,
    n_bootstrap: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
    differences: Sequence[tuple[int, int]] = (),
) -> tuple[list[dict], list[dict]]:
    """Estimate K ratios of sums, and differences between some of them.

    Args:
        numerators, denominators: [K, N]; ratio k is sum(numerators[k]) / sum(denominators[k]). Denominators are >= 0; a
            row that takes no part in ratio k has 0 in both.
        groups: [N] prompt of each row for the bootstrap; None makes each row its own group.
        n_bootstrap, seed, confidence: of the intervals (`bootstrap.bootstrap_counts`); 0 leaves them nan.
        differences: pairs (i, j): ratio i minus ratio j.

    Returns:
        K estimates; `n` is the number of rows with a denominator above 0, the value nan where there is none.
        One estimate per difference with `p_value` besides: two-sided, from the same draws (`bootstrap_p_value`); its `n` is
        the number of rows that either ratio uses.

    Raises:
        InputError: shapes that do not fit.

    >>> (half, all_of_them), (gap,) = ratio_estimates(
    ...     [[1, 0, 0], [0, 0, 1]], [[1, 1, 0], [0, 0, 1]], None, n_bootstrap=0, differences=[(1, 0)]
    ... )
    >>> half["value"], half["n"], gap["value"], gap["n"]
    (0.5, 2, 0.5, 3)
    """
    top, bottom = np.asarray(numerators, dtype=np.float64), np.asarray(denominators, dtype=np.float64)
    if top.ndim != 2 or top.shape != bottom.shape:
        raise InputError(f"`numerators` has shape {top.shape} and `denominators` {bottom.shape}, wanted both [K, N].")
    n_rows = top.shape[1]
    used = bottom > 0

    def ratios(weights: np.ndarray) -> np.ndarray:
        total = bottom @ weights
        return np.divide(top @ weights, total, out=np.full(len(total), np.nan), where=total > 0)

    # a ratio over one prompt cannot vary between draws that hold it: no interval rather than one of width 0
    group = group_index(n_rows, groups)
    several = np.array([len(np.unique(group[row])) > 1 for row in used], dtype=bool)
    draws = np.array([ratios(weights) for weights in bootstrap_counts(n_rows, groups, n_bootstrap, seed)])
    draws = np.where(several, draws.reshape(-1, len(top)), np.nan)

    values = ratios(np.ones(n_rows))
    estimates = [
        _estimate(value, column, row.sum(), confidence)
        for value, column, row in zip(values, draws.T, used, strict=True)
    ]
    gaps = []
    for i, j in differences:
        between = draws[:, i] - draws[:, j]
        gap = _estimate(values[i] - values[j], between, (used[i] | used[j]).sum(), confidence)
        gaps.append({**gap, "p_value": bootstrap_p_value(between)})
    return estimates, gaps


def _estimate(value: float, draws: np.ndarray, n: int, confidence: float) -> dict:
    low, high = interval(draws, confidence)
    return {"value": float(value), "ci_low": low, "ci_high": high, "n": int(n)}


def bootstrap_p_value(draws: np.ndarray) -> float:
    """Two-sided p-value of "the difference is 0": twice the smaller share of draws on either side of 0.

    It agrees with the percentile interval: p < 0.05 where the 95 % interval leaves 0 out, up to one draw. Draws that are
    exactly 0 count on both sides. One is added to count and total, so p is never 0 with K draws but at least 2 / (K + 1).

    Args:
        draws: [K] bootstrap draws of a difference; nan are left out.

    Returns:
        A number in (0, 1]; nan without a defined draw.

    >>> bootstrap_p_value(np.array([0.1, 0.2, 0.3, -0.1]))  # 2 * (1 + 1) / (4 + 1)
    0.8
    """
    defined = np.asarray(draws, dtype=np.float64)
    defined = defined[~np.isnan(defined)]
    if len(defined) == 0:
        return float("nan")
    beyond = min((defined <= 0).sum(), (defined >= 0).sum())
    return float(min(1.0, 2 * (beyond + 1) / (len(defined) + 1)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for several comparisons by Holm's step-down method (Holm 1979): controls the chance of ANY false one.

    The smallest of m p-values is multiplied by m, the next by m - 1 and so on; each is at least as large as the one
    before it and at most 1.

    Args:
        p_values: [m] in 0..1; nan (not tested) is left alone and not counted in m.

    Returns:
        [m] adjusted p-values in the order given.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted = p.copy()
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(factors * p[order]))
    return [float(value) for value in adjusted]
