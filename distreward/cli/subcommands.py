"""Commands of two words (`distreward judge run`): finds the second word's module and runs it."""

import importlib
import sys
from collections.abc import Mapping, Sequence

from distreward.cli.parsing import finding_parsers
from distreward.errors import InputError, nearest

USAGE = """usage: distreward {command} <what> [options]

{purpose}

what:
{rows}

`distreward {command} <what> --help` explains it. Options can also come from a file: --config FILE
"""


class SubcommandsFound(Exception):
    """Raised by `run_subcommand` inside `parsing.parsers_are_found`; carries the table of sub-commands."""

    def __init__(self, subcommands: Mapping[str, tuple[str, str]]):
        super().__init__(", ".join(subcommands))
        self.subcommands = subcommands


def run_subcommand(argv: Sequence[str], command: str, purpose: str, subcommands: Mapping[str, tuple[str, str]]) -> int:
    """Run `distreward <command> <what> ...`; returns the exit status.

    Args:
        argv: what follows the command.
        command: the first word.
        purpose: one line for the usage text.
        subcommands: second word -> (module of this package with a `main(argv)`, what it does).

    Raises:
        InputError: the second word is none of them.
    """
    if finding_parsers():
        raise SubcommandsFound(subcommands)
    argv = list(argv)
    if not argv or argv[0] in ("-h", "--help", "help"):
        rows = "\n".join(f"  {name:<18} {what}" for name, (_, what) in subcommands.items())
        print(USAGE.format(command=command, purpose=purpose, rows=rows))
        sys.exit(0)  # as argparse does
    if argv[0] not in subcommands:
        raise InputError(f"unknown {argv[0]!r}{nearest(argv[0], subcommands)}; wanted {', '.join(subcommands)}.")
    module, _ = subcommands[argv[0]]
    return importlib.import_module(f"distreward.cli.{module}").main(argv[1:])
