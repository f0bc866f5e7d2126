"""results.json: strict JSON, written in one piece."""

import json
import time
from pathlib import Path

import numpy as np
import pytest

from distreward.cli.results import prepare_output_dir, write_results, write_text
from distreward.errors import InputError


def test_undefined_numbers_are_null_and_arrays_lists(tmp_path):
    values = {"metrics": {"value": float("nan"), "array": np.array([1.5]), "count": np.int64(3), "path": Path("a/b")}}
    path = write_results(tmp_path, "evaluate", {"seed": 0}, {"name": "x", "rows": 1}, time.time() - 2, values)
    text = path.read_text()
    assert "NaN" not in text
    found = json.loads(text)
    assert found["metrics"] == {"value": None, "array": [1.5], "count": 3, "path": "a/b"}
    assert {"command", "config", "data", "versions", "seconds"} <= set(found)
    assert 2 <= found["seconds"] < 60
    assert found["versions"]["torch"].startswith("2.")


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "x.txt"
    write_text(path, "old")
    monkeypatch.setattr(Path, "write_text", lambda *args, **kwargs: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError):
        write_text(path, "new")
    monkeypatch.undo()
    assert path.read_text() == "old"


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(InputError, match="--output_dir"):
        prepare_output_dir(str(tmp_path / "taken"))


def test_the_account_of_a_training_is_not_overwritten_by_another_command(tmp_path):
    path = write_results(tmp_path, "train", {}, {}, time.time(), {"reward_head": {"type": "scalar"}})
    with pytest.raises(InputError, match="holds a trained model.* or one in it"):
        prepare_output_dir(str(tmp_path))
    assert prepare_output_dir(str(tmp_path), model=True) == tmp_path
    assert prepare_output_dir(str(tmp_path / "evaluation")).is_dir()
    write_results(tmp_path, "evaluate", {}, {}, time.time(), {"reward_head": {"type": "scalar"}})
    assert prepare_output_dir(str(tmp_path)) == tmp_path  # a second evaluation replaces the first
    path.write_text("half")
    assert prepare_output_dir(str(tmp_path)) == tmp_path


def test_of_absolute_paths_only_the_name_is_written(tmp_path):
    config = {"dataset_name": "/home/ann/secret/labels.jsonl", "model": "org/model", "output_dir": Path("/x/y/out")}
    text = write_results(tmp_path, "train", config, {"name": "~/labels.jsonl"}, time.time(), {}).read_text()
    found = json.loads(text)
    assert found["config"] == {"dataset_name": "labels.jsonl", "model": "org/model", "output_dir": "out"}
    assert found["data"]["name"] == "labels.jsonl"
    assert "/home" not in text
