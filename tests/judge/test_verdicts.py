"""The records of judges: files that round-trip, broken lines that are named, two orders made one."""

import json

import pytest

from distreward.errors import InputError
from distreward.judge.verdicts import (
    PairVerdict,
    ResponseScore,
    combine_orders,
    read_scores,
    read_verdicts,
    write_scores,
    write_verdicts,
)

VERDICT = {"pair_id": "p1", "judge": "gpt-4", "level": 2, "order": "ab", "meta": {}}


def test_verdicts_and_scores_round_trip(tmp_path):
    verdicts = [
        PairVerdict("p1", "gpt-4", 2, "ab", {"model": "gpt-4-0613", "tokens": [3, 4]}),
        PairVerdict("p1", "gpt-4", None, "ba"),
        PairVerdict("größe", "claude", -1, "unknown"),
    ]
    write_verdicts(tmp_path / "v.jsonl", (v for v in verdicts))
    assert read_verdicts(tmp_path / "v.jsonl") == verdicts
    scores = [ResponseScore("p1", "a", "gpt-4", 7.5, {}), ResponseScore("p1", "b", "gpt-4", None, {})]
    write_scores(tmp_path / "s.jsonl", scores)
    assert read_scores(str(tmp_path / "s.jsonl")) == scores
    assert {path.name for path in tmp_path.iterdir()} == {"v.jsonl", "s.jsonl"}  # no temporary file is left


@pytest.mark.parametrize(
    ("change", "field", "wanted"),
    [
        ({"level": 3}, "level", "-2 to 2"),
        ({"level": True}, "level", "-2 to 2"),
        ({"level": 1.0}, "level", "-2 to 2"),
        ({"order": "first"}, "order", "ab, ba, unknown"),
        ({"pair_id": ""}, "pair_id", "not blank"),
        ({"pair_id": 7}, "pair_id", "text"),
        ({"judge": None}, "judge", "text"),
        ({"meta": "{}"}, "meta", "JSON object"),
    ],
)
def test_a_broken_verdict_names_file_line_and_field(change, field, wanted, tmp_path):
    path = tmp_path / "v.jsonl"
    path.write_text(json.dumps(VERDICT) + "\n" + json.dumps(VERDICT | change) + "\n")
    with pytest.raises(InputError) as raised:
        read_verdicts(path)
    message = str(raised.value)
    assert f"{path}, line 2, field `{field}`" in message and wanted in message and "\n" not in message


def test_a_missing_and_a_misspelt_field(tmp_path):
    path = tmp_path / "v.jsonl"
    path.write_text(json.dumps({name: value for name, value in VERDICT.items() if name != "order"}))
    with pytest.raises(InputError, match="line 1, field `order`: got no such field"):
        read_verdicts(path)
    path.write_text(json.dumps(VERDICT | {"oder": "ab"}))
    with pytest.raises(InputError, match=r"unknown field `oder` \(did you mean 'order'"):
        read_verdicts(path)


def test_a_score_is_from_1_to_10(tmp_path):
    row = {"pair_id": "p1", "side": "a", "judge": "gpt-4", "score": 10, "meta": {}}
    path = tmp_path / "s.jsonl"
    path.write_text(json.dumps(row))
    assert read_scores(path) == [ResponseScore("p1", "a", "gpt-4", 10.0, {})]
    for wrong in ({"score": 0}, {"score": 10.5}, {"score": float("nan")}, {"side": "A"}):
        path.write_text(json.dumps(row | wrong))
        with pytest.raises(InputError, match=f"field `{next(iter(wrong))}`"):
            read_scores(path)


@pytest.mark.parametrize(
    ("ab", "ba", "combined"),
    [
        (2, 2, 2),
        (2, 1, 1),  # mean 1.5, towards zero
        (-2, -1, -1),
        (1, 1, 1),
        (2, -2, 0),
        (1, -2, 0),
        (2, 0, 0),  # a win in one order only is no win
        (0, 0, 0),
        (2, None, 2),
        (None, -1, -1),
        (None, None, None),
    ],
)
def test_combine_orders(ab, ba, combined):
    verdicts = [PairVerdict("p", "j", ab, "ab"), PairVerdict("p", "j", ba, "ba")]
    assert combine_orders(verdicts) == {("j", "p"): combined}
    assert combine_orders(verdicts[::-1]) == {("j", "p"): combined}
    mirrored = [
        PairVerdict("p", "j", level if level is None else -level, order) for level, order in ((ab, "ba"), (ba, "ab"))
    ]
    assert combine_orders(mirrored) == {("j", "p"): combined if combined is None else -combined}


def test_combine_keeps_judges_and_pairs_apart():
    verdicts = [PairVerdict("p", "j", 2, "ab"), PairVerdict("p", "k", -2, "ba"), PairVerdict("q", "j", 0, "unknown")]
    assert combine_orders(verdicts) == {("j", "p"): 2, ("k", "p"): -2, ("j", "q"): 0}
    with pytest.raises(InputError, match="two verdicts on pair 'p' in order `ab`"):
        combine_orders([verdicts[0], verdicts[0]])
