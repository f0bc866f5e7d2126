"""FSDP2, really sharded over two CPU processes (`fsdp_on_cpus.py` says how): trains, evaluates and saves as one process."""

import json

import pytest
import torch
from transformers import AutoModelForSequenceClassification

from distreward.cli.launching import launch_files
from tests.processes.launches import (
    ACCELERATE,
    OF_WEIGHTS,
    ROOT,
    UNEVEN,
    assert_equal_runs,
    processes_of,
    run,
    train_command,
)
from tests.processes.table import row

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def sharded(place):
    """Folder of two processes that share one model; the launch file is the packaged one, in float32."""
    folder = place / "fsdp2"
    words = train_command(place / "base", place / "uneven.jsonl", folder, 2)
    (place / "fsdp2.json").write_text(json.dumps([words]), encoding="utf-8")
    launch = ["--config_file", str(launch_files()["fsdp2"]), "--num_processes", "2", "--mixed_precision", "no"]
    script = [str(ROOT / "tests" / "processes" / "fsdp_on_cpus.py"), str(place / "fsdp2.json")]
    run([*ACCELERATE, *launch, "--main_process_port", "0", *script], timeout=600)
    return folder


def test_every_parameter_is_divided(sharded):
    found = json.loads((sharded / "sharded.json").read_text(encoding="utf-8"))
    assert found["version"] == 2 and found["parameters"] > 10
    assert found["sharded"] == found["parameters"]
    assert processes_of(sharded) == {"number": 2, "distributed_type": "FSDP"}


def test_the_curve_the_metrics_and_the_weights_are_those_of_one_process(alone, sharded, table):
    found = assert_equal_runs(alone, sharded)
    table["FSDP2"] = row("accelerate launch, fsdp2", processes_of(sharded), UNEVEN, "one process", *found)


def test_the_checkpoint_is_a_whole_stock_one(alone, sharded):
    model = AutoModelForSequenceClassification.from_pretrained(sharded)
    other = AutoModelForSequenceClassification.from_pretrained(alone)
    assert model.config.num_labels == 2 and model.config.reward_head["type"] == "mean_variance"
    for (name, mine), theirs in zip(model.state_dict().items(), other.state_dict().values(), strict=True):
        torch.testing.assert_close(mine, theirs, atol=OF_WEIGHTS, rtol=0, msg=name)
