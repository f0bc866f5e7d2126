"""What an experiment runs: rows (ways of training), seeds and folds, and the pairs each of them sees."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from datasets import Dataset

from distreward.data.splitting import THE_REST, prompt_key, split_by_prompt
from distreward.errors import InputError, nearest
from distreward.trainers import OBJECTIVES


@dataclass(frozen=True)
class Row:
    """One row of Table 3: an objective and the labels it learns from."""

    objective: str
    label_aggregation: str
    title: str


ROWS = {
    "bradley_terry_aggregated": Row("bradley_terry", "majority", "Bradley-Terry, aggregated labels"),
    "bradley_terry": Row("bradley_terry", "all", "Bradley-Terry, all labels"),
    "mse_aggregated": Row("mse", "majority", "MSE, aggregated labels"),
    "mse": Row("mse", "all", "MSE, all labels"),
    "mean_variance_nll": Row("mean_variance_nll", "all", "Mean-variance NLL (independent)"),
    "mean_variance_kl": Row("mean_variance_kl", "all", "Mean-variance KL"),
    "likert_kl": Row("likert_kl", "all", "Likert KL"),
    "taste_factors_kl": Row("taste_factors_kl", "all", "Taste factors KL"),
}
"""The trained rows of the paper's Table 3, in its order, and those beyond it."""

BEYOND_THE_PAPER = ("taste_factors_kl",)
"""Rows that run only where they are named."""

REFERENCE_ROW = "bradley_terry"
"""What the other rows are tested against: the same labels, the usual loss."""

ETAS = (0.0, 0.5, 1.0)
"""Correlations per share of ties that the paper tries (appendix A)."""


@dataclass(frozen=True)
class Cell:
    """One training run."""

    row: str
    seed: int
    fold: int
    eta: float | None = None

    @property
    def name(self) -> str:
        """Folder name of the cell."""
        return f"{self.row}-seed{self.seed}-fold{self.fold}" + ("" if self.eta is None else f"-eta{self.eta:g}")


def plan_cells(rows: Sequence[str], seeds: Sequence[int], folds: int, etas: Sequence[float]) -> Iterator[Cell]:
    """All cells, those of one fold together (they share what was computed for its texts).

    >>> [cell.name for cell in plan_cells(["mse"], [0, 1], 1, [0.0])]
    ['mse-seed0-fold0', 'mse-seed1-fold0']
    """
    for fold in range(max(folds, 1)):
        for seed in seeds:
            for row in rows:
                tuned = etas if ROWS[row].objective == "mean_variance_kl" else (None,)
                yield from (Cell(row, seed, fold, eta) for eta in tuned)


def usable_rows(dataset: Dataset, wanted: Sequence[str]) -> list[str]:
    """The rows asked for, or (none asked for) all that the labels allow: no Likert rows without scores.

    Raises:
        InputError: an unknown row, or one that needs scores the data set has not got.
    """
    scored = any(len(a) > 0 and len(b) > 0 for a, b in zip(dataset["scores_a"][:], dataset["scores_b"][:], strict=True))
    for name in wanted:
        if name not in ROWS:
            raise InputError(f"--rows {name}: no such row{nearest(name, ROWS)}; there are {', '.join(ROWS)}.")
        if OBJECTIVES[ROWS[name].objective].label_kind == "scores" and not scored:
            raise InputError(
                f"--rows {name}: the data set has no `scores_a` and `scores_b`, which this row learns from."
            )
    if wanted:
        return list(wanted)
    usable = {name for name, row in ROWS.items() if scored or OBJECTIVES[row.objective].label_kind != "scores"}
    return [name for name in ROWS if name in usable and name not in BEYOND_THE_PAPER]


def fold_of_prompts(dataset: Dataset, folds: int, seed: int) -> np.ndarray:
    """[N] fold 0 .. folds - 1 of every pair: whole prompts, in an order that a hash of `seed` and the prompt decides.

    Raises:
        InputError: fewer prompts than folds.
    """
    keys = [prompt_key(prompt, salt=seed) for prompt in dataset["prompt"][:]]
    ordered = sorted(set(keys))
    if len(ordered) < folds:
        raise InputError(f"--folds {folds}: the data set has only {len(ordered)} prompts; ask for fewer folds.")
    fold = {key: number % folds for number, key in enumerate(ordered)}
    return np.array([fold[key] for key in keys])


def split_fold(
    dataset: Dataset, cell: Cell, folds: int, eval_size: float | int, test_size: float | int, split_seed: int
) -> dict[str, Dataset]:
    """`train`, `validation` and `test` of one cell; no prompt is in two of them.

    With folds the test set is the cell's fold; without, `test_size` pairs. The development set comes out of the rest.
    The split depends on the fold alone, so all rows and seeds are compared on the same pairs.
    """
    if folds <= 1:
        return split_by_prompt(dataset, {"test": test_size, "validation": eval_size, "train": THE_REST}, split_seed)
    fold = fold_of_prompts(dataset, folds, split_seed)
    rest = dataset.select(np.flatnonzero(fold != cell.fold))
    splits = split_by_prompt(rest, {"validation": eval_size, "train": THE_REST}, seed=split_seed + 1 + cell.fold)
    return {**splits, "test": dataset.select(np.flatnonzero(fold == cell.fold))}


def held_out_pairs(dataset: Dataset, folds: int, sizes: tuple[float | int, float | int], split_seed: int) -> np.ndarray:
    """Positions of the pairs that some fold tests: all of them with folds, else the `test` split."""
    if folds > 1:
        return np.arange(dataset.num_rows)
    ids = set(split_fold(dataset, Cell("", 0, 0), folds, *sizes, split_seed)["test"]["id"][:])
    return np.array([row for row, name in enumerate(dataset["id"][:]) if name in ids])
