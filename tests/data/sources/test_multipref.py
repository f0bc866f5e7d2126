"""MultiPref, on rows written here in its published format."""

import json
import re

import pytest

from distreward.data.loading import load_preferences
from distreward.data.tally import Tally
from distreward.errors import InputError
from tests.data.sources.rows import write_rows

CLEAR_A, SLIGHT_A, TIE = "A-is-clearly-better", "A-is-slightly-better", "Tie"
SLIGHT_B, CLEAR_B = "B-is-slightly-better", "B-is-clearly-better"


def annotation(evaluator, overall, **others):
    return {"evaluator": evaluator, "overall_pref": overall, "overall_confidence": "fairly-confident", **others}


def comparison(number, normal, expert, **changes):
    row = {
        "comparison_id": f"c{number}",
        "prompt_id": f"q{number}",
        "text": f"Name colour {number}.",
        "completion_a": "Red.",
        "completion_b": "Blue.",
        "model_a": "tulip-7b",
        "model_b": "rose-70b",
        "source": "made/up",
        "category": "Open QA",
        "normal_worker_annotations": normal,
        "expert_worker_annotations": expert,
    }
    return row | changes


FULL = comparison(
    1,
    [annotation("n1", CLEAR_A, helpful_pref=TIE), annotation("n2", SLIGHT_B, helpful_pref=None)],
    [annotation("e1", "Tie ", helpful_pref=CLEAR_B), annotation("e1", " a-is-slightly-better", helpful_pref=SLIGHT_A)],
)


@pytest.mark.parametrize("name", ["train.jsonl", "train.jsonl.gz", "train.parquet"])
def test_labels_names_and_meta(tmp_path, name):
    [row] = load_preferences("multipref", data_files=write_rows(tmp_path / name, [FULL]))
    assert row["id"] == "c1" and row["prompt"] == [{"role": "user", "content": "Name colour 1."}]
    assert row["preferences"] == [2, -1, 0, 1] and row["strength_known"]
    assert row["annotator_ids"] == ["normal:n1", "normal:n2", "expert:e1", "expert:e1"]
    meta = json.loads(row["meta"])
    assert meta["model_b"] == "rose-70b" and meta["category"] == "Open QA" and meta["prompt_source"] == "made/up"
    assert row["source"] == "allenai/multipref"


def test_workers_and_attributes_are_chosen(tmp_path):
    path = write_rows(tmp_path / "x.jsonl", [FULL])
    assert load_preferences("multipref", data_files=path, workers="normal")["preferences"][:] == [[2, -1]]
    assert load_preferences("multipref", data_files=path, workers="expert")["preferences"][:] == [[0, 1]]
    tally = Tally()
    helpful = load_preferences("multipref", data_files=path, attribute="helpful", tally=tally)
    assert helpful["preferences"][:] == [[0, -2, 1]]  # the second normal worker gave none
    assert helpful["annotator_ids"][0] == ["normal:n1", "expert:e1", "expert:e1"]
    assert tally.dropped == {"annotations without `helpful_pref`": 1} and (tally.rows, tally.pairs) == (1, 1)


def test_what_is_missing_is_counted_by_reason(tmp_path, caplog):
    rows = [
        FULL,
        FULL,  # the same row again
        comparison(2, [annotation("n1", None)], None),
        comparison(3, [annotation(None, TIE)], [], completion_b=""),  # a model that said nothing was judged too
        comparison(4, [annotation("n1", TIE)], [], completion_b=None),
        comparison(5, [annotation("n1", TIE)], [], text=" "),
    ]
    tally = Tally()
    pairs = load_preferences("multipref", data_files=write_rows(tmp_path / "x.jsonl", rows), tally=tally)
    assert pairs["id"][:] == ["c1", "c3"] and pairs["annotator_ids"][1] == ["normal:unnamed-1"]
    assert pairs["response_b"][1] == ""
    assert dict(tally.dropped) == {
        "rows that repeat an earlier row with the same `comparison_id`": 1,
        "annotations without `overall_pref`": 1,
        "pairs with no label for `overall_pref`": 1,
        "pairs without the text of a response": 1,
        "pairs whose prompt has a blank message": 1,
    }
    assert (tally.rows, tally.pairs) == (6, 2)
    assert f"left out 1 pairs without the text of a response (first: {tmp_path / 'x.jsonl'}, line 5)" in caplog.text


def test_annotations_stored_as_columns_are_the_same(tmp_path):
    """Some versions of `datasets` turn a list of objects into an object of lists."""
    turned = {"evaluator": ["n1", "n2"], "overall_pref": [CLEAR_B, TIE]}
    path = write_rows(tmp_path / "x.jsonl", [comparison(1, turned, [])])
    assert load_preferences("multipref", data_files=path)["preferences"][:] == [[-2, 0]]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            comparison(1, [annotation("n", "A is best")], []),
            "field `normal_worker_annotations[1].overall_pref`: got 'A is best'",
        ),
        (comparison(1, "none", []), "field `normal_worker_annotations`: got 'none'"),
        (comparison(1, [], [], completion_a=5), "field `completion_a`: got 5, wanted text"),
        ({"comparison_id": "c1", "text": "Hi"}, "field `completion_a`: got no such column"),
        (comparison(1, [annotation("n", CLEAR_A)], []), "which is also the id of"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, row, message):
    path = write_rows(tmp_path / "x.jsonl", [FULL, row])
    with pytest.raises(InputError) as error:
        load_preferences("multipref", data_files=path)
    assert str(error.value).startswith(f"{path}, line 2") and message in str(error.value)


def test_options_are_checked(tmp_path):
    path = write_rows(tmp_path / "x.jsonl", [FULL])
    for options, message in [
        ({"attribute": "helpfull"}, "did you mean 'helpful'?"),
        ({"workers": "experts"}, "wanted all, normal or expert"),
        ({"atribute": "helpful"}, "multipref: takes no `atribute` (did you mean 'attribute'?)"),
        ({"streaming": True}, "leave streaming out"),
        ({"n_pairs": 5}, "got n_pairs=5"),
    ]:
        with pytest.raises(InputError, match=re.escape(message)):
            load_preferences("multipref", data_files=path, **options)
    with pytest.raises(InputError, match="none of 1 rows gave a pair .1 annotations without"):
        load_preferences("multipref", data_files=write_rows(path, [comparison(2, [annotation("n", "")], [])]))
