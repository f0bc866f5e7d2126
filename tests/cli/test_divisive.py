"""`distreward divisive` as a user meets it."""

import json

import pytest
import torch

from distreward.cli.main import main
from distreward.modeling import AutoRewardModel
from tests.benchmarks import made_up


@pytest.fixture
def checkpoints(tmp_path, llama_config, tokenizer):
    llama_config.initializer_range = 0.4
    for head in ("likert", "mean_variance", "scalar"):
        torch.manual_seed(0)
        AutoRewardModel.from_config(llama_config, head).save_pretrained(tmp_path / head)
        tokenizer.save_pretrained(tmp_path / head)
    return tmp_path


def run(checkpoints, head, *options) -> int:
    options = [*map(str, options), "--output_dir", str(checkpoints / "out"), "--n_bootstrap", "50"]
    return main(["divisive", "--model_name_or_path", str(checkpoints / head), *options])


def results(checkpoints) -> dict:
    return json.loads((checkpoints / "out" / "results.json").read_text())


def test_pages_ranking_and_cleaned_benchmark(checkpoints, capsys):
    folder = made_up.arena_hard(checkpoints / "arena")
    assert run(checkpoints, "likert", "--benchmark", folder, "--format", "arena_hard", "--drop_top", "25%") == 0
    found = results(checkpoints)
    assert {"command", "config", "data", "versions", "seconds", "prompts", "dropped"} <= set(found)
    assert found["measure"] == "extremes" and found["spearman_observed"] is None
    values = [prompt["divisiveness"]["value"] for prompt in found["prompts"]]
    assert values == sorted(values, reverse=True) and [p["rank"] for p in found["prompts"]] == [1, 2, 3, 4]
    responses = found["prompts"][0]["responses"]
    assert values[0] == pytest.approx(sum(r["extremes"] for r in responses.values()) / 3)
    (gone,) = found["dropped"]
    assert gone["id"] == found["prompts"][0]["id"] and "rank 1 of 4" in gone["reason"]
    kept = (checkpoints / "out/cleaned/question.jsonl").read_text()
    assert f'"question_id": {gone["id"]},' not in kept and len(kept.splitlines()) == 3
    (line,) = (checkpoints / "out/dropped.jsonl").read_text().splitlines()
    assert json.loads(line)["records"]["model_answer/rose.jsonl"] == 1
    board = found["leaderboards"]["gpt, win_rate"]
    assert {"before", "after", "gain", "rank_move"} <= set(board["systems"]["rose"]) and board["n_prompts"][
        "after"
    ] == 3
    assert set(found["policies"]) == {"refusing", "clarifying"}
    report = (checkpoints / "out/leaderboard.md").read_text()
    assert "gpt, win_rate: 4 prompts before, 3 after" in report and "| rose |" in report
    html, md = ((checkpoints / "out" / f"divisive.{kind}").read_text() for kind in ("html", "md"))
    for page in (html, md):
        assert "comply or refuse: 1 of 3 responses looks like a refusal (rose)" in page
        assert "gpt (win rate)" in page and "least preferred" in page
    assert "The most divisive prompts" in capsys.readouterr().out
    assert str(checkpoints) not in (checkpoints / "out/results.json").read_text()


def test_the_cleaned_benchmark_is_a_benchmark(checkpoints):
    folder = made_up.arena_hard(checkpoints / "arena")
    assert run(checkpoints, "likert", "--benchmark", folder, "--format", "arena_hard", "--drop_top", "1") == 0
    before = results(checkpoints)
    (checkpoints / "out").rename(checkpoints / "first")
    again = ["--benchmark", checkpoints / "first/cleaned", "--format", "arena_hard"]
    assert run(checkpoints, "likert", *again) == 0
    after = results(checkpoints)
    assert [p["id"] for p in after["prompts"]] == [p["id"] for p in before["prompts"][1:]]
    assert after["dropped"] == [] and not (checkpoints / "out/cleaned").exists()


def test_people_votes_give_spearman_observed_and_other_measures(checkpoints):
    pairs = made_up.preference_pairs(checkpoints / "pairs.jsonl")
    options = ["--benchmark", pairs, "--measure", "diverging_probability", "--threshold", "0.999"]
    assert run(checkpoints, "mean_variance", *options) == 0
    found = results(checkpoints)
    baselines = {"gap_baseline", "prompt_length", "length_difference", "response_length"}
    assert set(found["spearman_observed_baselines"]) == baselines
    assert found["spearman_observed"]["n"] == 4
    assert found["dropped"] == []
    assert (checkpoints / "out/cleaned/pairs.jsonl").read_bytes() == pairs.read_bytes()


def test_texts_cannot_break_out_of_the_page(checkpoints):
    row = {"id": "a", "prompt": "<script>alert(1)</script>", "response_a": "````\n# not a heading", "response_b": "<b>"}
    row |= {"preferences": [2], "meta": {"model_a": "tulip", "model_b": "rose"}}
    pairs = made_up.lines(checkpoints / "pairs.jsonl", [row])
    assert run(checkpoints, "likert", "--benchmark", pairs) == 0
    html = (checkpoints / "out/divisive.html").read_text()
    assert "<script>" not in html and "&lt;script&gt;alert(1)" in html and "<b>" not in html
    assert "`````text" in (checkpoints / "out/divisive.md").read_text()


@pytest.mark.parametrize(
    ("head", "options", "message"),
    [
        ("scalar", [], "a checkpoint with a scalar head says nothing about divisiveness"),
        ("likert", ["--measure", "extreme"], "unknown measure 'extreme' (did you mean 'extremes'?)"),
        ("likert", ["--drop_top", "120%"], "--drop_top 120%: wanted a share"),
        ("likert", ["--drop_top", "4"], "all 4 ranked prompts would leave"),
        ("likert", ["--format", "mt_bench"], "mt_bench: got"),
        ("likert", ["--top_k", "0"], "--top_k is 0, wanted 1 or more"),
        ("likert", ["--judgements", "x.json"], "--judgements: pairs in our schema hold their verdicts"),
    ],
)
def test_mistakes_are_one_line(checkpoints, capsys, head, options, message):
    pairs = made_up.preference_pairs(checkpoints / "pairs.jsonl")
    assert run(checkpoints, head, "--benchmark", pairs, *options) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("distreward divisive: ")]
    assert message in line


def test_nothing_to_read_is_said(checkpoints, capsys):
    assert run(checkpoints, "likert") == 2
    assert "--benchmark is missing" in capsys.readouterr().err
