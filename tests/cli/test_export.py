"""`distreward export`: the command as a user types it."""

import json

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from distreward.cli.main import main
from distreward.modeling import AutoRewardModel


@pytest.fixture
def checkpoint(tmp_path, llama_config, tokenizer):
    def save(head: str) -> str:
        torch.manual_seed(0)
        AutoRewardModel.from_config(llama_config, head).save_pretrained(tmp_path / "model")
        tokenizer.save_pretrained(tmp_path / "model")
        return str(tmp_path / "model")

    return save


@pytest.mark.parametrize("flag", [False, True])
def test_export_writes_a_stock_checkpoint_and_its_facts(flag, checkpoint, tmp_path, capsys):
    path, out = checkpoint("mean_variance"), tmp_path / "out"
    assert main(["export", *(["--model_name_or_path"] if flag else []), path, "--output_dir", str(out)]) == 0
    assert "stock checkpoint with one output" in capsys.readouterr().out
    stock, source = AutoModelForSequenceClassification.from_pretrained(out), AutoRewardModel.from_pretrained(path)
    ids = torch.tensor([[1, 20, 30, 2]])
    with torch.no_grad():
        assert stock(input_ids=ids).logits.item() == pytest.approx(source(input_ids=ids).mean.item(), abs=1e-6)
    assert AutoTokenizer.from_pretrained(out).chat_template
    facts = json.loads((out / "results.json").read_text())
    assert facts["command"] == "export" and facts["config"]["output"] == "mean"
    assert facts["reward_head"]["exported_from"] == "model" and {"versions", "seconds", "data"} <= set(facts)


def test_options_reach_the_checkpoint(checkpoint, tmp_path):
    out = tmp_path / "out"
    options = ["--output", "raw_std", "--dtype", "bfloat16"]
    assert main(["export", checkpoint("mean_variance"), "--output_dir", str(out), *options]) == 0
    config = json.loads((out / "config.json").read_text())
    assert config["dtype"] == "bfloat16" and config["reward_head"]["exported_output"] == "raw_std"


def test_refusals_are_one_line(checkpoint, base_model, tmp_path, capsys):
    def line(*arguments: str) -> str:
        assert main(["export", *arguments]) == 2
        [said] = [text for text in capsys.readouterr().err.splitlines() if text.startswith("distreward export: ")]
        return said

    out = ["--output_dir", str(tmp_path / "out")]
    assert "RewardCallable" in line(checkpoint("likert"), *out)
    assert "mean - k" in line(checkpoint("mean_variance"), *out, "--output", "mean_minus_std")
    assert "not a reward model checkpoint" in line(str(base_model), *out)
    assert "--output_dir is missing" in line(str(base_model))
    assert "--dtype int3" in line(str(base_model), *out, "--dtype", "int3")
    assert "--model_name_or_path" in line(*out)
    assert not (tmp_path / "out").exists()
