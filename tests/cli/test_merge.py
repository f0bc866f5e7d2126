"""`distreward train --use_peft`, then `merge`: the adapter and the merged checkpoint score alike."""

import json

import pytest

from distreward.cli.main import main
from tests.conftest import make_pairs


@pytest.fixture
def adapter(tmp_path, base_model):
    """A trained adapter of the command line over the tiny base model."""
    data = tmp_path / "pairs.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in make_pairs()))
    out = tmp_path / "adapter"
    status = main(
        ["train", "--dataset_name", str(data), "--model_name_or_path", str(base_model), "--output_dir", str(out),
         "--use_peft", "--lora_target_modules", "q_proj", "v_proj", "--max_steps", "2", "--eval_share", "0",
         "--report_to", "none", "--learning_rate", "0.01", "--gradient_checkpointing", "false"]
    )  # fmt: skip
    assert status == 0
    return out


def scores(tmp_path, model, name) -> list[dict]:
    questions = tmp_path / "questions.jsonl"
    questions.write_text('{"prompt": "Name a colour.", "response": "Red."}\n{"prompt": "Why?", "response": ""}\n')
    assert main(["score", "--model_name_or_path", str(model), "--input_file", str(questions), "--output_dir", str(tmp_path / name)]) == 0  # fmt: skip
    return [json.loads(line)["reward"] for line in (tmp_path / name / "scores.jsonl").read_text().splitlines()]


def test_an_adapter_is_scored_and_merged(tmp_path, adapter):
    assert not (adapter / "model.safetensors").exists()
    assert main(["merge", "--model_name_or_path", str(adapter), "--output_dir", str(tmp_path / "merged")]) == 0
    results = json.loads((tmp_path / "merged" / "results.json").read_text())
    assert results["reward_head"]["type"] == "mean_variance" and results["parameters"] > 0
    one, other = scores(tmp_path, adapter, "a"), scores(tmp_path, tmp_path / "merged", "b")
    for first, second in zip(one, other, strict=True):
        assert first["mean"] == pytest.approx(second["mean"], abs=1e-5)
        assert first["std"] == pytest.approx(second["std"], abs=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model_name_or_path", "/nowhere"], "/nowhere: no such model directory"),
        (["--model_name_or_path", "{base}"], "pass reward_head="),
        (["--model_name_or_path", "{base}", "--reward_head", "scalar"], "there is nothing to merge"),
        (["--model_name_or_path", "{base}", "--dtype", "int3"], "--dtype int3: wanted one of auto"),
    ],
)
def test_mistakes_are_one_line(tmp_path, base_model, capsys, options, message):
    options = [option.format(base=base_model) for option in options]
    assert main(["merge", *options, "--output_dir", str(tmp_path / "merged")]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("distreward merge: ") and message in error
