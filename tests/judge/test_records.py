"""JSONL files of dataclasses: what is written is read back, and mistakes name line and field."""

import re
from dataclasses import dataclass, field

import pytest

from distreward.errors import InputError
from distreward.judge.records import one_of, read_records, write_records


@dataclass(frozen=True)
class Note:
    name: str
    side: str
    meta: dict = field(default_factory=dict)


CHECKS = {"side": one_of(("a", "b"))}


def test_there_and_back(tmp_path):
    notes = [Note("ü\n", "a", {"x": [1, None]}), Note("two", "b")]
    write_records(tmp_path / "n.jsonl", iter(notes))
    assert read_records(tmp_path / "n.jsonl", Note, CHECKS) == notes
    assert [path.name for path in tmp_path.iterdir()] == ["n.jsonl"]  # nothing temporary is left


def test_a_failed_write_leaves_the_old_file(tmp_path):
    write_records(tmp_path / "n.jsonl", [Note("old", "a")])

    def broken():
        yield Note("new", "a")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_records(tmp_path / "n.jsonl", broken())
    assert read_records(tmp_path / "n.jsonl", Note, CHECKS) == [Note("old", "a")]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"name": "x"}', "line 1, field `side`: got no such field"),
        ('{"name": "x", "side": "c"}', "field `side`: got 'c', wanted one of a, b"),
        ('{"name": "x", "side": "a", "mete": {}}', "unknown field `mete` (did you mean 'meta'"),
        ('{"name": 3, "side": "a"}', "field `name`: got 3"),
        ('{"name": "x", "side": "a", "meta": []}', "field `meta`"),
    ],
)
def test_mistakes(line, message, tmp_path):
    (tmp_path / "n.jsonl").write_text(line + "\n")
    with pytest.raises(InputError, match=re.escape(message)):
        read_records(tmp_path / "n.jsonl", Note, CHECKS)
