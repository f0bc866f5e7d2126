"""Every format is read into the same benchmark, and what is wrong with the files is counted."""

import json
import re

import pytest

from distreward.benchmarks.reading import FORMATS, read_benchmark
from distreward.benchmarks.structure import Benchmark, Prompt
from distreward.errors import InputError
from tests.benchmarks import made_up


def any_benchmark(name, folder):
    """(paths, judgements) of a small benchmark of a format."""
    if name == "wildbench":
        responses, scores = made_up.wildbench(folder)
        return [responses], [scores]
    if name == "alpaca_eval":
        files, notes = made_up.alpaca_eval(folder)
        return files, [notes]
    if name == "preferences":
        return [made_up.preference_pairs(folder / "pairs.jsonl")], []
    return [getattr(made_up, name)(folder)], []


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_prompts_responses_and_verdicts(tmp_path, name):
    paths, judgements = any_benchmark(name, tmp_path)
    found = read_benchmark(paths, name, judgements)
    assert sorted(found.systems) == sorted(made_up.SYSTEMS) and len(found.prompts) == 4
    assert len(found.responses) == 12 and found.verdicts
    assert not any(found.problems.counts.values())
    for (prompt_id, system), texts in found.responses.items():
        question = next(q for q in made_up.QUESTIONS if f"{q}?" in found.prompts[prompt_id].text)
        assert texts[0] == made_up.answer_text(system, question)


def test_arena_hard_wins_are_against_the_baseline_and_count_threefold_where_significant(tmp_path):
    table = read_benchmark([made_up.arena_hard(tmp_path)], "arena_hard").verdicts["gpt", "win_rate"]
    # 81: "B>A" with the baseline as A: a win; "A=B": half. (1 + 0.5) / 2
    assert table.of("81", "rose") == 0.75
    # 82: "A>>B" and, swapped, "B>>A": two significant losses
    assert table.cells["82", "rose"] == [0.0, 6.0] and table.of("81", "lily") is None


def test_arena_hard_2(tmp_path):
    found = read_benchmark([made_up.arena_hard(tmp_path, version=2)], "arena_hard")
    assert found.responses["82", "rose"] == ("I'm sorry, but I cannot help with that.",)
    assert found.prompts["81"].text == "Question 81?"


def test_mt_bench_has_two_turns_and_both_kinds_of_judgement(tmp_path):
    found = read_benchmark([made_up.mt_bench(tmp_path)], "mt_bench")
    conversation = found.prompts["81"].conversation(found.responses["81", "tulip"], 1)
    assert [m["content"] for m in conversation] == ["One 81?", "tulip says red to 81.", "Two 81?"]
    assert found.verdicts["gpt-4", "score"].of("81", "rose") == 3.5  # 81 - 79 + 1 and + 2: 3 and 4
    assert found.verdicts["gpt-4", "win_rate"].of("81", "rose") == 0.25  # a loss and a tie


def test_wildbench_history_alternates_and_scores_are_text(tmp_path):
    responses, scores = made_up.wildbench(tmp_path)
    found = read_benchmark([responses], "wildbench", [scores])
    assert [m["role"] for m in found.prompts["81"].turns[0]] == ["user", "assistant", "user"]
    assert found.verdicts["gpt", "score"].of("84", "lily") == 4


def test_wildbench_pairs_and_names_without_their_owner(tmp_path):
    responses, _ = made_up.wildbench(tmp_path)
    rose = responses / "rose.json"
    rose.write_text(rose.read_text().replace('"generator": "rose"', '"generator": "org/rose"'))
    games = [("81", "tulip", 2), ("82", "rose", 1), ("83", "tie", 0), ("99", "tulip", 1)]
    records = [
        {"session_id": q, "model_A": "tulip", "model_B": "rose", "winner": winner, "extent": extent}
        for q, winner, extent in games
    ]
    judged = made_up.listed(tmp_path / "eval=claude" / "rose.json", records)
    found = read_benchmark([responses], "wildbench", [judged])
    table = found.verdicts["claude", "win_rate"]
    assert [table.of(q, "org/rose") for q in ("81", "82", "83")] == [0.0, 1.0, 0.5]
    assert [table.of(q, "tulip") for q in ("81", "82", "83")] == [1.0, 0.0, 0.5]
    assert found.problems.counts["unmatched_judgements"] == 1 and not found.problems.counts["named_otherwise"]


def test_alpaca_eval_counts_the_system_under_test(tmp_path):
    files, notes = made_up.alpaca_eval(tmp_path)
    table = read_benchmark(files, "alpaca_eval", [notes]).verdicts["gpt", "win_rate"]
    assert sorted({system for _, system in table.cells}) == ["rose", "tulip"]
    assert sorted(table.of(*key) for key in table.cells if key[1] == "rose") == [0.0, 0.75, 0.75, 0.75]


def test_pairs_of_the_schema_know_what_people_said(tmp_path):
    found = read_benchmark([made_up.preference_pairs(tmp_path / "pairs.jsonl")], "preferences")
    # three votes per pair make three pairs of annotators, three pairs of systems: 9; on 82 one of each three opposes
    assert found.opposing == {"81": (0, 9), "82": (3, 9), "83": (0, 9), "84": (0, 9)}
    assert found.verdicts["people", "win_rate"].of("82", "tulip") == 0.5
    assert found.verdicts["gpt", "win_rate"].of("82", "lily") == 0.0


def test_turns_of_a_question_are_prompts_of_their_own_and_clashing_ids_are_told_apart(tmp_path):
    row = {"response_a": "Yes.", "response_b": "No.", "preferences": [2]}
    meta = {"question_id": 7, "model_a": "tulip", "model_b": "rose"}
    rows = [
        {**row, "id": "a", "prompt": "One?", "meta": meta},
        {**row, "id": "b", "prompt": "One?", "meta": {**meta, "turn": 2}},
        {**row, "id": "c", "prompt": "Another with the same number?", "meta": meta},
    ]
    names = list(read_benchmark([made_up.lines(tmp_path / "p.jsonl", rows)], "preferences").prompts)
    assert names[:2] == ["7", "7:turn2"] and names[2].startswith("7:") and len(set(names)) == 3


def test_problems_are_counted_by_kind(tmp_path):
    folder = made_up.arena_hard(tmp_path)
    answers = [json.loads(line) for line in (folder / "model_answer" / "rose.jsonl").read_text().splitlines()]
    blank = json.loads(json.dumps(answers[0]))
    blank["choices"][0]["turns"][0]["content"] = " \n"
    two = {**answers[2], "choices": [{"turns": [{"content": "a"}, {"content": "b"}]}]}
    unknown = {**answers[3], "question_id": 99}
    made_up.lines(folder / "model_answer" / "rose.jsonl", [blank, answers[1], answers[1], two, unknown])
    (folder / "model_answer" / "oak.jsonl").write_text("")
    (folder / "model_answer" / "lily.jsonl").rename(folder / "model_answer" / "daisy.jsonl")
    with (folder / "question.jsonl").open("a") as file:
        file.write(json.dumps({"question_id": 81, "turns": [{"content": "Again?"}]}) + "\n")
        file.write(json.dumps({"question_id": 85, "turns": [{"content": "Nobody?"}]}) + "\n")
    records = [json.loads(line) for line in (folder / "model_judgment/gpt/tulip.jsonl").read_text().splitlines()]
    records[0]["games"][0] = None
    made_up.lines(folder / "model_judgment/gpt/tulip.jsonl", [*records, records[1]])
    counts = read_benchmark([folder], "arena_hard").problems.counts
    assert counts == {
        "duplicate_prompts": 1,  # 81
        "duplicate_responses": 1,  # 82 of rose
        "duplicate_judgements": 1,  # 82 of tulip
        "unknown_prompts": 1,  # 99
        "other_number_of_turns": 1,  # 83 of rose
        "empty_responses": 1,  # 81 of rose
        "prompts_missing_a_system": 3,  # 81, 83 and 84 without rose
        "prompts_without_responses": 1,  # 85
        "systems_without_responses": 1,  # oak
        "named_otherwise": 1,  # lily in daisy.jsonl
        "unmatched_judgements": 2,  # 83 and 84 of rose
        "failed_judgements": 1,  # one game of tulip
    }


def test_problem_lines_name_examples(tmp_path, caplog):
    folder = made_up.mt_bench(tmp_path)
    made_up.lines(folder / "model_answer" / "lily.jsonl", [])
    found = read_benchmark([folder], "mt_bench")
    (line,) = [line for line in found.problems.lines() if "usable answer" in line]
    assert line == "1 systems without a usable answer; in no ranking (lily)"
    assert any("8 judgements of an answer that is not there" in record.message for record in caplog.records)


def test_only_some_systems(tmp_path):
    folder = made_up.mt_bench(tmp_path)
    found = read_benchmark([folder], "mt_bench", systems=["rose", "tulip"])
    assert sorted(found.systems) == ["rose", "tulip"] and len(found.responses) == 8
    assert {system for _, system in found.verdicts["gpt-4", "score"].cells} == {"rose", "tulip"}
    with pytest.raises(InputError, match=r"system 'tulp' is not in the files \(did you mean 'tulip'"):
        read_benchmark([folder], "mt_bench", systems=["tulp"])


@pytest.mark.parametrize(
    ("build", "read_as", "message"),
    [
        ("arena_hard", "arena", "unknown format 'arena' (did you mean 'arena_hard'?)"),
        ("arena_hard", "wildbench", "no .json file in it, wanted response files"),
        ("wildbench", "arena_hard", "has no question.jsonl"),
        ("wildbench", "alpaca_eval", "record 1, field `instruction`: got no such field"),
        ("alpaca_eval", "wildbench", "record 1, field `session_id`: got no such field"),
    ],
)
def test_the_wrong_reader_is_one_clear_line(tmp_path, build, read_as, message):
    paths, _ = any_benchmark(build, tmp_path)
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        read_benchmark(paths[:1], read_as)
    assert "\n" not in str(caught.value)


def test_pairs_without_model_names_are_refused(tmp_path):
    row = {"id": "a", "prompt": "One?", "response_a": "Yes.", "response_b": "No.", "preferences": [2]}
    path = made_up.lines(tmp_path / "pairs.jsonl", [row])
    with pytest.raises(InputError, match="pair 'a', field `meta.model_a`: got None, wanted the name of the system"):
        read_benchmark([path], "preferences")


def test_a_benchmark_nobody_answered_is_refused(tmp_path):
    folder = made_up.arena_hard(tmp_path)
    for path in (folder / "model_answer").iterdir():
        path.write_text("")
    with pytest.raises(InputError, match="no system has a usable response .*4 prompts that no system answered"):
        read_benchmark([folder], "arena_hard")


def test_conversation_of_a_second_turn_holds_the_systems_own_answer():
    benchmark = Benchmark("mt_bench")
    benchmark.add_prompt(Prompt("1", ([{"role": "user", "content": "a"}], [{"role": "user", "content": "c"}])))
    assert benchmark.prompts["1"].conversation(("b", "d"), 0) == [{"role": "user", "content": "a"}]
    assert [m["role"] for m in benchmark.prompts["1"].conversation(("b", "d"), 1)] == ["user", "assistant", "user"]
