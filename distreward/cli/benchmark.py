"""`distreward benchmark training`: this trainer and TRL's, in turn, on the same model, data and machine."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from tqdm.auto import tqdm

from distreward.benchmark.scenarios import PRESETS, SCENARIOS
from distreward.benchmark.training import TOOLS, summarise
from distreward.cli.parsing import CommandParser
from distreward.cli.results import prepare_output_dir, write_results
from distreward.errors import InputError, nearest

DESCRIPTION = f"""Time training with this package and with trl.RewardTrainer: same random-weight model, same pairs, same
settings, each run in a process of its own, the two in turn for several rounds. Ratios above 1 are in our favour.

  distreward benchmark training --output_dir bench

Scenarios: {", ".join(SCENARIOS)}.
"""


@dataclass
class BenchmarkArguments:
    """What is timed, and how often."""

    output_dir: str = field(metadata={"help": "Where results.json goes."})
    scenarios: list[str] = field(
        default_factory=list, metadata={"help": "Scenarios to run; default: all.", "nargs": "*"}
    )
    preset: str = field(default="llama", metadata={"help": f"Model shape: {', '.join(PRESETS)}."})
    n_pairs: int = field(default=48, metadata={"help": "Pairs per run; the first step warms up and is not timed."})
    batch_size: int = field(default=8, metadata={"help": "Pairs per step."})
    rounds: int = field(default=3, metadata={"help": "Times both tools run, in turn."})
    threads: int = field(default_factory=lambda: os.cpu_count() or 1, metadata={"help": "CPU threads of each run."})
    seed: int = field(default=0, metadata={"help": "Seed of the weights and the texts."})


def main(argv: Sequence[str]) -> int:
    """Run the command; returns the exit status."""
    started = time.time()
    if not argv or argv[0] not in ("training", "-h", "--help"):
        raise InputError("wanted `distreward benchmark training`, and its options.")
    (arguments,) = CommandParser("benchmark training", (BenchmarkArguments,), DESCRIPTION).parse(
        argv[1:] if argv[0] == "training" else argv
    )
    check(arguments)
    output_dir = prepare_output_dir(arguments.output_dir)
    names = arguments.scenarios or list(SCENARIOS)
    found: dict[str, Any] = {}
    with tqdm(total=len(names) * arguments.rounds * len(TOOLS), desc="Timed runs", unit="run") as bar:
        for name in names:
            rounds = []
            for number in range(arguments.rounds):
                order = TOOLS if number % 2 == 0 else TOOLS[::-1]
                rounds.append({tool: run_apart(tool, name, arguments, bar) for tool in order})
            found[name] = summarise(rounds)
    print_scenarios(found, arguments.preset)
    path = write_results(output_dir, "benchmark training", arguments, {}, started, {"scenarios": found})
    print(f"all numbers: {path}")
    return 0


def check(arguments: BenchmarkArguments) -> None:
    """Refuse what cannot be timed."""
    for name in arguments.scenarios:
        if name not in SCENARIOS:
            raise InputError(
                f"--scenarios {name}: no such scenario{nearest(name, SCENARIOS)}; there are {', '.join(SCENARIOS)}."
            )
    if arguments.preset not in PRESETS:
        raise InputError(f"--preset {arguments.preset}: wanted one of {', '.join(PRESETS)}.")
    if arguments.rounds < 1 or arguments.batch_size < 1 or arguments.n_pairs < 2 * arguments.batch_size:
        raise InputError("--rounds and --batch_size must be at least 1, and --n_pairs at least two batches.")


def run_apart(tool: str, scenario: str, arguments: BenchmarkArguments, bar: tqdm) -> dict[str, Any]:
    """One run in a process of its own, so that neither tool inherits the other's memory or caches."""
    bar.set_postfix_str(f"{scenario}, {tool}")
    with tempfile.TemporaryDirectory() as folder:
        settings = {
            "tool": tool, "scenario": scenario, "preset": arguments.preset, "n_pairs": arguments.n_pairs,
            "batch_size": arguments.batch_size, "seed": arguments.seed, "folder": folder, "threads": arguments.threads,
            "result": str(Path(folder, "result.json")),
        }  # fmt: skip
        command = [sys.executable, "-m", "distreward.benchmark.training", json.dumps(settings)]
        environment = {**os.environ, "OMP_NUM_THREADS": str(arguments.threads), "HF_HUB_OFFLINE": "1"}
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        if done.returncode != 0:
            raise InputError(f"{scenario} with {tool} failed: {done.stderr.strip().splitlines()[-1]}")
        bar.update()
        return json.loads(Path(settings["result"]).read_text(encoding="utf-8"))


def print_scenarios(found: dict[str, Any], preset: str) -> None:
    """The table people read."""
    table = Table(title=f"training, {preset}", box=box.SIMPLE_HEAD, title_justify="left")
    for heading in ("", "ratio", "pairs/s, ours", "pairs/s, TRL", "padding, ours", "padding, TRL", "memory, ours / TRL", "reward difference"):  # fmt: skip
        table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    for name, entry in found.items():
        speed, padding, memory = entry["pairs_per_second"], entry["padding_share"], entry["peak_memory"]
        table.add_row(
            name,
            f"{entry['ratio_median']:.2f} [{entry['ratio_min']:.2f}, {entry['ratio_max']:.2f}]",
            *(f"{speed[tool]:.2f}" for tool in TOOLS),
            *(f"{padding[tool]:.1%}" for tool in TOOLS),
            f"{memory['distreward'] / memory['trl']:.2f}",
            f"{entry['max_reward_difference']:.0e}",
        )
    Console(width=150).print(table)
