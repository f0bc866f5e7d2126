"""Calibrating a checkpoint that exists, and using several as an ensemble, from the command line."""

import json

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

from distreward.cli.main import main
from distreward.data.loading import load_preferences
from distreward.modeling import AutoRewardModel
from distreward.scoring import EnsemblePredictions, RewardEnsemble, RewardScorer
from distreward.scoring.calibration import fit_calibration
from tests.conftest import make_pairs

HEADS = {"mean_variance": "mean_variance_kl", "likert": "likert_kl", "scalar": "bradley_terry"}


@pytest.fixture
def labels(tmp_path):
    path = tmp_path / "labels.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in make_pairs(40)))
    return path


@pytest.fixture
def save(tmp_path, llama_config, tokenizer):
    """Writes a checkpoint with random weights, whose rewards differ from response to response."""

    def write(name: str, head: str | None = "mean_variance", seed: int = 0):
        torch.manual_seed(seed)
        llama_config.initializer_range = 0.5
        llama_config.num_labels = 1
        if head is None:
            model = AutoModelForSequenceClassification.from_config(llama_config)
        else:
            model = AutoRewardModel.from_config(llama_config, head)
            model.config.reward_head["objective"] = HEADS[head]
        model.save_pretrained(tmp_path / name)
        tokenizer.save_pretrained(tmp_path / name)
        return str(tmp_path / name)

    return write


def read(path):
    return json.loads(path.read_text())


@pytest.mark.parametrize("head", ["mean_variance", "scalar", None])
def test_a_checkpoint_is_copied_with_its_calibration(head, save, labels, tmp_path, capsys):
    path, out = save("out", head), tmp_path / "calibrated"
    (tmp_path / "out" / "results.json").write_text("{}")
    options = ["--dataset_name", str(labels), "--n_bootstrap", "20"]
    assert main(["calibrate", "--model_name_or_path", path, *options, "--output_dir", str(out)]) == 0
    results = read(out / "results.json")
    dataset = load_preferences(str(labels))
    counts = np.array([[row.count(level) for level in range(-2, 3)] for row in dataset["preferences"][:]])
    scorer = RewardScorer.from_pretrained(path)
    fitted = fit_calibration(scorer.score_pairs(dataset), counts)
    wanted = fitted.levels.calibration
    assert results["command"] == "calibrate" and results["why_not"]["calibration"] is None
    assert results["calibration"] == pytest.approx(wanted)
    written = AutoConfig.from_pretrained(out).reward_head
    assert written["calibration"] == results["calibration"] and written == results["reward_head"]
    assert ("divergence_calibration" in written) == (results["divergence_calibration"] is not None)
    assert written.keys() == fitted.applied_to(scorer.reward_head).keys()
    assert results["after"]["log_loss"] == pytest.approx(wanted["log_loss"])
    assert set(results["held_out"]) == {"log_loss", "brier", "ece", "jensen_shannon", "wasserstein", "diverging"}
    # another fit for every fifth of the prompts: close to, but not the same as, the one to all
    assert results["held_out"]["log_loss"] > results["after"]["log_loss"]
    assert (results["before"] is None) == (head != "mean_variance")
    said = capsys.readouterr()
    assert (
        "held-out prompts" in said.out and "with its calibration" in said.out and "calibrated on 120 labels" in said.err
    )

    # the weights are the same, and what reads the copy gets calibrated levels
    before, after = (AutoModelForSequenceClassification.from_pretrained(folder) for folder in (path, out))
    for one, other in zip(before.parameters(), after.parameters(), strict=True):
        assert torch.equal(one, other)
    assert AutoTokenizer.from_pretrained(out).chat_template
    evaluate = ["evaluate", "--model_name_or_path", str(out), *options, "--output_dir", str(tmp_path / "evaluation")]
    assert main(evaluate) == 0
    metrics = read(tmp_path / "evaluation" / "results.json")["metrics"]
    assert metrics["level_calibration"]["jensen_shannon"] == results["after"]["jensen_shannon"]
    if head == "mean_variance":
        assert metrics["level_calibration_uncalibrated"]["brier"] == results["before"]["brier"]
    else:
        assert "level_calibration_uncalibrated" not in metrics and "diverging_probability_grid" in metrics


def test_too_few_labels_leave_the_copy_as_it_was_and_are_said_twice(save, tmp_path, capsys):
    few = tmp_path / "few.jsonl"
    few.write_text("".join(json.dumps(row) + "\n" for row in make_pairs(6)))
    path, out = save("out"), tmp_path / "calibrated"
    arguments = [
        "--model_name_or_path",
        path,
        "--dataset_name",
        str(few),
        "--output_dir",
        str(out),
        "--n_bootstrap",
        "5",
    ]
    assert main(["calibrate", *arguments]) == 0
    said = capsys.readouterr()
    assert "not calibrated: too few development labels to fit it (18 labels, wanted 50 or more)" in said.err
    assert "WITHOUT a calibration" in said.out
    assert "calibration" not in AutoConfig.from_pretrained(out).reward_head
    results = read(out / "results.json")
    assert (
        results["calibration"] is None and "18 labels" in results["why_not"]["calibration"] and results["after"] is None
    )


def test_an_adapter_is_copied_too(save, labels, tmp_path):
    from peft import LoraConfig, get_peft_model

    from distreward.modeling.adapter_files import save_reward_config
    from distreward.modeling.adapters import keep_head
    from distreward.modeling.reward_model import stock_form

    base = save("base")
    model = AutoRewardModel.from_pretrained(base)
    adapter = get_peft_model(model, keep_head(model, LoraConfig(r=2, target_modules=["q_proj"])))
    adapter.save_pretrained(tmp_path / "adapter")
    AutoTokenizer.from_pretrained(base).save_pretrained(tmp_path / "adapter")
    with stock_form(model.config):
        save_reward_config(model.config, tmp_path / "adapter")
    out = tmp_path / "calibrated"
    arguments = ["--model_name_or_path", str(tmp_path / "adapter"), "--dataset_name", str(labels), "--n_bootstrap", "5"]
    assert main(["calibrate", *arguments, "--output_dir", str(out)]) == 0
    assert (
        RewardScorer.from_pretrained(str(out)).reward_head["calibration"] == read(out / "results.json")["calibration"]
    )
    assert not (out / "config.json").exists()  # else it would be taken for a whole model


def test_a_checkpoint_is_not_changed_in_its_place(save, labels, capsys):
    path = save("out")
    assert main(["calibrate", "--model_name_or_path", path, "--dataset_name", str(labels), "--output_dir", path]) == 2
    assert "would be written into the checkpoint's own folder" in capsys.readouterr().err


# --- ensembles


def test_evaluating_several_checkpoints(save, labels, tmp_path, capsys):
    paths = [save(f"seed{seed}", seed=seed) for seed in (0, 1, 2)]
    options = ["--dataset_name", str(labels), "--n_bootstrap", "20", "--output_dir", str(tmp_path / "evaluation")]
    assert main(["evaluate", "--model_name_or_path", *paths, *options]) == 0
    results = read(tmp_path / "evaluation" / "results.json")
    assert len(results["reward_heads"]) == 3 and len(results["config"]["model_name_or_path"]) == 3
    dataset = load_preferences(str(labels))
    members = [RewardScorer.from_pretrained(path).score_pairs(dataset) for path in paths]
    entropy = EnsemblePredictions(members).level_entropy()
    for part, values in entropy.items():
        assert results["metrics"]["ensemble"]["level_entropy"][part]["value"] == pytest.approx(values.mean(), rel=1e-4)
    said = capsys.readouterr().out
    assert "ensemble of 3" in said and "the models' own" in said


def test_scoring_with_several_checkpoints(save, tmp_path):
    paths = [save(f"seed{seed}", seed=seed) for seed in (0, 1)]
    rows = [
        {"prompt": "Name a colour.", "response": "Red."},
        {"prompt": "Hi", "responses": ["Hello.", "Go away.", "Hello."]},
        {"prompt": "Name a colour.", "response_a": "Red.", "response_b": "I cannot say."},
    ]
    source = tmp_path / "answers.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = {}
    for name, models in (("one", paths[:1]), ("other", paths[1:]), ("both", paths)):
        out = tmp_path / name
        arguments = ["--model_name_or_path", *models, "--input_file", str(source), "--output_dir", str(out)]
        assert main(["score", *arguments]) == 0
        found[name] = [json.loads(line) for line in (out / "scores.jsonl").open()]
    (one, other, both) = (found[name] for name in ("one", "other", "both"))
    assert both[0]["reward"]["mean"] == pytest.approx((one[0]["reward"]["mean"] + other[0]["reward"]["mean"]) / 2)
    assert len(both[1]["rewards"]) == 3
    assert both[2]["level_probs"]["0"] == pytest.approx(
        (one[2]["level_probs"]["0"] + other[2]["level_probs"]["0"]) / 2, rel=1e-4
    )
    gaps = [pair["reward_a"]["mean"] - pair["reward_b"]["mean"] for pair in (one[2], other[2])]
    assert both[2]["gap_variance"]["model"] == pytest.approx(np.var(gaps), rel=1e-3)
    parts = both[2]["level_entropy"]
    assert parts["people"] + parts["model"] == pytest.approx(parts["total"]) and "level_entropy" not in one[2]
    assert both[2]["diverging_probability"] == pytest.approx(
        (one[2]["diverging_probability"] + other[2]["diverging_probability"]) / 2, rel=1e-4
    )


def test_a_yaml_may_name_one_checkpoint_as_a_text(save, labels, tmp_path):
    config = tmp_path / "evaluate.yaml"
    config.write_text(f"model_name_or_path: {save('out')}\nn_bootstrap: 5\n")
    out = tmp_path / "evaluation"
    assert main(["evaluate", "--config", str(config), "--dataset_name", str(labels), "--output_dir", str(out)]) == 0
    assert read(out / "results.json")["reward_head"]["type"] == "mean_variance"


def test_what_is_no_ensemble_is_refused(save, labels, tmp_path, capsys):
    mixed = [save("a"), save("b", "likert")]
    options = ["--dataset_name", str(labels), "--output_dir", str(tmp_path / "evaluation")]
    assert main(["evaluate", "--model_name_or_path", *mixed, *options]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()[-1:]
    assert "has a head 'likert' of likert_kl, but" in line and "an ensemble is of one kind" in line
    assert main(["evaluate", "--model_name_or_path", mixed[0], mixed[0], *options]) == 2
    assert "named twice" in capsys.readouterr().err


def test_the_python_api(save, labels):
    ensemble = RewardEnsemble.from_pretrained([save("a"), save("b", seed=1)])
    predicted = ensemble.score_pairs(load_preferences(str(labels)))
    assert predicted.level_probs().shape == (40, 5) and set(predicted.level_entropy()) == {"total", "people", "model"}
    assert ensemble.reward_heads[0]["type"] == "mean_variance"
