"""Several checkpoints of one kind (seeds of one training) as one predictor that knows people's disagreement from its own.

| number | disagreement among people | the models' own uncertainty |
|---|---|---|
| entropy of the levels | mean over members of H(p_m) | H(mean of p_m) minus that mean: the information a label gives about which member is right |
| reward gap | mean over members of std_A^2 + std_B^2 | variance over members of mean_A - mean_B |
| divergence score, `diverging_probability` | mean over members of each member's own | - |

The first two columns add up to the whole (law of total variance; the decomposition of Houlsby et al., 2011,
arXiv:1112.5745). More labels per pair do not lessen the first; more training pairs lessen the second.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from accelerate import PartialState
from scipy.special import entr
from tqdm.auto import tqdm

from distreward.errors import InputError
from distreward.metrics.divergence import DEFAULT_LAMBDA, gap_divergence
from distreward.scoring.predictions import DEFAULT_ANNOTATORS, PairPredictions
from distreward.scoring.scorer import RewardScorer


@dataclass
class EnsemblePredictions:
    """Predictions of M >= 2 members for the same N pairs; read like `PairPredictions`.

    Attributes:
        members: one `PairPredictions` each, of one type of head.

    Raises:
        InputError: fewer than two members, or heads that differ.
    """

    members: Sequence[PairPredictions]

    def __post_init__(self):
        check_heads([member.reward_head for member in self.members], [f"member {n}" for n in range(len(self.members))])

    @property
    def reward_head(self) -> dict[str, Any]:
        """Type and objective of the members' heads; what was tuned differs from member to member."""
        head = self.members[0].reward_head
        return {name: head[name] for name in ("type", "objective") if name in head}

    @property
    def is_calibrated(self) -> bool:
        """Whether some member has a calibration."""
        return any(member.is_calibrated for member in self.members)

    @property
    def reward_gap(self) -> np.ndarray:
        """[N] mean over members of mean_A - mean_B; positive means A is preferred."""
        return np.mean([member.reward_gap for member in self.members], axis=0)

    @property
    def gap_variance_of_people(self) -> np.ndarray | None:
        """[N] mean over members of std_A^2 + std_B^2, in squared units of reward; None for a scalar head."""
        if self.members[0].std_a is None:
            return None
        return np.mean([np.square(member.moments()[1::2]).sum(0) for member in self.members], axis=0)

    @property
    def gap_variance_of_model(self) -> np.ndarray:
        """[N] variance over members of the reward gap. Gaps, because the zero of most rewards differs between seeds."""
        return np.var([member.reward_gap for member in self.members], axis=0)

    def with_strength_known(self, strength_known: np.ndarray) -> "EnsemblePredictions":
        """The predictions as labels can show them, see `PairPredictions`."""
        return replace(self, members=[member.with_strength_known(strength_known) for member in self.members])

    def level_probs(self, calibrated: bool = True) -> np.ndarray | None:
        """[N, 5] mean over members, each under its own calibration; None where some member gives none."""
        found = self._levels(calibrated)
        return None if found is None else found.mean(0)

    def level_entropy(self, calibrated: bool = True) -> dict[str, np.ndarray] | None:
        """Entropy of the level distribution in nats, 0 .. ln 5, and its two parts; None where there are no levels.

        Returns:
            `total` [N], of the mean distribution; `people` [N], the mean of the members' own; `model` [N], the rest, >= 0.

        >>> sure = [PairPredictions(np.array([gap]), np.array([0.0]), {"type": "mean_variance", "cdf": "normal",
        ...         "level_smoothing": 0.0}, np.array([0.1]), np.array([0.1])) for gap in (9.0, -9.0)]
        >>> {part: round(float(value[0]), 3) for part, value in EnsemblePredictions(sure).level_entropy().items()}
        {'total': 0.693, 'people': 0.0, 'model': 0.693}
        """
        found = self._levels(calibrated)
        if found is None:
            return None
        total, people = entr(found.mean(0)).sum(-1), entr(found).sum(-1).mean(0)
        return {"total": total, "people": people, "model": np.maximum(total - people, 0.0)}

    def divergence(self) -> np.ndarray:
        """[N] mean over members of the paper's score, higher = more divisive.

        Each member has a lambda of its own, and one of 100 would drown the others: their scores are divided by 1 + lambda,
        which changes no member's order. A scalar head's score is that of the mean gap.
        """
        kind = self.reward_head["type"]
        if kind == "scalar":
            return self.gap_divergence()
        lambdas = [
            member.reward_head.get("lambda", DEFAULT_LAMBDA) if kind != "likert" else 0.0 for member in self.members
        ]
        scores = [member.divergence() / (1 + lam) for member, lam in zip(self.members, lambdas, strict=True)]
        return np.mean(scores, axis=0)

    def gap_divergence(self) -> np.ndarray:
        """[N] -|gap| of the mean rewards."""
        return gap_divergence(self.reward_gap, np.zeros(len(self.reward_gap)))

    def diverging_probability(
        self, n_annotators: int | np.ndarray = DEFAULT_ANNOTATORS, calibrated: bool = True
    ) -> np.ndarray | None:
        """[N] chance that `n_annotators` people would diverge: the mean over members of each member's own.

        Not that of the mean distribution, in which two sure members that contradict each other look like people who do.
        """
        found = [member.diverging_probability(n_annotators, calibrated) for member in self.members]
        return None if any(chance is None for chance in found) else np.mean(found, axis=0)

    def _levels(self, calibrated: bool) -> np.ndarray | None:
        """[M, N, 5]"""
        found = [member.level_probs(calibrated) for member in self.members]
        return None if any(probs is None for probs in found) else np.stack(found)

    @classmethod
    def from_columns(cls, columns: np.ndarray, reward_heads: Sequence[dict[str, Any]]) -> "EnsemblePredictions":
        """From what `RewardEnsemble.score` gives for A and B side by side, [N, M, 2 * 11], and M `reward_head` entries."""
        return cls([PairPredictions.from_columns(columns[:, m], dict(head)) for m, head in enumerate(reward_heads)])


class RewardEnsemble:
    """Scores responses with several checkpoints at once; all of them are kept in memory.

    Args:
        scorers: two or more, over models with one type of head.

    Raises:
        InputError: fewer than two, or heads that differ.
    """

    def __init__(self, scorers: Sequence[RewardScorer]):
        check_heads(
            [scorer.reward_head for scorer in scorers], [scorer.model.config.name_or_path for scorer in scorers]
        )
        self.scorers = list(scorers)

    @classmethod
    def from_pretrained(cls, paths: Sequence[str], **kwargs: Any) -> "RewardEnsemble":
        """Open M checkpoints; `kwargs` as for `RewardScorer.from_pretrained`."""
        paths = [str(path) for path in paths]
        repeated = [path for number, path in enumerate(paths) if path in paths[:number]]
        if repeated:
            raise InputError(
                f"{repeated[0]}: named twice; an ensemble is of different checkpoints, seeds for instance."
            )
        return cls([RewardScorer.from_pretrained(path, **kwargs) for path in paths])

    @property
    def reward_heads(self) -> list[dict[str, Any]]:
        """The M checkpoints' `reward_head` entries."""
        return [scorer.reward_head for scorer in self.scorers]

    @property
    def processes(self) -> PartialState | None:
        """The processes that share the work."""
        return self.scorers[0].processes

    def score(self, prompts: Sequence[list[dict]], responses: Sequence[str], bar: tqdm | None = None) -> np.ndarray:
        """float64 [N, M, 11]: what `RewardScorer.score` gives, member by member."""
        return np.stack([scorer.score(prompts, responses, bar) for scorer in self.scorers], axis=1)

    def score_pairs(self, dataset: Any) -> EnsemblePredictions:
        """Predictions for every pair of a data set in our schema."""
        return EnsemblePredictions([scorer.score_pairs(dataset) for scorer in self.scorers])


def check_heads(reward_heads: Sequence[dict[str, Any]], names: Sequence[str]) -> None:
    """Refuse what is no ensemble: fewer than two members, or rewards that mean different things.

    >>> check_heads([{"type": "scalar", "objective": "mse"}] * 2, ["a", "b"])
    """
    if len(reward_heads) < 2:
        raise InputError(f"an ensemble needs two or more checkpoints, not {len(reward_heads)}.")
    kinds = [(head["type"], head.get("objective")) for head in reward_heads]
    for kind, name in zip(kinds, names, strict=True):
        if kind != kinds[0]:
            described = [" of ".join(filter(None, (repr(head), objective))) for head, objective in (kinds[0], kind)]
            raise InputError(
                f"{name}: has a head {described[1]}, but {names[0]} one {described[0]}; an ensemble is of one kind."
            )
