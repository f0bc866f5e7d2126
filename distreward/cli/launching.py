"""`--accelerate_config`: a command starts itself again in several processes, as TRL's commands do.

`distreward train --accelerate_config fsdp2 ...` is `accelerate launch --config_file <the packaged file> -m distreward train ...`.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from importlib import resources
from pathlib import Path

from distreward.cli.parsing import config_file, read_config
from distreward.errors import InputError, nearest

STARTED = "DISTREWARD_LAUNCHED"
"""Set in the processes that were started, whose command line is the one that started them."""

LOCAL_RANKS = ("LOCAL_RANK", "MPI_LOCALRANKID", "OMPI_COMM_WORLD_LOCAL_RANK", "MV2_COMM_WORLD_LOCAL_RANK")
"""One of them is set in a process that torchrun, `accelerate launch` or mpirun started; accelerate reads the same ones.
WORLD_SIZE is not among them: some clusters set it on each machine, for the launch that is yet to come."""


@dataclass
class LaunchOptions:
    """In how many processes a command runs, and where; docs/processes.md."""

    accelerate_config: str | None = field(
        default=None,
        metadata={
            "help": "Run in several processes: the name of a launch file of ours (single_gpu, ddp, fsdp2, zero2, zero3, "
            "two_nodes, cpu), or a file that `accelerate config` wrote."
        },
    )
    num_processes: int | None = field(
        default=None, metadata={"help": "accelerate_config: processes, of all machines together."}
    )
    num_machines: int | None = field(default=None, metadata={"help": "accelerate_config: machines."})
    machine_rank: int | None = field(
        default=None, metadata={"help": "accelerate_config: number of this machine, from 0."}
    )
    main_process_ip: str | None = field(default=None, metadata={"help": "accelerate_config: address of machine 0."})
    main_process_port: int | None = field(
        default=None, metadata={"help": "accelerate_config: port on machine 0 (29500); 0 finds a free one."}
    )


LAUNCH_OPTIONS = tuple(LaunchOptions.__dataclass_fields__)
"""For `CommandParser`'s `essential`."""


def launch_files() -> dict[str, Path]:
    """The launch files that come with the package, by name.

    >>> sorted(launch_files())
    ['cpu', 'ddp', 'fsdp2', 'single_gpu', 'two_nodes', 'zero2', 'zero3']
    """
    folder = Path(str(resources.files("distreward") / "launch"))
    return {path.stem: path for path in folder.glob("*.yaml")}


def launched(command: str, argv: Sequence[str]) -> int | None:
    """Run `distreward <command> <argv>` in the processes it asks for, and wait for them.

    Returns:
        The exit status, or None where this process is to run the command itself: no `--accelerate_config`, or it is one of
        those that were started, by us or by another launcher: the YAML of a run that torchrun starts may name a launch file.

    Raises:
        InputError: an unknown launch file, or one that accelerate refuses; options of the launch without a launch file.
    """
    already = any(name in os.environ for name in (STARTED, *LOCAL_RANKS))
    if already or {"-h", "--help", "--help_all"} & set(argv):
        return None
    options = launch_options(argv)
    if options.accelerate_config is None:
        given = [name for name in LAUNCH_OPTIONS if getattr(options, name) is not None]
        if given:
            raise InputError(f"--{given[0]} has no meaning without --accelerate_config; add it, or leave this out.")
        return None
    words = ["--config_file", str(find_launch_file(options.accelerate_config))]
    for name in LAUNCH_OPTIONS[1:]:
        value = getattr(options, name)
        words += [] if value is None else [f"--{name}", str(value)]
    return run_launcher([*words, "-m", "distreward", command, *argv])


def launch_options(argv: Sequence[str]) -> LaunchOptions:
    """The launch options of a command line or of its --config file; all others are left to the command."""
    parser = argparse.ArgumentParser(allow_abbrev=False, add_help=False, exit_on_error=False)
    for each in fields(LaunchOptions):
        parser.add_argument(f"--{each.name}", type=int if each.type in (int, int | None) else str)
    path, rest = config_file(list(argv))
    if path is not None:
        parser.set_defaults(**{key: value for key, value in read_config(path).items() if key in LAUNCH_OPTIONS})
    try:
        found, _ = parser.parse_known_args(rest)
    except argparse.ArgumentError as error:
        raise InputError(str(error)) from error
    return LaunchOptions(**vars(found))


def find_launch_file(name_or_path: str) -> Path:
    """One of ours by its name, or a file of the user's."""
    known = launch_files()
    if name_or_path in known:
        return known[name_or_path]
    if Path(name_or_path).is_file():
        return Path(name_or_path)
    raise InputError(
        f"--accelerate_config {name_or_path}: neither a file nor a launch file of ours{nearest(name_or_path, known)}; wanted "
        f"one of {', '.join(sorted(known))}, or a file that `accelerate config` wrote."
    )


def run_launcher(words: list[str]) -> int:
    """`accelerate launch <words>` in this process; returns the exit status of the processes it started."""
    from accelerate.commands.launch import _validate_launch_command, launch_command, launch_command_parser
    from accelerate.utils.launch import prepare_simple_launcher_cmd_env
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    os.environ[STARTED] = "1"
    try:
        arguments = launch_command_parser().parse_args(words)
        settled, *_ = _validate_launch_command(launch_command_parser().parse_args(words))
        if not (settled.use_deepspeed or settled.use_fsdp or settled.multi_gpu or settled.tpu):
            # One process: it takes the place of this one, so that signals and the exit status are its own.
            command, environment = prepare_simple_launcher_cmd_env(settled)
            sys.stdout.flush()
            os.execve(command[0], command, environment)
        launch_command(arguments)
    except ChildFailedError as error:  # each process has said why
        return max(failure.exitcode for failure in error.failures.values())
    except SignalException as error:  # passed on to all processes, which have ended
        return 128 + int(error.sigval)
    except (ValueError, TypeError, ImportError, ConnectionError) as error:  # accelerate's checks of file and machine
        raise InputError(f"--accelerate_config: {' '.join(str(error).split())}") from error
    finally:
        del os.environ[STARTED]
    return 0
