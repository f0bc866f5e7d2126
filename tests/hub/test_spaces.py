"""Metrics as Spaces of `evaluate`: they load without distreward and say what the package says."""

import configparser
import json
import os
import runpy
import subprocess
import sys
import types
from pathlib import Path

import evaluate
import pytest
import yaml
from huggingface_hub import hf_hub_download
from packaging.requirements import Requirement

from distreward.errors import InputError
from distreward.hub.pushing import open_repository
from distreward.hub.spaces import EXAMPLES, metric_space
from distreward.metrics.loading import METRICS, load_metric
from tests.hub.hub_server import HubServer

# Loads every Space by its path, in a process that has neither a network nor distreward.
ALONE = """
import json, socket, sys
def refuse(*args): raise AssertionError("network")
socket.socket.connect = socket.getaddrinfo = refuse
class NoPackage:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "distreward":
            raise ImportError("distreward is not installed here")
sys.meta_path.insert(0, NoPackage())
import evaluate
for name, (predictions, references) in json.loads(sys.argv[2]).items():
    metric = evaluate.load(f"{sys.argv[1]}/{name}")
    print(json.dumps(metric.compute(predictions=json.loads(predictions), references=json.loads(references))))
"""


@pytest.fixture(scope="module")
def spaces(tmp_path_factory):
    """A folder with every metric's Space."""
    root = tmp_path_factory.mktemp("spaces")
    for name in METRICS:
        (root / name).mkdir()
        for path, content in metric_space(name, f"ann/{name}").items():
            (root / name / path).write_bytes(content)
    return root


@pytest.fixture
def fresh_modules(monkeypatch, tmp_path):
    """`evaluate` keeps the modules it loads in a folder of the test's own, and forgets those it has loaded."""
    monkeypatch.setattr("evaluate.config.HF_MODULES_CACHE", tmp_path / "modules")
    monkeypatch.setattr(sys, "path", sys.path.copy())
    for name in [name for name in sys.modules if name.split(".")[0] == "evaluate_modules"]:
        monkeypatch.delitem(sys.modules, name)
    yield
    for name in [name for name in sys.modules if name.split(".")[0] == "evaluate_modules"]:
        del sys.modules[name]


def test_every_metric_has_an_example():
    assert tuple(EXAMPLES) == METRICS


def test_they_load_without_distreward_and_agree_with_it(spaces, fresh_modules, tmp_path):
    places = {"HF_HOME": tmp_path, "HF_MODULES_CACHE": tmp_path / "modules", "HF_METRICS_CACHE": tmp_path / "metrics"}
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", **{name: str(place) for name, place in places.items()}}
    run = subprocess.run(
        [sys.executable, "-c", ALONE, str(spaces), json.dumps(EXAMPLES)],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    for name, line in zip(METRICS, run.stdout.splitlines(), strict=True):
        predictions, references = map(json.loads, EXAMPLES[name])
        ours = load_metric(name, cache_dir=str(tmp_path)).compute(predictions=predictions, references=references)
        assert json.loads(line) == pytest.approx(ours, nan_ok=True)


@pytest.mark.parametrize("name", METRICS)
def test_the_header_is_that_of_a_space(spaces, name):
    _, header, body = (spaces / name / "README.md").read_text().split("---\n", 2)
    facts = yaml.safe_load(header)
    assert (facts["sdk"], facts["app_file"]) == ("gradio", "app.py") and {"evaluate", "metric"} <= set(facts["tags"])
    assert facts["title"] and facts["description"] and f'evaluate.load("ann/{name}")' in body
    for text in (body, (spaces / name / f"{name}.py").read_text()):
        assert "import distreward" not in text and "from distreward" not in text and "load_metric" not in text
    options = configparser.ConfigParser(interpolation=None)
    options.read(Path(__file__).parents[2] / "setup.cfg")
    wanted = {
        Requirement(line) for line in options["options"]["install_requires"].splitlines() if line and line[0] != "#"
    }
    found = list(map(Requirement, (spaces / name / "requirements.txt").read_text().splitlines()))
    assert [one.name for one in found] == ["datasets", "evaluate", "numpy", "scipy"]
    assert set(found) <= wanted and all("<" in str(one.specifier) for one in found)


@pytest.mark.parametrize("name", METRICS)
def test_the_page_computes_what_it_shows(spaces, name, fresh_modules, monkeypatch):
    gradio = types.ModuleType("gradio")  # only the names that the page uses: gradio itself is large
    gradio.Error = type("Error", (Exception,), {})
    gradio.Textbox = lambda **options: options
    gradio.Interface = lambda **options: options
    monkeypatch.setitem(sys.modules, "gradio", gradio)
    page = runpy.run_path(str(spaces / name / "app.py"))["page"]
    shown = json.loads(page["fn"](*(box["value"] for box in page["inputs"])))
    assert f"{next(iter(shown))}_n" in shown and page["title"]
    with pytest.raises(gradio.Error, match="row 0 holds the label 7"):
        page["fn"](
            json.loads(json.dumps(page["inputs"][0]["value"])), page["inputs"][1]["value"].replace("[[", "[[7, ", 1)
        )
    with pytest.raises(gradio.Error):
        page["fn"]("no list", "[[1]]")


def test_wrong_names_are_refused():
    with pytest.raises(InputError, match="--metric acc: wanted one of preference_accuracy"):
        metric_space("acc", "ann/acc")
    with pytest.raises(InputError, match="must end in /preference_accuracy"):
        metric_space("preference_accuracy", "ann/accuracy")


def test_it_is_pushed_as_a_space_and_loads_from_there(hub: HubServer, fresh_modules, tmp_path):
    name, files = "preference_accuracy", metric_space("preference_accuracy", "ann/preference_accuracy")
    open_repository(f"ann/{name}", repo_type="space").commit(files, "a metric")
    space = hub.repositories[f"spaces/ann/{name}"]
    assert space.files() == files and space.sdk == "gradio"
    for path in files:
        hf_hub_download(f"ann/{name}", path, repo_type="space", local_dir=tmp_path / name)
    metric = evaluate.load(str(tmp_path / name), cache_dir=str(tmp_path / "cache"))
    assert metric.compute(predictions=[1.0], references=[[2]], n_bootstrap=0)["preference_accuracy"] == 1
