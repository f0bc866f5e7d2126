"""What a reward model returns."""

from dataclasses import dataclass

from torch import FloatTensor
from transformers.utils import ModelOutput


@dataclass
class RewardOutput(ModelOutput):
    """Rewards of B responses, always float32.

    Attributes:
        logits: [B, 1] expected reward; what TRL's trainers read.
        mean: [B] the same number: the reward (scalar head), the mean (mean-variance head) or the expected rating on
            the 1..5 scale (Likert head).
        std: [B] standard deviation of the reward over annotators, in units of the reward; None for a scalar head.
        level_logits: [B, 5] logits of the Likert ratings 1..5; None for the other heads.
        hidden_states, attentions: as in transformers, when asked for.
    """

    logits: FloatTensor | None = None
    mean: FloatTensor | None = None
    std: FloatTensor | None = None
    level_logits: FloatTensor | None = None
    hidden_states: tuple[FloatTensor, ...] | None = None
    attentions: tuple[FloatTensor, ...] | None = None
