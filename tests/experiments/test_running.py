"""A whole experiment on a tiny model: cells are kept, gone on with, reported when they fail, and add up to the table."""

import json
import shutil

import numpy as np
import pytest
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from distreward.cli.main import main
from distreward.errors import InputError
from distreward.experiments import running
from distreward.experiments.cells import drop_checkpoints, write_facts
from distreward.experiments.collected import chosen_cells
from distreward.experiments.plan import Cell
from distreward.experiments.settings import ExperimentConfig
from distreward.experiments.stock import check_stock_model, mark_of, score_stock_model
from distreward.scoring import RewardScorer
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


def save_stock(base_model, folder):
    AutoModelForSequenceClassification.from_pretrained(base_model, num_labels=1).save_pretrained(folder)
    AutoTokenizer.from_pretrained(base_model).save_pretrained(folder)


def test_a_stock_model_stands_in_the_table_on_the_same_pairs(command, base_model, tmp_path, capsys):
    save_stock(base_model, tmp_path / "stock")
    options = ("--rows", "bradley_terry", "--seeds", "0", "1", "--folds", "0", "--test_size", "6")
    assert command(*options, "--stock_models", str(tmp_path / "stock")) == 0
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert set(results["rows"]) == {"bradley_terry", "stock"}
    assert 0 < results["comparisons"]["stock"]["diverging_id_auroc"]["p_value_corrected"] <= 1

    # it is scored once: the same command again reads what was kept, and needs the model no more
    shutil.rmtree(tmp_path / "stock")
    assert command(*options, "--stock_models", str(tmp_path / "stock")) == 0
    assert json.loads((tmp_path / "out" / "results.json").read_text())["rows"] == results["rows"]
    facts = json.loads((tmp_path / "out" / "cells" / "stock-stock" / "cell.json").read_text())
    assert {"mark", "revision", "data", "versions", "source", "settings", "seconds"} <= set(facts)
    assert results["runs"]["stock"]["runs"] == 1 and results["runs"]["stock"]["seconds"] == facts["seconds"]
    both = (str(tmp_path / "stock"), str(tmp_path / "elsewhere" / "stock"))
    assert command(*options, "--stock_models", *both) == 2
    assert "has the same name, stock" in capsys.readouterr().err.splitlines()[-1]


def test_a_stock_model_is_compared_fold_by_fold(command, base_model, tmp_path):
    save_stock(base_model, tmp_path / "stock")
    options = ("--rows", "bradley_terry", "--seeds", "0", "1", "--stock_models", str(tmp_path / "stock"))
    assert command(*options) == 0
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["rows"]["stock"]["preference_accuracy"]["n"] == 4  # 2 seeds, 2 folds
    assert results["comparisons"]["stock"]["preference_accuracy"]["n"] == 4
    assert results["runs"]["stock"] | {"seconds": 0} == {
        "runs": 1, "seeds": [], "folds": [0, 1], "seconds": 0, "revision": None,
    }  # fmt: skip
    assert "stock" not in results["ensembles"]["rows"]  # one model, not several


def test_another_model_of_the_same_name_is_not_taken_for_the_one_that_was_scored(tmp_path):
    for place, weights in (("here", b"one"), ("there", b"one"), ("elsewhere", b"two")):
        (tmp_path / place / "mine").mkdir(parents=True)
        (tmp_path / place / "mine" / "model.safetensors").write_bytes(weights)
    cell = tmp_path / "out" / "cells" / "stock-mine"
    cell.mkdir(parents=True)
    here = str(tmp_path / "here" / "mine")
    write_facts(cell, {"stock_model": "mine", "mark": mark_of(here)})
    for same in (here, here + "/", str(tmp_path / "there" / "mine")):
        check_stock_model("mine", same, tmp_path / "out")
    for other in (str(tmp_path / "elsewhere" / "mine"), "somebody/mine"):
        with pytest.raises(
            InputError, match=f"--stock_models {other}: .*stock-mine holds the predictions of another model"
        ):
            score_stock_model("mine", other, None, np.arange(2), None, tmp_path / "out")
    assert str(tmp_path) not in (cell / "cell.json").read_text()
    # from the Hub: by its name
    write_facts(cell, {"stock_model": "mine", "mark": mark_of("org/mine")})
    check_stock_model("mine", "org/mine", tmp_path / "out")
    with pytest.raises(InputError, match="another model"):
        check_stock_model("mine", "somebody/mine", tmp_path / "out")


def checkpoints_in(folder, steps):
    for step in steps:
        checkpoint = folder / f"checkpoint-{step}"
        checkpoint.mkdir(parents=True)
        for name in ("model.safetensors", "trainer_state.json"):
            (checkpoint / name).write_text(f"{step}")
    for name in ("README.md", "training_facts.json"):
        (folder / name).write_text("")
    return folder


def files_of(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_of_a_finished_run_its_log_and_facts_stay(tmp_path):
    folder = checkpoints_in(tmp_path / "training", (9, 10))
    drop_checkpoints(folder, str(folder / "checkpoint-9"), keep=False)
    assert files_of(folder) == ["trainer_state.json", "training_facts.json"] and not list(folder.glob("checkpoint-*"))
    assert (folder / "trainer_state.json").read_text() == "9"
    nothing_saved = tmp_path / "nothing"
    nothing_saved.mkdir()
    drop_checkpoints(nothing_saved, None, keep=False)


def test_on_request_the_model_that_counts_stays(tmp_path):
    for best, kept in (("checkpoint-9", 9), (None, 10)):
        folder = checkpoints_in(tmp_path / str(kept), (9, 10))
        drop_checkpoints(folder, best and str(folder / best), keep=True)
        assert files_of(folder) == [
            "README.md", f"checkpoint-{kept}/model.safetensors", f"checkpoint-{kept}/trainer_state.json", "training_facts.json",
        ]  # fmt: skip


def test_models_are_kept_where_asked_for_and_cells_without_stay_done(command, tmp_path, monkeypatch):
    options = ("--rows", "mean_variance_kl", "--etas", "0", "--seeds", "0", "--folds", "0", "--test_size", "6")
    assert command(*options) == 0
    cells = tmp_path / "out" / "cells"
    assert not list(cells.rglob("*.safetensors")) and not list(cells.rglob("optimizer.pt"))
    assert len(list(cells.rglob("trainer_state.json"))) == 1
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    # a second seed with its model; the first is done, and is neither trained again nor touched
    assert command(*options[:-5], "0", "1", *options[-4:], "--keep_checkpoints", "true") == 0
    (checkpoint,) = cells.glob("*/training/checkpoint-*")
    assert checkpoint.parents[1].name == "mean_variance_kl-seed1-fold0-eta0" and not list(cells.rglob("optimizer.pt"))
    scorer = RewardScorer.from_pretrained(str(checkpoint))
    facts = json.loads((checkpoint.parents[1] / "cell.json").read_text())
    assert scorer.reward_head["lambda"] == facts["reward_head"]["lambda"]
    assert results["failed"] == []
    # and without the option again, it stays
    assert command(*options[:-5], "0", "1", *options[-4:]) == 0
    assert checkpoint.is_dir()


def test_an_adapter_for_layers_that_are_not_there_is_the_users_mistake(command, capsys):
    options = (
        "--rows",
        "bradley_terry",
        "--seeds",
        "0",
        "--folds",
        "0",
        "--test_size",
        "6",
        "--freeze_backbone",
        "false",
    )
    assert command(*options, "--use_peft", "--lora_target_modules", "nowhere") == 2
    assert "--lora_target_modules nowhere: the model has no such modules" in capsys.readouterr().err.splitlines()[-1]


def test_texts_are_encoded_by_the_tokenizer_that_the_runs_open(monkeypatch):
    opened = {}
    monkeypatch.setattr(running, "open_tokenizer", lambda model, **kwargs: opened.update(kwargs))
    monkeypatch.setattr(running, "with_tokens", lambda dataset, tokenizer: dataset)
    config = ExperimentConfig(
        "out", report_to="none", bf16=False, trust_remote_code=True, model_init_kwargs={"revision": "v2"}
    )
    running.encoded_once(None, "some/model", config)
    assert opened == {"trust_remote_code": True, "revision": "v2"}
