"""The table of docs/processes.md: made of results/processes/results.json, which `pytest -m processes --write_docs` writes."""

import json

from distreward.cli.results import versions
from tests.processes.launches import ROOT

RESULTS = ROOT / "results" / "processes" / "results.json"
PAGE = ROOT / "docs" / "processes.md"
START, END = "<!-- table: processes -->\n", "<!-- end of table -->"


def row(launcher: str, processes: dict, pairs: str, compared_with: str, logs: float, weights: float) -> dict:
    """One line of the table.

    Args:
        launcher: how the processes were started.
        processes: `processes` of the run's results.json.
        pairs: how the training pairs divide by the global batch.
        compared_with: the other run.
        logs: largest relative difference of a logged number.
        weights: largest absolute difference of a weight at the end.
    """
    return {"launcher": launcher, **processes, "pairs": pairs, "compared_with": compared_with,
            "largest_log_difference": logs, "largest_weight_difference": weights}  # fmt: skip


def write_table(rows: dict[str, dict]) -> None:
    """Write the JSON and the table of the page, all rows of one session: those of a failed test are not there.

    Raises:
        ValueError: a row of the last table is missing.
    """
    if RESULTS.is_file():
        missing = set(json.loads(RESULTS.read_text(encoding="utf-8"))["rows"]) - set(rows)
        if missing:
            raise ValueError(
                f"--write_docs: no row for {', '.join(sorted(missing))}; run all of `pytest -m processes`."
            )
    command = "pytest -m processes --write_docs"
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    results = {"command": command, "versions": versions(), "rows": rows}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(START)
    PAGE.write_text(before + START + table_text(results) + END + rest.split(END)[1], encoding="utf-8")


def table_text(results: dict) -> str:
    """The table as it stands on the page."""
    lines = ["| run | launcher | processes | type | pairs | compared with | logs | weights |", "|" + "---|" * 8]
    for name, found in results["rows"].items():
        differences = [f"{found[f'largest_{what}_difference']:.0e}" for what in ("log", "weight")]
        cells = [name, found["launcher"], found["number"], found["distributed_type"], found["pairs"],
                 found["compared_with"], *differences]  # fmt: skip
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + "\n"
