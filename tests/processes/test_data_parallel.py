"""Two processes over gloo train and evaluate as one process does with the same global batch.

One launch runs every command, since importing is the slow part; the single process is this one.
"""

import json
from pathlib import Path

import pytest

from distreward.cli.main import main
from tests.processes.launches import (
    EVEN,
    OF_WEIGHTS,
    ROOT,
    TORCHRUN,
    UNEVEN,
    assert_equal_runs,
    history,
    last_checkpoint,
    processes_of,
    run,
    train_command,
    weight_difference,
    weights,
)
from tests.processes.table import row

pytestmark = pytest.mark.processes

LORA = ("--use_peft", "true", "--lora_r", "4", "--lora_target_modules", "q_proj", "v_proj", "--lora_dropout", "0")
RUNS = {  # name: (labels, options)
    "full": ("uneven", ()),
    "full, even": ("even", ()),
    "bradley_terry": ("uneven", ("--objective", "bradley_terry")),
    "gradient accumulation": ("uneven", ("--gradient_accumulation_steps", "2")),
    "padded rows": ("uneven", ("--packing", "off")),
    "frozen backbone": ("uneven", ("--freeze_backbone", "true")),
    "LoRA": ("uneven", LORA),
    "8-bit + LoRA": ("uneven", (*LORA, "--load_in_8bit", "true")),
    "4-bit + LoRA": ("uneven", (*LORA, "--load_in_4bit", "true")),
}
MIDDLE = "checkpoint-6"  # of eight steps, four an epoch: in the middle of the second
CLOSE = 1e-3  # of the logs: under torchrun nothing but the division of the batch differs
# Quantised, only the losses are compared: 8 bits round the activations batch by batch, and processes have other batches; for
# 4 bits bitsandbytes rounds the weights' scales to bf16 and back at every evaluation on a CPU, until which all is equal.
COARSE = {"8-bit + LoRA": 0.03, "4-bit + LoRA": 0.2}


def command(place, name: str, folder: str, n_processes: int, *more: str) -> list[str]:
    labels, options = RUNS[name]
    target = place / folder / name.replace(" ", "_").replace(",", "")
    return train_command(place / "base", place / f"{labels}.jsonl", target, n_processes, *options, *more)


def folder_of(words: list[str]) -> Path:
    return Path(words[words.index("--output_dir") + 1])


def evaluation(place, model, target) -> list[str]:
    labels = place / "uneven.jsonl"
    return ["evaluate", "--model_name_or_path", str(model), "--dataset_name", str(labels), "--output_dir", str(target),
            "--n_bootstrap", "50"]  # fmt: skip


@pytest.fixture(scope="module")
def one(place, alone):
    """Folders of the runs in this process."""
    folders = {"full": alone}
    for name in [name for name in RUNS if name != "full"]:
        words = command(place, name, "one", 1)
        assert main(words) == 0
        folders[name] = folder_of(words)
    assert main(evaluation(place, folders["full"], place / "evaluated by one")) == 0
    return folders


@pytest.fixture(scope="module")
def two(place, one):
    """Folders of the same runs by two processes, and of one that goes on where a single process was."""
    folders, commands = {}, []
    for name in RUNS:
        commands.append(command(place, name, "two", 2))
        folders[name] = folder_of(commands[-1])
    middle = one["full"] / MIDDLE
    commands.append(command(place, "full", "one to two", 2, "--resume_from_checkpoint", str(middle)))
    folders["resumed"] = folder_of(commands[-1])
    commands.append(evaluation(place, one["full"], place / "evaluated by two"))
    (place / "commands.json").write_text(json.dumps(commands), encoding="utf-8")
    printed = run(
        [*TORCHRUN, "--nproc_per_node", "2", str(ROOT / "tests/processes/commands.py"), str(place / "commands.json")],
        1500,
    )
    (place / "two.txt").write_text(printed, encoding="utf-8")
    return folders


def divided(name: str) -> str:
    return EVEN if RUNS[name][0] == "even" else UNEVEN


@pytest.mark.parametrize("name", RUNS)
def test_the_curve_the_metrics_and_the_weights_are_those_of_one_process(name, one, two, table):
    mine, theirs = one[name], two[name]
    assert processes_of(mine)["number"] == 1
    assert processes_of(theirs) == {"number": 2, "distributed_type": "MULTI_CPU"}
    limits = (COARSE[name], COARSE[name]) if name in COARSE else (CLOSE, OF_WEIGHTS)
    found = assert_equal_runs(mine, theirs, *limits, losses=name in COARSE)
    table[name] = row("torchrun", processes_of(theirs), divided(name), "one process", *found)


def test_pairs_are_counted_once(one, two):
    """Tokens are whole numbers: one pair too many or too few would show."""
    for name in ("full", "LoRA"):
        alone, shared = history(one[name]), history(two[name])
        tokens = {key: value for key, value in alone.items() if key[1] == "num_tokens"}
        assert len(tokens) == 8 and tokens == {key: shared[key] for key in tokens}


def test_one_process_writes_and_speaks(place, two):
    printed = (place / "two.txt").read_text(encoding="utf-8")
    assert printed.count("model saved to") == len(two) and printed.count("all numbers:") == 1
    for folder in two.values():
        names = {path.name for path in folder.iterdir()}
        assert {"results.json", "splits.json"} <= names and any(name.startswith("checkpoint-") for name in names)
        assert not [name for name in names if name.startswith(".")]  # nothing half written
        assert sum(name.endswith(".safetensors") for name in names) == 1
    splits = json.loads((two["full"] / "splits.json").read_text(encoding="utf-8"))
    assert {name: len(ids) for name, ids in splits.items()} == {"train": 19, "validation": 7}


def test_evaluation_is_that_of_one_process(place, two):
    found = [json.loads((place / f"evaluated by {n}" / "results.json").read_text())["metrics"] for n in ("one", "two")]
    assert found[0] == found[1]  # the batches, and so the last bits, do not depend on the number of processes


def test_two_processes_go_on_where_one_was(one, two, table):
    found = assert_equal_runs(one["full"], two["resumed"], CLOSE, resumed=True)
    table["resumed, 1 to 2"] = row("torchrun", processes_of(two["resumed"]), UNEVEN, "one process", *found)


def test_one_process_goes_on_where_two_were(place, two, table):
    words = command(place, "full", "two to one", 1, "--resume_from_checkpoint", str(two["full"] / MIDDLE))
    assert main(words) == 0
    found = assert_equal_runs(two["full"], folder_of(words), CLOSE, resumed=True)
    table["resumed, 2 to 1"] = row("none", processes_of(folder_of(words)), UNEVEN, "two processes", *found)


def test_the_comparison_can_fail(one):
    """The same pairs in other steps give other weights, by far more than rounding."""
    first, second = last_checkpoint(one["full"]), last_checkpoint(one["gradient accumulation"])
    assert weight_difference(first, second) > 10 * OF_WEIGHTS and "score.weight" in weights(first)
