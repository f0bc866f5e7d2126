"""Model folders as training and evaluation leave them, made without training."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from distreward.cli.evaluation import draw_reliability, evaluation_values
from distreward.cli.results import write_results
from distreward.cli.train import describe
from distreward.modeling import REWARD_HEADS, AutoRewardModel, reward_head_entry
from distreward.scoring import PairPredictions

HEADS = tuple(REWARD_HEADS)
OBJECTIVE_OF = {
    "scalar": "bradley_terry",
    "mean_variance": "mean_variance_kl",
    "taste_factors": "taste_factors_kl",
    "likert": "likert_kl",
}


def made_up_predictions(entry: dict, n: int) -> PairPredictions:
    """Predictions of a head for n pairs, drawn anew the same way each time."""
    generator = np.random.default_rng(0)
    mean_a, mean_b = generator.standard_normal((2, n))
    if entry["type"] == "scalar":
        return PairPredictions(mean_a, mean_b, entry)
    std_a, std_b = 0.1 + generator.random((2, n))
    if entry["type"] == "mean_variance":
        return PairPredictions(mean_a, mean_b, entry, std_a, std_b)
    if entry["type"] == "taste_factors":
        factors_a, factors_b = 0.05 * generator.random((2, n, 4))  # their norm stays below the stds
        return PairPredictions(mean_a, mean_b, entry, std_a, std_b, factors_a=factors_a, factors_b=factors_b)
    ratings = generator.dirichlet(np.ones(5), size=(2, n))
    return PairPredictions(mean_a, mean_b, entry, std_a, std_b, *ratings)


@pytest.fixture
def model_folder(tmp_path, llama_config, tokenizer, pairs):
    """`model_folder(head)` -> a checkpoint with the results of a training run and of an evaluation."""

    def make(head: str = "mean_variance", evaluated: bool = True) -> Path:
        torch.manual_seed(0)
        llama_config.initializer_range = 0.3
        model = AutoRewardModel.from_config(llama_config, head)
        entry = reward_head_entry(head, objective=OBJECTIVE_OF[head])
        if head == "mean_variance":
            entry |= {"eta": 0.5, "lambda": 1.5}
        model.config.reward_head = entry
        folder = tmp_path / "out"
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        values = {
            "objective": OBJECTIVE_OF[head],
            "reward_head": entry,
            "base_model": {"name": "org/base", "local": False, "revision": "0123456789abcdef"},
            "development": {"eval_loss": 1.0},
            "steps": 120,
            "machine": {"device": "cpu", "name": "A Processor", "cpu_cores": 2, "precision": "float32"},
            "train_seconds": 630.0,
        }
        data = {"train": describe("labels.jsonl", pairs) | {"rows_used": 11}}
        config = {"label_aggregation": "all", "learning_rate": 1e-4, "seed": 42, "max_steps": -1}
        write_results(folder, "train", config, data, time.time(), values)
        if evaluated:
            evaluate(folder, entry, pairs)
        return folder

    return make


def evaluate(folder: Path, entry: dict, pairs, name: str = "evaluation") -> Path:
    """What `distreward evaluate` writes, of made-up predictions; the folder."""
    values = evaluation_values(made_up_predictions(entry, len(pairs)), pairs, n_bootstrap=20, seed=0)
    values |= {"reward_head": entry, "trained_on": 3}
    (folder / name).mkdir()
    config = {"model_name_or_path": folder.name, "split": "test"}
    write_results(folder / name, "evaluate", config, describe("labels.jsonl", pairs), time.time(), values)
    draw_reliability(values["reliability"], folder / name)
    return folder / name


def change(file: Path, **values) -> None:
    """Change top-level values of a JSON file."""
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))
