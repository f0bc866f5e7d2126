"""Runs `distreward` commands, one after the other, in every process of a launch: importing is the slow part.

torchrun --nproc_per_node 2 tests/processes/commands.py commands.json
"""

import json
import sys
from pathlib import Path

from distreward.cli.main import main
from distreward.trainers import DistributionalRewardTrainer


def run_all(path: str) -> None:
    """Run the commands of a JSON file; the first that fails ends this process."""
    for argv in json.loads(Path(path).read_text(encoding="utf-8")):
        status = main(argv)
        if status != 0:
            sys.exit(f"status {status}: distreward {' '.join(argv)}")


if __name__ == "__main__":
    DistributionalRewardTrainer.end = lambda self: None  # a command ends by leaving the group, which the next one needs
    run_all(sys.argv[1])
