"""Names and label values of a user's file, given as options or as a saved YAML file."""

import pytest

from distreward.data.own_labels.columns import Columns, choose_columns, read_columns, write_columns
from distreward.errors import InputError


def test_saved_columns_are_the_same_again(tmp_path):
    columns = Columns(
        "wide_csv",
        {"prompt": "question", "label": ["ann", "bob"], "meta": "topic, length"},
        {"A>>B": 2, "yes": 2, "1": -2, "don't know": None, "à égalité": 0},
    )
    write_columns(columns, tmp_path / "columns.yaml")
    assert read_columns(tmp_path / "columns.yaml") == columns
    assert choose_columns(columns_file=tmp_path / "columns.yaml") == columns
    assert columns.several("label") == ["ann", "bob"] and columns.several("meta") == ["topic", "length"]


def test_a_file_written_by_hand_keeps_yes_and_no_as_text(tmp_path):
    path = tmp_path / "columns.yaml"
    path.write_text("format: long_csv\nprompt: question\nlabels:\n  yes: 2\n  no: -2\n  1: 0\n  hmm: skip\n")
    assert read_columns(path).labels == {"yes": 2, "no": -2, "1": 0, "hmm": None}


def test_options_go_on_top_of_the_file(tmp_path):
    write_columns(Columns("long_csv", {"prompt": "q", "label": "l"}, {"A": 2}), tmp_path / "c.yaml")
    columns = choose_columns("wide_csv", {"label": "ann,bob"}, {"B": "-2"}, tmp_path / "c.yaml")
    assert columns == Columns("wide_csv", {"prompt": "q", "label": "ann,bob"}, {"A": 2, "B": -2})
    assert columns["prompt"] == "q" and columns["response_a"] == "response_a" and columns["id"] is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("format: longcsv", "did you mean 'long_csv'"),
        ("format: long_csv\npromt: q", "unknown key 'promt' (did you mean 'prompt'"),
        ("format: long_csv\nlabels:\n  A: 3", "'A' is given level '3', wanted -2 to 2"),
        ("format: long_csv\nlabels: A", "field `labels`: wanted label values"),
        ("prompt: q", "wanted a YAML mapping with `format"),
        ("format: [", "not valid YAML"),
    ],
)
def test_mistakes_in_the_file_are_one_line_with_its_name(tmp_path, text, message):
    path = tmp_path / "columns.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        read_columns(path)
    assert str(error.value).startswith(str(path)) and message in str(error.value) and "\n" not in str(error.value)


def test_mistakes_in_options():
    with pytest.raises(InputError, match="own labels need a format"):
        choose_columns(columns={"prompt": "q"})
    with pytest.raises(InputError, match="`prompt` takes one name"):
        _ = Columns("long_csv", {"prompt": ["a", "b"]})["prompt"]
    with pytest.raises(InputError, match="wanted -2 to 2"):
        choose_columns("long_csv", labels={"A": True})
    with pytest.raises(InputError, match="cannot be read"):
        choose_columns(columns_file="nowhere.yaml")
