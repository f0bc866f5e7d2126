"""The tables people read: metrics of one or several models."""

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from distreward.metrics.checks import is_defined

ROWS = (
    ("preference accuracy", ("preference_accuracy",)),
    ("Diverging-ID AUROC, own score", ("diverging_id_auroc",)),
    ("  ... -|reward gap| baseline", ("gap_baseline_grid", "diverging", "rest")),
    ("  ... diverging_probability", ("diverging_probability_grid", "diverging", "rest")),
    ("  ... substantial vs. rest, own score", ("diverging_id_auroc_grid", "diverging_substantial", "rest")),
    ("Brier score of levels (lower is better)", ("level_calibration", "brier")),
    ("calibration error of levels", ("level_calibration", "ece")),
    ("Jensen-Shannon distance to people", ("level_calibration", "jensen_shannon")),
    ("Wasserstein distance to people", ("level_calibration", "wasserstein")),
    ("Jensen-Shannon, not calibrated", ("level_calibration_uncalibrated", "jensen_shannon")),
    ("diverging_probability: mean", ("diverging_calibration", "predicted")),
    ("  ... share of pairs that diverge", ("diverging_calibration", "observed")),
    ("  ... Brier score (lower is better)", ("diverging_calibration", "brier")),
    ("  ... not calibrated: mean", ("diverging_calibration_uncalibrated", "predicted")),
    ("  ... not calibrated: Brier score", ("diverging_calibration_uncalibrated", "brier")),
    ("entropy of levels: among people", ("ensemble", "level_entropy", "people")),
    ("  ... the models' own", ("ensemble", "level_entropy", "model")),
    ("Spearman with the true divergence", ("spearman_true_divergence",)),
)


def estimate_text(estimate: dict[str, Any] | None) -> str:
    """`0.712 [0.690, 0.733]`, or a dash where there is nothing to say.

    >>> estimate_text({"value": 0.7123, "ci_low": 0.69, "ci_high": 0.7333, "n": 10})
    '0.712 [0.690, 0.733]'
    """
    if estimate is None or not is_defined(estimate["value"]):
        return "-"
    if not is_defined(estimate["ci_low"]):
        return f"{estimate['value']:.3f}"
    return f"{estimate['value']:.3f} [{estimate['ci_low']:.3f}, {estimate['ci_high']:.3f}]"


def lookup(metrics: dict[str, Any], path: tuple[str, ...]) -> Any:
    """The value at a path of keys, or None."""
    value: Any = metrics
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def print_metrics(models: dict[str, dict[str, Any]], title: str) -> None:
    """One column per model, one row per metric that any model has; 95 % intervals in brackets."""
    table = Table(
        title=title, box=box.SIMPLE_HEAD, title_justify="left", caption="95 % bootstrap intervals over prompts"
    )
    table.add_column("")
    for name in models:
        table.add_column(name, justify="right", no_wrap=True)
    for label, path in ROWS:
        found = [lookup(metrics, path) for metrics in models.values()]
        if any(found):
            table.add_row(label, *(estimate_text(value) for value in found))
    Console(width=44 + sum(max(24, len(name) + 2) for name in models)).print(table)


def print_rows(heading: str, rows: Sequence[Sequence[str]], caption: str | None = None) -> None:
    """A table of text under a heading, wide enough for its cells; the first row is the header."""
    table = Table(title=heading, box=box.SIMPLE_HEAD, title_justify="left", caption=caption)
    for number, name in enumerate(rows[0]):
        table.add_column(name, justify="left" if number == 0 else "right", no_wrap=True)
    for row in rows[1:]:
        table.add_row(*row)
    width = sum(max(len(row[column]) for row in rows) + 3 for column in range(len(rows[0])))
    Console(width=max(width, len(heading)) + 2).print(table)
