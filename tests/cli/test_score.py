"""`distreward score` on long files: killed and gone on with, alone or shared by two processes, the lines are the same."""

import json
import os
import subprocess
import sys

import pytest
import torch

from distreward.cli import score
from distreward.cli.main import main
from distreward.modeling import AutoRewardModel


@pytest.fixture
def checkpoint(tmp_path, llama_config, tokenizer):
    torch.manual_seed(0)
    llama_config.initializer_range = 0.5
    AutoRewardModel.from_config(llama_config, reward_head="mean_variance").save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def questions(tmp_path):
    """Nine lines of one to three responses of different lengths."""
    rows = [{"prompt": f"Colour {i}?", "responses": ["Red. " * (1 + (i * j) % 7) for j in range(1 + i % 3)]} for i in range(9)]  # fmt: skip
    path = tmp_path / "questions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def arguments(checkpoint, questions, folder) -> list[str]:
    return [
        "score",
        "--model_name_or_path",
        str(checkpoint),
        "--input_file",
        str(questions),
        "--output_dir",
        str(folder),
    ]


def means(folder) -> list[list[float]]:
    lines = (folder / "scores.jsonl").read_text().splitlines()
    return [[reward["mean"] for reward in json.loads(line)["rewards"]] for line in lines]


def test_blocks_do_not_change_scores(checkpoint, questions, tmp_path, monkeypatch):
    assert main(arguments(checkpoint, questions, tmp_path / "whole")) == 0
    monkeypatch.setattr(score, "BLOCK_RESPONSES", 4)
    assert main(arguments(checkpoint, questions, tmp_path / "blocks")) == 0
    whole, cut = means(tmp_path / "whole"), means(tmp_path / "blocks")
    assert [len(line) for line in whole] == [1, 2, 3] * 3
    for one, other in zip(whole, cut, strict=True):
        assert one == pytest.approx(other, abs=1e-5)


def test_a_killed_run_goes_on_where_it_was(checkpoint, questions, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(score, "BLOCK_RESPONSES", 4)
    assert main(arguments(checkpoint, questions, tmp_path / "whole")) == 0
    real, scored = score.RewardScorer.score, []

    def dies_in_the_third_block(self, prompts, responses, bar=None):
        if len(scored) == 2:
            raise KeyboardInterrupt
        scored.append(len(responses))
        return real(self, prompts, responses, bar)

    monkeypatch.setattr(score.RewardScorer, "score", dies_in_the_third_block)
    assert main(arguments(checkpoint, questions, tmp_path / "cut")) == 130
    assert not (tmp_path / "cut" / "scores.jsonl").exists()
    monkeypatch.setattr(score.RewardScorer, "score", lambda *a: scored.append(len(a[2])) or real(*a))
    assert main(arguments(checkpoint, questions, tmp_path / "cut")) == 0
    assert scored == [6, 6, 6]  # blocks of rows with 1, 2 and 3 responses: none was scored twice
    assert means(tmp_path / "cut") == means(tmp_path / "whole")
    assert "going on with scores.jsonl.part after its" in capsys.readouterr().err


def test_two_processes_give_the_scores_of_one(checkpoint, questions, tmp_path):
    assert main(arguments(checkpoint, questions, tmp_path / "one")) == 0
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2"]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, "--rdzv_endpoint", "localhost:0", "--rdzv_backend", "c10d", "-m", "distreward",
         *arguments(checkpoint, questions, tmp_path / "two")],
        env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-6000:]
    assert done.stdout.count("responses of 9 lines scored") == 1  # one process writes and speaks
    assert means(tmp_path / "two") == means(tmp_path / "one")
