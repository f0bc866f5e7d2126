"""`distreward filter` as a user meets it, and TRL's trainers on what it writes."""

import json

import pytest
import torch

from distreward.cli.main import main
from distreward.data.loading import load_preferences
from distreward.modeling import AutoRewardModel
from tests.conftest import make_pairs


@pytest.fixture
def labels(tmp_path):
    """Twelve pairs: 0 and 6 agree on A, 1 and 7 on B, 2, 5, 8 and 11 diverge, 3 and 9 are ties, 4 and 10 are slight."""
    path = tmp_path / "labels.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in make_pairs()))
    return path


@pytest.fixture
def checkpoint(tmp_path, llama_config, tokenizer):
    def make(head):
        torch.manual_seed(0)
        llama_config.initializer_range = 0.4
        AutoRewardModel.from_config(llama_config, head).save_pretrained(tmp_path / head)
        tokenizer.save_pretrained(tmp_path / head)
        return tmp_path / head

    return make


def run(labels, *options) -> int:
    out = labels.parent / "out"
    given = ["--dataset_name", labels, "--output_dir", out, "--n_bootstrap", 20, *options]
    return main(["filter", *map(str, given)])


def written(labels) -> tuple[dict, list[dict]]:
    out = labels.parent / "out"
    return json.loads((out / "results.json").read_text()), [
        json.loads(line) for line in (out / "pairs.jsonl").read_text().splitlines()
    ]


def test_drop_by_people(labels, capsys):
    assert run(labels, "--action", "drop") == 0
    found, rows = written(labels)
    # [2, -2, 0] diverges and is even, [-1, 2, 1] diverges and prefers A: both left as diverging; [0, 0, 0] is a tie
    assert found["left_out"] == {"neither response is preferred": 2, "annotators diverge": 4}
    assert found["pairs"] == {"in": 12, "kept": 6, "diverging": 4} and len(rows) == found["rows"] == 6
    assert found["categories"]["diverging"] == {"pairs": 4, "diverging": 4, "kept": 0}
    by_id = {row["id"]: row for row in rows}
    assert by_id["pair-1"]["chosen"][0]["content"].startswith("I cannot say.")
    left = [json.loads(line) for line in (labels.parent / "out/left_out.jsonl").read_text().splitlines()]
    assert {line["id"]: line["reason"] for line in left}["pair-5"] == "annotators diverge"
    report = (labels.parent / "out/report.md").read_text()
    assert "| left out: annotators diverge | 4 |" in report and "diverging pairs leave" in report
    assert "What became of the pairs" in capsys.readouterr().out
    assert str(labels.parent) not in (labels.parent / "out/results.json").read_text()


def test_what_is_written_loads_again_and_stays_the_same(labels):
    assert run(labels, "--action", "mark", "--margin", "people") == 0
    rows = load_preferences(labels.parent / "out/pairs.jsonl")
    assert len(rows) == 8 and rows["preferences"][:] == [[2]] * 8
    # pair-0: [2, 2, 1] gives a margin of 5/3; pair-1: [-2, -1, -2] the same for B
    assert rows["margin"][0] == pytest.approx(5 / 3) and rows["margin"][1] == pytest.approx(5 / 3)


def test_soft_and_weight(labels):
    assert run(labels, "--action", "soft", "--copies", "6") == 0
    found, rows = written(labels)
    assert len(rows) == 72 and found["mixed"] == 6 and not found["left_out"]
    mine = [row["chosen"][0]["content"] for row in rows if row["id"].split("#")[0] == "pair-5"]
    assert sum(text.startswith("Red.") for text in mine) == 4  # two of three votes for A, of six copies
    assert run(labels, "--action", "weight", "--weight", "0.25") == 0
    _, rows = written(labels)
    assert {row["id"]: row["weight"] for row in rows}["pair-5"] == 0.25 and rows[0]["weight"] == 1.0


@pytest.mark.parametrize("head", ["mean_variance", "likert"])
def test_by_model(labels, checkpoint, head):
    options = ["--model_name_or_path", checkpoint(head), "--top", "25%", "--action", "drop"]
    assert run(labels, *options, "--chosen_by", "model", "--margin", "model") == 0
    found, rows = written(labels)
    assert found["pairs"]["diverging"] == 3 and found["left_out"]["annotators diverge"] == 3
    assert all(0 <= row["diverging_probability"] <= 1 for row in rows)
    if head == "mean_variance":  # a rating distribution may win more votes with the lower mean
        assert all(row["margin"] >= 0 for row in rows)
    left = [json.loads(line) for line in (labels.parent / "out/left_out.jsonl").read_text().splitlines()]
    worst = min(line["diverging_probability"] for line in left if line["reason"] == "annotators diverge")
    assert worst >= max(row["diverging_probability"] for row in rows)


@pytest.mark.parametrize("action", ["mark", "soft"])
def test_trl_trains_on_it(labels, base_model, tmp_path, action):
    from datasets import load_dataset
    from trl import DPOConfig, DPOTrainer, RewardConfig, RewardTrainer

    margin = ["--margin", "people"] if action == "mark" else []
    assert run(labels, "--action", action, *margin) == 0
    data = load_dataset(
        "json", data_files=str(tmp_path / "out/pairs.jsonl"), split="train", cache_dir=tmp_path / "cache"
    )
    common = {
        "max_steps": 1,
        "per_device_train_batch_size": 2,
        "report_to": "none",
        "bf16": False,
        "save_strategy": "no",
    }
    common |= {"gradient_checkpointing": False, "use_cpu": True, "logging_steps": 1}
    trainer = DPOTrainer(str(base_model), args=DPOConfig(str(tmp_path / "dpo"), **common), train_dataset=data)
    trainer.train()
    assert trainer.state.log_history[0]["loss"] == pytest.approx(0.6931, abs=1e-3)  # the policy is still the reference
    # RewardTrainer sees the margin: the same step without the column has another loss
    losses = []
    for rows in (data, data.remove_columns([name for name in data.column_names if name == "margin"])):
        args = RewardConfig(str(tmp_path / "rm"), seed=0, **common)
        trainer = RewardTrainer(str(base_model), args=args, train_dataset=rows)
        trainer.train()
        losses.append(trainer.state.log_history[0]["loss"])
    assert (losses[0] > losses[1] + 0.1) == (action == "mark")


def test_margins_of_the_data_are_kept_and_gaps_are_counted(labels, caplog):
    rows = [json.loads(line) for line in labels.read_text().splitlines()]
    for row in rows[:6]:
        row["margin"] = 1.5
    labels.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert run(labels) == 0
    found, rows = written(labels)
    assert found["margin"] == {"column": "own", "in_the_data": 6, "filled_with_0": 6}
    assert {row["id"]: row["margin"] for row in rows}["pair-1"] == -1.5  # B is chosen: the margin was A's
    assert run(labels, "--action", "soft") == 0
    found, rows = written(labels)
    assert "margin" not in rows[0] and found["margin"]["column"] == "none"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--action", "dorp"], "--action dorp (did you mean 'drop'?); wanted one of"),
        (["--chosen_by", "model"], "--chosen_by model needs a checkpoint"),
        (["--threshold", "0.5"], "--threshold is for predictions"),
        (["--action", "soft", "--margin", "people"], "a row of soft is a vote"),
        (["--action", "weight", "--weight", "2"], "--weight is 2.0, wanted a number from 0 to 1"),
        (["--category", "tie"], "--category tie: wanted diverging or diverging_substantial"),
    ],
)
def test_mistakes_are_one_line(labels, capsys, options, message):
    assert run(labels, *options) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("distreward filter: ")]
    assert message in line


def test_scalar_heads_and_single_labels_cannot_say(labels, checkpoint, capsys):
    assert run(labels, "--model_name_or_path", checkpoint("scalar")) == 2
    assert "a scalar head predicts no divergence" in capsys.readouterr().err
    row = {"prompt": "Hi", "chosen": "Hello.", "rejected": "No."}
    labels.write_text(json.dumps(row) + "\n")
    assert run(labels) == 2
    assert "no pair has labels of two annotators" in capsys.readouterr().err


def test_nothing_left_is_an_error(labels, capsys, checkpoint):
    options = ["--model_name_or_path", checkpoint("likert"), "--threshold", "0", "--action", "drop"]
    assert run(labels, *options) == 2
    assert "no pair is left" in capsys.readouterr().err
