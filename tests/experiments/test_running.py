"""A whole experiment on a tiny model: cells are kept, gone on with, reported when they fail, and add up to the table."""

import json
import shutil

import numpy as np
import pytest
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from distreward.cli.main import main
from distreward.experiments import running
from distreward.experiments.collected import chosen_cells
from distreward.experiments.plan import Cell
from tests.conftest import make_pairs


@pytest.fixture
def command(base_model, tmp_path):
    data = tmp_path / "pairs.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in make_pairs(24)))

    def run(*options):
        fixed = {
            "dataset_name": data, "model_name_or_path": base_model, "output_dir": tmp_path / "out", "folds": 2,
            "eval_size": 0.25, "n_bootstrap": 20, "num_train_epochs": 1, "eval_every_epochs": 1, "freeze_backbone": "true",
            "feature_cache_dir": tmp_path / "features", "gradient_checkpointing": "false", "report_to": "none",
            "disable_tqdm": "true", "learning_rate": 0.01, "figures": "false",
        }  # fmt: skip
        words = [
            word for name, value in fixed.items() if f"--{name}" not in options for word in (f"--{name}", str(value))
        ]
        return main(["experiment", *words, *options])

    return run


ROWS = ("--rows", "bradley_terry", "mean_variance_kl", "likert_kl", "--seeds", "0", "1", "--etas", "0", "0.5")


def test_an_experiment_from_cells_to_table(command, tmp_path, capsys, monkeypatch):
    assert command(*ROWS) == 0
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert set(results["rows"]) == {"bradley_terry", "mean_variance_kl", "likert_kl"}
    for row in results["rows"].values():
        accuracy = row["preference_accuracy"]
        assert accuracy["n"] == 4 and accuracy["ci_low"] <= accuracy["value"] <= accuracy["ci_high"]
    assert "jensen_shannon" in results["rows"]["likert_kl"] and "jensen_shannon" not in results["rows"]["bradley_terry"]
    compared = results["comparisons"]["mean_variance_kl"]["diverging_probability_auroc"]
    assert 0 < compared["p_value"] <= compared["p_value_corrected"] <= 1
    assert results["failed"] == [] and 0 < results["average_distribution_jensen_shannon"] < 1
    assert 0 < results["average_distribution_log_loss"] < np.log(5) + 1e-9
    together = results["ensembles"]
    assert set(together["rows"]) == set(results["rows"])
    for row in together["rows"].values():  # one per fold, of both seeds
        assert row["preference_accuracy"]["n"] == 2
    assert together["rows"]["likert_kl"]["model_entropy"]["value"] >= 0
    assert 0 < together["comparisons"]["likert_kl"]["diverging_id_auroc"]["p_value"] <= 1
    assert len(results["chosen_etas"]) == 12  # of the two etas, one for each of four mean-variance runs
    said = capsys.readouterr().out
    assert "eval_loss" not in said  # the logs of single runs are not the user's
    assert "Likert KL, ensemble" in said and "calibrated" in said

    # the same command again runs nothing; a cell that is gone is run again, to the same table
    (tmp_path / "out" / "cells" / "likert_kl-seed1-fold1" / "cell.json").unlink()
    real, ran = running.run_cell, []
    monkeypatch.setattr(running, "run_cell", lambda cell, *rest: ran.append(cell.name) or real(cell, *rest))
    assert command(*ROWS) == 0
    assert ran == ["likert_kl-seed1-fold1"]
    again = json.loads((tmp_path / "out" / "results.json").read_text())
    assert again["rows"] == results["rows"] and again["comparisons"] == results["comparisons"]


def test_a_cell_that_fails_is_reported_and_the_others_are_kept(command, tmp_path, monkeypatch):
    real = running.run_cell

    def fails_once(cell, *rest):
        if cell.seed == 1:
            raise RuntimeError("out of memory")
        return real(cell, *rest)

    monkeypatch.setattr(running, "run_cell", fails_once)
    options = ("--rows", "bradley_terry", "--seeds", "0", "1", "--folds", "0", "--test_size", "6")
    assert command(*options) == 1
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["failed"] == ["bradley_terry-seed1-fold0"]
    assert results["rows"]["bradley_terry"]["preference_accuracy"]["n"] == 1
    failure = tmp_path / "out" / "cells" / "bradley_terry-seed1-fold0" / "failed.txt"
    assert "out of memory" in failure.read_text()
    monkeypatch.undo()
    assert command(*options) == 0  # it is tried again


def test_cells_of_another_experiment_are_not_mixed_in(command, capsys):
    options = ("--rows", "bradley_terry", "--seeds", "0", "--folds", "0", "--test_size", "6")
    assert command(*options) == 0
    assert command(*options, "--learning_rate", "0.02") == 2
    assert "holds cells made with learning_rate = 0.01, not 0.02" in capsys.readouterr().err.splitlines()[-1]


def test_the_eta_with_the_lowest_development_loss_counts(tmp_path):
    cells = [Cell("mean_variance_kl", 0, 0, eta) for eta in (0.0, 0.5, 1.0)]
    for cell, loss in zip(cells, (1.2, 1.1, 1.3), strict=True):
        folder = tmp_path / "cells" / cell.name
        folder.mkdir(parents=True)
        (folder / "cell.json").write_text(json.dumps({"development_log_loss": loss}))
    ((chosen, _),) = chosen_cells(cells, tmp_path)["mean_variance_kl"]
    assert chosen.eta == 0.5


def test_a_stock_model_stands_in_the_table_on_the_same_pairs(command, base_model, tmp_path, capsys):
    stock = AutoModelForSequenceClassification.from_pretrained(base_model, num_labels=1)
    stock.save_pretrained(tmp_path / "stock")
    AutoTokenizer.from_pretrained(base_model).save_pretrained(tmp_path / "stock")
    options = ("--rows", "bradley_terry", "--seeds", "0", "--folds", "0", "--test_size", "6")
    assert command(*options, "--stock_models", str(tmp_path / "stock")) == 0
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert set(results["rows"]) == {"bradley_terry", "stock"}
    assert 0 < results["comparisons"]["stock"]["diverging_id_auroc"]["p_value_corrected"] <= 1

    # it is scored once: the same command again reads what was kept, and needs the model no more
    shutil.rmtree(tmp_path / "stock")
    assert command(*options, "--stock_models", str(tmp_path / "stock")) == 0
    assert json.loads((tmp_path / "out" / "results.json").read_text())["rows"] == results["rows"]
    both = (str(tmp_path / "stock"), str(tmp_path / "elsewhere" / "stock"))
    assert command(*options, "--stock_models", *both) == 2
    assert "has the same name, stock" in capsys.readouterr().err.splitlines()[-1]
