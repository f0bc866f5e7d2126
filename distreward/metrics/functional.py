"""The two metrics of the paper's section 4, paired differences between models, and rank correlation. NumPy arrays in,
estimates `{"value", "ci_low", "ci_high", "n"}` out; intervals by the cluster bootstrap of `bootstrap.py`.

Which pairs count as positive and as negative decides how high an AUROC looks, so `diverging_id_auroc` always
reports a grid:

| positive | negative | |
|---|---|---|
| `diverging`, `diverging_substantial` | `high_agreement_preference` | |
| | `high_agreement` | `high_agreement_preference` or `high_agreement_tie` |
| | `rest` | every pair not in the positive class; the other diverging pairs too, for `diverging_substantial` |

The headline is `diverging` against `rest`. Pairs with fewer than two annotators can neither agree nor
disagree and are left out of every cell. The categories are those of `distreward.data.agreement`.
"""

import warnings
from collections.abc import Hashable, Sequence

import numpy as np

from distreward.data.agreement import agreement_masks
from distreward.levels import LEVELS
from distreward.metrics.bootstrap import WeightedAUROC, bootstrap_estimates, kept_groups
from distreward.metrics.calibration import level_calibration
from distreward.metrics.checks import as_counts, as_vector

__all__ = [
    "NEGATIVES",
    "POSITIVES",
    "accuracy_difference",
    "auroc_difference",
    "diverging_id_auroc",
    "level_calibration",
    "preference_accuracy",
    "spearman",
]

POSITIVES = ("diverging", "diverging_substantial")
NEGATIVES = ("high_agreement_preference", "high_agreement", "rest")

Groups = Sequence[Hashable] | None


def preference_accuracy(
    reward_gap: np.ndarray,
    counts: np.ndarray,
    groups: Groups = None,
    n_bootstrap: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> dict:
    """Share of all annotators' choices that the rewards agree with.

    Every label other than a tie is one choice. A choice counts 1 where the gap has its sign, 1/2 where the gap is
    exactly 0, else 0. Tie labels are left out: nobody was chosen.

    Args:
        reward_gap: [N] reward_a - reward_b, in units of reward.
        counts: [N, 5] annotators per level, ascending levels.
        groups: [N] prompt of each pair for the bootstrap; None makes each pair its own group.
        n_bootstrap, seed, confidence: of the interval (`bootstrap.bootstrap_estimates`).

    Returns:
        Estimate in [0, 1], `n` = number of choices; nan with a warning where there is none.

    Raises:
        InputError: shapes that do not fit, or a gap that is not finite.

    Source: paper, section 4, "Preference Accuracy".

    >>> preference_accuracy([1.0, -0.5], [[1, 0, 0, 2, 1], [0, 1, 1, 0, 0]], n_bootstrap=0)["value"]  # (3 + 1) / 5
    0.8
    """
    return _accuracies([("reward_gap", reward_gap)], counts, groups, n_bootstrap, seed, confidence)


def accuracy_difference(
    gap_1: np.ndarray,
    gap_2: np.ndarray,
    counts: np.ndarray,
    groups: Groups = None,
    n_bootstrap: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> dict:
    """Preference accuracy of model 1 minus that of model 2, with a paired bootstrap (both see the same draws).

    Args:
        gap_1, gap_2: [N] reward_a - reward_b of each model on the same pairs.
        counts, groups, n_bootstrap, seed, confidence: as in `preference_accuracy`.

    Returns:
        Estimate in [-1, 1], `n` = number of choices; positive where model 1 is better. An interval without 0
        speaks for a difference. nan with a warning where there is no choice.

    Raises:
        InputError: shapes that do not fit, or a gap that is not finite.

    >>> accuracy_difference([1.0, 1.0], [1.0, -1.0], [[0, 0, 0, 1, 0], [0, 0, 0, 1, 0]], n_bootstrap=0)["value"]
    0.5
    """
    return _accuracies([("gap_1", gap_1), ("gap_2", gap_2)], counts, groups, n_bootstrap, seed, confidence)


def _accuracies(named_gaps, counts, groups, n_bootstrap, seed, confidence) -> dict:
    """Accuracy of the first gap, minus that of the second where there are two."""
    counts = as_counts(counts)
    gaps = [as_vector(gap, name, len(counts)) for name, gap in named_gaps]
    sign = np.sign(LEVELS)
    for_a, for_b = counts[:, sign > 0].sum(1), counts[:, sign < 0].sum(1)
    chosen = for_a + for_b
    used = chosen > 0
    if not used.any():
        warnings.warn(f"preference_accuracy: all labels of {len(counts)} pairs are ties or missing: nan.", stacklevel=3)
    right = [np.where(gap > 0, for_a, np.where(gap < 0, for_b, chosen / 2)) for gap in gaps]
    gain = (right[0] - right[1] if len(right) == 2 else right[0])[used].astype(np.float64)
    chosen = chosen[used].astype(np.float64)

    def statistic(weights: np.ndarray) -> list[float]:
        total = weights @ chosen
        return [weights @ gain / total if total else np.nan]

    groups = kept_groups(groups, used)
    return bootstrap_estimates(statistic, [chosen.sum()], len(chosen), groups, n_bootstrap, seed, confidence)[0]


def diverging_id_auroc(
    scores: np.ndarray,
    counts: np.ndarray,
    groups: Groups = None,
    n_bootstrap: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> dict:
    """How well a divergence score tells diverging pairs from the others, for every choice of the two classes.

    Args:
        scores: [N] divergence scores, HIGHER = more likely to diverge; only their order matters, ties count 1/2.
        counts: [N, 5] annotators per level, ascending levels. Pairs with fewer than two annotators are left out.
        groups: [N] prompt of each pair for the bootstrap; None makes each pair its own group.
        n_bootstrap, seed, confidence: of the intervals (`bootstrap.bootstrap_estimates`).

    Returns:
        `{"headline": estimate, "grid": {positive: {negative: estimate}}}`, names as in the module docstring. Estimates
        lie in [0, 1], 0.5 is chance; those of the grid also hold `n_positive` and `n_negative`, pairs in each class,
        and `n` is their sum. A cell without one of its classes is nan, with a warning that names it.

    Raises:
        InputError: shapes that do not fit, or scores that are not finite (the message says how many).

    Source: paper, section 4, "Diverging ID AUROC".

    >>> counts = [[1, 0, 0, 0, 1], [0, 0, 0, 0, 2], [0, 0, 2, 0, 0]]
    >>> result = diverging_id_auroc([0.5, 0.2, 0.9], counts, n_bootstrap=0)
    >>> result["headline"]["value"], result["grid"]["diverging"]["high_agreement_preference"]["value"]
    (0.5, 1.0)
    """
    counts = as_counts(counts)
    scores = as_vector(scores, "scores", len(counts))
    several = counts.sum(1) >= 2
    scores, groups = scores[several], kept_groups(groups, several)
    names, positive, keep = _cells(counts[several])
    n_positive, n = (positive & keep).sum(1), keep.sum(1)
    for cell, k, total in zip(names, n_positive, n, strict=True):
        if k == 0 or k == total:
            warnings.warn(
                f"diverging_id_auroc: {cell[0]} against {cell[1]} has {k} positive and {total - k} negative pairs "
                "with at least two annotators, one class is missing: nan.",
                stacklevel=2,
            )
    auroc = WeightedAUROC(scores, positive, keep)
    estimates = bootstrap_estimates(auroc, n, len(scores), groups, n_bootstrap, seed, confidence)
    grid: dict[str, dict] = {name: {} for name in POSITIVES}
    for (pos, neg), estimate, k in zip(names, estimates, n_positive, strict=True):
        grid[pos][neg] = {**estimate, "n_positive": int(k), "n_negative": estimate["n"] - int(k)}
    return {"headline": estimates[names.index(("diverging", "rest"))], "grid": grid}


def _cells(counts: np.ndarray) -> tuple[list[tuple[str, str]], np.ndarray, np.ndarray]:
    """(positive, negative) names of the 6 cells, their positives [6, N] and the rows that take part [6, N]."""
    masks = agreement_masks(counts)
    agrees = masks["high_agreement_preference"]
    names, positive, keep = [], [], []
    for pos in POSITIVES:
        negatives = (agrees, agrees | masks["high_agreement_tie"], ~masks[pos])
        for neg, negative in zip(NEGATIVES, negatives, strict=True):
            names.append((pos, neg))
            positive.append(masks[pos])
            keep.append(masks[pos] | negative)
    return names, np.array(positive), np.array(keep)


def auroc_difference(
    scores_1: np.ndarray,
    scores_2: np.ndarray,
    counts: np.ndarray,
    groups: Groups = None,
    n_bootstrap: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> dict:
    """Headline AUROC (diverging against the rest) of score 1 minus that of score 2, with a paired bootstrap.

    Args:
        scores_1, scores_2: [N] divergence scores of the same pairs; their units need not agree.
        counts, groups, n_bootstrap, seed, confidence: as in `diverging_id_auroc`.

    Returns:
        Estimate in [-1, 1], `n` = pairs with at least two annotators; positive where score 1 is better. An interval
        without 0 speaks for a difference. nan with a warning where a class is missing.

    Raises:
        InputError: shapes that do not fit, or scores that are not finite.

    >>> counts = [[1, 0, 0, 0, 1], [0, 0, 0, 0, 2]]
    >>> auroc_difference([0.9, 0.1], [0.1, 0.9], counts, n_bootstrap=0)["value"]
    1.0
    """
    counts = as_counts(counts)
    several = counts.sum(1) >= 2
    positive = agreement_masks(counts)["diverging"][several]
    first, second = (
        WeightedAUROC(as_vector(scores, name, len(counts))[several], positive)
        for name, scores in (("scores_1", scores_1), ("scores_2", scores_2))
    )
    if positive.all() or not positive.any():
        warnings.warn(
            f"auroc_difference: {positive.sum()} diverging pairs and {(~positive).sum()} others with at least two "
            "annotators, one class is missing: nan.",
            stacklevel=2,
        )

    def statistic(weights: np.ndarray) -> list[float]:
        return [first(weights) - second(weights)]

    groups = kept_groups(groups, several)
    return bootstrap_estimates(statistic, [len(positive)], len(positive), groups, n_bootstrap, seed, confidence)[0]


def spearman(
    x: np.ndarray,
    y: np.ndarray,
    groups: Groups = None,
    n_bootstrap: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> dict:
    """Spearman rank correlation, equal scores sharing their mean rank.

    Args:
        x, y: [N] finite numbers.
        groups: [N] prompt of each row for the bootstrap; None makes each row its own group.
        n_bootstrap, seed, confidence: of the interval. Ranks are taken anew in every draw.

    Returns:
        Estimate in [-1, 1], `n` = N; equals `scipy.stats.spearmanr`. nan with a warning where one side is constant.

    Raises:
        InputError: shapes that do not fit, or values that are not finite.

    >>> spearman([1.0, 2.0, 3.0], [1.0, 4.0, 9.0], n_bootstrap=0)["value"]
    1.0
    """
    x = as_vector(x, "x")
    y = as_vector(y, "y", len(x))
    if len(x) == 0 or np.ptp(x) == 0 or np.ptp(y) == 0:
        warnings.warn(f"spearman: {len(x)} rows and a side without two different values: nan.", stacklevel=2)
    # [N] number of the distinct value in each row: equal values must share a rank in every draw
    x_value, y_value = (np.unique(side, return_inverse=True)[1] for side in (x, y))

    def mean_ranks(value: np.ndarray, weights: np.ndarray) -> np.ndarray:
        tied = np.bincount(value, weights)
        return (np.cumsum(tied) - tied / 2)[value]  # half a rank below the usual one, which correlation ignores

    def statistic(weights: np.ndarray) -> list[float]:
        ranks = np.stack([mean_ranks(x_value, weights), mean_ranks(y_value, weights)])
        ranks -= weights.sum() / 2  # the weighted mean of the ranks above
        (var_x, covariance), (_, var_y) = (ranks * weights) @ ranks.T
        return [np.clip(covariance / np.sqrt(var_x * var_y), -1.0, 1.0) if var_x * var_y > 0 else np.nan]

    return bootstrap_estimates(statistic, [len(x)], len(x), groups, n_bootstrap, seed, confidence)[0]
