"""The figures of an experiment: each function takes arrays, writes one PNG and returns its path; needs matplotlib.

The colours can be told apart by people who see red and green alike (Okabe and Ito's, and a wine red), and no figure says a thing by colour alone.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from distreward.analysis.plots import headless_pyplot, save_figure
from distreward.data.agreement import CATEGORY_WORDS
from distreward.metrics.checks import is_defined

BLUE, ORANGE, GREEN, RED, WINE, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#882255", "#777777"

CATEGORY_STYLE = {
    "high_agreement_preference": (BLUE, "-"),
    "high_agreement_tie": (GREY, "--"),
    "diverging": (RED, "-"),
    "diverging_substantial": (WINE, "-"),
}
"""Colour and line of an agreement category."""

LEVEL_STYLE = {
    "significant": ("significantly better", BLUE, "o"),
    "preferred": ("better", BLUE, "o"),
    "slight": ("slightly better", ORANGE, "s"),
    "tie": ("tie", GREEN, "^"),
    "as_trained": ("as trained", RED, "D"),
    "calibrated": ("calibrated", BLUE, "o"),
}
"""Words, colour and marker of a line in a reliability diagram."""

SMALL = (4.3, 3.7)
"""Inches of a figure that stands beside others of its kind, or alone on a phone."""


def plot_overview(rows: Sequence[tuple[str, Mapping[str, Mapping[str, float]]]], path: Path) -> Path:
    """Table 3 as a figure: accuracy, and both kinds of AUROC, with intervals.

    Args:
        rows: title and metrics (metric -> estimate) of each row, top row first.
        path: PNG to write.
    """
    plt = headless_pyplot()
    figure, axes = plt.subplots(1, 2, figsize=(8.6, 1.3 + 0.42 * len(rows)), sharey=True)
    panels = (
        (axes[0], "preference accuracy", (("preference_accuracy", "accuracy", BLUE, "o"),)),
        (
            axes[1],
            "finding diverging pairs (AUROC)",
            (
                ("gap_auroc", "small reward gap", GREY, "^"),
                ("diverging_id_auroc", "the paper's score of the model", ORANGE, "s"),
                ("diverging_probability_auroc", "diverging_probability", BLUE, "o"),
            ),
        ),
    )
    for axis, title, metrics in panels:
        for number, (metric, label, colour, marker) in enumerate(metrics):
            shown = [
                (row, found[metric])
                for row, (_, found) in enumerate(rows)
                if metric in found and is_defined(found[metric]["value"])
            ]
            if not shown:
                continue
            at = np.array([row for row, _ in shown]) + (number - (len(metrics) - 1) / 2) * 0.22
            value, whiskers = _value_and_whiskers([estimate for _, estimate in shown])
            axis.errorbar(
                value, at, xerr=whiskers, fmt=marker, color=colour, markersize=5, elinewidth=1.3, capsize=2, label=label
            )
        axis.axvline(0.5, color="black", linewidth=0.8, linestyle=":")
        axis.set_title(title, fontsize="medium")
        axis.grid(axis="x", color="#dddddd", linewidth=0.6)
        axis.set_axisbelow(True)
    axes[0].set_yticks(range(len(rows)), [title for title, _ in rows])
    axes[0].invert_yaxis()
    figure.legend(
        *axes[1].get_legend_handles_labels(), frameon=False, ncol=3, loc="upper center", bbox_to_anchor=(0.62, 0.02),
        fontsize="small",
    )  # fmt: skip
    figure.tight_layout()
    return save_figure(figure, path)


def plot_strength(
    values: Mapping[str, np.ndarray], title: str, label: str, span: tuple[float, float], path: Path
) -> Path:
    """How decided a model is, a strip per agreement category (the paper's Figures 2, 4 and 5).

    Args:
        values: category -> [M] strength of each pair; values outside `span` count in its last bin.
        title: of the figure.
        label: of the horizontal axis.
        span: of it.
        path: PNG to write.
    """
    plt = headless_pyplot()
    figure, axes = plt.subplots(len(values), 1, figsize=SMALL, sharex=True, sharey=True)
    for axis, (category, strength) in zip(np.atleast_1d(axes), values.items(), strict=True):
        words, colour = CATEGORY_WORDS[category], CATEGORY_STYLE[category][0]
        if len(strength):
            weights = np.full(len(strength), 100 / len(strength))
            axis.hist(np.clip(strength, *span), bins=15, range=span, weights=weights, color=colour, rwidth=0.92)
            axis.axvline(np.clip(strength.mean(), *span), color="black", linewidth=1.2, linestyle="--", ymax=0.7)
        text = f"{words} ({len(strength):,})" if len(strength) else f"{words}: no pair"
        axis.text(0.985, 0.9, text, transform=axis.transAxes, ha="right", va="top", fontsize=8.5, bbox=_PAPER)
        axis.spines[["top", "right"]].set_visible(False)
    # room above the bars for the words
    np.atleast_1d(axes)[0].set_ylim(0, 1.45 * np.atleast_1d(axes)[0].get_ylim()[1])
    figure.supylabel("% of the pairs", fontsize=9)
    np.atleast_1d(axes)[-1].set_xlabel(label, fontsize=9)
    figure.suptitle(title, fontsize=10)
    figure.tight_layout(h_pad=0.3)
    return save_figure(figure, path)


def plot_densities(found: Mapping[str, Any], has_slight: bool, title: str, path: Path) -> Path:
    """The density of r_A - r_B with the regions of the labels (the paper's Figure 3).

    Args:
        found: what `densities_of_row` returns.
        has_slight: whether the data know slight preferences; else their regions are drawn as part of a preference.
        title: of the figure.
        path: PNG to write.
    """
    plt = headless_pyplot()
    figure, axes = plt.subplots(1, 2, figsize=(8.6, 3.5), sharex=True)
    low, high = found["at"][0], found["at"][-1]
    far_b, near_b, near_a, far_a = found["thresholds"]
    regions = (
        (low, far_b, 0.13),
        (far_b, near_b, 0.06),
        (near_b, near_a, 0.0),
        (near_a, far_a, 0.06),
        (far_a, high, 0.13),
    )
    names = ("other much\nbetter", "slightly", "tie", "slightly", "favourite much\nbetter")
    if not has_slight:
        regions = ((low, near_b, 0.13), (near_b, near_a, 0.0), (near_a, high, 0.13))
        names = ("other better", "tie", "favourite better")
    for axis, kind, panel in zip(
        axes, ("typical", "average"), ("one typical pair each", "average over all pairs"), strict=True
    ):
        for category, density in found[kind].items():
            words, (colour, line) = CATEGORY_WORDS[category], CATEGORY_STYLE[category]
            axis.plot(
                found["at"],
                density,
                color=colour,
                linestyle=line,
                linewidth=2,
                label=f"{words} ({found['n'][category]:,})",
            )
        axis.set_ylim(0, 1.32 * max((density.max() for density in found[kind].values()), default=1.0))
        for (left, right, alpha), name in zip(regions, names, strict=True):
            axis.axvspan(left, right, color="black", alpha=alpha, linewidth=0)
            axis.text(
                (left + right) / 2, 0.98, name, transform=axis.get_xaxis_transform(), ha="center", va="top", fontsize=7.5,
                rotation=90 if right - left < 0.2 * (high - low) else 0,
            )  # fmt: skip
        axis.set_xlim(low, high)
        axis.set_title(f"{title}: {panel}", fontsize="medium")
        axis.set_xlabel("reward of the majority's favourite - reward of the other", fontsize=9)
    axes[0].set_ylabel("density")
    figure.tight_layout()
    figure.legend(
        *axes[1].get_legend_handles_labels(),
        frameon=False,
        ncol=3,
        loc="upper center",
        bbox_to_anchor=(0.5, 0.02),
        fontsize="small",
    )
    return save_figure(figure, path)


def plot_reliability(lines: Mapping[str, Sequence[Mapping[str, float]]], title: str, what: str, path: Path) -> Path:
    """Observed share against predicted probability.

    Args:
        lines: key of `LEVEL_STYLE` -> bins of `equal_count_bins`.
        title: of the figure.
        what: the probability is of, for the axes.
        path: PNG to write.
    """
    plt = headless_pyplot()
    figure, axis = plt.subplots(figsize=SMALL)
    top = 0.0
    for name, bins in lines.items():
        words, colour, marker = LEVEL_STYLE[name]
        predicted = np.array([one["predicted"] for one in bins])
        value, whiskers = _value_and_whiskers(bins)
        axis.errorbar(
            predicted, value, whiskers, color=colour, marker=marker, markersize=4.5, linewidth=1.3, elinewidth=0.9,
            capsize=2, label=words,
        )  # fmt: skip
        top = max([top, *predicted, *(value + whiskers[1])])
    top = min(1.0, 1.05 * top) if top else 1.0
    axis.plot([0, top], [0, top], color="black", linewidth=0.9, linestyle=":", label="exactly right")
    axis.set_xlim(0, top)
    axis.set_ylim(0, top)
    axis.set_xlabel(f"predicted probability {what}", fontsize=9)
    axis.set_ylabel("how often it was so", fontsize=9)
    axis.set_title(title, fontsize=10)
    axis.legend(frameon=False, fontsize=8, loc="upper left")
    figure.tight_layout()
    return save_figure(figure, path)


_PAPER = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 1.0}


def _value_and_whiskers(estimates: Sequence[Mapping[str, float]]) -> tuple[np.ndarray, np.ndarray]:
    """[N] values and [2, N] lengths of whiskers, 0 where there is no interval."""
    value, low, high = (
        np.array([one[key] for one in estimates], dtype=float) for key in ("value", "ci_low", "ci_high")
    )
    return value, np.nan_to_num([value - low, high - value]).clip(0)
