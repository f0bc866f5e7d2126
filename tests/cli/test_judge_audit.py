"""`distreward judge audit` as a user meets it."""

import json

import pytest

from distreward.cli.main import main
from distreward.judge.verdicts import write_verdicts
from tests.judge.audit.made_up import rows_and_verdicts


@pytest.fixture
def files(tmp_path):
    """A data set, a verdict file of it."""
    pairs, verdicts = rows_and_verdicts(n=60)
    data = tmp_path / "pairs.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in pairs))
    write_verdicts(tmp_path / "verdicts.jsonl", verdicts)
    return data, tmp_path / "verdicts.jsonl"


def test_audit_writes_results_report_and_figure(tmp_path, files, capsys):
    data, verdicts = files
    out = tmp_path / "audit"
    assert (
        main(
            ["judge", "audit", str(data), "--verdicts", str(verdicts), "--n_bootstrap", "50", "--output_dir", str(out)]
        )
        == 0
    )
    results = json.loads((out / "results.json").read_text())
    assert {"command", "config", "data", "versions", "seconds", "judges", "records"} <= set(results)
    assert results["command"] == "judge audit" and results["data"]["rows"] == 60
    assert {"value", "ci_low", "ci_high", "n"} <= set(results["judges"]["one"]["winner_rate"]["diverging"])
    assert results["records"]["not_in_data"] == 0
    shown = capsys.readouterr().out
    assert results["judges"]["one"]["verdict"][0] in shown and "Share of pairs with a winner" in shown
    assert (out / "winner_rates.png").read_bytes().startswith(b"\x89PNG")
    assert results["judges"]["one"]["verdict"][0] in (out / "report.md").read_text()
    assert str(tmp_path) not in (out / "results.json").read_text()


def test_audit_takes_verdicts_from_the_data(tmp_path, files, capsys):
    rows = [json.loads(line) for line in files[0].read_text().splitlines()]
    data = tmp_path / "judged.jsonl"
    data.write_text("".join(json.dumps({**row, "meta": {"judges": {"a": 2, "b": 0}}}) + "\n" for row in rows))
    out = tmp_path / "audit"
    assert main(["judge", "audit", "--dataset_name", str(data), "--n_bootstrap", "0", "--output_dir", str(out)]) == 0
    results = json.loads((out / "results.json").read_text())
    assert list(results["judges"]) == ["a", "b"]
    assert results["judges"]["b"]["winner_rate_overall"]["value"] == 0
    assert results["judges"]["a"]["position_bias"] == {"value": None, "ci_low": None, "ci_high": None, "n": 0}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "no pair has a verdict in `meta.judges`; pass a verdict file"),
        (["--verdicts", "{verdicts}", "--format", "alpaca"], "unknown format 'alpaca' (did you mean 'alpaca_eval'?)"),
        (["--verdicts", "{verdicts}", "--format", "arena_hard"], "verdicts.jsonl, line 1, field `question_id`"),
        (["--verdicts", "{other}"], "none of its 1 records speaks of one of the 60 pairs"),
        (["--verdicts", "{verdicts}", "--vredicts", "x"], "unknown option --vredicts (did you mean '--verdicts'?)"),
    ],
)
def test_mistakes_are_one_line(tmp_path, files, capsys, options, message):
    other = tmp_path / "other.jsonl"
    other.write_text('{"pair_id": "elsewhere", "judge": "one", "level": 2, "order": "ab", "meta": {}}\n')
    options = [option.format(verdicts=files[1], other=other) for option in options]
    assert main(["judge", "audit", str(files[0]), *options, "--output_dir", str(tmp_path / "out")]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("distreward judge: ")]
    assert len(lines) == 1 and message in lines[0]


def test_a_missing_output_dir_is_named(files, capsys):
    assert main(["judge", "audit", str(files[0])]) == 2
    assert "--output_dir is missing" in capsys.readouterr().err
    assert main(["judge", "adit"]) == 2
    assert "did you mean 'audit'?" in capsys.readouterr().err
