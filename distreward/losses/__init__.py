"""Training losses: pure functions of tensors that return one value per pair, computed in float32.

`difference` turns two reward distributions into probabilities of the five preference levels; `preference` holds the
losses on preference labels, `score` the losses on Likert scores. Only trainers reduce over pairs.
"""

from distreward.losses.difference import CDFS, THRESHOLDS, factor_rho, preference_level_probs
from distreward.losses.preference import bradley_terry_loss, mean_variance_kl_loss, mean_variance_nll_loss
from distreward.losses.score import likert_kl_loss, mse_loss

__all__ = [
    "CDFS",
    "THRESHOLDS",
    "bradley_terry_loss",
    "factor_rho",
    "likert_kl_loss",
    "mean_variance_kl_loss",
    "mean_variance_nll_loss",
    "mse_loss",
    "preference_level_probs",
]
