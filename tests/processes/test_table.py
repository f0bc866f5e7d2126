"""The table of docs/processes.md is made of the numbers in results/processes."""

import json

from tests.processes.table import END, PAGE, RESULTS, START, table_text


def test_the_page_shows_the_results():
    text = PAGE.read_text(encoding="utf-8")
    shown = text.split(START)[1].split(END)[0]
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    assert shown == table_text(results), "run `pytest -m processes --write_docs` and commit docs and results"
    assert results["rows"] and all(row["number"] in (1, 2) for row in results["rows"].values())
