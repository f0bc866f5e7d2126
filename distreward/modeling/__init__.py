"""Reward models: `AutoRewardModel`, the reward heads, `RewardOutput`. On disk always a stock checkpoint."""

from distreward.modeling.auto import AutoRewardModel
from distreward.modeling.export import export_scalar
from distreward.modeling.heads import REWARD_HEADS, reward_head_entry
from distreward.modeling.output import RewardOutput

__all__ = ["REWARD_HEADS", "AutoRewardModel", "RewardOutput", "export_scalar", "reward_head_entry"]
