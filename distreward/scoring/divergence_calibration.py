"""Fitting `diverging_probability` of a checkpoint to what development pairs show: which of them diverged.

`gap_scale` is judged as the paper judges lambda, by the AUROC of diverging pairs against the others, but chosen with more
reserve: the value nearest to 1 whose AUROC is within one standard error of the best (Breiman's rule), since a development set
of some hundred pairs has a best value by chance. `slope` and `intercept` are then fitted by maximum likelihood, every pair at
its own number of annotators. All three are kept only where they help more than as many useless parameters would by chance
(Akaike's criterion); where they do not, the same is tried with the gap as it is.
"""

import numpy as np
from scipy.optimize import minimize

from distreward.data.agreement import agreement_masks
from distreward.metrics.bootstrap import WeightedAUROC
from distreward.metrics.checks import as_counts
from distreward.metrics.delong import auroc_difference_error
from distreward.metrics.divergence import diverging_probability
from distreward.modeling.heads import MEAN_AND_STD
from distreward.scoring.divergence_model import NEUTRAL_DIVERGENCE, log_odds
from distreward.scoring.level_calibration import PRIOR_STD, CalibrationFit
from distreward.scoring.predictions import PairPredictions, typical_annotators

MIN_OF_A_CLASS = 10
"""Fewest diverging pairs, and fewest others, that a fit is made to."""

GAP_SCALES = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""The values of `gap_scale` that are tried."""


def fit_divergence_calibration(predictions: PairPredictions, counts: np.ndarray) -> CalibrationFit:
    """Fit `gap_scale`, `slope` and `intercept` of `predictions` to labels.

    Args:
        predictions: of N DEVELOPMENT pairs, with the calibration of their levels where there is one; a
            `divergence_calibration` that their checkpoint has is left out of account.
        counts: [N, 5] annotators per level; pairs with fewer than two are left out.

    Returns:
        The fit. Its `calibration`, for `reward_head["divergence_calibration"]`: the parameters (`scoring.divergence_model`),
        `n_pairs`, `n_diverging`, `n_annotators` that is typical of the pairs, `auroc` at that number and `log_loss` in nats per
        pair; `auroc_closed_form` and `log_loss_closed_form` are those of the closed form on the same levels. On these
        pairs `log_loss` is never above the latter.
    """
    counts = as_counts(counts)
    several = counts.sum(1) >= 2
    diverging = agreement_masks(counts)["diverging"][several]
    n_diverging, n_others = int(diverging.sum()), int((~diverging).sum())
    if predictions.level_probs() is None:
        return CalibrationFit(None, "the head has no level probabilities")
    if min(n_diverging, n_others) < MIN_OF_A_CLASS:
        return CalibrationFit(
            None,
            f"too few development pairs to fit it ({n_diverging} diverging and {n_others} others with two or more "
            f"annotators, wanted {MIN_OF_A_CLASS} of each)",
        )
    own_n, typical = counts[several].sum(1), typical_annotators(counts)

    def chances(gap_scale: float, n_annotators: int | np.ndarray) -> np.ndarray:
        return diverging_probability(predictions.with_gap_scaled(gap_scale).level_probs()[several], n_annotators)

    neutral = NEUTRAL_DIVERGENCE["gap_scale"]
    scales = GAP_SCALES if predictions.reward_head["type"] in MEAN_AND_STD else (neutral,)
    ranked = {scale: chances(scale, typical) for scale in scales}
    closed_form = _log_loss(log_odds(chances(neutral, own_n)), diverging)
    for gap_scale in dict.fromkeys((_largest_as_good(ranked, diverging), neutral)):
        odds = log_odds(chances(gap_scale, own_n))
        slope, intercept = _platt(odds, diverging)
        log_loss = _log_loss(slope * odds + intercept, diverging)
        n_parameters = 2 + (gap_scale != neutral)
        if (closed_form - log_loss) * len(odds) > n_parameters:  # nats
            break
    else:
        return CalibrationFit(None, f"it does not help on {len(odds)} development pairs ({n_diverging} diverging)")
    return CalibrationFit(
        {
            "gap_scale": gap_scale,
            "slope": slope,
            "intercept": intercept,
            "n_pairs": len(odds),
            "n_diverging": n_diverging,
            "n_annotators": typical,
            "auroc": float(WeightedAUROC(ranked[gap_scale], diverging)()),
            "auroc_closed_form": float(WeightedAUROC(ranked[neutral], diverging)()),
            "log_loss": log_loss,
            "log_loss_closed_form": closed_form,
        }
    )


def _largest_as_good(ranked: dict[float, np.ndarray], diverging: np.ndarray) -> float:
    """The largest `gap_scale` whose chances [N] tell diverging pairs as well as the best do, within one standard error."""
    aurocs = {scale: WeightedAUROC(chances, diverging)() for scale, chances in ranked.items()}
    best = max(aurocs, key=aurocs.get)
    return max(
        scale
        for scale, chances in ranked.items()
        if aurocs[best] - aurocs[scale] <= auroc_difference_error(ranked[best], chances, diverging)
    )


def _platt(odds: np.ndarray, diverging: np.ndarray) -> tuple[float, float]:
    """Slope > 0 and intercept of the highest posterior density; the slope's logarithm has the prior of the level parameters."""

    def objective(parameters: np.ndarray) -> float:
        log_slope, intercept = parameters
        loss = len(odds) * _log_loss(np.exp(log_slope) * odds + intercept, diverging)
        return loss + 0.5 * (log_slope / PRIOR_STD) ** 2

    log_slope, intercept = minimize(objective, np.zeros(2), method="BFGS").x
    return float(np.exp(log_slope)), float(intercept)


def _log_loss(odds: np.ndarray, happened: np.ndarray) -> float:
    """Mean negative log likelihood in nats of events [N] under log odds [N]."""
    return float(np.logaddexp(0, np.where(happened, -odds, odds)).mean())
