r"""Objectives beyond the paper's, tried side by side on frozen features: which are worth a place in the library?

    distreward demo                  # writes distreward-demo/encoder, the backbone
    python recipes/objective_candidates.py --dataset_name $DISTREWARD_DATA/mtbench_human.jsonl.gz \
        --model_name_or_path distreward-demo/encoder --output_dir results/better_models/mtbench_human

The candidates and their formulas: candidates.py. The head is one linear layer over frozen features, as in a decoder's reward
model, with the optimiser of the experiments' recipes, all seeds at once. Folds, splits, metrics and intervals are the
library's. A run that is stopped goes on where it was.
Hardware: two CPU cores, minutes. Expected numbers: results/better_models.md.
"""

import argparse
import hashlib
import math
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from candidates import CANDIDATES, REFERENCE, Candidate, Labels, pair_loss, usable
from datasets import Dataset
from torch import Tensor
from torch.nn.functional import dropout
from transformers import AutoTokenizer

from distreward import load_preferences
from distreward.cli.results import prepare_output_dir, write_results, write_text
from distreward.cli.tables import estimate_text
from distreward.cli.train import describe
from distreward.data.aggregation import score_distribution
from distreward.data.agreement import level_counts
from distreward.data.encoding import PLAIN_TEMPLATE, closing_length, encode_response, fit_to_length
from distreward.data.splitting import prompt_key
from distreward.experiments.plan import Cell, split_fold
from distreward.experiments.running import source_digest
from distreward.judge.audit.report import markdown_table
from distreward.levels import RATINGS
from distreward.metrics.divergence import diverging_probability
from distreward.metrics.repeated import (
    Metric,
    Run,
    accuracy_metric,
    auroc_metric,
    draw_pairs,
    estimate_of_runs,
    jensen_shannon_metric,
    log_loss_metric,
    run_values,
)
from distreward.modeling import AutoRewardModel
from distreward.scoring.features import features_of
from distreward.scoring.level_model import without_strength
from distreward.scoring.predictions import typical_annotators

EPOCHS, BATCH, LEARNING_RATE, WEIGHT_DECAY, WARMUP = 10, 64, 2e-3, 0.05, 0.1
MAX_LENGTH = 384


class Heads:
    """One output layer per seed, [S, H, K], trained side by side."""

    def __init__(self, width: int, n_outputs: int, seeds: list[int]):
        self.generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        torch.manual_seed(seeds[0])  # dropout
        first = [0.02 * torch.randn(width, n_outputs, generator=generator) for generator in self.generators]
        self.weights = torch.stack(first).requires_grad_()
        self.offsets = torch.zeros(len(seeds), 1, n_outputs, requires_grad=True)
        self.free = torch.zeros(len(seeds), 1, requires_grad=True)
        self.parameters = [self.weights, self.offsets, self.free]

    def __call__(self, features: Tensor, training: bool) -> Tensor:
        """[S, B, H] features to outputs [S, B, K]."""
        return torch.baddbmm(self.offsets, dropout(features, 0.1, training), self.weights)

    def clip_gradients(self) -> None:
        """Each seed's gradient to a norm of at most 1."""
        gradients = [value.grad for value in self.parameters if value.grad is not None]
        norm = sum(gradient.flatten(1).square().sum(1) for gradient in gradients).sqrt()
        for gradient in gradients:
            gradient *= (1 / (norm + 1e-6)).clamp(max=1).view(-1, *[1] * (gradient.dim() - 1))


def train_heads(
    candidate: Candidate, sides: tuple[Tensor, Tensor], labels: Labels, split: dict[str, Tensor], seeds: list[int]
) -> dict[str, np.ndarray]:
    """Train on `split["train"]`, keep each seed's best epoch on the development pairs.

    Returns:
        `<split>_probs` [S, M, 5] and `<split>_gap` [S, M] for `validation` and `test`.
    """
    heads = Heads(sides[0].shape[1], candidate.n_outputs, seeds)
    groups = [
        {"params": heads.parameters[:1], "weight_decay": WEIGHT_DECAY},
        {"params": heads.parameters[1:], "weight_decay": 0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=LEARNING_RATE)
    train, n_steps = split["train"], EPOCHS * math.ceil(len(split["train"]) / BATCH)
    up = WARMUP * n_steps
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda k: min((k + 1) / up, (n_steps - k) / (n_steps - up)))

    def outputs(rows: Tensor, training: bool) -> tuple[Tensor, Tensor]:
        both = torch.cat([side[rows] for side in sides], dim=1)
        return heads(both, training).chunk(2, dim=1)

    best, found = np.full(len(seeds), np.inf), {}
    for _ in range(EPOCHS):
        orders = torch.stack([train[torch.randperm(len(train), generator=g)] for g in heads.generators])
        for rows in orders.split(BATCH, dim=1):
            weight = labels.counts[rows].sum(-1)
            loss = pair_loss(candidate, *outputs(rows, True), heads.free, labels[rows])
            optimizer.zero_grad()
            ((loss * weight).sum(1) / weight.sum(1)).sum().backward()
            heads.clip_gradients()
            optimizer.step()
            schedule.step()
        with torch.no_grad():
            rows = split["validation"].expand(len(seeds), -1)
            weight = labels.counts[rows].sum(-1)
            loss = pair_loss(candidate, *outputs(rows, False), heads.free, labels[rows])
            loss = ((loss * weight).sum(1) / weight.sum(1)).numpy()
            for name in ("validation", "test"):
                a, b = outputs(split[name].expand(len(seeds), -1), False)
                gap = a[..., 0] - b[..., 0]
                if candidate.needs == "scores":
                    gap = (a.softmax(-1) - b.softmax(-1)) @ torch.tensor(RATINGS, dtype=torch.float32)
                for key, value in (("probs", candidate.levels(a, b, heads.free)), ("gap", gap)):
                    kept = found.setdefault(f"{name}_{key}", value.numpy().copy())
                    kept[loss < best] = value.numpy()[loss < best]
        best = np.minimum(best, loss)
    return found


def key_of(
    candidate: str, sides: tuple[Tensor, Tensor], labels: Labels, split: dict[str, Tensor], seeds: list[int]
) -> str:
    """16 hex digits that change with all that the numbers of `train_heads` depend on: features (and so backbone and texts),
    labels, rows of the fold, seeds, and the code of this study and of the library."""
    digest = hashlib.sha256(repr((candidate, labels.strength_known, seeds, source_digest())).encode())
    for name in ("candidates.py", "objective_candidates.py"):
        digest.update(Path(__file__).with_name(name).read_bytes())
    for part in (*sides, labels.counts, labels.ratings, *(split[name] for name in sorted(split))):
        digest.update(repr(tuple(part.shape)).encode() + part.contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def kept(file: Path, make: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The arrays in a file; they are made, and written in one piece, where it is not there."""
    if not file.is_file():
        temporary = file.with_suffix(".tmp")
        with temporary.open("wb") as stream:
            np.savez(stream, **make())
        temporary.replace(file)
    with np.load(file) as found:
        return dict(found)


def metrics_of(
    probs: np.ndarray, gap: np.ndarray, counts: np.ndarray, strength_known: bool, n: int
) -> dict[str, Metric]:
    """What is decided on, for one model's pairs; levels as the labels can show them."""
    probs = without_strength(probs.astype(np.float64), np.full(len(probs), strength_known))
    probs /= probs.sum(1, keepdims=True)
    chance, substantial = diverging_probability(probs, n), diverging_probability(probs, n, substantial=True)
    return {
        "diverging_auroc": auroc_metric(chance, counts),
        "substantial_auroc": auroc_metric(chance, counts, "diverging_substantial"),
        "substantial_auroc_own": auroc_metric(substantial, counts, "diverging_substantial"),
        "log_loss": log_loss_metric(probs, counts),
        "jensen_shannon": jensen_shannon_metric(probs, counts),
        "preference_accuracy": accuracy_metric(gap, counts),
    }


def features(dataset: Dataset, model: Any, path: str, cache_dir: str) -> tuple[Tensor, Tensor]:
    """[N, H] pooled features of A and B."""
    tokenizer = AutoTokenizer.from_pretrained(path)
    tokenizer.chat_template = PLAIN_TEMPLATE.read_text(encoding="utf-8")
    closing, rows = closing_length(tokenizer), []
    for side in ("response_a", "response_b"):
        for prompt, response in zip(dataset["prompt"][:], dataset[side][:], strict=True):
            ids, prompt_length = encode_response(tokenizer, prompt, response)
            rows.append(fit_to_length(ids, prompt_length, closing, MAX_LENGTH, "fit"))
    found = features_of(rows, model, tokenizer.pad_token_id, cache_dir, "Features")
    return torch.from_numpy(found[: len(dataset)]), torch.from_numpy(found[len(dataset) :])


def estimates(runs: dict[str, dict[str, list[Run]]], groups: list[str], n_bootstrap: int) -> dict[str, Any]:
    """Mean of every metric over seeds and folds, and its difference to the reference's."""
    draws = draw_pairs(len(groups), groups, n_bootstrap)
    table: dict[str, Any] = {name: {} for name in runs}
    for metric in runs[REFERENCE]:
        found = {name: run_values(metrics[metric], draws) for name, metrics in runs.items()}
        for name, values in found.items():
            table[name][metric] = estimate_of_runs(values, draws)
            if name != REFERENCE:
                table[name][metric]["difference"] = estimate_of_runs(values, draws, baseline=found[REFERENCE])
    return table


SHOWN = {
    "diverging_auroc": "AUROC, diverging",
    "substantial_auroc": "AUROC, substantial",
    "log_loss": "log loss of levels",
    "preference_accuracy": "accuracy",
}


def markdown(values: dict[str, dict[str, Any]]) -> str:
    """The tables of results/better_models.md: development pairs, then test pairs."""
    tables = []
    for part, table in values.items():
        rows = [[part, *SHOWN.values()]]
        for name, metrics in table.items():
            rows.append([f"`{name}`", *(estimate_text(metrics[key]) for key in SHOWN)])
            if name != REFERENCE:
                rows.append(["... minus the first", *(estimate_text(metrics[key]["difference"]) for key in SHOWN)])
        tables.append(markdown_table(rows))
    return "\n\n".join(tables) + "\n"


def main() -> None:
    started = time.time()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset_name", required=True)
    parser.add_argument("--model_name_or_path", required=True)
    parser.add_argument("--output_dir", required=True)
    parser.add_argument("--work_dir", default="outputs/objective_candidates")
    parser.add_argument("--feature_cache_dir", default="outputs/features")
    parser.add_argument("--candidates", nargs="+", default=list(CANDIDATES), choices=list(CANDIDATES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--n_bootstrap", type=int, default=400)
    arguments = parser.parse_args()
    folder = prepare_output_dir(arguments.output_dir)
    dataset = load_preferences(arguments.dataset_name)
    model = AutoRewardModel.from_pretrained(arguments.model_name_or_path, reward_head="scalar")
    sides = features(dataset, model, arguments.model_name_or_path, arguments.feature_cache_dir)
    counts = level_counts(dataset["preferences"][:])
    ratings = np.stack([score_distribution(dataset[side][:]) for side in ("scores_a", "scores_b")], axis=1)
    labels = Labels(
        torch.tensor(counts).float(), torch.tensor(ratings).float(), bool(all(dataset["strength_known"][:]))
    )
    place, n_annotators = {name: row for row, name in enumerate(dataset["id"][:])}, typical_annotators(counts)
    work = prepare_output_dir(arguments.work_dir)
    names = [name for name in arguments.candidates if usable(CANDIDATES[name], labels)]
    runs: dict[str, dict[str, dict[str, list[Run]]]] = {"validation": {}, "test": {}}
    for fold in range(arguments.folds):
        parts = split_fold(dataset, Cell("", 0, fold), arguments.folds, 0.15, 0, 0)
        split = {name: torch.tensor([place[key] for key in part["id"][:]]) for name, part in parts.items()}
        split["train"] = split["train"][labels.counts[split["train"]].sum(-1) > 0]
        for name in names:
            run = (sides, labels, split, arguments.seeds)
            found = kept(work / f"{name}-{key_of(name, *run)}.npz", partial(train_heads, CANDIDATES[name], *run))
            for part, per_candidate in runs.items():
                rows = split[part].numpy()
                for index, seed in enumerate(arguments.seeds):
                    of_run = (found[f"{part}_probs"][index], found[f"{part}_gap"][index], counts[rows])
                    for metric, value in metrics_of(*of_run, labels.strength_known, n_annotators).items():
                        per_metric = per_candidate.setdefault(name, {})
                        per_metric.setdefault(metric, []).append(Run(seed, rows, value))
    groups = [prompt_key(prompt) for prompt in dataset["prompt"][:]]
    values = {
        "development" if part == "validation" else part: estimates(per_candidate, groups, arguments.n_bootstrap)
        for part, per_candidate in runs.items()
    }
    print(markdown(values))
    write_text(folder / "table.md", markdown(values))
    data = describe(arguments.dataset_name, dataset)
    write_results(folder, "recipes/objective_candidates.py", vars(arguments), data, started, values)


if __name__ == "__main__":
    main()
