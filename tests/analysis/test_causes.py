"""Files of cause annotations: what is written is read back, and every bad line is named."""

import json

import pytest

from distreward.analysis.causes import CauseAnnotation, annotation_line, read_annotations, write_annotations
from distreward.errors import InputError

GOOD = {"pair_id": "q1", "annotator": "ann", "causes": ["verbosity"]}


def test_round_trip(tmp_path):
    annotations = [
        CauseAnnotation("q1", "ann", ("verbosity", "format"), 'long\nand "quoted" é'),
        CauseAnnotation("q1", "bob", ()),
        CauseAnnotation("q2", "ann", ("errors",)),
    ]
    path = tmp_path / "causes.jsonl"
    write_annotations(path, annotations)
    assert len(path.read_text().splitlines()) == 3
    assert read_annotations(path) == annotations
    assert read_annotations([path]) == annotations
    write_annotations(tmp_path / "none.jsonl", [])
    assert read_annotations(tmp_path / "none.jsonl") == []


def test_causes_come_in_the_order_of_the_table(tmp_path):
    path = tmp_path / "causes.jsonl"
    path.write_text(json.dumps({**GOOD, "causes": ["errors", "format", "verbosity"], "note": None}) + "\n")
    assert read_annotations(path) == [CauseAnnotation("q1", "ann", ("verbosity", "format", "errors"))]


BROKEN = {
    "unknown field": ({"cause": []}, "unknown field `cause` (did you mean 'causes'?)"),
    "unknown cause": ({"causes": ["verbosty"]}, "field `causes`: unknown cause 'verbosty' (did you mean 'verbosity'?)"),
    "not a list": ({"causes": "verbosity"}, "field `causes`: got 'verbosity', wanted a list"),
    "not a name": ({"causes": [3]}, "field `causes`: got 3"),
    "twice": ({"causes": ["format", "format"]}, "field `causes`: got 'format' twice"),
    "blank annotator": ({"annotator": " "}, "field `annotator`"),
    "number as id": ({"pair_id": 7}, "field `pair_id`: got 7"),
    "note": ({"note": ["x"]}, "field `note`"),
    "missing": ({"annotator": None}, "field `annotator`: got no such field"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_bad_line_is_named(name, tmp_path):
    change, said = BROKEN[name]
    row = {key: value for key, value in {**GOOD, "pair_id": "q2", **change}.items() if value is not None}
    path = tmp_path / "causes.jsonl"
    path.write_text(json.dumps(GOOD) + "\n\n" + json.dumps(row) + "\n")
    with pytest.raises(InputError) as caught:
        read_annotations(path)
    assert str(caught.value).startswith(f"{path}, line 3") and said in str(caught.value)


def test_a_second_line_on_the_same_pair_is_refused_across_files(tmp_path):
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    write_annotations(one, [CauseAnnotation("q1", "ann", ("format",)), CauseAnnotation("q1", "bob", ())])
    write_annotations(two, [CauseAnnotation("q2", "ann", ()), CauseAnnotation("q1", "ann", ("errors",))])
    with pytest.raises(InputError, match=r"two.jsonl, line 2: 'ann' .* pair 'q1' already \(.*one.jsonl, line 1\)"):
        read_annotations([one, two])
    with pytest.raises(InputError, match="line 1: .* already"):
        read_annotations([one, one])


def test_a_wrong_annotation_is_not_written(tmp_path):
    path = tmp_path / "causes.jsonl"
    with pytest.raises(InputError, match="annotation 1 for .*did you mean 'verbosity'"):
        write_annotations(path, [CauseAnnotation("q1", "ann", ("verbosty",))])
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match="cannot be written"):
        write_annotations(tmp_path / "no" / "causes.jsonl", [CauseAnnotation("q1", "ann", ())])
    with pytest.raises(InputError, match="no such file"):
        read_annotations(path)


def test_a_line_is_one_line():
    assert annotation_line(CauseAnnotation("q1", "ann", (), "a\nb")).count("\n") == 1
