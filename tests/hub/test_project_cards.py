"""The cards in `model_cards` are what the command writes from the files in `results/demo`, and those files are the demo's."""

import json
from pathlib import Path

import pytest

from distreward.cli.demo import DEMO_OBJECTIVES
from distreward.cli.main import main
from distreward.hub.secrets import check_no_secrets

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "results" / "demo"


@pytest.mark.parametrize("objective", DEMO_OBJECTIVES)
def test_the_card_is_what_the_command_writes(objective, monkeypatch):
    monkeypatch.chdir(ROOT)
    committed = ROOT / "model_cards" / f"{objective}.md"
    before = committed.read_text(encoding="utf-8")
    command = ["card", "--model_dir", f"results/demo/{objective}", "--repo_id", f"distreward-demo/{objective}"]
    # beside the committed one, since files are named relative to the card
    anew = committed.with_name(f".{objective}.tmp.md")
    try:
        assert main([*command, "--license", "apache-2.0", "--output_file", str(anew)]) == 0
        assert anew.read_text(encoding="utf-8") == before
    finally:
        anew.unlink(missing_ok=True)
    check_no_secrets(DEMO / objective)


def test_the_numbers_are_those_of_the_demo():
    models = json.loads((DEMO / "results.json").read_text())["models"]
    for objective in DEMO_OBJECTIVES:
        evaluation = json.loads((DEMO / objective / "evaluation" / "results.json").read_text())
        assert evaluation["metrics"] == models[objective]["metrics"]


def test_the_readme_names_every_card():
    text = (ROOT / "model_cards" / "README.md").read_text(encoding="utf-8")
    assert all(f"]({objective}.md)" in text for objective in DEMO_OBJECTIVES)
