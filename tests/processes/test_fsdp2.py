"""FSDP2, really sharded over two CPU processes (`fsdp_on_cpus.py` says how): trains, evaluates and saves as one process."""

import json
import sys

import pytest
import torch
from transformers import AutoModelForSequenceClassification

from distreward.cli.launching import launch_files
from distreward.cli.main import main
from tests.processes.launches import (
    ROOT,
    history_difference,
    last_checkpoint,
    processes_of,
    run,
    train_command,
    weight_difference,
)
from tests.processes.table import row

pytestmark = pytest.mark.processes

ROUNDING, OF_LOGS = 2e-4, 5e-3  # a step's gradient norm moves by more than the weights in the end


@pytest.fixture(scope="module")
def folders(place):
    """Of one process, and of two that share one model; the launch file is the packaged one, in float32."""
    made = {}
    for name, n_processes in (("alone", 1), ("sharded", 2)):
        made[name] = place / "fsdp2" / name
        words = train_command(place / "base", place / "uneven.jsonl", made[name], 6, n_processes)
        if n_processes == 1:
            assert main(words) == 0
            continue
        (place / "fsdp2.json").write_text(json.dumps([words]), encoding="utf-8")
        launch = ["--config_file", str(launch_files()["fsdp2"]), "--num_processes", "2", "--mixed_precision", "no"]
        script = [str(ROOT / "tests" / "processes" / "fsdp_on_cpus.py"), str(place / "fsdp2.json")]
        command = [sys.executable, "-m", "accelerate.commands.launch", *launch, "--main_process_port", "0", *script]
        run(command, timeout=600)
    return made


def test_every_parameter_is_divided(folders):
    found = json.loads((folders["sharded"] / "sharded.json").read_text(encoding="utf-8"))
    assert found["version"] == 2 and found["parameters"] > 10
    assert found["sharded"] == found["parameters"]
    assert processes_of(folders["sharded"]) == {"number": 2, "distributed_type": "FSDP"}


def test_the_curve_the_metrics_and_the_weights_are_those_of_one_process(folders, table):
    alone, sharded = folders["alone"], folders["sharded"]
    logs = history_difference(alone, sharded)
    moved = weight_difference(last_checkpoint(alone), last_checkpoint(sharded))
    table["FSDP2"] = row(
        "accelerate launch, fsdp2", processes_of(sharded), "19 = 3 x 6 + 1", "one process", logs, moved
    )
    assert logs < OF_LOGS and moved < ROUNDING


def test_the_checkpoint_is_a_whole_stock_one(folders):
    model = AutoModelForSequenceClassification.from_pretrained(folders["sharded"])
    other = AutoModelForSequenceClassification.from_pretrained(folders["alone"])
    assert model.config.num_labels == 2 and model.config.reward_head["type"] == "mean_variance"
    for (name, mine), theirs in zip(model.state_dict().items(), other.state_dict().values(), strict=True):
        torch.testing.assert_close(mine, theirs, atol=ROUNDING, rtol=0, msg=name)
