"""`distreward completion bash|zsh|fish`: a script with which the shell completes commands and options."""

import argparse
import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from distreward.cli.parsing import CommandParser, ParserFound, parsers_are_found
from distreward.cli.subcommands import SubcommandsFound
from distreward.errors import InputError, nearest

DESCRIPTION = """Print a script with which the shell completes commands, sub-commands and options.

  distreward completion bash > ~/.local/share/bash-completion/completions/distreward
  distreward completion zsh  > "${fpath[1]}/_distreward"
  distreward completion fish > ~/.config/fish/completions/distreward.fish

The script is static: the shell never waits for Python. Write it again after an update. It is made with shtab, which the
extra `completion` installs.
"""

SHELLS = ("bash", "zsh", "fish")

FILE_OPTIONS = ("_file", "_files", "_dir", "_path", "config", "dataset_name", "model_name_or_path")
"""How the names of options end whose values are files or folders."""


@dataclass
class CompletionArguments:
    """For which shell."""

    shell: str = field(default=None, metadata={"help": f"One of {', '.join(SHELLS)}; may be given without --shell."})


def main(argv: Sequence[str]) -> int:
    """Run the command; returns the exit status."""
    (arguments,) = CommandParser("completion", (CompletionArguments,), DESCRIPTION).parse(shell_as_option(argv))
    if arguments.shell is None:
        raise InputError(f"which shell? wanted one of {', '.join(SHELLS)}, e.g. distreward completion bash")
    if arguments.shell not in SHELLS:
        near = nearest(arguments.shell, SHELLS)
        raise InputError(f"unknown shell {arguments.shell!r}{near}; wanted one of {', '.join(SHELLS)}.")
    try:
        import shtab
    except ImportError as error:
        raise InputError('completion needs shtab: pip install "distreward[completion]"') from error
    from distreward.cli.main import COMMANDS

    print(shtab.complete(whole_parser(COMMANDS), arguments.shell))
    return 0


def shell_as_option(argv: Sequence[str]) -> list[str]:
    """`bash` as `--shell bash`.

    >>> shell_as_option(["bash"])
    ['--shell', 'bash']
    """
    argv = list(argv)
    return ["--shell", *argv] if argv and not argv[0].startswith("-") else argv


def whole_parser(commands: Mapping[str, str]) -> argparse.ArgumentParser:
    """One parser with a sub-parser per command, and per sub-command below it.

    Args:
        commands: command name -> what it does.
    """
    parser = argparse.ArgumentParser("distreward")
    below = parser.add_subparsers()
    for name, purpose in commands.items():
        try:
            copy_options(command_parser(name), below.add_parser(name, help=one_line(purpose), add_help=False))
        except SubcommandsFound as found:
            deeper = below.add_parser(name, help=one_line(purpose)).add_subparsers()
            for what, (module, its_purpose) in found.subcommands.items():
                own = deeper.add_parser(what, help=one_line(its_purpose), add_help=False)
                copy_options(command_parser(module), own)
    return parser


def command_parser(module: str) -> CommandParser:
    """The parser that a module of this package builds in its `main`, without running the command.

    Args:
        module: name of the module; of a command of one word that is the command.

    Raises:
        SubcommandsFound: the command has sub-commands, and they the parsers.
    """
    with parsers_are_found():
        try:
            importlib.import_module(f"distreward.cli.{module}").main([])
        except ParserFound as found:
            return found.parser
    raise RuntimeError(f"distreward.cli.{module}.main parses nothing before it works.")


def copy_options(source: argparse.ArgumentParser, target: argparse.ArgumentParser) -> None:
    """Every option under one spelling, with underscores as in the documentation, and a help of one line."""
    import shtab

    for action in source._actions:
        names = [name for name in action.option_strings if "-" not in name.lstrip("-")]
        completes_itself = isinstance(action, argparse._HelpAction) or action.nargs == 0
        more = {"action": "store_true"} if completes_itself else {"choices": action.choices, "nargs": action.nargs}
        copy = target.add_argument(*names, dest=action.dest, help=one_line(action.help), **more)
        if action.dest.endswith(FILE_OPTIONS):
            copy.complete = shtab.FILE


def one_line(text: str | None) -> str:
    """The first sentence of a help text, which is all a shell has room for.

    >>> one_line("Where it goes. More about it.")
    'Where it goes'
    """
    return " ".join((text or "").split()).split(". ")[0].rstrip(".").replace("%%", "%").replace("%", "%%")
