r"""Divergence scores: one number per pair, HIGHER = its annotators are more likely to diverge.

| score | from | source |
|---|---|---|
| `mean_variance_divergence` | means and standard deviations, lambda tuned by `tune_lambda` | paper, section 4 |
| `likert_divergence` | the rating distribution of each response | paper, section 4 |
| `gap_divergence` | one reward per response: the single-value baseline | paper, section 4.1 |
| `diverging_probability` | the level distribution of the pair; nothing to tune | closed form, derived below |

The closed form. n annotators draw independently from (p_-2, p_-1, p_0, p_1, p_2). The pair is `diverging` when someone
prefers A, someone prefers B and some label is significant. By inclusion and exclusion over the ways to fail,
with a = p_1 + p_2, b = p_-1 + p_-2 and s = p_-1 + p_0 + p_1:

    P = 1 - (1-a)^n - (1-b)^n - s^n + p_0^n + (p_0 + p_-1)^n + (p_0 + p_1)^n - p_0^n

The terms are: nobody for A; nobody for B; nobody significant; nobody for A nor B; nobody for A and nobody
significant; nobody for B and nobody significant; none of the three. The two p_0^n cancel.
"""

import warnings

import numpy as np

from distreward.data.agreement import agreement_masks
from distreward.errors import InputError
from distreward.levels import LEVELS, N_LEVELS, RATINGS
from distreward.metrics.bootstrap import WeightedAUROC
from distreward.metrics.checks import as_counts, as_probs, as_vector

LARGE_LAMBDA = 1e4
"""Stands for lambda -> infinity: the score orders by the standard deviations alone (gaps only break their ties)."""

LAMBDA_GRID = (0.0, *np.logspace(-2, 2, 81).tolist(), LARGE_LAMBDA)
"""The values of lambda that `tune_lambda` tries: none, 20 per decade from 0.01 to 100, and the limit."""

DEFAULT_LAMBDA = 1.0


def diverging_probability(
    level_probs: np.ndarray, n_annotators: int | np.ndarray, substantial: bool = False
) -> np.ndarray:
    """The chance that n annotators drawn from a level distribution would be called diverging (`agreement_masks`).

    Args:
        level_probs: [..., 5] distributions over the levels -2..2, rows summing to 1 within 1e-3.
        n_annotators: whole number >= 1, or an array of them that broadcasts to [...].
        substantial: ask for `diverging_substantial` (a 2 and a -2) instead of `diverging`.

    Returns:
        [...] float64 in [0, 1]; 0 for one annotator. Swapping A and B (reversing the levels) changes nothing.

    Raises:
        InputError: `level_probs` is no distribution, or `n_annotators` is not a whole number >= 1.

    Source: derived in the module docstring from the categories of section 3.1 of the paper.

    >>> diverging_probability([0.5, 0.0, 0.0, 0.0, 0.5], 2)  # 1/2: the second annotator contradicts the first
    np.float64(0.5)
    >>> diverging_probability([[0.0, 0.5, 0.0, 0.5, 0.0]], [4])  # opposing, but nobody ever significant
    array([0.])
    """
    probs = as_probs(level_probs, "level_probs")
    n = np.asarray(n_annotators)
    if not np.issubdtype(n.dtype, np.integer) or (n < 1).any():
        raise InputError(
            f"`n_annotators` holds {n.reshape(-1)[:3].tolist()} of type {n.dtype}, wanted whole numbers >= 1: "
            "pass counts.sum(1) of pairs with at least one annotator, or one integer."
        )
    try:
        n = np.broadcast_to(n, probs.shape[:-1])
    except ValueError:
        raise InputError(
            f"`n_annotators` has shape {n.shape}, wanted one that broadcasts to {probs.shape[:-1]}: "
            "pass one integer, or one per distribution."
        ) from None
    b_significant, b_slight, tie, a_slight, a_significant = np.moveaxis(probs, -1, 0)
    if substantial:
        # not (no 2) and not (no -2)
        no_a, no_b = 1 - a_significant, 1 - b_significant
        chance = 1 - no_a**n - no_b**n + (b_slight + tie + a_slight) ** n
    else:
        no_a, no_b = b_significant + b_slight + tie, tie + a_slight + a_significant
        none_significant = b_slight + tie + a_slight
        chance = 1 - no_a**n - no_b**n - none_significant**n + (tie + b_slight) ** n + (tie + a_slight) ** n
    # the terms cancel to about 1e-16, on either side of the range
    return np.clip(chance, 0.0, 1.0)[()]


def mean_variance_divergence(
    mean_a: np.ndarray, std_a: np.ndarray, mean_b: np.ndarray, std_b: np.ndarray, lam: float
) -> np.ndarray:
    """-(|mean_a - mean_b| - lam (std_a + std_b)): close means and wide rewards.

    Args:
        mean_a, std_a, mean_b, std_b: [...] in units of reward, std >= 0 (standard deviations, not variances).
        lam: weight of the standard deviations, >= 0; `tune_lambda` chooses it on development data.

    Returns:
        [...] in units of reward, any real number. Unchanged when A and B are swapped.

    Source: paper, section 4, with the sign turned so that higher means more divergence.

    >>> mean_variance_divergence([2.0], [0.5], [1.0], [0.25], lam=2.0)  # -(1 - 2 * 0.75)
    array([0.5])
    """
    return gap_divergence(mean_a, mean_b) + lam * (np.asarray(std_a, np.float64) + np.asarray(std_b, np.float64))


def likert_divergence(rating_probs_a: np.ndarray, rating_probs_b: np.ndarray) -> np.ndarray:
    """P(1) P(5) of each response, averaged over the two.

    Args:
        rating_probs_a, rating_probs_b: [..., 5] distributions over the ratings 1..5, rows summing to 1 within 1e-3.

    Returns:
        [...] in [0, 0.25]: 0.25 where both responses get half ones and half fives.

    Raises:
        InputError: a row is no distribution.

    Source: paper, section 4 (the product); the average over the two responses is this library's choice.

    >>> float(likert_divergence([0.5, 0, 0, 0, 0.5], [1, 0, 0, 0, 0]))  # (0.25 + 0) / 2
    0.125
    """
    a, b = as_probs(rating_probs_a, "rating_probs_a"), as_probs(rating_probs_b, "rating_probs_b")
    return (a[..., 0] * a[..., -1] + b[..., 0] * b[..., -1]) / 2


def gap_divergence(mean_a: np.ndarray, mean_b: np.ndarray) -> np.ndarray:
    """-|mean_a - mean_b|: the baseline every model has, distributional or not.

    Args:
        mean_a, mean_b: [...] in units of reward.

    Returns:
        [...] in units of reward, <= 0. Unchanged when A and B are swapped.

    Source: paper, section 4.1, single-value baselines, with the sign turned.

    >>> gap_divergence([3.0], [1.0])
    array([-2.])
    """
    return -np.abs(np.asarray(mean_a, np.float64) - np.asarray(mean_b, np.float64))


def tune_lambda(
    mean_a: np.ndarray,
    std_a: np.ndarray,
    mean_b: np.ndarray,
    std_b: np.ndarray,
    counts: np.ndarray,
    grid: tuple[float, ...] | None = None,
) -> tuple[float, float]:
    """Choose the lambda of `mean_variance_divergence` with the best AUROC of diverging against the rest.

    Args:
        mean_a, std_a, mean_b, std_b: [N] of DEVELOPMENT pairs, in units of reward.
        counts: [N, 5] annotators per level. Pairs with fewer than two annotators are left out.
        grid: values >= 0 to try; None takes `LAMBDA_GRID`.

    Returns:
        (lambda, AUROC in [0, 1] on these pairs). Of equally good lambdas the smallest. With one class only it warns
        and returns (1.0, nan).

    Raises:
        InputError: shapes that do not fit, values that are not finite, an empty or negative grid.

    Source: paper, section 4: lambda "is tuned on a development set".

    >>> counts = np.array([[1, 0, 0, 0, 1], [0, 0, 0, 0, 2]])
    >>> tune_lambda([1.0, 0.5], [1.0, 0.1], [0.0, 0.0], [1.0, 0.1], counts, grid=(0.0, 1.0))
    (1.0, 1.0)
    """
    counts = as_counts(counts)
    columns = (("mean_a", mean_a), ("std_a", std_a), ("mean_b", mean_b), ("std_b", std_b))
    columns = [as_vector(column, name, len(counts)) for name, column in columns]
    lambdas = np.sort(as_vector(LAMBDA_GRID if grid is None else grid, "grid"))
    if len(lambdas) == 0 or lambdas[0] < 0:
        raise InputError(
            f"`grid` is {lambdas.tolist()[:3]}, wanted at least one value >= 0: pass e.g. (0.0, 0.5, 1.0)."
        )

    several = counts.sum(1) >= 2
    positive = agreement_masks(counts)["diverging"][several]
    if positive.all() or not positive.any():
        warnings.warn(
            f"tune_lambda: {positive.sum()} diverging pairs and {(~positive).sum()} others with at least two "
            f"annotators, one class is missing: lambda stays {DEFAULT_LAMBDA} and the AUROC is nan.",
            stacklevel=2,
        )
        return DEFAULT_LAMBDA, float("nan")
    used = [column[several] for column in columns]
    aurocs = [WeightedAUROC(mean_variance_divergence(*used, lam), positive)() for lam in lambdas]
    best = int(np.argmax(aurocs))  # argmax takes the first, thus the smallest lambda
    return float(lambdas[best]), float(aurocs[best])


def rating_level_probs(rating_probs_a: np.ndarray, rating_probs_b: np.ndarray) -> np.ndarray:
    """Level distribution of the difference of two independent ratings: 0 is a tie, 1 slight, 2 and more significant.

    Args:
        rating_probs_a, rating_probs_b: [N, 5] distributions over the ratings 1..5, rows summing to 1 within 1e-3.

    Returns:
        [N, 5] over the levels -2..2, rows summing to 1. Swapping A and B reverses the levels.

    Raises:
        InputError: a row is no distribution, or the two differ in shape.

    Source: paper, section 2 (rating differences as preferences); independence of the two ratings is an assumption.

    >>> rating_level_probs([[0, 0, 0, 0.5, 0.5]], [[0, 0, 0, 1, 0]])  # differences 0 and 1, half each
    array([[0. , 0. , 0.5, 0.5, 0. ]])
    """
    a = as_probs(rating_probs_a, "rating_probs_a", len(rating_probs_a))
    b = as_probs(rating_probs_b, "rating_probs_b", len(a))
    ratings = np.array(RATINGS)
    level = np.clip(ratings[:, None] - ratings, LEVELS[0], LEVELS[-1])  # (rating of A, rating of B)
    level_of_ratings = (level[..., None] == np.array(LEVELS)).astype(np.float64)  # (5, 5, N_LEVELS)
    return np.einsum("ni,nj,ijl->nl", a, b, level_of_ratings.reshape(len(RATINGS), len(RATINGS), N_LEVELS))
