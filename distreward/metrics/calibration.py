"""How well predictions match the annotators: level distributions (Brier score, calibration error, two distances) and the
chance to diverge.

The observed distribution of a pair is its label shares, counts / n. Brier and calibration error weigh every LABEL the
same, the two distances every PAIR. With few annotators per pair all four stay above 0 even for perfect predictions.
"""

import warnings
from collections.abc import Hashable, Sequence

import numpy as np
from scipy.sparse import csr_array
from scipy.special import rel_entr

from distreward.data.agreement import agreement_masks
from distreward.errors import InputError
from distreward.levels import N_LEVELS
from distreward.metrics.bootstrap import bootstrap_estimates, kept_groups
from distreward.metrics.checks import as_counts, as_probs, as_vector


def level_calibration(
    level_probs: np.ndarray,
    counts: np.ndarray,
    n_bins: int = 10,
    groups: Sequence[Hashable] | None = None,
    n_bootstrap: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> dict[str, dict]:
    """Compare predicted level distributions with all annotators' labels; lower is better throughout.

    | key | what | range | averaged over |
    |---|---|---|---|
    | `brier` | sum over the levels of (p - one-hot label)^2 | 0..2 | labels |
    | `ece` | abs(mean p - share of the level) of each bin of p, weighted by labels | 0..1 | the five levels |
    | `jensen_shannon` | Jensen-Shannon DISTANCE (square root of the divergence), base 2 | 0..1 | pairs |
    | `wasserstein` | earth mover's distance on the levels -2..2 | 0..4 | pairs |

    Args:
        level_probs: [N, 5] predicted, rows summing to 1 within 1e-3.
        counts: [N, 5] annotators per level. Pairs without annotators are left out.
        n_bins: bins per level, >= 1; bin i holds i/n_bins <= p < (i+1)/n_bins, the last one also p = 1.
        groups: [N] prompt of each pair for the bootstrap; None makes each pair its own group.
        n_bootstrap, seed, confidence: of the intervals (`bootstrap.bootstrap_estimates`).

    Returns:
        One estimate per key; `n` is labels for `brier` and `ece`, pairs for the distances. All nan, with a warning,
        where no pair has an annotator. `ece` is biased upwards in small samples, since chance differences within a
        bin do not cancel: compare it only between models on the same pairs. Each bootstrap draw adds to that bias,
        so its interval can lie above the value.

    Raises:
        InputError: shapes that do not fit, rows that are no distribution, `n_bins` below 1.

    >>> result = level_calibration([[0, 0, 0, 0.5, 0.5], [0, 0, 1, 0, 0]], [[0, 0, 0, 1, 1], [0, 0, 2, 0, 0]])
    >>> result["brier"]["value"], result["ece"]["value"], result["wasserstein"]["value"]  # Brier: (2 * 0.5 + 0) / 4
    (0.25, 0.0, 0.0)
    """
    counts = as_counts(counts)
    probs = as_probs(level_probs, "level_probs", len(counts))
    if n_bins < 1:
        raise InputError(f"`n_bins` is {n_bins}, wanted a whole number >= 1: pass 10.")
    labelled = counts.sum(1) > 0
    if not labelled.any():
        warnings.warn(
            f"level_calibration: none of {len(counts)} pairs has an annotator: all four are nan.", stacklevel=2
        )
    groups = kept_groups(groups, labelled)
    probs, counts = probs[labelled], counts[labelled]
    n = counts.sum(1)

    shares = counts / n[:, None]
    brier = n * (probs**2).sum(1) - 2 * (counts * probs).sum(1) + n  # summed over the labels of the pair
    per_pair = np.stack([brier, n, jensen_shannon_distance(probs, shares), wasserstein_distance(probs, shares)])
    excess = _excess_per_bin(probs, counts, n_bins)

    def statistic(weights: np.ndarray) -> list[float]:
        n_pairs = weights.sum()
        if n_pairs == 0:
            return [np.nan] * 4
        brier_sum, n_labels, js_sum, wasserstein_sum = per_pair @ weights
        ece = np.abs(excess @ weights).sum() / n_labels / N_LEVELS
        return [brier_sum / n_labels, ece, js_sum / n_pairs, wasserstein_sum / n_pairs]

    sizes = [n.sum(), n.sum(), len(n), len(n)]
    estimates = bootstrap_estimates(statistic, sizes, len(n), groups, n_bootstrap, seed, confidence)
    return dict(zip(("brier", "ece", "jensen_shannon", "wasserstein"), estimates, strict=True))


def divergence_calibration(
    chance: np.ndarray,
    counts: np.ndarray,
    groups: Sequence[Hashable] | None = None,
    n_bootstrap: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> dict[str, dict]:
    """Compare predicted chances to diverge with which pairs did.

    | key | what | range |
    |---|---|---|
    | `brier` | mean of (chance - diverged)^2, lower is better | 0..1 |
    | `log_loss` | mean negative log likelihood in nats, lower is better; chances are kept 1e-6 from 0 and 1 | >= 0 |
    | `predicted` | mean chance | 0..1 |
    | `observed` | share of pairs that diverged: what `predicted` should be | 0..1 |

    Args:
        chance: [N] predicted, each for the pair's own number of annotators.
        counts: [N, 5] annotators per level. Pairs with fewer than two are left out: they cannot diverge.
        groups: [N] prompt of each pair for the bootstrap; None makes each pair its own group.
        n_bootstrap, seed, confidence: of the intervals (`bootstrap.bootstrap_estimates`).

    Returns:
        One estimate per key, `n` the number of pairs; all nan, with a warning, where no pair has two annotators.

    Raises:
        InputError: shapes that do not fit, chances that are not finite or outside 0..1.

    >>> found = divergence_calibration([0.5, 0.25], [[1, 0, 0, 0, 1], [0, 0, 0, 0, 2]])  # (0.25 + 0.0625) / 2
    >>> found["brier"]["value"], found["predicted"]["value"], found["observed"]["value"]
    (0.15625, 0.375, 0.5)
    """
    counts = as_counts(counts)
    chance = as_vector(chance, "chance", len(counts))
    outside = (chance < 0) | (chance > 1)
    if outside.any():
        raise InputError(f"`chance` holds {chance[outside][0]:g}, wanted probabilities in 0..1.")
    several = counts.sum(1) >= 2
    if not several.any():
        warnings.warn(f"divergence_calibration: none of {len(counts)} pairs has two annotators: nan.", stacklevel=2)
    diverged = agreement_masks(counts)["diverging"][several].astype(np.float64)
    chance = chance[several]
    kept = np.clip(chance, 1e-6, 1 - 1e-6)
    losses = -np.where(diverged > 0, np.log(kept), np.log1p(-kept))
    columns = np.stack([(chance - diverged) ** 2, losses, chance, diverged])

    def statistic(weights: np.ndarray) -> np.ndarray:
        n_pairs = weights.sum()
        return columns @ weights / n_pairs if n_pairs else np.full(4, np.nan)

    n, kept_of = columns.shape[1], kept_groups(groups, several)
    estimates = bootstrap_estimates(statistic, [n] * 4, n, kept_of, n_bootstrap, seed, confidence)
    return dict(zip(("brier", "log_loss", "predicted", "observed"), estimates, strict=True))


def level_log_loss(level_probs: np.ndarray, counts: np.ndarray) -> float:
    """Mean negative log probability of the labels, in nats; every label weighs the same.

    Args:
        level_probs: [N, 5] predicted, rows summing to 1 within 1e-3; probabilities below 1e-12 count as 1e-12.
        counts: [N, 5] annotators per level.

    Returns:
        >= 0, lower is better; nan where no pair has an annotator.

    >>> round(level_log_loss([[0.25, 0, 0.25, 0, 0.5]], [[1, 0, 0, 0, 1]]), 4)  # (ln 4 + ln 2) / 2
    1.0397
    """
    counts = as_counts(counts)
    probs = as_probs(level_probs, "level_probs", len(counts))
    n_labels = counts.sum()
    return float(label_losses(probs, counts).sum() / n_labels) if n_labels else float("nan")


def label_losses(level_probs: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Negative log probability of the labels of each pair at each level, in nats: what `level_log_loss` is the mean of.

    Args:
        level_probs, counts: [N, 5], as for `level_log_loss`.

    Returns:
        [N, 5] >= 0; the losses of several labels at one level are added up.
    """
    return -(counts * np.log(np.maximum(level_probs, 1e-12)))


def jensen_shannon_distance(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Square root of the Jensen-Shannon divergence in bits, row by row.

    Args:
        p, q: [N, 5] distributions; zeros are allowed (0 log 0 = 0).

    Returns:
        [N] in [0, 1]: 0 where equal, 1 where they share no level. It is scipy's `jensenshannon(p, q, base=2)`.

    >>> jensen_shannon_distance(np.eye(5)[[0, 0]], np.eye(5)[[0, 4]])
    array([0., 1.])
    """
    middle = (p + q) / 2
    divergence = (rel_entr(p, middle) + rel_entr(q, middle)).sum(1) / 2 / np.log(2)
    # nearly equal rows can come out at -1e-17, whose root would be nan
    return np.sqrt(np.clip(divergence, 0.0, 1.0))


def wasserstein_distance(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Earth mover's distance of two level distributions, row by row; neighbouring levels are 1 apart.

    Args:
        p, q: [N, 5] distributions over the levels -2..2.

    Returns:
        [N] in [0, 4]: the sum of the absolute differences of the cumulative distributions.

    >>> wasserstein_distance(np.eye(5)[[0, 1]], np.eye(5)[[4, 2]])
    array([4., 1.])
    """
    return np.abs(np.cumsum(p - q, axis=1)[:, :-1]).sum(1)


def _excess_per_bin(probs: np.ndarray, counts: np.ndarray, n_bins: int) -> csr_array:
    """[5 * n_bins, N]: labels predicted minus labels seen, per level, at the bin of the pair's prediction."""
    bins = np.minimum((probs * n_bins).astype(np.int64), n_bins - 1) + n_bins * np.arange(N_LEVELS)
    excess = counts.sum(1, keepdims=True) * probs - counts
    pairs = np.repeat(np.arange(len(probs)), N_LEVELS)
    return csr_array((excess.reshape(-1), (bins.reshape(-1), pairs)), shape=(N_LEVELS * n_bins, len(probs)))
