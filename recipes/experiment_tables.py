r"""The tables of results/experiments.md, from the results.json files that `distreward experiment` wrote.

python recipes/experiment_tables.py results/experiments/human_feedback results/experiments/mtbench_human \
    results/experiments/vicuna80 results/experiments/mtbench_human_finetuned
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
    "calibrated_diverging_brier": "Brier score of the chance, calibrated",
}
TESTED = (
    "diverging_id_auroc",
    "diverging_probability_auroc",
    "substantial_auroc",
    "diverging_probability_substantial_auroc",
    "calibrated_jensen_shannon",
)
OF_PROBABILITY = (
    "diverging_probability_auroc",
    "calibrated_diverging_probability_auroc",
    "diverging_probability_substantial_auroc",
    "calibrated_diverging_probability_substantial_auroc",
)


def shown(estimate: dict | None, digits: int = 3) -> str:
    """An estimate out of JSON with its interval; a dash where the row has none."""
    if estimate is None or estimate["value"] is None:
        return "-"
    value, low, high = (estimate[key] for key in ("value", "ci_low", "ci_high"))
    return f"{value:.{digits}f}" if low is None else f"{value:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def table(found: dict) -> list[str]:
    """Table 3 of one experiment, its ensembles below, and the average distribution that is to be beaten."""
    averaged = found["ensembles"].get("rows", {})  # of one seed there are none
    ensembles = {f"{title_of(name)}, ensemble": row for name, row in averaged.items()}
    rows = {title_of(name): row for name, row in found["rows"].items()} | ensembles
    lines = ["| | " + " | ".join(COLUMNS.values()) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    lines += [
        f"| {name} | " + " | ".join(shown(row.get(column)) for column in COLUMNS) + " |" for name, row in rows.items()
    ]
    average = (shown(found["average_distribution"].get(name.removeprefix("calibrated_"))) for name in COLUMNS)
    return [*lines, "| the average for every pair | " + " | ".join(average) + " |"]


def tests(found: dict, heading: str, metrics: tuple[str, ...], suffix: str = "") -> list[str]:
    """Differences of every row, with p-values corrected by Holm within each column."""
    lines = [f"| {heading} | " + " | ".join(f"`{name}`" for name in metrics) + " |", "|---" * (len(metrics) + 1) + "|"]
    for name, row in found["comparisons"].items():
        tested = [row.get(metric + suffix) for metric in metrics]
        if not any(tested):
            continue
        cells = [f"{shown(one)}, p = {one['p_value_corrected']:.3f}" if one else "-" for one in tested]
        lines.append(f"| {title_of(name)} | " + " | ".join(cells) + " |")
    return lines


def page(folders: list[Path]) -> str:
    """The tables of several experiments, a heading each."""
    parts = []
    for folder in folders:
        found = json.loads((folder / "results.json").read_text(encoding="utf-8"))
        of_rows = tests(found, "minus Bradley-Terry", TESTED)
        of_scores = tests(found, "probability minus own score", OF_PROBABILITY, "_less_own")
        parts.append("\n".join([f"## {folder.name}", "", *table(found), "", *of_rows, "", *of_scores]))
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    print(page([Path(name) for name in sys.argv[1:]]), end="")
