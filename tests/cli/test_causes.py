"""`distreward causes`: annotation that can be stopped and taken up, a report with its arithmetic, hints."""

import io
import json
import os
import select
import signal
import sys
import time

import pytest

from distreward.cli.main import main
from tests.conftest import make_pairs


@pytest.fixture
def data(tmp_path):
    """Four pairs on which annotators oppose each other, one on which they agree."""
    rows = make_pairs(5)
    for number, row in enumerate(rows):
        row["preferences"] = [2, -2, 1, -1] if number < 4 else [2, 2, 2, 2]
        row["annotator_ids"], row["scores_a"], row["scores_b"] = [], [], []
        row["id"] = f"q{number}"
    path = tmp_path / "labels.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def annotate(data, tmp_path, monkeypatch):
    """Runs `causes annotate` with replies typed into it; returns the exit status."""

    def run(replies, annotator="ann", *options, ask=None):
        monkeypatch.setattr("sys.stdin", io.StringIO(replies))
        if ask is not None:
            monkeypatch.setattr("builtins.input", ask)
        file = ["--annotations_file", str(tmp_path / "causes.jsonl"), "--annotator", annotator]
        return main(["causes", "annotate", str(data), *file, *options])

    return run


def answers(tmp_path):
    path = tmp_path / "causes.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_answers_are_recorded_and_the_next_run_goes_on(annotate, tmp_path, capsys):
    assert annotate("2 3 # long\n0\n") == 0  # the input ends after two of four
    first = answers(tmp_path)
    assert [answer["causes"] for answer in first] == [["verbosity", "format"], []] and first[0]["note"] == "long"
    assert "causes.jsonl: 2; pairs left: 2" in capsys.readouterr().out
    assert annotate("errors\n1\n") == 0
    out = capsys.readouterr().out
    assert "2 of 4 pairs have an answer already" in out and "pairs left: 0" in out
    done = answers(tmp_path)
    assert {answer["pair_id"] for answer in done} == {"q0", "q1", "q2", "q3"}  # q4 does not diverge
    assert annotate("") == 0 and "All 4 pairs have an answer of ann" in capsys.readouterr().out


def test_everybody_sees_the_same_pairs_first(annotate, tmp_path):
    for name in ("ann", "bob"):
        annotate("1\n1\n", name, "--max_pairs", "2")
    pairs = {name: [a["pair_id"] for a in answers(tmp_path) if a["annotator"] == name] for name in ("ann", "bob")}
    assert pairs["ann"] == pairs["bob"] and len(pairs["ann"]) == 2
    annotate("1\n" * 4, "cyd", "--seed", "5")
    assert sorted(a["pair_id"] for a in answers(tmp_path) if a["annotator"] == "cyd") == ["q0", "q1", "q2", "q3"]


def test_skip_undo_help_and_quit(annotate, tmp_path):
    annotate("s\n2\nu\n3\n?\nq\n")
    assert [answer["causes"] for answer in answers(tmp_path)] == [["format"]]


def test_a_reply_that_makes_no_sense_stops_a_piped_run(annotate, tmp_path, capsys):
    assert annotate("1\n11\n2\n") == 2
    assert "reply 2 ('11'" in capsys.readouterr().err
    assert len(answers(tmp_path)) == 1  # the third line is not taken for the second pair's


def test_ctrl_c_loses_nothing(annotate, tmp_path, capsys):
    replies = iter(["1", KeyboardInterrupt])

    def ask(prompt):
        reply = next(replies)
        if reply is KeyboardInterrupt:
            raise KeyboardInterrupt
        return reply

    assert annotate("", ask=ask) == 130
    assert len(answers(tmp_path)) == 1 and "pairs left: 3" in capsys.readouterr().out


def at_terminal(command, keys):
    """Type each of `keys` at a prompt of the command in a pseudo-terminal; returns its exit status and what it printed."""
    import pty  # not on Windows

    child, terminal = pty.fork()
    if child == 0:
        os.execv(command[0], command)
    printed, deadline = b"", time.monotonic() + 120
    typed = 0
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 1)[0]:
            # on a busy machine a signal can fall between the prompt and readline's wait, which then goes on waiting; a
            # person would press the key again
            if typed == len(keys):
                os.write(terminal, keys[-1][-1:])
            continue
        try:
            printed += os.read(terminal, 65536)
        except OSError:  # Linux says so when the command has ended
            break
        if typed < len(keys) and printed.count(b"causes> ") > typed:
            os.write(terminal, keys[typed])
            typed += 1
    else:
        os.kill(child, signal.SIGKILL)
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), printed.decode()


@pytest.mark.skipif(sys.platform != "linux", reason="needs a pseudo-terminal as Linux has it")
def test_at_a_terminal_bad_replies_are_asked_again_and_ctrl_c_keeps_the_answers(data, tmp_path):
    rows = [json.loads(line) for line in data.read_text().splitlines()]
    data.write_text("".join(json.dumps({**row, "response_a": "red \x1b[2J [bold]"}) + "\n" for row in rows))
    file = ["--annotations_file", str(tmp_path / "causes.jsonl"), "--annotator", "ann"]
    command = [sys.executable, "-m", "distreward", "causes", "annotate", str(data), *file]
    status, printed = at_terminal(command, [b"11\n", b"2\n", b"u\n", b"verb\n", b"3\n", b"4 5\x03"])
    assert status == 130 and "'11' is no cause" in printed and "Traceback" not in printed
    assert "causes.jsonl: 2; pairs left: 2" in printed
    assert "\x1b[2J" not in printed and "[2J [bold]" in printed  # a response cannot clear the screen
    assert [answer["causes"] for answer in answers(tmp_path)] == [["verbosity"], ["format"]]  # "4 5" was not sent off


def test_undo_leaves_what_somebody_else_wrote(annotate, tmp_path, capsys):
    replies = iter(["1", "u"])

    def ask(prompt):
        reply = next(replies)
        if reply == "u":
            with (tmp_path / "causes.jsonl").open("a") as file:
                file.write('{"pair_id": "elsewhere", "annotator": "bob", "causes": []}\n')
        return reply

    assert annotate("", ask=ask) == 2
    assert "has changed since; mend the line of pair" in capsys.readouterr().err
    assert [answer["annotator"] for answer in answers(tmp_path)] == ["ann", "bob"]


def test_the_line_of_causes_fits_a_narrow_terminal(annotate, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    annotate("q\n")
    entries = [line for line in capsys.readouterr().out.splitlines() if "aesthetic_taste" in line and ":" not in line]
    assert entries and all(len(line) <= 60 for line in entries)
    assert any("4 aesthetic_taste" in line for line in entries)  # number and name on one line


def test_the_report_by_hand(data, tmp_path, capsys):
    path = tmp_path / "causes.jsonl"
    sets = {
        "ann": [["verbosity"], ["format"], ["errors"], ["safety"]],
        "bob": [["verbosity"], ["format"], ["errors"], ["verbosity"]],
    }
    rows = [
        {"pair_id": f"q{number}", "annotator": name, "causes": causes}
        for name, column in sets.items()
        for number, causes in enumerate(column)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in [*rows, {**rows[0], "pair_id": "elsewhere"}]))
    out = tmp_path / "out"
    labels = [json.loads(line) for line in data.read_text().splitlines()]
    data.write_text("".join(json.dumps({**row, "source": "x" if row["id"] == "q3" else "y"}) + "\n" for row in labels))
    options = ["--annotations_file", str(path), "--output_dir", str(out), "--n_bootstrap", "200"]
    assert main(["causes", "report", str(data), *options]) == 0
    found = json.loads((out / "results.json").read_text())
    assert found["records"]["annotations"] == 8 and found["records"]["not_in_data"] == 1
    # verbosity: q0 of both, q3 of one of two: (1 + 0.5) / 4; by majority (more than half) q0 alone
    assert found["causes"]["verbosity"]["value"] == pytest.approx(0.375)
    # by source: q3 alone is of x; of the three others q0 has it
    by_source = {name: (own["pairs"], own["causes"]["verbosity"]["value"]) for name, own in found["by_source"].items()}
    assert by_source == {"x": (1, pytest.approx(1 / 2)), "y": (3, pytest.approx(1 / 3))}
    # kappa on equal sets: 3 of 4 agree; by chance verbosity 1/4 * 2/4, format and errors 1/16 each: 1/4; (3/4 - 1/4) / (3/4)
    (kappa,) = [entry for name, entry in found["agreement"].items() if "kappa" in name and "value" in entry]
    assert kappa["value"] == pytest.approx(2 / 3)
    # alpha, distances 0 or 1 as no sets overlap: observed 2/8; expected 1 - sum n(n-1) / (8*7) = 1 - (6+2+2+0)/56
    alpha = found["agreement"]["krippendorff_alpha_masi"]["value"]
    assert alpha == pytest.approx(1 - (2 / 8) / (46 / 56))
    assert (out / "causes.png").stat().st_size > 5000
    assert "Verbosity" in capsys.readouterr().out


def test_hints_on_the_synthetic_set(tmp_path, capsys):
    hints = tmp_path / "hints.jsonl"
    options = ["--n_pairs", "300", "--n_bootstrap", "50", "--output_dir", str(tmp_path), "--hints_file", str(hints)]
    assert main(["causes", "hints", "synthetic", *options]) == 0
    found = json.loads((tmp_path / "results.json").read_text())
    assert found["known_from"] == "planted"
    assert found["hints"]["list_in_one"]["precision"]["value"] > found["hints"]["list_in_one"]["base_rate"]["value"]
    assert hints.read_text().count("\n") > 0
    assert "length_ratio" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["causes", "anotate"], "unknown 'anotate'"),
        (["causes", "annotate", "DATA"], "--annotations_file is missing"),
        (["causes", "annotate", "DATA", "--annotations_file", "c", "--annotator", "a", "--which", "x"], "--which x"),
        (["causes", "report", "DATA", "--annotations_file", "nowhere.jsonl", "--output_dir", "o"], "no such file"),
        (["causes", "hints"], "--dataset_name is missing"),
    ],
)
def test_mistakes_are_one_line(argv, message, data, capsys):
    assert main([str(data) if word == "DATA" else word for word in argv]) == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
