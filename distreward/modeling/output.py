"""What a reward model returns."""

from dataclasses import dataclass
from typing import Any

from torch import FloatTensor
from transformers.utils import ModelOutput


@dataclass
class RewardOutput(ModelOutput):
    """Rewards of B responses, always float32.

    Attributes:
        logits: [B, 1] expected reward; what TRL's trainers read.
        mean: [B] the same number: the reward (scalar head), the mean (mean-variance and factor heads) or the expected rating on
            the 1..5 scale (Likert head).
        std: [B] standard deviation of the reward over annotators, in units of the reward; None for a scalar head.
        level_logits: [B, 5] logits of the Likert ratings 1..5; None for the other heads.
        factors: [B, 4] how the reward moves with each taste of an annotator, in units of the reward; None without such.
        hidden_states, attentions: as in transformers, when asked for.
    """

    logits: FloatTensor | None = None
    mean: FloatTensor | None = None
    std: FloatTensor | None = None
    level_logits: FloatTensor | None = None
    factors: FloatTensor | None = None
    hidden_states: tuple[FloatTensor, ...] | None = None
    attentions: tuple[FloatTensor, ...] | None = None


def both_sides(outputs: Any) -> tuple[RewardOutput, RewardOutput]:
    """Split the outputs of [A of every pair; B of every pair] in two; a stock 1-label model reads as a scalar head."""
    if not isinstance(outputs, RewardOutput):
        logits = outputs.logits.float()
        outputs = RewardOutput(logits=logits, mean=logits[:, 0])
    a, b = RewardOutput(), RewardOutput()
    for name in ("mean", "std", "level_logits", "factors"):
        if outputs.get(name) is not None:
            a[name], b[name] = outputs[name].chunk(2)
    return a, b
