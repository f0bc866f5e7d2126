"""Figures. Each function takes arrays, writes one PNG and returns its path; needs matplotlib (the `demo` extra)."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from distreward.data.agreement import CATEGORY_WORDS
from distreward.errors import InputError

CATEGORY_STYLE = {
    "high_agreement_preference": (CATEGORY_WORDS["high_agreement_preference"], "#1b6ca8"),
    "high_agreement_tie": (CATEGORY_WORDS["high_agreement_tie"], "#7f8c8d"),
    "diverging": (CATEGORY_WORDS["diverging"], "#c0392b"),
}
"""Label and colour per agreement category, the same in every figure."""

DPI = 150


def headless_pyplot() -> Any:
    """matplotlib without a display, or a clear line about how to get it."""
    try:
        import matplotlib
    except ImportError as error:
        raise InputError('figures need matplotlib: pip install "distreward[demo]"') from error
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt


COLOURS = 128
"""Of a figure's file: flat areas, lines and the soft edges of letters need no more, and it is a third of the size."""


def save_figure(figure: Any, path: Path) -> Path:
    """Write a figure as a PNG of few colours, close it and return the path."""
    from PIL import Image  # matplotlib needs it too

    with io.BytesIO() as content:
        figure.savefig(content, dpi=DPI, bbox_inches="tight", format="png")
        picture = Image.open(content).convert("RGB")
        picture.quantize(COLOURS, dither=Image.Dither.NONE).save(path, format="png", optimize=True)
    headless_pyplot().close(figure)
    return path


def plot_gaps_by_category(gaps: Mapping[str, np.ndarray], masks: Mapping[str, np.ndarray], path: Path) -> Path:
    """How large a reward gap each model predicts, by agreement category (after the paper's Figures 2, 4 and 5).

    Args:
        gaps: per model, [N] reward_A - reward_B.
        masks: per agreement category, boolean [N] (`agreement_masks`).
        path: PNG to write.

    Gaps are shown as ranks in 0..1 within the model: models have different reward scales, and AUROC sees only ranks. A
    model that knows nothing of agreement gives every category a flat histogram.
    """
    plt = headless_pyplot()
    figure, axes = plt.subplots(1, len(gaps), figsize=(4.2 * len(gaps), 3.2), sharey=True, squeeze=False)
    for axis, (name, gap) in zip(axes[0], gaps.items(), strict=True):
        size = np.abs(gap)
        rank = np.argsort(np.argsort(size)) / max(len(size) - 1, 1)
        for category, (label, colour) in CATEGORY_STYLE.items():
            share = rank[masks[category]]
            if len(share):
                axis.hist(
                    share, bins=10, range=(0, 1), weights=np.full(len(share), 100 / len(share)),
                    histtype="step", linewidth=2, color=colour, label=f"{label} ({len(share)})",
                )  # fmt: skip
        axis.set_title(name)
        axis.set_xlabel("|reward gap|, rank within the model")
    axes[0][0].set_ylabel("% of the category's pairs")
    figure.legend(
        *axes[0][0].get_legend_handles_labels(), frameon=False, ncol=3, loc="lower center", bbox_to_anchor=(0.5, -0.12)
    )
    return save_figure(figure, path)


def plot_true_divergence(true: np.ndarray, predicted: Mapping[str, np.ndarray], path: Path) -> Path:
    """Predicted against true chance that annotators diverge, one panel per model.

    Args:
        true: [N] true probability in 0..1.
        predicted: per model, [N] predicted probability in 0..1, or any divergence score (then shown as is).
        path: PNG to write.

    The line joins the means of ten equally filled bins of the prediction.
    """
    plt = headless_pyplot()
    figure, axes = plt.subplots(1, len(predicted), figsize=(4.2 * len(predicted), 3.6), sharey=True, squeeze=False)
    for axis, (name, score) in zip(axes[0], predicted.items(), strict=True):
        axis.scatter(score, true, s=8, alpha=0.35, color="#c0392b", linewidths=0)
        bins = np.array_split(np.argsort(score), 10)
        axis.plot(
            [score[b].mean() for b in bins], [true[b].mean() for b in bins], color="black", marker="o", markersize=4
        )
        if score.min() >= 0 and score.max() <= 1:
            axis.plot([0, 1], [0, 1], color="#7f8c8d", linestyle="--", linewidth=1)
            axis.set_xlim(0, 1)
            axis.set_xlabel("predicted probability of divergence")
        else:
            axis.set_xlabel("-|reward gap|")
        axis.set_title(name)
        axis.set_ylim(0, 1)
    axes[0][0].set_ylabel("true probability of divergence")
    return save_figure(figure, path)


def plot_winner_rates(rates: Mapping[str, Mapping[str, Mapping[str, float]]], path: Path) -> Path:
    """How often each judge names a winner, by agreement category (the paper's Table 4 as a figure).

    Args:
        rates: per judge, per agreement category, an estimate of the share of pairs with a winner in 0..1. A category
            without pairs (nan) has no bar.
        path: PNG to write.

    An ideal judge has a high bar where people agree on a preference and low ones elsewhere. Whiskers are the intervals.
    """
    plt = headless_pyplot()
    figure, axis = plt.subplots(figsize=(max(4.5, 1.6 + 1.3 * len(rates)), 3.4))
    width = 0.8 / len(CATEGORY_STYLE)
    for number, (category, (label, colour)) in enumerate(CATEGORY_STYLE.items()):
        estimates = [of_judge[category] for of_judge in rates.values()]
        value, low, high = (
            np.array([estimate[key] for estimate in estimates], dtype=float) for key in ("value", "ci_low", "ci_high")
        )
        at = np.arange(len(rates)) + (number - 1) * width
        axis.bar(at, value, width * 0.92, color=colour, label=label)
        whiskers = np.nan_to_num([value - low, high - value]).clip(0)  # nan: no interval, no whisker
        axis.errorbar(at, value, whiskers, fmt="none", ecolor="black", elinewidth=1, capsize=2)
    axis.set_xticks(range(len(rates)), list(rates))
    axis.set_ylim(0, 1)
    axis.set_ylabel("share of pairs with a winner")
    axis.legend(frameon=False, ncol=3, loc="lower center", bbox_to_anchor=(0.5, -0.3), fontsize="small")
    return save_figure(figure, path)


def plot_reliability(curves: Mapping[str, Any], path: Path) -> Path:
    """Predicted probability against observed share: of the levels of labels, and of pairs that diverge.

    Args:
        curves: `levels` and `diverging`, lists of `{"predicted", "observed", "n"}` (`metrics.reliability`), and
            `n_annotators`.
        path: PNG to write.

    A model is right on the dashed line; below it, it promises more than comes. Areas of the dots grow with `n`.
    """
    plt = headless_pyplot()
    panels = (
        ("levels", "a label at a level", "labels", "#1b6ca8"),
        ("diverging", f"{curves['n_annotators']} annotators diverge", "pairs", "#c0392b"),
    )
    figure, axes = plt.subplots(1, 2, figsize=(8.4, 4.2), sharey=True)
    for axis, (name, event, unit, colour) in zip(axes, panels, strict=True):
        x, y, n = (
            np.array([entry[key] for entry in curves[name]], dtype=float) for key in ("predicted", "observed", "n")
        )
        axis.plot([0, 1], [0, 1], color="#7f8c8d", linestyle="--", linewidth=1)
        axis.plot(x, y, color=colour, linewidth=1)
        axis.scatter(x, y, s=20 + 180 * n / max(n.max(initial=1), 1), color=colour, alpha=0.6, linewidths=0)
        axis.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xlabel=f"predicted probability: {event}")
        axis.set_title(f"{event} ({int(n.sum() / (5 if name == 'levels' else 1)):,} {unit})")
    axes[0].set_ylabel("observed share")
    return save_figure(figure, path)
