"""The candidates of `objective_candidates.py`: how the outputs for two responses become level probabilities, and the losses.

Shapes: S seeds, B pairs, K outputs per response. Levels are smoothed as in the paper.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import softplus

from distreward.levels import RATINGS
from distreward.losses import THRESHOLDS, preference_level_probs
from distreward.losses.preference import LEVEL_SMOOTHING, side_probs, smooth
from distreward.modeling.heads import MIN_STD

TIE = THRESHOLDS[2]
CONCENTRATION = 4.0
"""Of `dirichlet_multinomial`: a pair's shares scatter around the prediction like those of four people would."""


@dataclass
class Labels:
    """Of some pairs: annotators per level [..., 5], shares of the ratings of A and B [..., 2, 5] (nan without scores)."""

    counts: Tensor
    ratings: Tensor
    strength_known: bool

    def __getitem__(self, rows: Tensor) -> "Labels":
        return Labels(self.counts[rows], self.ratings[rows], self.strength_known)


Levels = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Outputs of A and B [S, B, K] and the free parameter of each seed [S, 1] -> level probabilities [S, B, 5]."""


def mean_variance(
    a: Tensor, b: Tensor, free: Tensor, rho: Tensor | float = 0.0, slight: Tensor | None = None
) -> Tensor:
    """The paper's levels; `slight` [S, 1] replaces the border between slight and significant."""
    std_a, std_b = a[..., 1].abs() + MIN_STD, b[..., 1].abs() + MIN_STD
    borders = {}
    if slight is not None:
        tie = torch.full_like(slight, TIE)
        borders = {"thresholds": torch.stack([-slight, -tie, tie, slight], dim=-1)}
    return smooth(preference_level_probs(a[..., 0], std_a, b[..., 0], std_b, rho, **borders), LEVEL_SMOOTHING)


def learned_thresholds(a: Tensor, b: Tensor, free: Tensor) -> Tensor:
    """Slight ends at tie + softplus(free): the unit of the rewards is free, so one border is all there is to learn."""
    return mean_variance(a, b, free, slight=TIE + softplus(free + math.log(math.e - 1)))


def predicted_rho(a: Tensor, b: Tensor, free: Tensor) -> Tensor:
    """A third output per response: rho = sigmoid(c_A + c_B)."""
    return mean_variance(a, b, free, rho=torch.sigmoid(a[..., 2] + b[..., 2]))


def taste_factors(a: Tensor, b: Tensor, free: Tensor) -> Tensor:
    """An annotator's reward is mean + std e + f.z, with tastes z shared by both responses: Var = std_A^2 + std_B^2 +
    |f_A - f_B|^2, so two responses that divide people in the same way do not divide them as a pair."""
    variance = (a[..., 1].abs() + MIN_STD) ** 2 + (b[..., 1].abs() + MIN_STD) ** 2
    half = ((variance + (a[..., 2:] - b[..., 2:]).square().sum(-1)) / 2).sqrt()
    return smooth(preference_level_probs(a[..., 0], half, b[..., 0], half), LEVEL_SMOOTHING)


def rating_levels(a: Tensor, b: Tensor, free: Tensor) -> Tensor:
    """Levels of the difference of two independent ratings."""
    ratings = torch.tensor(RATINGS)
    level = (ratings[:, None] - ratings).clamp(-2, 2) + 2
    joint = a.softmax(-1)[..., :, None] * b.softmax(-1)[..., None, :]
    return smooth(torch.stack([(joint * (level == k)).sum((-1, -2)) for k in range(5)], dim=-1), LEVEL_SMOOTHING)


def cross_entropy(probs: Tensor, labels: Labels) -> Tensor:
    """-mean log p(label) of a pair's labels [..., B]; without strength, of its sides."""
    seen = probs if labels.strength_known else side_probs(probs)
    return -(labels.counts * seen.log()).sum(-1) / labels.counts.sum(-1)


def dirichlet_multinomial(probs: Tensor, labels: Labels) -> Tensor:
    """-log DirMult(counts | CONCENTRATION p) / n: the shares of a pair's annotators scatter around p, so that the second
    annotator who says the same says less. Infinite concentration is `cross_entropy`."""
    counts = labels.counts
    if not labels.strength_known:
        probs, counts = (side_probs(levels)[..., [0, 2, 4]] for levels in (probs, counts))  # B, tie, A
    n, total = counts.sum(-1), torch.tensor(CONCENTRATION)
    alpha = CONCENTRATION * probs
    terms = torch.lgamma(alpha + counts) - torch.lgamma(alpha)
    return (torch.lgamma(total + n) - torch.lgamma(total) - terms.sum(-1)) / n


def likert_and_levels(a: Tensor, b: Tensor, probs: Tensor, labels: Labels) -> Tensor:
    """Half the cross-entropy of the ratings (mean of A and B), half that of the levels."""
    ratings = (
        -(labels.ratings[..., 0, :] * a.log_softmax(-1) + labels.ratings[..., 1, :] * b.log_softmax(-1)).sum(-1) / 2
    )
    return (ratings + cross_entropy(probs, labels)) / 2


@dataclass(frozen=True)
class Candidate:
    """One row: outputs per response, how they become levels, the loss on levels, and what data it is for."""

    n_outputs: int
    levels: Levels
    loss: Callable[[Tensor, Labels], Tensor] = cross_entropy
    as_significant: bool = False
    needs: str = ""


REFERENCE = "mean_variance_kl"

CANDIDATES = {
    REFERENCE: Candidate(2, mean_variance),
    "votes_as_significant": Candidate(2, mean_variance, as_significant=True, needs="votes"),
    "dirichlet_multinomial": Candidate(2, mean_variance, dirichlet_multinomial),
    "taste_factors": Candidate(6, taste_factors),
    "predicted_rho": Candidate(3, predicted_rho),
    "learned_thresholds": Candidate(2, learned_thresholds, needs="strength"),
    "likert_preference": Candidate(5, rating_levels, needs="scores"),
}


def usable(candidate: Candidate, labels: Labels) -> bool:
    """Whether the data has what a candidate is for."""
    scored = not bool(labels.ratings.isnan().any())
    has = {"": True, "votes": not labels.strength_known, "strength": labels.strength_known, "scores": scored}
    return has[candidate.needs]


def pair_loss(candidate: Candidate, a: Tensor, b: Tensor, free: Tensor, labels: Labels) -> Tensor:
    """The loss of every pair [S, B], a mean over its labels."""
    seen = Labels(labels.counts, labels.ratings, labels.strength_known or candidate.as_significant)
    probs = candidate.levels(a, b, free)
    return likert_and_levels(a, b, probs, seen) if candidate.needs == "scores" else candidate.loss(probs, seen)
