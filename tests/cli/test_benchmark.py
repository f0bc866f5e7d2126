"""`distreward benchmark training` really runs both tools; its numbers are what was measured."""

import json

import pytest

from distreward.benchmark.training import summarise
from distreward.cli.main import main


def test_both_tools_run_and_agree(tmp_path, capsys):
    options = ["--preset", "tiny", "--n_pairs", "4", "--batch_size", "2", "--rounds", "1", "--threads", "1"]
    assert main(["benchmark", "training", "--output_dir", str(tmp_path), "--scenarios", "heavy_tailed", *options]) == 0
    (entry,) = json.loads((tmp_path / "results.json").read_text())["scenarios"].values()
    assert entry["rounds"] == 1 and entry["ratio_min"] == entry["ratio_max"] > 0
    assert entry["max_reward_difference"] < 1e-4
    # the prompt is encoded once: fewer real tokens than the plain tool's, and next to no padding
    assert entry["real_tokens"]["distreward"] < entry["real_tokens"]["trl"]
    assert entry["padding_share"]["distreward"] <= 0.05 < entry["padding_share"]["trl"]
    assert "heavy_tailed" in capsys.readouterr().out


def test_ratios_are_taken_within_a_round():
    def run(seconds, rewards):
        return {"seconds": seconds, "pairs": 10, "peak_memory": 5, "processed": 10, "real": 8, "rewards": rewards}

    # the machine was twice as slow in the second round: the ratio is 4 in both
    rounds = [
        {"distreward": run(1.0, [0.0, 1.0]), "trl": run(4.0, [0.0, 1.5])},
        {"distreward": run(2.0, [0.0, 1.0]), "trl": run(8.0, [0.0, 1.0])},
    ]
    found = summarise(rounds)
    assert (found["ratio_median"], found["ratio_min"], found["ratio_max"]) == (4.0, 4.0, 4.0)
    assert found["max_reward_difference"] == 0.5 and found["padding_share"]["trl"] == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--scenarios", "heavy"], "--scenarios heavy: no such scenario"),
        (["--preset", "huge"], "--preset huge: wanted one of llama"),
        (["--n_pairs", "4"], "--n_pairs at least two batches"),
    ],
)
def test_what_cannot_be_timed_is_one_line(tmp_path, capsys, options, message):
    assert main(["benchmark", "training", "--output_dir", str(tmp_path / "out"), *options]) == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
    assert main(["benchmark", "speed"]) == 2
