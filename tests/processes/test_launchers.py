"""Every way to start several processes: they join, train as one process does, and stop together."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from distreward.cli.launching import launch_files
from distreward.trainers import last_complete_checkpoint
from tests.processes.launches import (
    ACCELERATE,
    UNEVEN,
    assert_equal_runs,
    environment,
    processes_of,
    run,
    train_command,
)
from tests.processes.table import row

pytestmark = pytest.mark.processes

DISTREWARD = [sys.executable, "-m", "distreward"]


def command(place, folder, *more: str) -> list[str]:
    return train_command(place / "base", place / "uneven.jsonl", folder, 2, *more)


def free_port() -> str:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return str(found.getsockname()[1])


def assert_two_as_one(name: str, launcher: str, folder, alone, table, resumed: bool = False) -> None:
    assert processes_of(folder) == {"number": 2, "distributed_type": "MULTI_CPU"}
    found = assert_equal_runs(alone, folder, resumed=resumed)
    table[name] = row(launcher, processes_of(folder), UNEVEN, "one process", *found)


def test_accelerate_launch(place, alone, table):
    folder = place / "launchers" / "accelerate"
    launch = ["--config_file", str(launch_files()["cpu"]), "--main_process_port", free_port(), "-m", "distreward"]
    run([*ACCELERATE, *launch, *command(place, folder)])
    assert_two_as_one("launch file", "accelerate launch", folder, alone, table)


def test_two_machines(place, alone, table):
    """Both on this one; the launch file is the packaged one."""
    folder, port = place / "launchers" / "machines", free_port()
    words = command(place, folder, "--accelerate_config", "two_nodes", "--num_processes", "2")
    words += ["--main_process_ip", "127.0.0.1", "--main_process_port", port]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda rank: run([*DISTREWARD, *words, "--machine_rank", rank]), "01"))
    assert_two_as_one("two machines", "--accelerate_config two_nodes", folder, alone, table)


def test_ctrl_c_saves_one_checkpoint_to_go_on_from(place, alone, table):
    """As a terminal does it: everybody gets the signal, and the launcher passes it on once more."""
    folder = place / "launchers" / "stopped"
    words = command(place, folder, "--accelerate_config", "cpu", "--main_process_port", free_port())
    process = subprocess.Popen(
        [*DISTREWARD, *words], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 600
    while not (folder / "checkpoint-2").exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGINT)
    output = process.communicate(timeout=300)[0]
    assert process.returncode == 128 + signal.SIGINT, output[-4000:]
    assert "saving a checkpoint after this step" in output and "Traceback" not in output
    found = last_complete_checkpoint(folder)
    step = json.loads((found / "trainer_state.json").read_text(encoding="utf-8"))["global_step"]
    assert 2 <= step < 8 and not (folder / "results.json").exists()

    run([*DISTREWARD, *words, "--resume_from_checkpoint", "true"])
    assert_two_as_one("stopped by Ctrl-C, resumed", "--accelerate_config cpu", folder, alone, table, resumed=True)


def test_a_mistake_is_said_once(place, alone):
    """By the first process; the exit status is the command's."""
    words = command(place, alone, "--accelerate_config", "cpu", "--main_process_port", free_port())
    done = subprocess.run([*DISTREWARD, *words], env=environment(), capture_output=True, text=True, timeout=900)
    assert done.returncode == 2, done.stderr[-4000:]
    assert done.stderr.count("holds checkpoint-8 of an earlier run") == 1 and "Traceback" not in done.stderr
