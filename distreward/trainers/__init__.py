"""`Trainer` subclasses over `trl.RewardTrainer`, one per objective, and their config."""

from distreward.trainers.base import DistributionalRewardTrainer
from distreward.trainers.config import DistributionalRewardConfig
from distreward.trainers.objectives import (
    OBJECTIVES,
    BradleyTerryRewardTrainer,
    LikertKLRewardTrainer,
    MeanVarianceKLRewardTrainer,
    MeanVarianceNLLRewardTrainer,
    MSERewardTrainer,
    TasteFactorsKLRewardTrainer,
)
from distreward.trainers.resuming import StopOnSignal, last_complete_checkpoint

__all__ = [
    "OBJECTIVES",
    "BradleyTerryRewardTrainer",
    "DistributionalRewardConfig",
    "DistributionalRewardTrainer",
    "LikertKLRewardTrainer",
    "MSERewardTrainer",
    "MeanVarianceKLRewardTrainer",
    "MeanVarianceNLLRewardTrainer",
    "StopOnSignal",
    "TasteFactorsKLRewardTrainer",
    "last_complete_checkpoint",
]
