"""Completions of one prompt: which they are, and how far they would divide people."""

import json
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from distreward.errors import InputError
from distreward.metrics.bootstrap import group_index
from distreward.scoring import PairPredictions


def groups_of_prompts(prompts: Sequence[Any]) -> np.ndarray:
    """[N] the number of each completion's prompt: 0, 1, ... by first appearance, wherever equal prompts stand.

    >>> groups_of_prompts(["p", "q", "p"])
    array([0, 1, 0])
    """
    return group_index(len(prompts), [json.dumps(prompt, sort_keys=True, default=str) for prompt in prompts])


def require_groups(group: np.ndarray, what: str) -> None:
    """Refuse a prompt with a single completion.

    Args:
        group: [N] of `groups_of_prompts`.
        what: the option that needs several.

    Raises:
        InputError: saying how to get whole groups from TRL.
    """
    if len(group) and np.bincount(group).min() < 2:
        raise InputError(
            f"{what} compares the completions of a prompt, but this call holds a prompt with one completion: let every "
            "process generate whole groups (per_device_train_batch_size * steps_per_generation a multiple of "
            "num_generations, num_generations_eval of 2 or more), or leave the option out."
        )


def others_in_group(group: np.ndarray, keep: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All ordered pairs of different rows of one group.

    Args:
        group: [N] group numbers.
        keep: [N] bool, rows that take part.

    Returns:
        rows [P], others [P].

    >>> others_in_group(np.array([0, 0, 1, 1]), np.array([True, True, True, False]))
    (array([0, 1]), array([1, 0]))
    """
    same = (group[:, None] == group) & keep[:, None] & keep & ~np.eye(len(group), dtype=bool)
    return np.nonzero(same)


def first_in_group(group: np.ndarray, keep: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every row that takes part, and the first such row of its group: rows [P], firsts [P].

    >>> first_in_group(np.array([0, 1, 0, 1]), np.array([True, False, True, True]))
    (array([0, 2, 3]), array([0, 0, 3]))
    """
    rows = np.flatnonzero(keep)
    firsts: dict[int, int] = {}
    return rows, np.array([firsts.setdefault(int(group[row]), int(row)) for row in rows], dtype=np.int64)


def divergence_within_groups(
    scores: np.ndarray, group: np.ndarray, texts: Sequence[str], reward_head: dict[str, Any], n_annotators: int
) -> np.ndarray:
    """How divisive a prompt is: the mean `diverging_probability` over the pairs of its different completions.

    Args:
        scores: [N, 11]; rows of nan take no part.
        group: [N] group numbers.
        texts: [N]; equal texts are one response: nobody has two opinions of it.
        reward_head: the checkpoint's entry, `mean_variance` or `likert`.
        n_annotators: people asked about each pair, 2 or more.

    Returns:
        [N] in 0..1, equal within a group; 0 where a group holds only one text, nan where it holds no scores.
    """
    divergence = np.full(len(group), np.nan)
    scored = ~np.isnan(scores[:, 0])
    for number in np.unique(group):
        members = np.flatnonzero(group == number)
        different = list({texts[row]: row for row in members if scored[row]}.values())
        if not different:
            continue
        divergence[members] = 0.0
        if len(different) > 1:
            first, second = np.array(list(combinations(different, 2))).T
            pairs = PairPredictions.from_columns(np.concatenate([scores[first], scores[second]], 1), reward_head)
            divergence[members] = pairs.diverging_probability(n_annotators).mean()
    return divergence
