"""Which figures an experiment has, and their files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from distreward.data.agreement import agreement_masks
from distreward.experiments.collected import ModelRun
from distreward.experiments.page.figures import plot_densities, plot_overview, plot_reliability, plot_strength
from distreward.experiments.page.tables import title_of
from distreward.experiments.strength import STRENGTH_CATEGORIES, objective_of, strength_measures

STRENGTH_AXES = (
    ("chosen_probability", "P(C > R)", (0.5, 1.0)),
    ("relative_gap", "|r_A - r_B|, relative to the model's typical gap", (0.0, 3.0)),
)
"""Measure, axis and its span of the histograms; a row shows the first measure it has."""


def draw_experiment(
    results: Mapping[str, Any], tested: Mapping[str, Sequence[ModelRun]], counts: np.ndarray, folder: Path
) -> dict[str, Path]:
    """Every figure of the page.

    Args:
        results: of `analyse_experiment`.
        tested: the runs of every row.
        counts: [N, 5] annotators per level of all pairs.
        folder: where the PNG files go.

    Returns:
        Name of the figure -> its file, `<name>.png`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    figures = {
        "overview": plot_overview(
            [(title_of(row), found) for row, found in results["rows"].items()], folder / "overview.png"
        )
    }
    for row, runs in tested.items():
        name = f"strength_{row}"
        figures[name] = draw_strength(row, runs, counts, folder / f"{name}.png")
    for row, curves in results["densities"].items():
        name = f"density_{row}"
        figures[name] = plot_densities(curves, results["has_slight_labels"], title_of(row), folder / f"{name}.png")
    for row, kinds in results["reliability"].items():
        for name, (lines, title, what) in reliability_figures(row, kinds).items():
            figures[name] = plot_reliability(lines, title, what, folder / f"{name}.png")
    return figures


def reliability_figures(row: str, kinds: Mapping[str, Any]) -> dict[str, tuple[dict[str, Any], str, str]]:
    """Name -> lines, title and what the probability is of, for the reliability diagrams of a row."""
    found = {}
    for kind, lines in kinds.items():
        levels = {name: bins for name, bins in lines.items() if name != "diverging"}
        found[f"reliability_levels_{kind}_{row}"] = (levels, f"{title_of(row)}, {kind.replace('_', ' ')}", "of a label")
    diverging = {kind: lines["diverging"] for kind, lines in kinds.items()}
    found[f"reliability_diverging_{row}"] = (diverging, title_of(row), "that the annotators diverge")
    return found


def draw_strength(row: str, runs: Sequence[ModelRun], counts: np.ndarray, path: Path) -> Path:
    """How decided a row's models are, pair by pair; the pairs of all runs together."""
    has_slight = counts[:, [1, 3]].any()  # without slight labels every diverging pair is a substantial one
    masks = agreement_masks(counts)
    measures = [strength_measures(run.predicted, counts[run.pairs], objective_of(row, run)) for run in runs]
    measure, label, span = next(axis for axis in STRENGTH_AXES if axis[0] in measures[0])
    values = {
        category: np.concatenate(
            [of_run[measure][masks[category][run.pairs]] for run, of_run in zip(runs, measures, strict=True)]
        )
        for category in (STRENGTH_CATEGORIES if has_slight else STRENGTH_CATEGORIES[:-1])
    }
    return plot_strength(values, title_of(row), label, span, path)
