"""The one entry for verdict files: formats, counts of what matched, files of another data set."""

import json
import logging

import pytest

from distreward.errors import InputError
from distreward.judge.recorded import FORMATS, read_recorded
from distreward.judge.recorded.reading import read_recorded_scores
from distreward.judge.verdicts import PairVerdict, ResponseScore, write_scores, write_verdicts
from tests.judge.rows import pair

PAIRS = [pair(f"p{i}", [2, 1], session_id=f"s{i}", model_a="tulip", model_b="rose") for i in range(3)]


def test_own_verdicts_and_a_partial_overlap_is_counted(tmp_path, caplog, monkeypatch):
    path = tmp_path / "verdicts.jsonl"
    ours = [PairVerdict("p0", "one", 2, "ab"), PairVerdict("p0", "one", 1, "ba")]
    write_verdicts(path, [*ours, PairVerdict("elsewhere", "one", 2, "ab")])
    monkeypatch.setattr(logging.getLogger("distreward"), "propagate", True)  # the command line turns it off
    with caplog.at_level(logging.WARNING, logger="distreward"):
        read = read_recorded([path], "verdicts", PAIRS)
    assert read.verdicts == ours
    assert (read.n_records, read.n_unmatched) == (3, 1)
    assert "1 of 3 records speak of no pair of the data and are left out" in caplog.text


def test_verdicts_of_another_data_set_are_one_clear_line(tmp_path):
    path = tmp_path / "verdicts.jsonl"
    write_verdicts(path, [PairVerdict(f"other{i}", "one", 2, "ab") for i in range(5)])
    with pytest.raises(InputError, match="none of its 5 records speaks of one of the 3 pairs") as raised:
        read_recorded([path], "verdicts", PAIRS)
    assert "\n" not in str(raised.value)
    path.write_text("")
    with pytest.raises(InputError, match="holds no record"):
        read_recorded([path], "verdicts", PAIRS)


def test_unknown_formats_name_the_nearest():
    with pytest.raises(InputError, match="did you mean 'alpaca_eval'"):
        read_recorded(["x"], "alpacaeval", PAIRS)
    with pytest.raises(InputError, match="holds no scores"):
        read_recorded_scores(["x"], "alpaca_eval", PAIRS)
    assert len(FORMATS) == len(set(FORMATS)) == 7


def wildbench_scores(tmp_path, model, scores):
    folder = tmp_path / "eval=gpt-4o"
    folder.mkdir(exist_ok=True)
    records = [
        {"session_id": session, "model_test": f"org/{model}", "score": score, "model_output": "text"}
        for session, score in scores.items()
    ]
    (folder / f"{model}.json").write_text(json.dumps(records))
    return folder / f"{model}.json"


def test_wildbench_scores_of_two_models_make_verdicts(tmp_path):
    files = [
        wildbench_scores(tmp_path, "tulip", {"s0": "9", "s1": "4", "s2": "7", "s9": "1"}),
        wildbench_scores(tmp_path, "rose", {"s0": "3", "s1": "5", "s2": "N/A"}),
    ]
    read = read_recorded(files, "wildbench_score", PAIRS)
    # 9 - 3: significant; 4 - 5: slight, B; 7 against nothing: no verdict
    assert [(v.pair_id, v.judge, v.level) for v in read.verdicts] == [
        ("p0", "gpt-4o", 2),
        ("p1", "gpt-4o", -1),
        ("p2", "gpt-4o", None),
    ]
    assert (read.n_records, read.n_unmatched) == (7, 1)
    scores = read_recorded_scores(files[1:], "wildbench_score", PAIRS, judge="mine")
    assert scores[:2] == [ResponseScore("p0", "b", "mine", 3.0), ResponseScore("p1", "b", "mine", 5.0)]
    assert scores[2].score is None
    with pytest.raises(InputError, match="pass the score files of both models"):
        read_recorded(files[:1], "wildbench_score", PAIRS)
    with pytest.raises(InputError, match="has two scores of response a of pair 'p0'"):
        read_recorded([files[0], files[0]], "wildbench_score", PAIRS)


def test_wildbench_scores_outside_the_scale(tmp_path):
    with pytest.raises(InputError, match="record 1, field `score`: got '11'"):
        read_recorded([wildbench_scores(tmp_path, "tulip", {"s0": "11"})], "wildbench_score", PAIRS)


def test_own_scores_make_verdicts(tmp_path):
    path = tmp_path / "scores.jsonl"
    write_scores(path, [ResponseScore("p1", "a", "one", 2.0), ResponseScore("p1", "b", "one", 2.0)])
    (verdict,) = read_recorded([path], "scores", PAIRS).verdicts
    assert (verdict.pair_id, verdict.level, verdict.order) == ("p1", 0, "unknown")
