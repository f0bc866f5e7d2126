"""How divisive a prompt is: the divisiveness of its responses, their mean, and a ranking with intervals (paper, section 5.3)."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import rankdata

from distreward.benchmarks.structure import Benchmark
from distreward.errors import InputError, nearest
from distreward.metrics.bootstrap import interval
from distreward.modeling.heads import MEAN_AND_STD
from distreward.scoring import RewardScorer
from distreward.scoring.predictions import DEFAULT_ANNOTATORS, PairPredictions

MEASURES = {
    "extremes": ("likert",),
    "std": (*MEAN_AND_STD, "likert"),
    "diverging_probability": (*MEAN_AND_STD, "likert"),
}
"""Measure -> the reward heads that give it: P(1)P(5); the standard deviation; the mean chance of diverging against the
prompt's other responses."""

DEFAULT_MEASURE = {"likert": "extremes", **dict.fromkeys(MEAN_AND_STD, "std")}
"""The paper's choice for the Likert head, and its counterpart for mean and variance."""


class ScoredResponse(NamedTuple):
    """One system's answer to one prompt, in numbers.

    Attributes:
        mean: expected reward, over turns.
        std: standard deviation, over turns; nan for a scalar head.
        divisiveness: by measure; `diverging_probability` is nan where the prompt has no other response.
        gap_divergence: mean of -|mean difference| to the prompt's other responses; nan where there is none.
    """

    mean: float
    std: float
    divisiveness: dict[str, float]
    gap_divergence: float


Scored = Mapping[tuple[str, str], ScoredResponse]
"""By (prompt id, system)."""


def measure_of(reward_head: Mapping[str, Any], wanted: str = "auto") -> str:
    """The measure to rank by.

    Args:
        reward_head: the checkpoint's entry.
        wanted: a name in `MEASURES`, or `auto` for the head's own.

    Raises:
        InputError: no such measure, or a head that does not give it.

    >>> measure_of({"type": "likert"}), measure_of({"type": "likert"}, "std")
    ('extremes', 'std')
    """
    head = reward_head["type"]
    if head not in DEFAULT_MEASURE:
        raise InputError(
            f"a checkpoint with a {head} head says nothing about divisiveness; pass one of another objective than "
            "bradley_terry and mse."
        )
    name = DEFAULT_MEASURE[head] if wanted == "auto" else wanted
    if name not in MEASURES:
        raise InputError(f"unknown measure {name!r}{nearest(name, MEASURES)}; wanted one of {', '.join(MEASURES)}.")
    if head not in MEASURES[name]:
        raise InputError(f"measure {name!r} needs a {' or '.join(MEASURES[name])} head, and this one is {head}.")
    return name


def score_benchmark(benchmark: Benchmark, scorer: RewardScorer, n_annotators: int = DEFAULT_ANNOTATORS) -> Scored:
    """Score every usable response; a turn's conversation holds the system's own earlier answers.

    Args:
        benchmark: what `read_benchmark` returns.
        scorer: over a checkpoint.
        n_annotators: assumed by `diverging_probability`.
    """
    keys, prompts, texts = [], [], []
    for prompt_id, system, answers in benchmark.usable():
        for turn, text in enumerate(answers):
            keys.append((prompt_id, system, turn))
            prompts.append(benchmark.prompts[prompt_id].conversation(answers, turn))
            texts.append(text)
    return scored_responses(keys, scorer.score(prompts, texts), scorer.reward_head, n_annotators)


def scored_responses(
    keys: Sequence[tuple[str, str, int]],
    columns: np.ndarray,
    reward_head: Mapping[str, Any],
    n_annotators: int = DEFAULT_ANNOTATORS,
) -> Scored:
    """Divisiveness of N answers from their predictions.

    Args:
        keys: [N] (prompt id, system, turn).
        columns: [N, 11] of `RewardScorer.score`.
        reward_head: the checkpoint's entry.
        n_annotators: assumed by `diverging_probability`.

    Returns:
        Per (prompt id, system), means over turns. Responses are compared within one prompt and turn.

    >>> keys = [("81", "tulip", 0), ("81", "rose", 0)]
    >>> head = {"type": "likert"}
    >>> columns = np.array([[3.0, 2.0, 0.5, 0, 0, 0, 0.5], [3.0, 0.0, 0, 0, 1, 0, 0]])
    >>> {name: response.divisiveness["extremes"] for (_, name), response in scored_responses(keys, columns, head).items()}
    {'tulip': 0.25, 'rose': 0.0}
    """
    columns = np.asarray(columns, dtype=np.float64)
    probability, gap = _against_others(keys, columns, dict(reward_head), n_annotators)
    by_measure = {
        "extremes": columns[:, 2] * columns[:, 6],
        "std": columns[:, 1],
        "diverging_probability": probability,
    }
    given = [name for name, heads in MEASURES.items() if reward_head["type"] in heads]
    rows_of: dict[tuple[str, str], list[int]] = {}
    for row, (prompt_id, system, _) in enumerate(keys):
        rows_of.setdefault((prompt_id, system), []).append(row)
    return {
        key: ScoredResponse(
            float(columns[rows, 0].mean()),
            float(columns[rows, 1].mean()),
            {name: float(by_measure[name][rows].mean()) for name in given},
            float(gap[rows].mean()),
        )
        for key, rows in rows_of.items()
    }


def _against_others(
    keys: Sequence[tuple[str, str, int]], columns: np.ndarray, reward_head: dict[str, Any], n_annotators: int
) -> tuple[np.ndarray, np.ndarray]:
    """[N] mean `diverging_probability` and [N] mean -|gap| of every answer against the others of its prompt and turn."""
    rows_of: dict[tuple[str, int], list[int]] = {}
    for row, (prompt_id, _, turn) in enumerate(keys):
        rows_of.setdefault((prompt_id, turn), []).append(row)
    both = np.array([(i, j) for rows in rows_of.values() for i in rows for j in rows if i != j], dtype=np.int64)
    both = both.reshape(-1, 2)
    pairs = PairPredictions.from_columns(
        np.concatenate([columns[both[:, 0]], columns[both[:, 1]]], axis=1), reward_head
    )
    n = np.bincount(both[:, 0], minlength=len(keys))

    def mean_over_others(values: np.ndarray | None) -> np.ndarray:
        if values is None:
            return np.full(len(keys), np.nan)
        total = np.bincount(both[:, 0], values, minlength=len(keys))
        return np.divide(total, n, out=np.full(len(keys), np.nan), where=n > 0)

    probability = pairs.diverging_probability(n_annotators) if len(both) else None
    return mean_over_others(probability), mean_over_others(pairs.gap_divergence())


class RankedPrompt(NamedTuple):
    """A prompt in the ranking.

    Attributes:
        id: of the prompt.
        rank: from 1, the most divisive.
        divisiveness: estimate, `n` the number of responses.
        rank_low, rank_high: 95 % interval of the rank; nan where there are fewer than two systems.
    """

    id: str
    rank: int
    divisiveness: dict[str, Any]
    rank_low: float
    rank_high: float


def rank_prompts(scored: Scored, measure: str, n_bootstrap: int = 1000, seed: int = 0) -> list[RankedPrompt]:
    """Rank prompts by the mean divisiveness of their responses, with a bootstrap over systems.

    A draw takes systems with replacement, the same for all prompts, so that ranks move together as they would had other
    systems been asked. A prompt none of whose systems was drawn has no rank in that draw.

    Args:
        scored: of `score_benchmark`.
        measure: in `MEASURES`.
        n_bootstrap, seed: of the intervals; 0 leaves them nan.

    Returns:
        Prompts, the most divisive first; equal ones in the order of `scored`. Prompts without a defined value (one response,
        by `diverging_probability`) come last with nan.
    """
    prompts = list(dict.fromkeys(prompt_id for prompt_id, _ in scored))
    systems = list(dict.fromkeys(system for _, system in scored))
    values = np.full((len(prompts), len(systems)), np.nan)
    row_of, column_of = ({name: i for i, name in enumerate(names)} for names in (prompts, systems))
    for (prompt_id, system), response in scored.items():
        values[row_of[prompt_id], column_of[system]] = response.divisiveness[measure]
    there = ~np.isnan(values)
    filled = np.where(there, values, 0.0)
    n_draws = n_bootstrap if len(systems) > 1 else 0
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(len(systems), np.full(len(systems), 1 / len(systems)), size=n_draws)
    draws, whole = (_means(w, filled, there) for w in (weights, np.ones((1, len(systems)))))
    ranks = rankdata(-draws, axis=1, nan_policy="omit") if n_draws else np.empty((0, len(prompts)))
    order = np.argsort(-whole[0], kind="stable")  # nan last
    ranked = []
    for rank, row in enumerate(order, 1):
        several = there[row].sum() > 1
        low, high = interval(draws[:, row]) if several and n_draws else (float("nan"), float("nan"))
        rank_low, rank_high = interval(ranks[:, row]) if several and n_draws else (float("nan"), float("nan"))
        estimate = {"value": float(whole[0, row]), "ci_low": low, "ci_high": high, "n": int(there[row].sum())}
        ranked.append(RankedPrompt(prompts[row], rank, estimate, rank_low, rank_high))
    return ranked


def _means(weights: np.ndarray, filled: np.ndarray, there: np.ndarray) -> np.ndarray:
    """[K, P] weighted means over systems of [P, S] values for weights [K, S]; nan where no weight is left."""
    totals = weights @ there.T.astype(np.float64)
    return np.divide(weights @ filled.T, totals, out=np.full(totals.shape, np.nan), where=totals > 0)
