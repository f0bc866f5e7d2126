"""What the tests of several processes share: a model and data to train on, launches, and what a run left behind."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

ROOT = Path(__file__).parents[2]
ACCELERATE = [sys.executable, "-m", "accelerate.commands.launch"]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--rdzv_backend", "c10d", "--rdzv_endpoint", "localhost:0"]
BATCH = 6
UNEVEN, EVEN = f"19 = 3 x {BATCH} + 1", f"18 = 3 x {BATCH}"
"""How the training pairs divide by the global batch, in the table's words."""

OF_WEIGHTS, OF_LOGS = 2e-4, 5e-3
"""Differences that rounding may make: float32, sums in another order, eight steps of Adam; a step's gradient norm moves by
more than the weights in the end."""

LABELS = [[2, 2, 1], [-2, -1, -2, 0], [2, -2], [0, 0, 0], [1], [-1, 2, 1, 1, 2]]


def write_labels(path: Path, n: int) -> Path:
    """n pairs of different lengths and numbers of annotators."""
    with path.open("w", encoding="utf-8") as file:
        for index in range(n):
            levels = LABELS[index % len(LABELS)]
            row = {
                "id": f"pair-{index}",
                "prompt": f"Name a colour, number {index}. " + "Please. " * (index % 4),
                "response_a": "Red. " * (1 + index % 3),
                "response_b": "I cannot say. " * (1 + index % 2),
                "preferences": levels,
                "scores_a": [3.0 + max(level, 0) for level in levels],
                "scores_b": [3.0 + max(-level, 0) for level in levels],
            }
            file.write(json.dumps(row) + "\n")
    return path


def train_command(base: Path, labels: Path, folder: Path, n_processes: int, *more: str) -> list[str]:
    """`distreward train` over two epochs, saving each half, with the same pairs per step whatever the number of processes.

    With Adam's usual epsilon, 1e-8, a gradient that is nothing but rounding moves its weight as far as any other.
    """
    share = str(BATCH // n_processes)
    return [
        "train", "--dataset_name", str(labels), "--model_name_or_path", str(base), "--output_dir", str(folder),
        "--per_device_train_batch_size", share, "--per_device_eval_batch_size", share, "--n_validation", "7",
        "--num_train_epochs", "2", "--eval_every_epochs", "0.5", "--save_total_limit", "20", "--logging_steps", "1",
        "--learning_rate", "3e-3", "--adam_epsilon", "1e-4", "--seed", "5", "--report_to", "none", "--disable_tqdm", "true", *more,
    ]  # fmt: skip


def environment() -> dict[str, str]:
    """No GPU, one thread per process, and this checkout's package."""
    path = os.pathsep.join([str(ROOT), *sys.path])
    own = {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    return {**os.environ, **own}


def run(command: list[str], timeout: float = 900) -> str:
    """Run a launcher to its good end; what it printed."""
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-9000:]}"
    return done.stdout


def last_checkpoint(folder: Path) -> Path:
    return max(folder.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """Of a checkpoint, an adapter's too."""
    (path,) = [*folder.glob("model.safetensors"), *folder.glob("adapter_model.safetensors")]
    return load_file(path)


def weight_difference(one: Path, other: Path) -> float:
    """Largest absolute difference of two checkpoints' weights."""
    first, second = weights(one), weights(other)
    assert first.keys() == second.keys()
    assert all(tensor.isfinite().all() for tensor in [*first.values(), *second.values()])
    return max(float((first[name].float() - second[name].float()).abs().max()) for name in first)


def history(folder: Path) -> dict[tuple[int, str], float]:
    """Every logged number of a run, by step and name; without times, and the mean loss since the start or the resumption."""
    state = json.loads((last_checkpoint(folder) / "trainer_state.json").read_text(encoding="utf-8"))
    left_out = ("runtime", "per_second", "epoch", "step", "train_loss")
    return {
        (line["step"], name): value
        for line in state["log_history"]
        for name, value in line.items()
        if not name.endswith(left_out)
    }


def history_difference(one: Path, other: Path, losses: bool = False, resumed: bool = False) -> float:
    """Largest relative difference of the logged numbers of two runs, or only of their losses; both must log the same ones.

    In a run that was `resumed` tokens are counted from there on, as TRL does.
    """
    first, second = history(one), history(other)
    assert first.keys() == second.keys()
    chosen = [
        key for key in first if (key[1].endswith("loss") or not losses) and not (resumed and "num_tokens" in key[1])
    ]
    assert len(chosen) >= 12
    assert all(math.isfinite(first[key]) for key in chosen if key[1].endswith("loss"))
    worst = max(chosen, key=lambda key: relative_difference(first[key], second[key]))
    print("largest difference:", worst, first[worst], second[worst])
    return relative_difference(first[worst], second[worst])


def relative_difference(one: float, other: float) -> float:
    """Of two numbers, absolute below 1; an undefined number equals an undefined one and no other."""
    if math.isnan(one) or math.isnan(other):
        return 0.0 if math.isnan(one) and math.isnan(other) else math.inf
    return abs(one - other) / max(1.0, abs(one))


def assert_equal_runs(
    one: Path, other: Path, of_logs: float = OF_LOGS, of_weights: float = OF_WEIGHTS, **options: bool
) -> tuple[float, float]:
    """Two runs log the same numbers and end at the same weights; returns the largest differences of both.

    `options` are those of `history_difference`.
    """
    logs = history_difference(one, other, **options)
    moved = weight_difference(last_checkpoint(one), last_checkpoint(other))
    assert logs < of_logs
    assert moved < of_weights
    return logs, moved


def processes_of(folder: Path) -> dict:
    """What results.json says of the processes of a run."""
    return json.loads((folder / "results.json").read_text(encoding="utf-8"))["processes"]
