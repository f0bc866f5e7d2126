"""The tables of results/experiments.md are what the script makes of the committed numbers."""

import json
import runpy
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXPERIMENTS = ROOT / "results" / "experiments"
SCRIPT = runpy.run_path(str(ROOT / "recipes" / "experiment_tables.py"))
SETS = ("human_feedback", "mtbench_human", "vicuna80")


def test_the_tables_are_those_of_the_results():
    _, tables = (ROOT / "results" / "experiments.md").read_text(encoding="utf-8").split("<!-- tables -->\n")
    assert tables == SCRIPT["page"]([EXPERIMENTS / name for name in SETS])


def test_the_experiments_are_whole():
    for name in SETS:
        found = json.loads((EXPERIMENTS / name / "results.json").read_text(encoding="utf-8"))
        assert found["failed"] == [] and all(runs["runs"] == 15 for runs in found["runs"].values())  # 3 seeds, 5 folds
        page = (EXPERIMENTS / name / "report.html").read_text(encoding="utf-8")
        assert "data:image/png;base64" in page and 'src="http' not in page
