"""The three `evaluate` modules: they load without a network and say what the functions say."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import distreward.metrics
from distreward.data.agreement import level_counts
from distreward.errors import InputError
from distreward.metrics import functional
from distreward.metrics.loading import METRICS, load_metric

ROOM = Path(distreward.metrics.__file__).parent
LABELS = [[2, -1], [2, -2, 0], [1, 1], [0, 0], [1, -1, 0], [2], []] * 4
GROUPS = [f"prompt {i % 6}" for i in range(len(LABELS))]
SCORES = np.random.default_rng(0).normal(size=len(LABELS)).tolist()
PROBS = np.random.default_rng(1).dirichlet(np.ones(5), len(LABELS)).tolist()
OPTIONS = {"groups": GROUPS, "n_bootstrap": 40, "seed": 3, "confidence": 0.9}


@pytest.fixture(scope="module")
def load(tmp_path_factory):
    """`load_metric` with every cache of `evaluate` in a temporary folder."""
    from evaluate import config

    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config, "HF_MODULES_CACHE", cache / "modules")
        patch.setattr(sys, "path", sys.path.copy())
        yield lambda name, **kwargs: load_metric(name, cache_dir=str(cache / "metrics"), **kwargs)


def test_preference_accuracy(load):
    got = load("preference_accuracy").compute(predictions=SCORES, references=LABELS, **OPTIONS)
    expected = functional.preference_accuracy(SCORES, level_counts(LABELS), **OPTIONS)
    assert got == {
        "preference_accuracy": expected["value"],
        "preference_accuracy_ci_low": expected["ci_low"],
        "preference_accuracy_ci_high": expected["ci_high"],
        "preference_accuracy_n": expected["n"],
    }


def test_diverging_id_auroc(load):
    got = load("diverging_id_auroc").compute(predictions=SCORES, references=LABELS, **OPTIONS)
    expected = functional.diverging_id_auroc(SCORES, level_counts(LABELS), **OPTIONS)
    assert got["diverging_id_auroc"] == expected["headline"]["value"] == got["diverging_vs_rest"]
    cell = expected["grid"]["diverging_substantial"]["high_agreement"]
    for entry, number in cell.items():
        assert got["diverging_substantial_vs_high_agreement" + ("" if entry == "value" else f"_{entry}")] == number
    assert len(got) == 4 + 6 * 6 and not any(isinstance(value, dict) for value in got.values())


def test_level_calibration(load):
    got = load("level_calibration").compute(predictions=PROBS, references=LABELS, n_bins=5, **OPTIONS)
    expected = functional.level_calibration(PROBS, level_counts(LABELS), n_bins=5, **OPTIONS)
    assert {name: got[name] for name in expected} == {name: entry["value"] for name, entry in expected.items()}
    assert got["ece_ci_high"] == expected["ece"]["ci_high"] and len(got) == 16


def test_batches_give_the_same_as_one_call(load):
    metric = load("preference_accuracy")
    for start in range(0, len(LABELS), 10):
        metric.add_batch(predictions=SCORES[start : start + 10], references=LABELS[start : start + 10])
    whole = load("preference_accuracy").compute(predictions=SCORES, references=LABELS, n_bootstrap=20)
    assert metric.compute(n_bootstrap=20) == whole


@pytest.mark.parametrize("name", METRICS)
def test_a_wrong_label_names_its_row(load, name):
    predictions = PROBS if name == "level_calibration" else SCORES
    with pytest.raises(InputError, match="`references` row 1 holds the label 3"):
        load(name).compute(predictions=predictions[:2], references=[[1], [2, 3]])


def test_unknown_name():
    with pytest.raises(InputError, match="did you mean 'preference_accuracy'"):
        load_metric("preference_acuracy")


@pytest.mark.parametrize("name", METRICS)
def test_readme_lists_every_key_and_argument(load, name):
    readme = (ROOM / name / "README.md").read_text(encoding="utf-8")
    assert readme.startswith("---\ntitle: ") and "## Limitations and Bias" in readme
    predictions = PROBS if name == "level_calibration" else SCORES
    got = load(name).compute(predictions=predictions, references=LABELS, n_bootstrap=0)
    plain = [key for key in got if not key.endswith(("_ci_low", "_ci_high", "_n", "_n_positive", "_n_negative"))]
    for key in plain:
        parts = key.split("_vs_")  # grid cells are listed by their two names
        assert all(part in readme for part in parts), key
    for argument in ("predictions", "references", *OPTIONS):
        assert f"**{argument}**" in readme


def test_evaluate_load_by_path_in_a_fresh_offline_process(tmp_path):
    program = f"""
import socket
def refuse(*args): raise AssertionError("network")
socket.socket.connect = socket.getaddrinfo = refuse
import evaluate
for name, prediction in (("preference_accuracy", 1.0), ("diverging_id_auroc", 1.0), ("level_calibration", [0.2] * 5)):
    metric = evaluate.load({str(ROOM)!r} + "/" + name)
    print(sorted(metric.compute(predictions=[prediction] * 3, references=[[2, -2], [1, 1], [0, 0]], n_bootstrap=5))[0])
"""
    environment = {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(tmp_path),
        "HF_MODULES_CACHE": str(tmp_path / "modules"),
        "HF_METRICS_CACHE": str(tmp_path / "metrics"),
        "PYTHONPATH": os.pathsep.join([str(ROOM.parents[1]), os.environ.get("PYTHONPATH", "")]),
    }
    run = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == ["preference_accuracy", "diverging_id_auroc", "brier"]
    assert list((tmp_path / "modules").rglob("preference_accuracy.py"))
