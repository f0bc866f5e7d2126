"""The four benchmarks' files, row by row, each with the pair either way round."""

import json

import pytest

from distreward.errors import InputError
from distreward.judge.recorded.benchmarks import (
    Options,
    judge_of_path,
    read_alpaca_eval,
    read_arena_hard,
    read_mt_bench,
    read_wildbench_pairs,
)
from distreward.judge.recorded.matching import PairIndex
from tests.judge.rows import pair

# p1: A is tulip, B is rose. p2: the same question of turn 2, the other way round. p3: another question.
INDEX = PairIndex(
    [
        pair(
            "p1", [2], prompt="Name a colour.", a="Red.", b="Blue.", question_id=81, model_a="org/tulip", model_b="rose"
        ),
        pair(
            "p2",
            [2],
            prompt="And one more?",
            a="Black.",
            b="White.",
            question_id=81,
            model_a="rose",
            model_b="tulip",
            turn=2,
        ),
        pair("p3", [2], prompt="Why?", a="So.", b="Thus.", session_id="abc", model_a="tulip", model_b="lily"),
    ]
)


def written(tmp_path, records, lines: bool):
    path = tmp_path / "records.json"
    path.write_text("\n".join(map(json.dumps, records)) if lines else json.dumps(records))
    return path


def short(verdicts):
    """[(pair, judge, level, order)] or None."""
    return verdicts and [(v.pair_id, v.judge, v.level, v.order) for v in verdicts]


def alpaca(preference, one="Red.", two="Blue.", instruction="Name a colour.", **more):
    record = {"instruction": instruction, "output_1": one, "generator_1": "g", "output_2": two, "generator_2": "h"}
    return {**record, "annotator": "weighted_gpt4", "preference": preference, "raw_completion": "m", **more}


def test_alpaca_eval(tmp_path):
    # 1: output_1; 2: output_2; 0 and 1.5: tie; between: weighted. 1.3 is 0.2 from the tie: slight; 1.9 is 0.4: significant
    preferences = [1.0, 2.0, 0, 1.5, 1.3, 1.9, None, float("nan")]
    path = written(tmp_path, [alpaca(p) for p in preferences], lines=False)
    found = [short(v) for v in read_alpaca_eval(path, INDEX, Options())]
    levels = [2, -2, 0, 0, 1, -2, None, None]
    assert found == [[("p1", "weighted_gpt4", level, "unknown")] for level in levels]
    swapped = written(tmp_path, [alpaca(1.0, one="Blue. ", two="Red."), alpaca(1.0, instruction="Other?")], lines=False)
    assert [short(v) for v in read_alpaca_eval(swapped, INDEX, Options("mine"))] == [
        [("p1", "mine", -2, "unknown")],
        None,
    ]


@pytest.mark.parametrize("preference", [2.5, 0.5, -1, "1", True])
def test_alpaca_eval_preferences_outside_the_scale(tmp_path, preference):
    path = written(tmp_path, [alpaca(1.0), alpaca(preference)], lines=False)
    with pytest.raises(InputError, match="records.json, record 2, field `preference`"):
        list(read_alpaca_eval(path, INDEX, Options()))


def arena(first, second, model="tulip", **more):
    games = [{"user_prompt": "u", "judgment": "j", "score": score} for score in (first, second)]
    return {"question_id": 81, "model": model, "judge": "gpt-4-1106-preview", "games": games, **more}


def test_arena_hard_games_are_baseline_first_then_model_first(tmp_path):
    # model tulip is A of p1. Game 1: A is the baseline rose, so A>>B is rose, -2, shown as "ba"; game 2: A>B is tulip, 1, "ab"
    path = written(tmp_path, [arena("A>>B", "A>B"), arena("B>A", None), arena("A=B", "B<<A")], lines=True)
    found = [short(v) for v in read_arena_hard(path, INDEX, Options())]
    judge = "gpt-4-1106-preview"
    assert found[0] == [("p1", judge, -2, "ba"), ("p1", judge, 1, "ab")]
    assert found[1] == [("p1", judge, 1, "ba"), ("p1", judge, None, "ab")]
    assert found[2] == [("p1", judge, 0, "ba"), ("p1", judge, 2, "ab")]  # B<<A: A much better


def test_arena_hard_2_names_the_baseline(tmp_path):
    record = arena("A>>B", "A>>B", model="rose", uid=81, baseline="tulip")
    del record["question_id"]
    record["games"][1] = None  # a failed request
    path = written(tmp_path, [record, {**record, "baseline": "lily"}], lines=True)
    found = [short(v) for v in read_arena_hard(path, INDEX, Options(judge="mine"))]
    # model rose is B of p1; game 1 shows the baseline tulip = A first and prefers it
    assert found == [[("p1", "mine", 2, "ab"), ("p1", "mine", None, "ba")], None]


def test_arena_hard_needs_the_baseline_where_a_model_met_two(tmp_path):
    pairs = [pair(name, [2], question_id=1, model_a="tulip", model_b=name) for name in ("rose", "lily")]
    path = written(tmp_path, [{**arena("A>B", "B>A"), "question_id": 1}], lines=True)
    with pytest.raises(InputError, match="speaks of 2 pairs of the data .*--baseline_model"):
        list(read_arena_hard(path, PairIndex(pairs), Options()))
    (found,) = read_arena_hard(path, PairIndex(pairs), Options(baseline="lily"))
    assert short(found) == [("lily", "gpt-4-1106-preview", -1, "ba"), ("lily", "gpt-4-1106-preview", -1, "ab")]


def mt_bench(first, second, turn=1, models=("tulip", "rose"), **more):
    winners = {"g1_winner": first, "g2_winner": second, "judge": ["gpt-4", "pair-v2"], "turn": turn, "tstamp": 1.0}
    return {"question_id": 81, "model_1": models[0], "model_2": models[1], **winners, **more}


def test_mt_bench(tmp_path):
    records = [
        mt_bench("model_1", "model_2"),
        mt_bench("tie", "error", turn=2),
        mt_bench("model_1", "model_1", models=("rose", "tulip")),
        mt_bench("model_1", "tie", models=("rose", "lily")),
        mt_bench("model_2", "model_2", m1_score=3, m2_score=9),  # from two single scores: nothing was shown in an order
    ]
    found = [short(v) for v in read_mt_bench(written(tmp_path, records, lines=True), INDEX, Options())]
    assert found == [
        [("p1", "gpt-4", 2, "ab"), ("p1", "gpt-4", -2, "ba")],
        [("p2", "gpt-4", 0, "ba"), ("p2", "gpt-4", None, "ab")],  # tulip, shown first, is B of p2
        [("p1", "gpt-4", -2, "ba"), ("p1", "gpt-4", -2, "ab")],
        None,
        [("p1", "gpt-4", -2, "unknown")],
    ]


def wild(winner, extent, models=("tulip", "lily"), **more):
    record = {"session_id": "abc", "parsed_result": {"choice": "A++"}, "model_A": models[0], "model_B": models[1]}
    return {**record, "winner": winner, "extent": extent, "model_outputs": {}, **more}


def test_wildbench_pairs(tmp_path):
    folder = tmp_path / "eval=gpt-4-turbo" / "ref=lily"
    folder.mkdir(parents=True)
    records = [
        wild("tulip", 2),
        wild("lily", 1),
        wild("tie", 0),
        wild("google/lily", 1, models=("google/lily", "tulip")),
        wild("tulip", 1, session_id="other"),
    ]
    found = [short(v) for v in read_wildbench_pairs(written(folder, records, lines=False), INDEX, Options())]
    assert found == [
        [("p3", "gpt-4-turbo", 2, "ab")],
        [("p3", "gpt-4-turbo", -1, "ab")],
        [("p3", "gpt-4-turbo", 0, "ab")],
        [("p3", "gpt-4-turbo", -1, "ba")],
        None,
    ]
    with pytest.raises(InputError, match="names no judge .*--judge_name"):
        judge_of_path(tmp_path / "records.json")


@pytest.mark.parametrize(
    ("reader", "record", "lines", "message"),
    [
        (read_arena_hard, arena("A>B", "C>A"), True, "line 1, field `score`: got 'C>A', wanted one of A>>B"),
        (read_arena_hard, {**arena("A>B", "A>B"), "games": []}, True, "field `games`: got 0 games"),
        (read_arena_hard, {"question_id": 81, "model": "tulip"}, True, "field `games`: got no such field"),
        (read_mt_bench, mt_bench("model_1", "A"), True, "field `g2_winner`: got 'A'"),
        (read_mt_bench, {"instruction": "other format"}, True, "field `model_1`: got no such field.*check --format"),
        (read_alpaca_eval, {"instruction": 3}, False, "record 1, field `instruction`: got 3, wanted text"),
        (
            read_wildbench_pairs,
            wild("somebody", 1),
            False,
            "field `winner`: got 'somebody', wanted one of tulip, lily, tie",
        ),
        (read_wildbench_pairs, wild("tulip", 3), False, "field `extent`: got 3"),
    ],
)
def test_broken_records_are_named(tmp_path, reader, record, lines, message):
    with pytest.raises(InputError, match=message):
        list(reader(written(tmp_path, [record], lines), INDEX, Options(judge="mine")))


@pytest.mark.parametrize(("text", "message"), [("{", "cannot be read as JSON"), ('{"a": 1}', "wanted a JSON list")])
def test_files_that_are_no_lists(tmp_path, text, message):
    path = tmp_path / "annotations.json"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        list(read_alpaca_eval(path, INDEX, Options()))
    with pytest.raises(InputError, match="no such file"):
        list(read_alpaca_eval(tmp_path / "none.json", INDEX, Options()))
