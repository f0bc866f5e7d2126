"""Cells that keep predictions of their development pairs are calibrated on them, after the fact."""

import logging

import numpy as np
import pytest
from datasets import Dataset

from distreward.data.schema import features
from distreward.experiments.cells import write_facts, write_predictions
from distreward.experiments.collected import collect_runs
from distreward.experiments.labelled import labelled_pairs
from distreward.experiments.plan import Cell
from distreward.experiments.summary import summarise
from distreward.metrics.calibration import level_log_loss
from distreward.scoring import PairPredictions
from distreward.scoring.calibration import fit_calibration
from tests.conftest import make_pairs

CALIBRATED = {
    "calibrated_diverging_probability_auroc",
    "calibrated_diverging_probability_substantial_auroc",
    "calibrated_jensen_shannon",
    "calibrated_log_loss",
}


@pytest.fixture
def pairs():
    return Dataset.from_list([{**row, "margin": None} for row in make_pairs(60)], features=features())


def draw(head: dict, n: int) -> PairPredictions:
    rng = np.random.default_rng(0)
    stds = rng.uniform(0.1, 0.3, (2, n)) if head["type"] == "mean_variance" else (None, None)
    return PairPredictions(*rng.normal(size=(2, n)), head, *stds)


def leave_cell(folder, cell, head, pairs, n_validation=30):
    """What a cell leaves: predictions of the first 30 pairs as development, of the rest as test pairs."""
    ids, place = pairs["id"][:], folder / "cells" / cell.name
    found = {"validation": draw(head, n_validation), "test": draw(head, 30)}
    write_predictions(place, found, {"validation": ids[:n_validation], "test": ids[30:]})
    write_facts(place, {"reward_head": head, "development_log_loss": None})
    return found


@pytest.mark.parametrize(
    "head", [{"type": "scalar"}, {"type": "mean_variance", "cdf": "logistic", "level_smoothing": 0.05}]
)
def test_the_calibration_is_that_of_the_development_pairs(head, pairs, tmp_path):
    cell = Cell("bradley_terry", 0, 0)
    found = leave_cell(tmp_path, cell, head, pairs)
    ((run,),) = collect_runs([cell], tmp_path, pairs).values()
    counts = np.array([[row.count(level) for level in range(-2, 3)] for row in pairs["preferences"][:]])
    wanted = fit_calibration(found["validation"], counts[:30]).applied_to(head)
    assert "calibration" in wanted and run.calibrated.reward_head == wanted
    assert "calibration" not in run.predicted.reward_head

    metrics = summarise({"bradley_terry": [run]}, labelled_pairs(pairs, n_bootstrap=10))["rows"]["bradley_terry"]
    assert set(metrics) >= CALIBRATED
    probs = run.calibrated.level_probs()
    assert metrics["calibrated_log_loss"]["value"] == pytest.approx(level_log_loss(probs, counts[30:]))
    if head["type"] == "scalar":
        assert "log_loss" not in metrics
    else:
        plain = level_log_loss(run.predicted.level_probs(), counts[30:])
        assert metrics["log_loss"]["value"] == pytest.approx(plain) and plain > metrics["calibrated_log_loss"]["value"]


def test_too_few_development_pairs_leave_a_run_as_it_is(pairs, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("distreward"), "propagate", True)  # the command line turns it off
    cell = Cell("mean_variance_kl", 0, 0, 0.0)
    head = {"type": "mean_variance", "cdf": "logistic", "level_smoothing": 0.05}
    leave_cell(tmp_path, cell, head, pairs, n_validation=5)
    ((run,),) = collect_runs([cell], tmp_path, pairs).values()
    assert run.calibrated.reward_head == run.predicted.reward_head
    assert "mean_variance_kl-seed0-fold0-eta0: levels not calibrated: too few development labels" in caplog.text
    assert "15 labels" in caplog.text and "diverging_probability not calibrated: too few" in caplog.text


def test_labels_without_strength_are_met_without(pairs, tmp_path):
    rows = [{**row, "preferences": [2, 0, -2], "strength_known": False} for row in pairs]
    cell, head = (
        Cell("mean_variance_kl", 0, 0, 0.0),
        {"type": "mean_variance", "cdf": "logistic", "level_smoothing": 0.0},
    )
    leave_cell(tmp_path, cell, head, pairs)
    ((run,),) = collect_runs([cell], tmp_path, Dataset.from_list(rows, features=features())).values()
    assert (run.predicted.level_probs()[:, [1, 3]] == 0).all() and (run.calibrated.level_probs()[:, [1, 3]] == 0).all()
