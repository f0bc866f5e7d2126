"""The paper index names functions and tests that exist, and misses no equation, table or figure."""

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "paper-index.md").read_text(encoding="utf-8")
NAMES = re.findall(r"`((?:[a-z_0-9]+\.)+\w+)`", PAGE)
TESTS = re.findall(r"`([\w/]+\.py)(?:::(\w+))?`", PAGE)


@pytest.mark.parametrize("name", sorted(name for name in set(NAMES) if not name.endswith(".py")))
def test_every_name_exists(name):
    module, attribute = name.rsplit(".", 1)
    assert hasattr(importlib.import_module(f"distreward.{module}"), attribute)


@pytest.mark.parametrize(("file", "function"), sorted(set(TESTS)), ids=str)
def test_every_test_exists(file, function):
    path = ROOT / "tests" / file
    assert path.is_file(), file
    assert not function or f"def {function}(" in path.read_text(encoding="utf-8")


def test_nothing_of_the_paper_is_missing():
    tables, figures = PAGE.split("## Tables")[1].split("## Figures")
    assert numbers(tables) == set(range(1, 10)) and numbers(figures) == set(range(1, 6))
    assert "| Equation 1 " in PAGE
    rows = [line.split(" | ") for line in PAGE.splitlines() if line.startswith("|") and "---" not in line]
    assert len(rows) > 30 and {len(row) for row in rows} == {4}
    for row in rows:
        assert "`" in row[1] or row[1] == "here", row


def numbers(part: str) -> set[int]:
    """The numbers at the head of a table's rows."""
    return {int(n) for head in re.findall(r"^\| ([\d, and]+),", part, re.MULTILINE) for n in re.findall(r"\d+", head)}
