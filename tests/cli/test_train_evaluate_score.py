"""The three commands in a row, as the README has them, on a tiny model."""

import json

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from distreward.cli.main import main
from distreward.hub.tables import SETTINGS
from distreward.modeling import AutoRewardModel
from distreward.trainers import OBJECTIVES

FAST = (
    "--per_device_train_batch_size 4 --num_train_epochs 1 --learning_rate 1e-3 --report_to none --use_cpu true "
    "--no_gradient_checkpointing --disable_tqdm true"
).split()


@pytest.fixture
def labels(tmp_path):
    """30 labelled pairs over 15 prompts."""
    levels = [[2, 2, 1], [-2, -1, -2], [2, -2, 0], [0, 0, 0], [1, 0, 1], [-1, 2, 1]]
    path = tmp_path / "labels.jsonl"
    with path.open("w") as file:
        for index in range(30):
            row = {
                "id": f"q{index}",
                "prompt": f"Name colour {index % 15}.",
                "response_a": "Red. " * (1 + index % 3),
                "response_b": "I cannot say.",
                "preferences": levels[index % 6],
                "scores_a": [4, 3, 5],
                "scores_b": [2, 3, 1],
            }
            file.write(json.dumps(row) + "\n")
    return path


OUTPUTS = {"mean_variance_kl": 2, "taste_factors_kl": 6, "likert_kl": 5, "bradley_terry": 1}


@pytest.mark.parametrize("objective", OUTPUTS)
def test_train_evaluate_score(objective, labels, base_model, tmp_path, capsys):
    out = tmp_path / "out"
    train = ["train", "--dataset_name", str(labels), "--model_name_or_path", str(base_model), "--output_dir", str(out)]
    train += ["--objective", objective, "--test_share", "0.3", "--eval_share", "0.2", *FAST]
    assert main(train) == 0
    run = json.loads((out / "results.json").read_text())
    assert run["command"] == "train" and run["reward_head"]["objective"] == objective
    assert run["data"]["train"]["rows"] + run["data"]["test"]["rows"] + run["data"]["validation"]["rows"] == 30
    assert "eval_preference_accuracy" in run["development"]
    # the settings that shape a run, those of other objectives left out; where it went and who was told do not
    config, facts = run["config"], json.loads((out / "training_facts.json").read_text())
    assert {*SETTINGS, "model_revision", "dtype", "use_peft", "split_seed"} <= set(config) and "lora_r" not in config
    of_some = {name for trainer in OBJECTIVES.values() for name in trainer.own_settings}
    assert of_some & set(config) == set(OBJECTIVES[objective].own_settings)
    assert facts["config"] == {name: config[name] for name in facts["config"]}
    assert not [name for name in config if name.startswith(("hub_", "push_", "report_", "output_", "resume_"))]
    assert ("| `unknown_strength` | significant |" in (out / "README.md").read_text()) == ("unknown_strength" in config)
    plain = AutoModelForSequenceClassification.from_pretrained(out)
    assert plain.config.num_labels == OUTPUTS[objective]
    assert AutoTokenizer.from_pretrained(out).chat_template

    # A second run into the same folder does not mix with the first.
    assert main(train) == 2
    assert "--resume_from_checkpoint true" in capsys.readouterr().err

    evaluate = ["evaluate", "--model_name_or_path", str(out), "--dataset_name", str(labels), "--n_bootstrap", "20"]
    held_out = ["--splits_file", str(out / "splits.json"), "--split", "test", "--output_dir", str(tmp_path / "eval")]
    assert main([*evaluate, *held_out]) == 0
    metrics = json.loads((tmp_path / "eval" / "results.json").read_text())["metrics"]
    assert set(metrics["preference_accuracy"]) == {"value", "ci_low", "ci_high", "n"}
    grid = metrics["diverging_id_auroc_grid"]["diverging_substantial"]["high_agreement"]
    assert {"value", "ci_low", "ci_high", "n_positive", "n_negative"} <= set(grid)
    assert "gap_baseline_grid" in metrics
    assert ("level_calibration" in metrics) == (objective != "bradley_terry")

    assert main([*evaluate, "--output_dir", str(tmp_path / "all")]) == 0
    assert "were trained on" in capsys.readouterr().err

    score_file(objective, out, tmp_path, plain)


def score_file(objective, out, tmp_path, plain):
    """`score` adds fields to each line and keeps lines and order; a plain model gives the same numbers."""
    rows = [
        {"prompt": "Name a colour.", "response": "Red.", "mine": 1},
        {"prompt": [{"role": "user", "content": "Hi"}], "responses": ["Hello.", "Go away.", "Hello."]},
        {"prompt": "Name a colour.", "response_a": "Red.", "response_b": "No."},
    ]
    source = tmp_path / "answers.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    arguments = [
        "--model_name_or_path",
        str(out),
        "--input_file",
        str(source),
        "--output_dir",
        str(tmp_path / "scored"),
    ]
    assert main(["score", *arguments]) == 0
    first, second, third = [json.loads(line) for line in (tmp_path / "scored" / "scores.jsonl").open()]
    assert first["mine"] == 1
    assert first["reward"]["mean"] == pytest.approx(third["reward_a"]["mean"], abs=1e-5)
    assert second["rewards"][0]["mean"] == pytest.approx(second["rewards"][2]["mean"], abs=1e-5)
    assert len(second["rewards"]) == 3
    assert ("std" in first["reward"]) == (objective != "bradley_terry")
    assert ("rating_probs" in first["reward"]) == (objective == "likert_kl")
    if objective != "bradley_terry":
        assert sum(third["level_probs"].values()) == pytest.approx(1, abs=1e-5)
        assert 0 <= third["diverging_probability"] <= 1

    tokenizer = AutoTokenizer.from_pretrained(out)
    messages = [{"role": "user", "content": "Name a colour."}, {"role": "assistant", "content": "Red."}]
    inputs = tokenizer.apply_chat_template(messages, tokenize=True, return_dict=True, return_tensors="pt")
    with torch.no_grad():
        raw = plain(**inputs).logits[0]
    expected = (raw.softmax(-1) @ torch.arange(1.0, 6.0)) if objective == "likert_kl" else raw[0]
    assert first["reward"]["mean"] == pytest.approx(expected.item(), abs=1e-5)


def test_score_names_the_broken_line(base_model, tmp_path, capsys):
    for row, said in [
        ({"response": "x"}, "`prompt`"),
        ({"prompt": "x"}, "nothing to score"),
        ({"prompt": "x", "responses": []}, "`responses`"),
    ]:
        source = tmp_path / "answers.jsonl"
        source.write_text(json.dumps({"prompt": "a", "response": "b"}) + "\n" + json.dumps(row) + "\n")
        arguments = [
            "--model_name_or_path",
            str(base_model),
            "--input_file",
            str(source),
            "--output_dir",
            str(tmp_path / "s"),
        ]
        assert main(["score", *arguments]) == 2
        error = capsys.readouterr().err
        assert "line 2" in error and said in error
        assert not (tmp_path / "s").exists()


def test_trl_format_trains_bradley_terry(base_model, tmp_path):
    """Chosen/rejected data from a TRL user's disk, with and without margin."""
    path = tmp_path / "trl.jsonl"
    rows = [{"prompt": f"Colour {i}?", "chosen": "Red.", "rejected": "No.", "margin": 0.5} for i in range(12)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    arguments = ["--dataset_name", str(path), "--model_name_or_path", str(base_model), "--objective", "bradley_terry"]
    assert main(["train", *arguments, "--eval_share", "0", "--output_dir", str(tmp_path / "out"), *FAST]) == 0


@pytest.mark.parametrize("adapter", [[], ["--use_peft", "--lora_target_modules", "q_proj"]])
def test_what_the_last_evaluation_tunes_is_in_the_checkpoint(adapter, labels, base_model, tmp_path):
    # with max_steps nothing is evaluated in training: lambda is tuned by the evaluation after it
    out = tmp_path / "out"
    train = ["train", "--dataset_name", str(labels), "--model_name_or_path", str(base_model), "--output_dir", str(out)]
    assert main([*train, "--max_steps", "2", "--eval_share", "0.4", *adapter, *FAST]) == 0
    entry = json.loads((out / "results.json").read_text())["reward_head"]
    saved = json.loads((out / ("reward_config.json" if adapter else "config.json")).read_text())
    assert saved["reward_head"] == entry and "lambda" in entry
    assert AutoRewardModel.from_pretrained(str(out)).config.reward_head["lambda"] == entry["lambda"]


@pytest.mark.parametrize("pad", ["none", "eos"])
def test_pad_token_is_chosen_and_said(pad, base_model, labels, tmp_path, capsys):
    tokenizer = AutoTokenizer.from_pretrained(base_model)
    tokenizer.pad_token = tokenizer.eos_token if pad == "eos" else None
    tokenizer.save_pretrained(base_model)
    out = tmp_path / "out"
    arguments = ["--dataset_name", str(labels), "--model_name_or_path", str(base_model), "--output_dir", str(out)]
    assert main(["train", *arguments, "--max_steps", "2", "--eval_share", "0", *FAST]) == 0
    assert "as pad token" in capsys.readouterr().err
    saved = AutoTokenizer.from_pretrained(out)
    assert saved.pad_token_id not in (None, saved.eos_token_id)
    assert json.loads((out / "config.json").read_text())["pad_token_id"] == saved.pad_token_id


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--load_in_8bit"],
            "--load_in_8bit and --load_in_4bit train an adapter over the quantised model: add --use_peft.",
        ),
        (
            ["--use_peft", "--lora_target_modules", "nosuch"],
            "--lora_target_modules nosuch: the model has no such modules",
        ),
    ],
)
def test_adapters_that_cannot_be_are_one_line(base_model, labels, tmp_path, capsys, options, message):
    arguments = ["--dataset_name", str(labels), "--model_name_or_path", str(base_model)]
    assert main(["train", *arguments, "--output_dir", str(tmp_path / "out"), *options, *FAST]) == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
