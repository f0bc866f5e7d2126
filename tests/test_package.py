"""The package as a whole: public names, versions, import cost."""

import json
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import distreward

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("name", distreward.__all__)
def test_every_public_name_is_there_and_documented(name):
    value = getattr(distreward, name)
    assert isinstance(value, dict) or value.__doc__


def test_unknown_names_raise_attribute_error():
    with pytest.raises(AttributeError, match="nothing_here"):
        _ = distreward.nothing_here


def test_import_is_light():
    code = "import sys, distreward; sys.exit(any(m in sys.modules for m in ('torch', 'transformers', 'datasets', 'numpy')))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_version_is_the_packages():
    shown = subprocess.run([sys.executable, "-m", "distreward", "--version"], capture_output=True, text=True).stdout
    assert shown.strip() == f"distreward {version('distreward')}"


def test_readme_names_every_objective():
    from distreward.trainers import OBJECTIVES

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name in OBJECTIVES)


@pytest.mark.parametrize("name", distreward.__all__)
def test_every_public_name_is_in_the_reference(name):
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    assert re.search(rf":: distreward\.{name}$", text, re.MULTILINE)


def test_readme_numbers_come_from_the_committed_results():
    from distreward.cli.tables import estimate_text, lookup

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    results = json.loads((ROOT / "results" / "demo" / "results.json").read_text(encoding="utf-8"))
    for model in results["models"].values():
        for path in (
            ("metrics", "preference_accuracy"),
            ("metrics", "diverging_id_auroc"),
            ("spearman_true_divergence",),
        ):
            assert estimate_text(lookup(model, path)) in text
    assert f"AUROC of {results['oracle']['diverging_id_auroc']['value']:.2f}" in text
