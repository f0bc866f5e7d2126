"""The tables of an experiment, as rows of text and estimates; the first row is the header."""

from collections.abc import Mapping, Sequence
from typing import Any

from distreward.data.agreement import CATEGORY_WORDS
from distreward.experiments.plan import ROWS
from distreward.experiments.strength import STRENGTH_CATEGORIES
from distreward.metrics.checks import is_defined

HEADINGS = {
    "preference_accuracy": "accuracy",
    "diverging_id_auroc": "AUROC, own score",
    "substantial_auroc": "substantial, own",
    "gap_auroc": "AUROC, small gap",
    "diverging_probability_auroc": "AUROC, probability",
    "diverging_probability_substantial_auroc": "substantial, prob.",
    "calibrated_diverging_probability_auroc": "AUROC, calibrated",
    "calibrated_diverging_probability_substantial_auroc": "substantial, calibr.",
    "jensen_shannon": "Jensen-Shannon",
    "calibrated_jensen_shannon": "Jensen-Shannon, calibrated",
    "log_loss": "log loss",
    "calibrated_log_loss": "log loss, calibrated",
    "diverging_brier": "Brier score",
    "calibrated_diverging_brier": "Brier score, calibrated",
}
"""Metrics of the tables, and what their columns are called."""

COLUMNS = (
    "preference_accuracy", "diverging_id_auroc", "substantial_auroc", "gap_auroc", "diverging_probability_auroc",
    "diverging_probability_substantial_auroc",
)  # fmt: skip
"""Metrics of Table 3."""

LEVEL_COLUMNS = (
    "log_loss", "calibrated_log_loss", "jensen_shannon", "calibrated_jensen_shannon", "diverging_probability_auroc",
    "calibrated_diverging_probability_auroc", "diverging_probability_substantial_auroc",
    "calibrated_diverging_probability_substantial_auroc",
)  # fmt: skip
"""Metrics of the level probabilities, without and with calibration (docs/calibration.md)."""

DISTANCES = ("jensen_shannon", "calibrated_jensen_shannon", "calibrated_log_loss")
"""Metrics that compare predicted with actual labels: lower is better."""

BRIER_SCORES = ("diverging_brier", "calibrated_diverging_brier")
"""Metrics that compare the chance to diverge with which pairs did: lower is better."""

MEASURE_WORDS = {
    "chosen_probability": "P(C > R)",
    "majority_probability": "P(majority's choice)",
    "relative_gap": "reward gap, relative",
}

Cell = str | tuple[str, ...]
"""Text, or a value and what stands below it: its interval, a p-value."""


def title_of(row: str) -> str:
    """What a row is called: a trained one by its title, a stock model or an ensemble by its name."""
    return ROWS[row].title if row in ROWS else row


def estimate_cell(estimate: Mapping[str, Any] | None, digits: int = 3) -> Cell:
    """A value and its interval, a dash where it is undefined.

    >>> estimate_cell({"value": 0.7123, "ci_low": 0.69, "ci_high": 0.7333})
    ('0.712', '0.690 to 0.733')
    """
    if estimate is None or not is_defined(estimate["value"]):
        return "-"
    value = f"{estimate['value']:.{digits}f}"
    if not is_defined(estimate["ci_low"]):
        return value
    return value, f"{estimate['ci_low']:.{digits}f} to {estimate['ci_high']:.{digits}f}"


def ensemble_title(row: str) -> str:
    """What the seeds of a row together are called."""
    return f"{title_of(row)}, ensemble"


def columns_of(rows: Mapping[str, Mapping[str, Any]], metrics: Sequence[str]) -> dict[str, str]:
    """Of the columns in `metrics`, with their headings, those that at least one row has."""
    return {name: HEADINGS[name] for name in metrics if any(name in found for found in rows.values())}


def shown_columns(has_slight: bool) -> list[str]:
    """Columns of the main table; without slight labels every diverging pair is a substantial one, and once is enough."""
    return [name for name in COLUMNS if has_slight or "substantial" not in name]


def main_table(results: Mapping[str, Any]) -> list[list[Cell]]:
    """The two metrics of Table 3, every score: a line per way of training."""
    columns = columns_of(results["rows"], shown_columns(results["has_slight_labels"]))
    lines = [[title, *(estimate_cell(found.get(name)) for name in columns)] for title, found, _ in lines_of(results)]
    return [["", *columns.values()], *lines]


def lines_of(results: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """Title, metrics and comparisons of every row, and of the seeds of each row together as an ensemble."""
    found = [(title_of(row), metrics, results["comparisons"].get(row, {})) for row, metrics in results["rows"].items()]
    together = results["ensembles"]
    return found + [
        (ensemble_title(row), metrics, together["comparisons"].get(row, {}))
        for row, metrics in together.get("rows", {}).items()
    ]


def distance_table(results: Mapping[str, Any], metrics: Sequence[str] = DISTANCES) -> list[list[Cell]]:
    """Distances of what is predicted to what people did, and what saying the average of every pair comes to; empty without any."""
    table = _table_beside(results, metrics, "less_average", "less the average's")
    if not table:
        return []
    columns = columns_of(results["rows"], metrics)
    average = [results["average_distribution"][name.removeprefix("calibrated_")] for name in columns]
    table.append(
        ["no model: the average of all pairs", *(cell for one in average for cell in (estimate_cell(one), ""))]
    )
    return table


def own_score_table(results: Mapping[str, Any]) -> list[list[Cell]]:
    """AUROC of the probability, as trained and calibrated, and how much more that is than the own score's; empty without any."""
    metrics = [name for name in LEVEL_COLUMNS if "auroc" in name]
    if not results["has_slight_labels"]:
        metrics = [name for name in metrics if "substantial" not in name]
    return _table_beside(results, metrics, "less_own", "less the own score's")


def _table_beside(results: Mapping[str, Any], metrics: Sequence[str], suffix: str, heading: str) -> list[list[Cell]]:
    """Two columns a metric: its value, and its difference to what `comparisons` has under `<metric>_<suffix>`."""
    columns = columns_of(results["rows"], metrics)
    lines: list[list[Cell]] = []
    for title, found, against in lines_of(results):
        if any(name in found for name in columns):
            pairs = (
                (estimate_cell(found.get(name)), difference_cell(against.get(f"{name}_{suffix}"))) for name in columns
            )
            lines.append([title, *(cell for pair in pairs for cell in pair)])
    return [["", *(cell for name in columns.values() for cell in (name, heading))], *lines] if lines else []


def comparison_table(results: Mapping[str, Any]) -> list[list[Cell]]:
    """Differences to Bradley-Terry on all labels, with p-values; empty where it was not run."""
    comparisons = results["comparisons"]
    columns = columns_of(comparisons, [*shown_columns(results["has_slight_labels"]), *DISTANCES])
    lines = [
        [title_of(row), *(difference_cell(found.get(name)) for name in columns)]
        for row, found in comparisons.items()
        if set(columns) & set(found)
    ]
    return [["", *columns.values()], *lines] if lines else []


def difference_cell(estimate: Mapping[str, Any] | None) -> Cell:
    """A difference, its interval and its p-value after correction.

    >>> difference_cell({"value": 0.05, "ci_low": 0.01, "ci_high": 0.09, "p_value": 0.01, "p_value_corrected": 0.03})
    ('+0.050', '0.010 to 0.090', 'p = 0.030')
    """
    cell = estimate_cell(estimate)
    if not isinstance(cell, tuple):
        return cell
    p = estimate.get("p_value_corrected", estimate["p_value"])
    sign = "+" if estimate["value"] > 0 else ""
    return sign + cell[0], cell[1], *([f"p = {p:.3f}"] if is_defined(p) else [])


def strength_rows(strength: Mapping[str, Any], measure: str, has_slight: bool = True) -> list[list[Cell]]:
    """Table 2 for one measure: a line per agreement category, a column per row that has the measure."""
    rows = [row for row, found in strength.items() if measure in found]
    if not rows:
        return []
    table: list[list[Cell]] = [["", "pairs", *(title_of(row) for row in rows)]]
    for category in STRENGTH_CATEGORIES if has_slight else STRENGTH_CATEGORIES[:-1]:
        found = [strength[row][measure][category] for row in rows]
        n = max(estimate["n_pairs"] for estimate in found)
        table.append([CATEGORY_WORDS[category], f"{n:,}", *(estimate_cell(estimate) for estimate in found)])
    difference = [estimate_cell(strength[row][measure]["diverging_minus_agreement"]) for row in rows]
    table.append(["diverging less agreeing on a preference", "", *difference])
    return table


def breakdown_rows(parts: Mapping[str, Any], metric: str) -> list[list[Cell]]:
    """One metric on the parts of the data: a line per part, a column per row that has the metric."""
    rows = [row for part in parts.values() for row in part["rows"]]
    rows = [row for row in dict.fromkeys(rows) if any(metric in part["rows"].get(row, {}) for part in parts.values())]
    if not rows:
        return []
    auroc = metric.endswith("auroc")
    sizes = ["pairs of 2 or more", "diverging"] if auroc else ["pairs"]
    table: list[list[Cell]] = [["", *sizes, *(title_of(row) for row in rows)]]
    for name, part in parts.items():
        n = [part["n_several"], part["n_diverging"]] if auroc else [part["n_pairs"]]
        cells = [estimate_cell(part["rows"].get(row, {}).get(metric)) for row in rows]
        table.append([name, *(f"{number:,}" for number in n), *cells])
    return table


def count_rows(pairs: Mapping[str, int]) -> list[list[Cell]]:
    """What the tables rest on."""
    several = max(pairs["several_annotators"], 1)
    lines: list[list[Cell]] = [
        ["", "number", "share"],
        ["pairs tested", f"{pairs['pairs']:,}", ""],
        ["prompts", f"{pairs['prompts']:,}", ""],
        ["labels of people", f"{pairs['labels']:,}", ""],
        ["... that choose a response (accuracy is measured on these)", f"{pairs['choices']:,}", ""],
        ["pairs with two or more annotators (AUROC is measured on these)", f"{pairs['several_annotators']:,}", ""],
    ]
    for category in STRENGTH_CATEGORIES:
        lines.append(
            [f"... {CATEGORY_WORDS[category]}", f"{pairs[category]:,}", f"{100 * pairs[category] / several:.0f} %"]
        )
    return lines


def settings_rows(facts: Sequence[tuple[str, Any]]) -> list[list[Cell]]:
    """Name and value of everything that went into the numbers."""
    return [["", "value"], *([name, _plain_text(value)] for name, value in facts)]


def _plain_text(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "-"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {item}" for key, item in value.items()) or "not recorded"
    return "default" if value is None else str(value)
