"""The tables of results/experiments.md, from the results.json files that `distreward experiment` wrote.

python recipes/experiment_tables.py results/experiments/human_feedback results/experiments/mtbench_human
"""

import json
import sys
from pathlib import Path

from distreward.experiments.page.tables import title_of

COLUMNS = {
    "preference_accuracy": "accuracy",
    "diverging_id_auroc": "diverging: own score",
    "diverging_probability_auroc": "probability",
    "calibrated_diverging_probability_auroc": "probability, calibrated",
    "substantial_auroc": "substantial: own score",
    "diverging_probability_substantial_auroc": "probability",
    "calibrated_diverging_probability_substantial_auroc": "probability, calibrated",
    "jensen_shannon": "Jensen-Shannon",
    "calibrated_jensen_shannon": "calibrated",
}
TESTED = (
    "diverging_id_auroc",
    "diverging_probability_auroc",
    "substantial_auroc",
    "diverging_probability_substantial_auroc",
    "calibrated_jensen_shannon",
)


def shown(estimate: dict | None, digits: int = 3) -> str:
    """An estimate out of JSON with its interval; a dash where the row has none."""
    if estimate is None or estimate["value"] is None:
        return "-"
    value, low, high = (estimate[key] for key in ("value", "ci_low", "ci_high"))
    return f"{value:.{digits}f}" if low is None else f"{value:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def table(found: dict) -> list[str]:
    """Table 3 of one experiment, its ensembles below, and the average distribution that is to be beaten."""
    ensembles = {f"{title_of(name)}, ensemble": row for name, row in found["ensembles"]["rows"].items()}
    rows = {title_of(name): row for name, row in found["rows"].items()} | ensembles
    lines = ["| | " + " | ".join(COLUMNS.values()) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    lines += [
        f"| {name} | " + " | ".join(shown(row.get(column)) for column in COLUMNS) + " |" for name, row in rows.items()
    ]
    average = shown(found["average_distribution"]["jensen_shannon"])
    return [*lines, "| the average distribution for every pair |" + " - |" * (len(COLUMNS) - 2) + f" {average} | - |"]


def tests(found: dict) -> list[str]:
    """Differences to Bradley-Terry on all labels, with p-values corrected by Holm within each column."""
    lines = [
        "| minus Bradley-Terry | " + " | ".join(f"`{name}`" for name in TESTED) + " |",
        "|---" * (len(TESTED) + 1) + "|",
    ]
    for name, row in found["comparisons"].items():
        if not any(metric in row for metric in TESTED):
            continue
        cells = [
            f"{shown(row[metric])}, p = {row[metric]['p_value_corrected']:.3f}" if metric in row else "-"
            for metric in TESTED
        ]
        lines.append(f"| {title_of(name)} | " + " | ".join(cells) + " |")
    return lines


def page(folders: list[Path]) -> str:
    """The tables of several experiments, a heading each."""
    parts = []
    for folder in folders:
        found = json.loads((folder / "results.json").read_text(encoding="utf-8"))
        parts.append("\n".join([f"## {folder.name}", "", *table(found), "", *tests(found)]))
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    print(page([Path(name) for name in sys.argv[1:]]), end="")
