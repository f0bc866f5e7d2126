"""`distreward card`, and the cards that train, evaluate and the trainers write; nothing secret in any of them."""

import json
import shutil

import pytest

from distreward import DistributionalRewardConfig, MeanVarianceKLRewardTrainer
from distreward.cli.main import main
from distreward.hub.secrets import check_no_secrets
from distreward.hub.writing import is_ours
from tests.conftest import make_pairs

FAST = "--per_device_train_batch_size 4 --max_steps 3 --report_to none --disable_tqdm true --gradient_checkpointing false".split()
TOKEN = "hf_" + "AbCdEfGh" * 4


@pytest.fixture
def at_home(tmp_path, monkeypatch):
    """The home folder of somebody with a name, a token and a machine of their own."""
    home = tmp_path / "home" / "annsmith"
    home.mkdir(parents=True)
    monkeypatch.setattr("getpass.getuser", lambda: "annsmith")
    monkeypatch.setattr("socket.gethostname", lambda: "gpu-node-17")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    labels = home / "labels.jsonl"
    labels.write_text("".join(json.dumps(row) + "\n" for row in make_pairs(60)))
    return home


def published(folder):
    """Files of a model folder that people see."""
    found = [
        folder / "README.md",
        folder / "results.json",
        *folder.glob("*/results.json"),
        *folder.glob("*_facts.json"),
    ]
    return [path for path in found if path.is_file()]


def test_train_and_evaluate_write_the_card_and_nothing_secret(at_home, base_model, capsys):
    moved = at_home / "models" / "base"
    moved.parent.mkdir()
    base_model.rename(moved)
    out, data = at_home / "out", ["--dataset_name", str(at_home / "labels.jsonl")]
    options = ["--hub_token", TOKEN, "--test_share", "0.3", "--license_of_data", "cc0-1.0", *FAST]
    assert main(["train", *data, "--model_name_or_path", str(moved), "--output_dir", str(out), *options]) == 0
    card = (out / "README.md").read_text()
    assert is_ours(card) and "Not evaluated on held-out pairs yet" in card and "`base` (a local folder)" in card
    results = json.loads((out / "results.json").read_text())
    assert results["data"]["train"]["annotators_per_pair"] == {"3": results["data"]["train"]["rows"]}
    assert results["data"]["train"]["licence"] == "cc0-1.0" and results["train_seconds"] > 0
    assert results["machine"]["device"] in ("cpu", "cuda") and results["machine"]["precision"]

    test = ["--splits_file", str(out / "splits.json"), "--split", "test", "--n_bootstrap", "20"]
    evaluate = ["evaluate", *data, "--model_name_or_path", str(out), *test, "--output_dir"]
    assert main([*evaluate, str(out / "evaluation")]) == 0
    assert "model card brought up to date" in capsys.readouterr().out
    card = (out / "README.md").read_text()
    assert "## Evaluation on labels.jsonl, test split" in card and "`cc0-1.0`" in card and "model-index" in card
    assert "were trained on" not in card  # held out
    assert json.loads((out / "evaluation/results.json").read_text())["trained_on"] == 0

    assert len(published(out)) >= 3
    for path in published(out):
        check_no_secrets(path)
        assert str(at_home.parent) not in path.read_text()

    # elsewhere: no card is touched; `distreward card` takes it in
    assert main([*evaluate, str(at_home / "again")]) == 0
    assert (out / "README.md").read_text() == card
    both = ["--evaluation", str(out / "evaluation"), str(at_home / "again")]
    assert main(["card", "--model_dir", str(out), *both, "--repo_id", "annsmith/helpful", "--license", "mit"]) == 0
    taken = (out / "README.md").read_text()
    assert taken.count("\n## Evaluation on") == 2 and '"annsmith/helpful"' in taken and "license: mit" in taken
    assert (out / "again" / "results.json").is_file() and "`again/results.json`" in taken
    for path in published(out):
        check_no_secrets(path)

    # chosen once, it stays chosen; from deeper in the folder it comes to where a push takes it
    (out / "kept").mkdir()
    shutil.move(out / "again", out / "kept" / "later")
    assert main(["card", "--model_dir", str(out), "--evaluation", str(out / "kept" / "later")]) == 0
    assert main(["card", "--model_dir", str(out), "--license", "apache-2.0"]) == 0
    taken = (out / "README.md").read_text()
    assert "`later/results.json`" in taken and "`evaluation/results.json`" not in taken
    assert main([*evaluate, str(out / "evaluation")]) == 0  # a new one joins
    taken = (out / "README.md").read_text()
    assert "`later/results.json`" in taken and "`evaluation/results.json`" in taken


def test_an_edited_card_stops_the_command(base_model, tmp_path, capsys):
    (base_model / "README.md").write_text("# Mine\n")
    assert main(["card", "--model_dir", str(base_model)]) == 2
    assert "--overwrite true" in capsys.readouterr().err
    assert main(["card", "--model_dir", str(base_model), "--output_file", str(tmp_path / "cards" / "base.md")]) == 0
    shown = capsys.readouterr().out
    assert "not known: the training data" in shown and "base.md" in shown
    assert main(["card", "--model_dir", str(base_model), "--overwrite", "true"]) == 0
    assert main(["card"]) == 2
    assert "--model_dir is missing" in capsys.readouterr().err


def test_mistakes_are_one_line(base_model, tmp_path, capsys):
    for words, line in (
        (["--model_dir", str(tmp_path / "nowhere")], "no such folder"),
        (["--model_dir", str(tmp_path)], "no model, it has no config.json"),
        (["--model_dir", str(base_model), "--output_file", str(tmp_path)], f"name a file, as {tmp_path / 'README.md'}"),
    ):
        assert main(["card", *words]) == 2
        error = capsys.readouterr().err
        assert line in error and error.startswith("distreward card: ") and error.count("\n") == 1
    assert not list(tmp_path.glob("README.md"))


def test_not_known_is_what_the_card_does_not_know(base_model, capsys):
    command = ["card", "--model_dir", str(base_model)]
    licences = ["--license", "mit", "--license_of_data", "odc-by"]
    assert main([*command, *licences, "--overwrite"]) == 0
    assert "licence" not in capsys.readouterr().out
    assert main([*command, "--repo_id", "ann/helpful"]) == 0  # the licences are kept from before
    shown = capsys.readouterr().out
    assert "not known: the training data" in shown and "licence" not in shown
    assert "license: mit" in (base_model / "README.md").read_text()


def test_a_trainer_writes_its_card(base_model, pairs, tmp_path):
    config = DistributionalRewardConfig(
        str(tmp_path / "out"),
        max_steps=2,
        save_steps=2,
        report_to="none",
        disable_tqdm=True,
        gradient_checkpointing=False,
    )
    trainer = MeanVarianceKLRewardTrainer(str(base_model), args=config, train_dataset=pairs, eval_dataset=pairs)
    trainer.train()
    at_checkpoint = (tmp_path / "out/README.md").read_text()
    assert is_ours(at_checkpoint) and "- the training time" in at_checkpoint  # not over yet
    trainer.save_model()
    trainer.evaluate()
    trainer.create_model_card(model_name="Helpful", dataset_name="multipref", tags="mine")
    card = (tmp_path / "out/README.md").read_text()
    facts = json.loads((tmp_path / "out/training_facts.json").read_text())
    assert facts["data"]["train"]["rows"] == 12 and facts["development"]["eval_loss"] > 0 and facts["steps"] == 2
    for words in (
        "# Helpful",
        "- mine",
        "`odc-by`",
        "| optimiser steps | 2 | `training_facts.json` |",
        "| train | multipref |",
    ):
        assert words in card, words
    (tmp_path / "out/README.md").write_text(card + "Edited.\n")
    trainer.create_model_card()
    assert (tmp_path / "out/README.md").read_text() == card + "Edited.\n"


def test_a_card_that_fails_costs_no_training(base_model, pairs, tmp_path, monkeypatch, caplog):
    def fails(*_):
        raise KeyError("a head without words")

    monkeypatch.setattr("distreward.trainers.base.write_trainer_card", fails)
    config = DistributionalRewardConfig(
        str(tmp_path / "out"),
        max_steps=1,
        save_steps=1,
        report_to="none",
        disable_tqdm=True,
        gradient_checkpointing=False,
    )
    trainer = MeanVarianceKLRewardTrainer(str(base_model), args=config, train_dataset=pairs)
    trainer.train()
    assert (tmp_path / "out/checkpoint-1/trainer_state.json").is_file()
    assert "no model card was written" in caplog.text and "a head without words" in caplog.text
    with pytest.raises(KeyError):  # asked for by name, it is told
        trainer.create_model_card()
