"""Runs whose predictions are made up, so that every number on the page can be worked out."""

import json

import numpy as np
import pytest
from datasets import Dataset

from distreward.data.schema import features
from distreward.experiments.collected import ModelRun
from distreward.scoring import PairPredictions

VOTES = [[2, 2], [0, 0], [2, -2], [1, 1], [-2, -1, -2], [2, -1, 1]]
"""Agree on A, on a tie, diverge substantially, agree on A, on B, diverge: every prompt has one pair of each."""

MEAN_VARIANCE = {"type": "mean_variance", "cdf": "logistic", "level_smoothing": 0.05}


def labelled(n_prompts: int = 12, strength_known: bool = True) -> Dataset:
    rows = []
    for prompt in range(n_prompts):
        for number, votes in enumerate(VOTES):
            if not strength_known:
                votes = [2 * int(np.sign(vote)) for vote in votes]
            rows.append(
                {
                    "id": f"{prompt}-{number}", "prompt": [{"role": "user", "content": f"Question {prompt}?"}],
                    "response_a": f"Yes, {number}.", "response_b": "No.", "preferences": votes, "scores_a": [], "scores_b": [],
                    "annotator_ids": [], "strength_known": strength_known, "source": "made up", "margin": None,
                    "meta": json.dumps({"category": "sums" if prompt % 3 else "odes"}),
                }
            )  # fmt: skip
    return Dataset.from_list(rows, features=features())


@pytest.fixture
def dataset() -> Dataset:
    return labelled()


def run_of(gap: np.ndarray, head: dict, seed: int = 0, std: np.ndarray | None = None, pairs=None) -> ModelRun:
    """A run with the reward gaps [M] on the first M pairs."""
    zero = np.zeros(len(gap))
    std = np.full(len(gap), 0.5) if std is None and head["type"] != "scalar" else std
    pairs = np.arange(len(gap)) if pairs is None else pairs
    return ModelRun(seed, 0, pairs, PairPredictions(gap, zero, head, std, std), {"seconds": 2.0})


@pytest.fixture
def tested(dataset) -> dict[str, list[ModelRun]]:
    """Two seeds of a scalar model and of one whose stds know where people diverge."""
    rng = np.random.default_rng(0)
    mean = np.array([np.mean(votes) for votes in dataset["preferences"]])
    wide = np.array([len(set(np.sign(votes)) - {0}) == 2 for votes in dataset["preferences"]])
    rows: dict[str, list[ModelRun]] = {"bradley_terry": [], "mean_variance_kl": []}
    for seed in (0, 1):
        gap = mean + rng.normal(size=len(mean))
        rows["bradley_terry"].append(run_of(gap, {"type": "scalar", "objective": "bradley_terry"}, seed))
        rows["mean_variance_kl"].append(run_of(gap, MEAN_VARIANCE, seed, std=0.5 + wide + 0.1 * rng.random(len(wide))))
    return rows
