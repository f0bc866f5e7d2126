"""The one inference loop (`RewardScorer`), what it predicts for pairs, and how predictions become metrics."""

from distreward.scoring.ensemble import EnsemblePredictions, RewardEnsemble
from distreward.scoring.evaluation import evaluate_predictions
from distreward.scoring.predictions import PairPredictions
from distreward.scoring.scorer import RewardScorer

__all__ = ["EnsemblePredictions", "PairPredictions", "RewardEnsemble", "RewardScorer", "evaluate_predictions"]
