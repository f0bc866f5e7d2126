"""Reward models that others made, in the same commands and tables as our own."""

import json

import pytest
import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    LlamaForSequenceClassification,
    Qwen3Config,
    Qwen3ForSequenceClassification,
)

from distreward.cli.main import main
from tests.conftest import make_tokenizer

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

REMOTE = """
from transformers import LlamaForSequenceClassification


class LlamaForPreferences(LlamaForSequenceClassification):
    def forward(self, *args, **kwargs):
        output = super().forward(*args, **kwargs)
        output.logits = output.logits - 7
        return output
"""


@pytest.fixture
def stock(tmp_path):
    """A reward model in the style of those on the Hub: Qwen3, one output, no problem_type, ChatML, nothing of ours."""
    torch.manual_seed(0)
    shape = {"vocab_size": 264, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "head_dim": 8}
    shape |= {"num_attention_heads": 2, "num_key_value_heads": 1, "initializer_range": 0.3}
    config = Qwen3Config(**shape, num_labels=1, pad_token_id=0, eos_token_id=2)
    folder = tmp_path / "Reward-V2"
    Qwen3ForSequenceClassification(config).to(torch.bfloat16).save_pretrained(folder)
    tokenizer = make_tokenizer(template=False)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    tokenizer.chat_template = CHATML
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def files(tmp_path):
    """A function that gives the arguments of a command on six pairs."""
    rows = [
        {
            "id": f"q{index}",
            "prompt": f"Name colour {index}.",
            "response_a": "Red. " * (1 + index % 3),
            "response_b": "I cannot say.",
            "preferences": [[2, 2], [-2, 1], [0, -1]][index % 3],
        }
        for index in range(6)
    ]
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))

    def arguments(command: str, model, *more: str) -> list[str]:
        name = "--dataset_name" if command == "evaluate" else "--input_file"
        out = ["--output_dir", str(tmp_path / command)]
        bootstrap = ["--n_bootstrap", "5"] if command == "evaluate" else []
        return [command, "--model_name_or_path", str(model), name, str(path), *out, *bootstrap, *more]

    return arguments


def mistake(capsys, argv: list[str]) -> str:
    assert main(argv) == 2
    error = capsys.readouterr().err
    [line] = [text for text in error.splitlines() if text.startswith(f"distreward {argv[0]}: ")]
    assert "Traceback" not in error
    return line


def test_a_stock_reward_model_in_the_same_table(stock, files, tmp_path, capsys):
    assert main(files("evaluate", stock)) == 0
    assert "Reward-V2" in capsys.readouterr().out
    results = json.loads((tmp_path / "evaluate" / "results.json").read_text())
    assert results["reward_head"] == {"type": "scalar"}
    assert "value" in results["metrics"]["preference_accuracy"] and "level_calibration" not in results["metrics"]

    assert main(files("score", stock, "--dtype", "float32")) == 0
    scored = [json.loads(line) for line in (tmp_path / "score" / "scores.jsonl").open()]
    tokenizer, model = AutoTokenizer.from_pretrained(stock), AutoModelForSequenceClassification.from_pretrained(stock)
    model = model.float()
    for row in scored:
        messages = [{"role": "user", "content": row["prompt"]}, {"role": "assistant", "content": row["response_a"]}]
        text = tokenizer.apply_chat_template(messages, tokenize=False)  # the model's own template
        assert text.startswith("<|im_start|>user") and text.endswith("<|im_end|>\n")
        with torch.no_grad():
            raw = model(**tokenizer(text, add_special_tokens=False, return_tensors="pt")).logits.item()
        assert row["reward_a"]["mean"] == pytest.approx(raw, abs=1e-4)


def test_one_without_a_chat_template_asks_for_one(stock, files, capsys, tmp_path):
    make_tokenizer(template=False).save_pretrained(stock)
    (stock / "chat_template.jinja").unlink(missing_ok=True)
    for command in ("evaluate", "score"):
        line = mistake(capsys, files(command, stock))
        assert str(stock) in line and "--chat_template_path" in line and "`plain`" in line
        assert main(files(command, stock, "--chat_template_path", "plain")) == 0


@pytest.fixture
def remote(tmp_path, llama_config, tokenizer, monkeypatch):
    """A reward model whose class comes with it."""
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.syspath_prepend(str(tmp_path / "modules"))
    torch.manual_seed(0)
    llama_config.num_labels = 1
    folder = tmp_path / "remote"
    LlamaForSequenceClassification(llama_config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    config["architectures"] = ["LlamaForPreferences"]
    config["auto_map"] = {"AutoModelForSequenceClassification": "modeling_preferences.LlamaForPreferences"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "modeling_preferences.py").write_text(REMOTE)
    return folder


@pytest.mark.parametrize("command", ["evaluate", "score"])
def test_code_that_comes_with_a_checkpoint_needs_the_flag(command, remote, files, capsys, tmp_path):
    line = mistake(capsys, files(command, remote))
    assert str(remote) in line and "--trust_remote_code" in line and "LlamaForPreferences" in line
    assert main(files(command, remote, "--trust_remote_code", "true")) == 0
    if command == "score":
        [first, *_] = [json.loads(line) for line in (tmp_path / "score" / "scores.jsonl").open()]
        assert first["reward_a"]["mean"] == pytest.approx(-7, abs=1)  # its own forward ran


@pytest.mark.parametrize("command", ["evaluate", "score"])
def test_what_is_no_reward_model_stops_with_the_fix(
    command, base_model, llama_config, tokenizer, files, capsys, tmp_path
):
    line = mistake(capsys, files(command, base_model))
    assert str(base_model) in line and f"distreward train --model_name_or_path {base_model}" in line
    llama_config.num_labels = 5
    llama_config.id2label = dict(enumerate(["helpfulness", "correctness", "coherence", "complexity", "verbosity"]))
    LlamaForSequenceClassification(llama_config).save_pretrained(tmp_path / "attributes")
    tokenizer.save_pretrained(tmp_path / "attributes")
    line = mistake(capsys, files(command, tmp_path / "attributes"))
    assert "5 outputs" in line and "one output" in line
    assert not (tmp_path / command).exists()
