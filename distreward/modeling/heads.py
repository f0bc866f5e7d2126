"""The reward heads: what the outputs of the last layer mean, and the `reward_head` entry of `config.json`.

| head | outputs | mean | std |
|---|---|---|---|
| `scalar` | `reward` | reward | - |
| `mean_variance` | `mean`, `raw_std` | mean | abs(raw_std) + min_std (paper, appendix A) |
| `taste_factors` | `mean`, `raw_std`, `factor_1` .. `factor_4` | mean | sqrt((abs(raw_std) + min_std)^2 + sum of squared factors) |
| `likert` | `rating_1` .. `rating_5` (logits) | expected rating | std of the rating distribution |

`taste_factors`: an annotator's reward is mean + (abs(raw_std) + min_std) e + f.z, where e belongs to the annotator and the
response, and the tastes z, one per factor, to the annotator alone. So two responses correlate in as far as their factors
agree (`losses.difference.factor_rho`), and what divides people on both in the same way does not divide them on the pair.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from distreward.errors import InputError
from distreward.levels import RATINGS
from distreward.modeling.output import RewardOutput

MIN_STD = 0.1
"""Added to every predicted standard deviation for stability (paper, appendix A)."""


N_FACTORS = 4
"""Tastes of a `taste_factors` head."""

MEAN_AND_STD = ("mean_variance", "taste_factors")
"""Heads with a normal-like reward: a mean and a standard deviation in units of the reward."""


@dataclass(frozen=True)
class RewardHead:
    """One kind of head: the names of the outputs of the last layer and how they are read."""

    output_names: tuple[str, ...]
    read: Callable[[Tensor, dict[str, Any]], RewardOutput]
    constants: dict[str, Any]


def read_scalar(raw: Tensor, entry: dict[str, Any]) -> RewardOutput:
    """raw [B, 1] -> the reward itself.

    >>> read_scalar(torch.tensor([[2.0]]), {}).mean
    tensor([2.])
    """
    return RewardOutput(logits=raw, mean=raw[:, 0])


def read_mean_variance(raw: Tensor, entry: dict[str, Any]) -> RewardOutput:
    """raw [B, 2] = (mean, raw std) -> mean and std = abs(raw std) + min_std.

    >>> read_mean_variance(torch.tensor([[2.0, -0.5]]), {"min_std": 0.1}).std
    tensor([0.6000])
    """
    return RewardOutput(logits=raw[:, :1], mean=raw[:, 0], std=raw[:, 1].abs() + entry["min_std"])


def read_taste_factors(raw: Tensor, entry: dict[str, Any]) -> RewardOutput:
    """raw [B, 6] = (mean, raw std, factors) -> mean, the std of everything together, and the factors [B, 4].

    >>> out = read_taste_factors(torch.tensor([[2.0, -0.5, 0.6, 0.0, 0.0, 0.5]]), {"min_std": 0.1})
    >>> out.std, out.factors.shape  # sqrt(0.36 + 0.36 + 0.25)
    (tensor([0.9849]), torch.Size([1, 4]))
    """
    own, factors = raw[:, 1].abs() + entry["min_std"], raw[:, 2:]
    std = (own**2 + (factors**2).sum(-1)).sqrt()
    return RewardOutput(logits=raw[:, :1], mean=raw[:, 0], std=std, factors=factors)


def read_likert(raw: Tensor, entry: dict[str, Any]) -> RewardOutput:
    """raw [B, 5] = logits of ratings 1..5 -> expected rating (1..5) and the std of the rating distribution (0..2).

    >>> out = read_likert(torch.zeros(1, 5), {})
    >>> out.mean, out.std  # uniform over 1..5: mean 3, variance 2
    (tensor([3.]), tensor([1.4142]))
    """
    probs = torch.softmax(raw, dim=-1)
    ratings = torch.tensor(RATINGS, dtype=raw.dtype, device=raw.device)
    mean = (probs * ratings).sum(-1)  # no matrix product: autocast would round it to 8 bits
    variance = (probs * (ratings - mean.unsqueeze(-1)) ** 2).sum(-1)
    # The floor keeps the gradient of the square root finite for a model that is certain of one rating.
    return RewardOutput(logits=mean.unsqueeze(-1), mean=mean, std=variance.clamp_min(1e-12).sqrt(), level_logits=raw)


_MEAN_AND_STD_CONSTANTS = {"activation": "abs", "min_std": MIN_STD, "cdf": "logistic", "level_smoothing": 0.05}

REWARD_HEADS = {
    "scalar": RewardHead(("reward",), read_scalar, {}),
    "mean_variance": RewardHead(("mean", "raw_std"), read_mean_variance, _MEAN_AND_STD_CONSTANTS),
    "taste_factors": RewardHead(
        ("mean", "raw_std", *(f"factor_{k + 1}" for k in range(N_FACTORS))), read_taste_factors, _MEAN_AND_STD_CONSTANTS
    ),
    "likert": RewardHead(tuple(f"rating_{rating}" for rating in RATINGS), read_likert, {}),
}


CALIBRATIONS = ("calibration", "divergence_calibration")
"""Keys of a `reward_head` entry that were fitted to development labels for one state of the weights (`scoring.calibration`)."""


def reward_head_entry(head_type: str, **constants: Any) -> dict[str, Any]:
    """The `reward_head` entry a checkpoint's `config.json` carries: the type, its constants, and what training tuned.

    Args:
        head_type: a key of `REWARD_HEADS`.
        constants: values that replace the defaults (`min_std`, `cdf`) or are set by training (`objective`, `lambda`,
            `eta`).

    Raises:
        InputError: no such head.

    >>> reward_head_entry("likert", objective="likert_kl")
    {'type': 'likert', 'objective': 'likert_kl'}
    """
    if head_type not in REWARD_HEADS:
        raise InputError(f"unknown reward head {head_type!r}: wanted one of {', '.join(REWARD_HEADS)}.")
    return {"type": head_type, **REWARD_HEADS[head_type].constants, **constants}


def uncalibrated(reward_head: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a `reward_head` entry without its calibrations.

    >>> uncalibrated({"type": "scalar", "calibration": {"std": 2.0, "tie": 0.5, "slight": 1.5}})
    {'type': 'scalar'}
    """
    return {name: value for name, value in reward_head.items() if name not in CALIBRATIONS}


def drop_calibrations(reward_head: dict[str, Any]) -> None:
    """Take the calibrations out of an entry, in place: the weights it describes are about to change, or have."""
    for name in CALIBRATIONS:
        reward_head.pop(name, None)
