"""Diverging pairs in preference data: which they are, and rows for TRL that mark, drop, down-weight, thin or soften them.

What TRL 1.16 reads besides `prompt`, `chosen` and `rejected`: `RewardTrainer` a column `margin`, `DPOTrainer` no column. DPO's
`label_smoothing` is one number for the whole run. So a pair that is to count less for DPO has to be there less often
(`thin`), and a pair with a soft label has to be there both ways round (`soft`): over its copies the mean of the loss is

    -p log sigmoid(beta d) - (1 - p) log sigmoid(-beta d),

DPO's label-smoothed loss with that pair's own smoothing 1 - p.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from distreward.data.agreement import agreement_masks, level_counts
from distreward.errors import InputError
from distreward.levels import LEVELS
from distreward.scoring.predictions import PairPredictions

ACTIONS = {
    "mark": "every pair with a preference stays and says whether it diverges",
    "drop": "diverging pairs leave",
    "weight": "diverging pairs get a lower `weight`, for trainers of your own",
    "thin": "diverging pairs stay with a chance of `weight`: down-weighting that every trainer takes",
    "soft": "every pair is there `copies` times; of diverging and tied pairs some have A chosen and some B, by the votes",
}

NO_DIRECTION = "neither response is preferred"
DIVERGES = "annotators diverge"
THINNED = "annotators diverge: thinned out"


@dataclass
class PairLabels:
    """What is known of N pairs, from people or from a model.

    Attributes:
        share_a: [N] share of votes for A in 0..1, a tie being half a vote.
        level: [N] mean level in -2..2, positive where A is preferred; from a model in units of reward.
    """

    share_a: np.ndarray
    level: np.ndarray

    @property
    def sign(self) -> np.ndarray:
        """[N] 1 where A is preferred, -1 where B is, 0 where neither: by votes, and where those are even by the mean level."""
        side = np.sign(np.round(self.share_a - 0.5, 6))
        return np.where(side != 0, side, np.sign(np.round(self.level, 6))).astype(int)


def labels_of_people(
    preferences: Sequence[Sequence[int]], scores_a: Sequence[Sequence[float]], scores_b: Sequence[Sequence[float]]
) -> PairLabels:
    """Votes of people; where a pair has scores only, the difference of the mean scores is its one vote.

    >>> labels = labels_of_people([[2, 0, -1], []], [[], [5.0]], [[], [3.0]])
    >>> labels.share_a.tolist(), labels.sign.tolist()
    ([0.5, 1.0], [1, 1])
    """
    counts = level_counts(preferences)
    n = counts.sum(1)
    voted = np.maximum(n, 1)
    share = (counts[:, 3:].sum(1) + counts[:, 2] / 2) / voted
    level = counts @ np.array(LEVELS) / voted
    for row in np.flatnonzero(n == 0):
        level[row] = np.clip(np.mean(scores_a[row]) - np.mean(scores_b[row]), LEVELS[0], LEVELS[-1])
        share[row] = np.sign(level[row]) / 2 + 0.5
    return PairLabels(share, level)


def labels_of_model(predicted: PairPredictions) -> PairLabels:
    """The votes a model predicts: share of people for A, and the gap of the mean rewards.

    Raises:
        InputError: a scalar head, which predicts no votes.
    """
    probs = predicted.level_probs()
    if probs is None:
        raise InputError(
            "a checkpoint with a scalar head predicts no votes; pass one of another objective than bradley_terry and mse."
        )
    return PairLabels(probs[:, 3:].sum(1) + probs[:, 2] / 2, predicted.reward_gap)


def diverging_by_people(preferences: Sequence[Sequence[int]], category: str = "diverging") -> np.ndarray:
    """[N] bool: pairs of an agreement category; one annotator alone never diverges.

    Raises:
        InputError: `category` is neither `diverging` nor `diverging_substantial`.
    """
    if category not in ("diverging", "diverging_substantial"):
        raise InputError(f"--category {category}: wanted diverging or diverging_substantial.")
    return agreement_masks(level_counts(preferences))[category]


def diverging_by_model(
    probability: np.ndarray, threshold: float | None = None, top: float | int | None = None
) -> np.ndarray:
    """[N] bool: pairs with a predicted probability of `threshold` or more, or those with the highest.

    Args:
        probability: [N] of `PairPredictions.diverging_probability`.
        threshold: 0..1.
        top: a share (float) or number (int) of pairs, in place of the threshold; equal ones go by their place.

    >>> diverging_by_model(np.array([0.1, 0.7, 0.5]), top=1).tolist()
    [False, True, False]
    """
    if top is None:
        return probability >= threshold
    n_top = round(top * len(probability)) if isinstance(top, float) else top
    found = np.zeros(len(probability), dtype=bool)
    found[np.argsort(-probability, kind="stable")[:n_top]] = True
    return found


@dataclass
class FilteredPairs:
    """What becomes of N pairs.

    Attributes:
        reason: [N] why a pair leaves, "" where it stays.
        weight: [N] in 0..1.
        n_chosen_a: [N] rows with A chosen.
        n_chosen_b: [N] rows with B chosen.
    """

    reason: np.ndarray
    weight: np.ndarray
    n_chosen_a: np.ndarray
    n_chosen_b: np.ndarray


def filter_pairs(
    ids: Sequence[str],
    labels: PairLabels,
    diverging: np.ndarray,
    action: str,
    weight: float = 0.5,
    copies: int = 4,
    seed: int = 0,
) -> FilteredPairs:
    """Decide what becomes of every pair.

    Args:
        ids: [N]; they decide what is thinned out, so a pair's fate depends on neither order nor company.
        labels: who is preferred.
        diverging: [N] bool.
        action: in `ACTIONS`.
        weight: of diverging pairs, for `weight` and `thin`.
        copies: rows per pair for `soft`, 2 or more. Pairs that do not diverge get as many, all one way, so that every pair
            counts the same.
        seed: of `thin`.

    Raises:
        InputError: a value outside its range.

    >>> found = filter_pairs(["p", "q"], PairLabels(np.array([0.75, 1.0]), np.array([1.0, 2.0])), np.array([True, False]), "soft")
    >>> found.n_chosen_a.tolist(), found.n_chosen_b.tolist()
    ([3, 4], [1, 0])
    """
    if not 0 <= weight <= 1:
        raise InputError(f"--weight is {weight}, wanted a number from 0 to 1.")
    if copies < 2:
        raise InputError(f"--copies is {copies}, wanted 2 or more: one row cannot hold a share.")
    n, sign = len(ids), labels.sign
    reason = np.full(n, "", dtype=object)
    weights = np.where(diverging & (action in ("weight", "thin")), weight, 1.0)
    if action == "soft":
        # a pair without a preference is half and half; a whole number of copies keeps the share to half a copy
        softened = np.floor(labels.share_a * copies + 0.5)
        chosen_a = np.where(diverging, softened, np.where(sign > 0, copies, np.where(sign < 0, 0, softened))).astype(
            int
        )
        return FilteredPairs(reason, weights, chosen_a, copies - chosen_a)
    reason[sign == 0] = NO_DIRECTION
    if action == "drop":  # also where votes are even: what was asked for is the reason, and the report adds up
        reason[diverging] = DIVERGES
    elif action == "thin":
        kept = np.array([_uniform(pair_id, seed) < weight for pair_id in ids], dtype=bool)
        reason[(sign != 0) & diverging & ~kept] = THINNED
    stays = reason == ""
    return FilteredPairs(reason, weights, (stays & (sign > 0)).astype(int), (stays & (sign < 0)).astype(int))


def _uniform(pair_id: str, seed: int) -> float:
    """A number in 0..1 that is the same for the same pair and seed on every machine."""
    digest = hashlib.sha256(json.dumps([seed, pair_id]).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def trl_rows(
    pairs: Any, filtered: FilteredPairs, columns: Mapping[str, Sequence[Any]], margin_a: np.ndarray | None = None
) -> Iterator[dict[str, Any]]:
    """Rows in TRL's conversational preference format, in the order of the pairs.

    Args:
        pairs: a data set in our schema.
        filtered: of the same pairs.
        columns: further columns by name, one value per pair; nan becomes null.
        margin_a: [N] margin with A chosen; B chosen has its negative.

    Yields:
        `id` (with `#2` and so on for further rows of a pair), `prompt`, `chosen`, `rejected`, `margin` if there is one, and
        `columns`.
    """
    for number, pair in enumerate(pairs):
        sides = ["a"] * int(filtered.n_chosen_a[number]) + ["b"] * int(filtered.n_chosen_b[number])
        for copy, side in enumerate(sides, 1):
            other = "b" if side == "a" else "a"
            row = {
                "id": pair["id"] if copy == 1 else f"{pair['id']}#{copy}",
                "prompt": pair["prompt"],
                "chosen": [{"role": "assistant", "content": pair[f"response_{side}"]}],
                "rejected": [{"role": "assistant", "content": pair[f"response_{other}"]}],
            }
            if margin_a is not None:
                row["margin"] = float(margin_a[number] if side == "a" else -margin_a[number])
            yield row | {name: _plain(values[number]) for name, values in columns.items()}


def _plain(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and value != value else value
