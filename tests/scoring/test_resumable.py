"""Lines that were written stay written; a run goes on after them, or starts anew when anything has changed."""

import pytest

from distreward.scoring.resumable import ResumableLines, work_key


def written(path, key, rows, finish=False):
    lines = ResumableLines(path, key)
    lines.append(rows)
    if finish:
        lines.finish()
    return lines


def test_a_finished_file_has_all_lines_and_nothing_lies_beside_it(tmp_path):
    path = tmp_path / "scores.jsonl"
    lines = written(path, "k", [{"a": 1}])
    assert not path.exists()  # nobody takes half a file for a whole one
    lines.append([{"a": 2}, {"a": "é"}])
    lines.finish()
    assert path.read_text() == '{"a": 1}\n{"a": 2}\n{"a": "\\u00e9"}\n'
    assert [entry.name for entry in tmp_path.iterdir()] == ["scores.jsonl"]


def test_a_killed_run_goes_on_after_its_whole_lines(tmp_path):
    path = tmp_path / "scores.jsonl"
    written(path, "k", [{"a": 1}, {"a": 2}])
    part = tmp_path / "scores.jsonl.part"
    part.write_text(part.read_text() + '{"a": 3')  # the kill came in the middle of line 3
    lines = ResumableLines(path, "k")
    assert lines.n_done == 2
    lines.append([{"a": 3}])
    lines.finish()
    assert path.read_text() == '{"a": 1}\n{"a": 2}\n{"a": 3}\n'


def test_another_key_starts_anew(tmp_path, caplog):
    path = tmp_path / "scores.jsonl"
    written(path, "k", [{"a": 1}])
    lines = ResumableLines(path, "other")
    assert lines.n_done == 0 and "is of another input, model or setting" in caplog.text
    lines.append([{"b": 1}])
    lines.finish()
    assert path.read_text() == '{"b": 1}\n'


def test_a_finished_file_is_made_again_in_one_piece(tmp_path):
    path = tmp_path / "scores.jsonl"
    written(path, "k", [{"a": 1}], finish=True)
    lines = ResumableLines(path, "k")
    assert lines.n_done == 0 and path.read_text() == '{"a": 1}\n'  # the old one stays until the new one is whole
    lines.append([{"a": 9}])
    lines.finish()
    assert path.read_text() == '{"a": 9}\n'


@pytest.mark.parametrize("change", ["input", "model", "setting", "name"])
def test_the_key_changes_with_what_the_scores_depend_on(tmp_path, change):
    file, model = tmp_path / "in.jsonl", tmp_path / "model"
    model.mkdir()
    file.write_text("{}\n")
    (model / "model.safetensors").write_text("weights")
    first = work_key(file, str(model), {"max_length": 8})
    assert first == work_key(file, str(model), {"max_length": 8}) and len(first) == 64
    name, setting = str(model), {"max_length": 8}
    if change == "input":
        file.write_text("{} \n")
    elif change == "model":
        (model / "model.safetensors").write_text("other weights")
    elif change == "setting":
        setting = {"max_length": 9}
    else:
        name = "a/hub-id"
    assert work_key(file, name, setting) != first
