"""Reward models at work in TRL's GRPO and RLOO: a reward callable, and the table of rewards it can give."""

from distreward.rlhf.callables import RewardCallable
from distreward.rlhf.rewards import REWARDS, Reward

__all__ = ["REWARDS", "Reward", "RewardCallable"]
