"""The command line as a user meets it: usage, mistakes in one line with exit status 2."""

import gzip
import json
import os
import subprocess
import sys

import pytest

from distreward.cli.main import COMMANDS, main

ROW = {
    "id": "q1",
    "prompt": "Name a colour.",
    "response_a": "Red.",
    "response_b": "Blue.",
    "preferences": [2, -1],
    "scores_a": [5, 3],
    "scores_b": [3, 4],
}


def test_usage_names_every_command(capsys):
    assert main([]) == 0
    shown = capsys.readouterr().out
    assert all(f"  {name} " in shown for name in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([command, "--help"])
    assert stopped.value.code == 0
    shown = capsys.readouterr().out
    assert f"distreward {command}" in shown
    assert "--config FILE" in shown
    assert "--dataset-name" not in shown  # one spelling of each option


def test_unknown_command_names_the_nearest(capsys):
    assert main(["trian"]) == 2
    assert "did you mean 'train'?" in capsys.readouterr().err


def test_usage_needs_no_heavy_import():
    """`distreward --help` must not wait for torch."""
    code = "import sys; from distreward.cli.main import main; main(['--help']); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def test_a_reader_that_goes_away_is_no_error():
    """`distreward --help | head -1`, whose reader is gone before the first line."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "distreward.cli.main", "--help"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


def test_another_broken_pipe_is_an_error(monkeypatch):
    def breaks(_):
        raise BrokenPipeError

    monkeypatch.setattr("distreward.cli.env.main", breaks)
    with pytest.raises(BrokenPipeError):
        main(["env"])


def mistake(capsys, argv: list[str]) -> str:
    """The one line a mistake prints."""
    assert main(argv) == 2
    error = capsys.readouterr().err
    lines = [line for line in error.splitlines() if line.startswith(f"distreward {argv[0]}: ")]
    assert len(lines) == 1, error
    assert "Traceback" not in error
    return lines[0]


BROKEN_ROWS = {
    "missing column": ({"response_b": None}, "response_b"),
    "level 3": ({"preferences": [3, 1]}, "preferences"),
    "score 0": ({"scores_a": [0, 3]}, "scores_a"),
    "empty prompt": ({"prompt": " "}, "prompt"),
    "unequal lists": ({"scores_a": [5]}, "scores_a"),
    "no response": ({"response_a": 3}, "response_a"),
}


@pytest.mark.parametrize("name", BROKEN_ROWS)
def test_a_broken_row_is_named_by_file_line_and_field(name, tmp_path, base_model, capsys):
    change, field = BROKEN_ROWS[name]
    broken = {key: value for key, value in {**ROW, **change}.items() if value is not None}
    path = tmp_path / "labels.jsonl"
    path.write_text(json.dumps({**ROW, "id": "q0"}) + "\n" + json.dumps(broken) + "\n")
    out = tmp_path / "out"
    line = mistake(
        capsys,
        ["train", "--dataset_name", str(path), "--model_name_or_path", str(base_model), "--output_dir", str(out)],
    )
    assert f"{path}, line 2" in line
    assert f"`{field}`" in line
    assert not out.exists()  # nothing half-written


BROKEN_FILES = {
    "empty file": ("labels.jsonl", b"", "no rows"),
    "not gzip": ("labels.jsonl.gz", b"not gzip at all", "not a gzip file"),
    "cut gzip": ("labels.jsonl.gz", gzip.compress((json.dumps(ROW) + "\n").encode())[:-12], "cut off"),
    "broken json": ("labels.jsonl", b'{"id": "q1",\n', "line 1"),
}


@pytest.mark.parametrize("name", BROKEN_FILES)
def test_a_broken_file_is_named(name, tmp_path, base_model, capsys):
    file_name, content, said = BROKEN_FILES[name]
    path = tmp_path / file_name
    path.write_bytes(content)
    arguments = ["--dataset_name", str(path), "--model_name_or_path", str(base_model), "--output_dir"]
    for command in ("train", "evaluate"):
        line = mistake(capsys, [command, *arguments, str(tmp_path / "out")])
        assert str(path) in line and said in line


def test_mistakes_in_options(tmp_path, base_model, capsys):
    path = tmp_path / "labels.jsonl"
    path.write_text("".join(json.dumps({**ROW, "id": f"q{i}", "prompt": f"Prompt {i}"}) + "\n" for i in range(30)))
    good = ["--dataset_name", str(path), "--output_dir", str(tmp_path / "out")]
    model = ["--model_name_or_path", str(base_model)]
    config = tmp_path / "config.yaml"
    config.write_text("lerning_rate: 1.0e-4\n")
    assert "did you mean 'learning_rate'?" in mistake(capsys, ["train", "--config", str(config)])
    assert "did you mean '--learning_rate'?" in mistake(capsys, ["train", *good, *model, "--lerning_rate", "1"])
    assert "did you mean 'mse'?" in mistake(capsys, ["train", *good, *model, "--objective", "msee"])
    assert "--model_name_or_path is missing" in mistake(capsys, ["train", *good])
    missing = ["--model_name_or_path", str(tmp_path / "nothing")]
    assert "no such model directory" in mistake(capsys, ["train", *good, *missing])
    assert "no such model directory" in mistake(capsys, ["evaluate", *good, *missing])
    assert "not a reward model checkpoint" in mistake(capsys, ["evaluate", *good, *model])
    assert "eval_share" in mistake(capsys, ["train", *good, *model, "--eval_share", "1.5"])
    assert "eta" in mistake(capsys, ["train", *good, *model, "--eta", "3"])
    assert "no such config file" in mistake(capsys, ["train", "--config", str(tmp_path / "none.yaml")])


def test_an_objective_that_needs_scores_says_so(tmp_path, base_model, capsys):
    path = tmp_path / "labels.jsonl"
    rows = [{key: value for key, value in ROW.items() if not key.startswith("scores")} for _ in range(30)]
    path.write_text(
        "".join(json.dumps({**row, "id": f"q{i}", "prompt": f"P {i}"}) + "\n" for i, row in enumerate(rows))
    )
    arguments = ["--dataset_name", str(path), "--model_name_or_path", str(base_model), "--output_dir"]
    for objective in ("mse", "likert_kl"):
        line = mistake(capsys, ["train", *arguments, str(tmp_path / "out"), "--objective", objective])
        assert "scores_a" in line and "--objective" in line
