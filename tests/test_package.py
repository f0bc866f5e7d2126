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


def test_readme_names_real_things():
    """Files the README links to exist; options and objectives it shows are real."""
    from distreward.cli.convert import ConvertArguments
    from distreward.cli.data_options import DATA_OPTIONS
    from distreward.cli.demo import DemoArguments
    from distreward.cli.divisive import DivisiveArguments
    from distreward.cli.judge_audit import JudgeAuditArguments
    from distreward.cli.judge_options import JudgeRunArguments
    from distreward.cli.launching import LAUNCH_OPTIONS
    from distreward.cli.train import ESSENTIAL, TrainArguments
    from distreward.trainers import OBJECTIVES

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / target).exists(), target
    options = {
        *ESSENTIAL,
        *TrainArguments.__dataclass_fields__,
        *ConvertArguments.__dataclass_fields__,
        *DATA_OPTIONS,
        *LAUNCH_OPTIONS,
        *DemoArguments.__dataclass_fields__,
        "splits_file",
        "split",
        "input_file",
        "help_all",
        "help",
        *JudgeRunArguments.__dataclass_fields__,
        *JudgeAuditArguments.__dataclass_fields__,
        *DivisiveArguments.__dataclass_fields__,
    }
    assert set(re.findall(r"--([a-z0-9_]+)", text)) <= options
    assert all(f"`{name}`" in text for name in OBJECTIVES)


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
