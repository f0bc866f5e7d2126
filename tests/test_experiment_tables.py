"""The tables of results/experiments.md are what the script makes of the committed numbers."""

import json
import runpy
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXPERIMENTS = ROOT / "results" / "experiments"
SCRIPT = runpy.run_path(str(ROOT / "recipes" / "experiment_tables.py"))
N_RUNS = {
    "human_feedback": 15,
    "mtbench_human": 15,
    "vicuna80": 15,
    "mtbench_human_finetuned": 5,
}
"""Runs of a row: seeds times five folds."""


def test_the_tables_are_those_of_the_results():
    _, tables = (ROOT / "results" / "experiments.md").read_text(encoding="utf-8").split("<!-- tables -->\n")
    assert tables == SCRIPT["page"]([EXPERIMENTS / name for name in N_RUNS])


def test_the_experiments_are_whole():
    for name, n_runs in N_RUNS.items():
        found = json.loads((EXPERIMENTS / name / "results.json").read_text(encoding="utf-8"))
        assert found["failed"] == [] and all(runs["runs"] == n_runs for runs in found["runs"].values())
        page = (EXPERIMENTS / name / "report.html").read_text(encoding="utf-8")
        assert "data:image/png;base64" in page and 'src="http' not in page
