"""The one inference loop (`RewardScorer`), what it predicts for pairs, and how predictions become metrics."""

from distreward.scoring.evaluation import evaluate_predictions
from distreward.scoring.predictions import PairPredictions
from distreward.scoring.scorer import RewardScorer

__all__ = ["PairPredictions", "RewardScorer", "evaluate_predictions"]
