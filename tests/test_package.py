"""The package as a whole: public names, versions, import cost."""

import json
import re
import shutil
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


def test_every_tracked_file_of_the_package_is_built(tmp_path):
    """Templates, launch files and pages too: what setuptools builds from a copy of the tracked files, file by file."""
    pytest.importorskip("setuptools")
    listed = subprocess.run(["git", "ls-files", "distreward"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode or not listed.stdout:
        pytest.skip("not a git checkout")
    tracked = {name for name in listed.stdout.splitlines() if (ROOT / name).is_file()}
    for name in [*tracked, "setup.cfg", "setup.py", "README.md", "LICENSE"]:
        (tmp_path / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / "source" / name)
    command = [sys.executable, "setup.py", "-q", "build_py", "--build-lib", str(tmp_path / "built")]
    subprocess.run(command, cwd=tmp_path / "source", check=True, capture_output=True)
    built = (path for path in (tmp_path / "built").rglob("*") if path.is_file())
    assert {path.relative_to(tmp_path / "built").as_posix() for path in built} == tracked
    assert {Path(name).suffix for name in tracked} >= {".py", ".jinja", ".md", ".yaml"}


def test_the_lowest_python_is_one_that_the_required_packages_take():
    """trl 1.16, the lowest we take, needs Python 3.11: a promise of 3.10 could not be installed."""
    import configparser
    from importlib.metadata import metadata

    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

    options = configparser.ConfigParser(interpolation=None)
    options.read(ROOT / "setup.cfg")
    lowest = options["options"]["python_requires"].removeprefix(">=")
    required = [line for line in options["options"]["install_requires"].splitlines() if line and line[0] != "#"]
    for name in (Requirement(line).name for line in required):
        assert SpecifierSet(metadata(name)["Requires-Python"] or "").contains(lowest), name
