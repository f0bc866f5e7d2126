"""What an evaluation writes: the numbers of `results.json`, the reliability plot, and the model card it goes into."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset

from distreward.analysis.plots import plot_reliability
from distreward.data.agreement import agreement_masks, level_counts
from distreward.data.splitting import prompt_key
from distreward.hub.facts import RELIABILITY_FIGURE, read_facts, recalled
from distreward.hub.writing import CARD, given_at, write_card
from distreward.scoring import PairPredictions, evaluate_predictions
from distreward.scoring.categories import by_category, reliability
from distreward.scoring.ensemble import EnsemblePredictions


def evaluation_values(
    predictions: PairPredictions | EnsemblePredictions, dataset: Dataset, n_bootstrap: int, seed: int
) -> dict[str, Any]:
    """What `results.json` says of a model's predictions for labelled pairs."""
    predictions = predictions.with_strength_known(np.array(dataset["strength_known"][:], dtype=bool))
    counts = level_counts(dataset["preferences"][:])
    options = {
        "groups": [prompt_key(prompt) for prompt in dataset["prompt"][:]],
        "n_bootstrap": n_bootstrap,
        "seed": seed,
    }
    return {
        "metrics": evaluate_predictions(predictions, counts, **options),
        "categories": {name: int(mask.sum()) for name, mask in agreement_masks(counts).items()},
        "by_category": by_category(predictions, counts, **options),
        "reliability": reliability(predictions, counts),
    }


def draw_reliability(curves: dict[str, Any] | None, output_dir: Path) -> Path | None:
    """The reliability plot beside the results, where there is something to plot and matplotlib to do it."""
    figure = output_dir / RELIABILITY_FIGURE
    if curves is None or find_spec("matplotlib") is None:
        figure.unlink(missing_ok=True)  # one of an earlier evaluation would lie
        return None
    return plot_reliability(curves, figure)


def refresh_card(model_dir: Path, output_dir: Path) -> None:
    """Bring the card of a local model up to date with an evaluation in a folder of its folder."""
    card = model_dir / CARD
    if model_dir.is_dir() and model_dir.resolve() == output_dir.resolve().parent and card.is_file():
        if path := write_card(recalled(read_facts(model_dir), given_at(card), joining=output_dir)):
            print(f"model card brought up to date: {path}")
