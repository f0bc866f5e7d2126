"""From which labels can a standard deviation be learnt? The synthetic set, whose true label distributions are known.

    distreward demo                  # writes distreward-demo/encoder, the backbone
    python recipes/identifiability.py --model_name_or_path distreward-demo/encoder --output_dir results/identifiability

The same pairs and annotators are seen with five levels, with A / tie / B, and with A / B only; heads on a frozen encoder.
Hardware: two CPU cores. Expected numbers: results/identifiability.md.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset
from scipy.stats import spearmanr

from distreward import DistributionalRewardConfig, RewardScorer, load_preferences
from distreward.cli.results import prepare_output_dir, write_results
from distreward.cli.tables import estimate_text
from distreward.cli.train import describe
from distreward.data.splitting import prompt_key
from distreward.data.synthetic import true_level_probs
from distreward.levels import LEVELS
from distreward.metrics.bootstrap import bootstrap_counts, interval
from distreward.metrics.divergence import diverging_probability
from distreward.scoring import PairPredictions
from distreward.trainers import OBJECTIVES

N_ANNOTATORS = 4
"""For the chance of divergence, true and predicted."""


def five(levels: list[int]) -> list[int]:
    """All there is."""
    return levels


def votes(levels: list[int]) -> list[int]:
    """B, tie or A, written as -2, 0 and 2.

    >>> votes([1, -2, 0])
    [2, -2, 0]
    """
    return [2 * int(np.sign(level)) for level in levels]


def choices(levels: list[int]) -> list[int]:
    """B or A; ties are left out."""
    return [vote for vote in votes(levels) if vote]


@dataclass(frozen=True)
class Setting:
    """What the trainer sees of the labels."""

    title: str
    seen: Callable[[list[int]], list[int]]
    strength_known: bool
    unknown_strength: str = "sides"
    objective: str = "mean_variance_kl"


SETTINGS = {
    "five_levels": Setting("five levels", five, True),
    "votes_as_sides": Setting("A / tie / B, as sides", votes, False),
    "votes_as_significant": Setting("A / tie / B, as significant", votes, False, "significant"),
    "choices_kl": Setting("A / B, KL", choices, False),
    "choices_nll": Setting("A / B, NLL", choices, False, objective="mean_variance_nll"),
}


def relabelled(pairs: Dataset, setting: Setting) -> Dataset:
    """The pairs as this setting shows them; those of which no label is left go."""
    rows = [
        {**row, "preferences": setting.seen(row["preferences"]), "strength_known": setting.strength_known}
        for row in pairs
    ]
    return Dataset.from_list([row for row in rows if row["preferences"]], features=pairs.features)


def train(setting: Setting, pairs: dict[str, Dataset], arguments: argparse.Namespace, seed: int) -> PairPredictions:
    """Predictions for the test pairs of a head trained on what the setting shows."""
    config = DistributionalRewardConfig(
        str(Path(arguments.work_dir) / "training"), freeze_backbone=True, feature_cache_dir=arguments.feature_cache_dir, seed=seed,
        unknown_strength=setting.unknown_strength,
        learning_rate=4e-3, num_train_epochs=arguments.num_train_epochs, per_device_train_batch_size=64, per_device_eval_batch_size=256,
        weight_decay=0.05, warmup_steps=0.1, lr_scheduler_type="cosine", disable_dropout=False, max_length=192,
        truncation="fit", chat_template_path="plain", eval_every_epochs=None, save_strategy="no",
        gradient_checkpointing=False, logging_strategy="no", report_to="none", disable_tqdm=True,
    )  # fmt: skip
    seen = relabelled(pairs["train"], setting)
    trainer = OBJECTIVES[setting.objective](arguments.model_name_or_path, args=config, train_dataset=seen)
    trainer.train()
    options = {"max_length": 192, "feature_cache_dir": arguments.feature_cache_dir}
    return RewardScorer(trainer.model, trainer.processing_class, **options).score_pairs(pairs["test"])


def measured(predicted: PairPredictions, truth: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """What is compared with what: predictions and true values, [N] each.

    Args:
        truth: [N, 5] the true distributions of one label.
    """
    levels = np.array(LEVELS)
    mean = truth @ levels
    std = np.sqrt(truth @ levels**2 - mean**2)
    predicted_std = np.hypot(predicted.std_a, predicted.std_b)
    return {
        "std": (predicted_std, std),
        "gap": (predicted.reward_gap, mean),
        "divergence": (
            predicted.diverging_probability(N_ANNOTATORS),
            diverging_probability(truth, N_ANNOTATORS),
        ),
    }


def estimate(pairs_of_seeds: list[tuple[np.ndarray, np.ndarray]], groups: list[str], n_bootstrap: int) -> dict:
    """Mean over seeds of the Spearman correlation, with an interval over prompts."""

    def value(rows: np.ndarray) -> float:
        return float(np.mean([spearmanr(x[rows], y[rows]).statistic for x, y in pairs_of_seeds]))

    n = len(groups)
    draws = [value(np.repeat(np.arange(n), weights)) for weights in bootstrap_counts(n, groups, n_bootstrap)]
    low, high = interval(np.array(draws)) if draws else (np.nan, np.nan)
    return {"value": value(np.arange(n)), "ci_low": low, "ci_high": high, "n": n, "n_seeds": len(pairs_of_seeds)}


def main() -> None:
    started = time.time()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model_name_or_path", required=True)
    parser.add_argument("--output_dir", required=True)
    parser.add_argument("--work_dir", default="outputs/identifiability", help="For checkpoints.")
    parser.add_argument("--feature_cache_dir", default="outputs/features")
    parser.add_argument("--train_pairs", type=int, default=2000)
    parser.add_argument("--num_train_epochs", type=float, default=10)
    parser.add_argument("--test_pairs", type=int, default=600)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--n_bootstrap", type=int, default=500)
    arguments = parser.parse_args()
    folder = prepare_output_dir(arguments.output_dir)
    sizes = {"train": arguments.train_pairs, "test": arguments.test_pairs}
    pairs = {split: load_preferences("synthetic", split=split, n_pairs=n) for split, n in sizes.items()}
    truth, groups = true_level_probs(pairs["test"]), [prompt_key(prompt) for prompt in pairs["test"]["prompt"][:]]
    table: dict[str, dict[str, Any]] = {}
    for name, setting in SETTINGS.items():
        found = [measured(train(setting, pairs, arguments, seed), truth) for seed in arguments.seeds]
        table[name] = {
            key: estimate([run[key] for run in found], groups, arguments.n_bootstrap)
            for key in ("std", "gap", "divergence")
        }
        print(f"{setting.title:35s}", *(f"{key} {estimate_text(value)}" for key, value in table[name].items()))
    data = {name: describe("synthetic", split) for name, split in pairs.items()}
    write_results(folder, "recipes/identifiability.py", vars(arguments), data, started, {"spearman_with_truth": table})


if __name__ == "__main__":
    main()
