import json
import subprocess
import sys

import numpy as np
import pytest
from datasets import Dataset

from distreward.data.schema import COLUMNS, check_row, features, unknown_columns
from distreward.errors import InputError

WHERE = "pairs.jsonl, line 3"


def raw_row(**changes):
    row = {
        "id": "p1",
        "prompt": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Name a river."}],
        "response_a": "The Nile.",
        "response_b": "Ask a map.",
        "preferences": [2, 1, -1],
    }
    return row | changes


def without(row, *columns):
    return {column: value for column, value in row.items() if column not in columns}


def test_the_example_of_the_error_line():
    with pytest.raises(InputError) as error:
        check_row(raw_row(preferences=[1, 3]), WHERE)
    assert str(error.value) == (
        "pairs.jsonl, line 3, field `preferences`: got 3, wanted levels from -2 to 2 (positive = A preferred); "
        "mend or remove the row."
    )


def test_absent_and_null_columns_are_filled():
    filled = {
        "scores_a": [],
        "scores_b": [],
        "annotator_ids": [],
        "strength_known": True,
        "source": "",
        "meta": "{}",
        "margin": None,
    }
    assert check_row(raw_row(), WHERE) == raw_row() | filled
    assert check_row(raw_row(**dict.fromkeys(filled)), WHERE) == raw_row() | filled


def test_a_checked_row_stays_as_it_is_and_fits_the_features():
    full = raw_row(
        scores_a=[5, 4.5, 1], scores_b=[1, 2, 3], annotator_ids=["x", "y", "z"], source="s", meta='{"k": 1}', margin=0.5
    )
    checked = check_row(full, WHERE)
    assert check_row(checked, WHERE) == checked
    assert tuple(checked) == COLUMNS == tuple(features())
    dataset = Dataset.from_list([checked], features=features())
    assert dataset[0] == checked
    assert dataset.features == features()


def test_a_plain_prompt_becomes_one_user_message():
    assert check_row(raw_row(prompt="Hi"), WHERE)["prompt"] == [{"role": "user", "content": "Hi"}]


def test_meta_may_be_an_object():
    meta = check_row(raw_row(meta={"model_a": "é", "n": 2}), WHERE)["meta"]
    assert json.loads(meta) == {"model_a": "é", "n": 2}


def test_integers_are_taken_as_names():
    checked = check_row(raw_row(id=17, annotator_ids=[1, 2, 3]), WHERE)
    assert checked["id"] == "17" and checked["annotator_ids"] == ["1", "2", "3"]


def test_numpy_numbers_pass():
    checked = check_row(raw_row(preferences=list(np.array([1, 0], dtype=np.int8)), margin=np.float32(0.5)), WHERE)
    assert checked["preferences"] == [1, 0] and type(checked["preferences"][0]) is int and checked["margin"] == 0.5


def test_the_default_id_is_used_only_without_an_id():
    assert check_row(without(raw_row(), "id"), WHERE, default_id="file:3")["id"] == "file:3"
    assert check_row(raw_row(), WHERE, default_id="file:3")["id"] == "p1"
    with pytest.raises(InputError, match="field `id`: got no such column"):
        check_row(without(raw_row(), "id"), WHERE)


def test_scores_without_labels_may_differ_in_length():
    # Two and three annotators cannot be aligned, so there is no label per annotator.
    checked = check_row(raw_row(preferences=[], scores_a=[5, 4], scores_b=[1, 2, 2]), WHERE)
    assert checked["scores_b"] == [1.0, 2.0, 2.0]


def test_a_misspelt_column_is_named():
    row = without(raw_row(), "response_b") | {"respone_b": "x"}
    with pytest.raises(InputError, match="field `response_b`: .*rename `respone_b` to `response_b`"):
        check_row(row, WHERE)


USER = {"role": "user", "content": "Hi"}


@pytest.mark.parametrize("column", ["prompt", "response_a", "response_b", "preferences"])
def test_missing_columns_are_refused(column):
    with pytest.raises(InputError, match=f"line 3, field `{column}`: got no such column"):
        check_row(without(raw_row(), column), WHERE)


@pytest.mark.parametrize(
    ("field", "got", "changes"),
    [
        ("id", "''", {"id": ""}),
        ("id", "None", {"id": None}),
        ("id", "True", {"id": True}),
        ("prompt", "None", {"prompt": None}),
        ("prompt", r"\[\]", {"prompt": []}),
        ("prompt", "' '", {"prompt": " "}),
        ("prompt", "7", {"prompt": 7}),
        ("prompt", "message 2 = 'Hi'", {"prompt": [USER, "Hi"]}),
        ("prompt", "message 1 = ", {"prompt": [{"role": "user"}]}),
        ("prompt", "a last message with role 'assistant'", {"prompt": [USER, USER | {"role": "assistant"}]}),
        (r"prompt\[1\].content", r"'\\n'", {"prompt": [{"role": "user", "content": "\n"}]}),
        (r"prompt\[1\].content", "None", {"prompt": [{"role": "system", "content": None}, USER]}),
        (r"prompt\[1\].role", "3", {"prompt": [{"role": 3, "content": "Hi"}]}),
        ("response_b", "None", {"response_b": None}),
        ("response_b", "half a character", {"response_b": "a\ud800"}),
        ("preferences", "no label, and 0 and 0 scores", {"preferences": []}),
        ("preferences", "no label, and 1 and 0 scores", {"preferences": [], "scores_a": [3]}),
        ("preferences", "None", {"preferences": None}),
        ("preferences", "1", {"preferences": 1}),
        ("preferences", "'2'", {"preferences": "2"}),
        ("preferences", "-3", {"preferences": [0, -3]}),
        ("preferences", "True", {"preferences": [True]}),
        ("preferences", "1.0", {"preferences": [1.0]}),
        ("preferences", "None", {"preferences": [None]}),
        ("preferences", "-1, wanted -2, 0 or 2", {"preferences": [2, -1], "strength_known": False}),
        ("scores_a", "0", {"preferences": [], "scores_a": [0], "scores_b": [1]}),
        ("scores_b", "5.1", {"preferences": [], "scores_a": [1], "scores_b": [5.1]}),
        ("scores_b", "nan", {"preferences": [], "scores_a": [1], "scores_b": [float("nan")]}),
        ("scores_b", "True", {"preferences": [], "scores_a": [1], "scores_b": [True]}),
        ("scores_a", "4", {"scores_a": 4}),
        ("scores_b", "1 scores", {"preferences": [1, 1], "scores_a": [1, 2], "scores_b": [1]}),
        ("scores_b", "0 scores", {"preferences": [1, 1], "scores_a": [1, 2]}),
        ("scores_a", "2 scores", {"preferences": [1], "scores_a": [1, 2], "scores_b": [1, 2]}),
        ("annotator_ids", "2 names", {"annotator_ids": ["x", "y"]}),
        ("annotator_ids", "'xyz'", {"annotator_ids": "xyz"}),
        ("annotator_ids", "None", {"annotator_ids": ["x", "y", None]}),
        ("strength_known", "'no'", {"strength_known": "no"}),
        ("strength_known", "1", {"strength_known": 1}),
        ("source", "3", {"source": 3}),
        ("meta", r"'\[1\]'", {"meta": "[1]"}),
        ("meta", "'{'", {"meta": "{"}),
        ("meta", "{'x': nan}", {"meta": {"x": float("nan")}}),
        ("meta", "{'x': <class 'object'>}", {"meta": {"x": object}}),
        ("meta", "4", {"meta": 4}),
        ("margin", "'1'", {"margin": "1"}),
        ("margin", "inf", {"margin": float("inf")}),
        ("margin", "nan", {"margin": float("nan")}),
        ("margin", "1e[+]39", {"margin": 1e39}),  # finite, but not in float32
        ("margin", "True", {"margin": True}),
    ],
)
def test_what_breaks_the_schema_is_refused_on_one_line(field, got, changes):
    with pytest.raises(InputError, match=f"^pairs.jsonl, line 3, field `{field}`: got {got}") as error:
        check_row(raw_row(**changes), WHERE)
    assert "\n" not in str(error.value) and "wanted" in str(error.value)


def test_a_long_value_is_cut_in_the_message():
    with pytest.raises(InputError) as error:
        check_row(raw_row(strength_known="x\n" * 500), WHERE)
    assert len(str(error.value)) < 200


def test_unknown_columns_and_message_keys_are_named():
    row = raw_row(lang="en", prompt=[USER | {"weight": 1}, USER | {"name": "Ann", "weight": 0}])
    assert unknown_columns(row) == ["lang", "prompt.name", "prompt.weight"]
    assert unknown_columns(raw_row()) == []


def test_the_import_is_light():
    code = "import sys, distreward.data.schema; sys.exit('datasets' in sys.modules or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
