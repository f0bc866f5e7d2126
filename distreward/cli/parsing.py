"""`CommandParser`: TRL's parser (dataclasses, `--config file.yaml`), strict at the gate and with a help one can read."""

import argparse
import contextlib
import contextvars
import sys
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml
from trl import TrlParser

from distreward.errors import InputError, nearest

_FINDING = contextvars.ContextVar("_FINDING", default=False)


class ParserFound(Exception):
    """Raised by `CommandParser.parse` inside `parsers_are_found`; carries the parser."""

    def __init__(self, parser: "CommandParser"):
        super().__init__(parser.prog)
        self.parser = parser


@contextlib.contextmanager
def parsers_are_found() -> Iterator[None]:
    """Inside, a command's `main` gets as far as its parser, which comes out in a `ParserFound`; nothing runs.

    So the options that a command takes are listed in one place, the command.
    """
    token = _FINDING.set(True)
    try:
        yield
    finally:
        _FINDING.reset(token)


def finding_parsers() -> bool:
    """Whether `parsers_are_found` is in effect."""
    return _FINDING.get()


class CommandParser(TrlParser):
    """Parses one command's flags into dataclasses.

    Args:
        command: its name.
        dataclass_types: as for `TrlParser`.
        description: what the command does and a first example.
        essential: flags shown by `--help`; the fields of the first dataclass always are. `--help_all` shows every flag.
    """

    def __init__(self, command: str, dataclass_types: Sequence[type], description: str, essential: Sequence[str] = ()):
        super().__init__(
            dataclass_types=list(dataclass_types),
            prog=f"distreward {command}",
            description=description,
            formatter_class=_HelpFormatter,
            allow_abbrev=False,
        )
        self._essential = {f.name for f in fields(dataclass_types[0])} | set(essential)
        self.add_argument("--config", metavar="FILE", help="YAML file with any of these options, without the dashes.")
        self._has_more = any(action.dest not in self._shown() for action in self._actions)
        if self._has_more:
            self.add_argument("--help_all", action="store_true", help="Show every option, transformers' included.")

    def _shown(self) -> set[str]:
        return self._essential | {"help", "config", "help_all"}

    def parse(self, argv: Sequence[str]) -> tuple[Any, ...]:
        """The dataclasses of `argv`; help texts exit with 0, mistakes raise InputError."""
        if finding_parsers():
            raise ParserFound(self)
        argv = list(argv)
        if {"-h", "--help"} & set(argv):
            self._print_essential_help()
            sys.exit(0)
        if "--help_all" in argv and self._has_more:
            self.print_help()
            sys.exit(0)
        argv = self._with_config(argv)
        self._refuse_unknown_flags(argv)
        try:
            *parsed, rest = self.parse_args_into_dataclasses(args=argv, return_remaining_strings=True)
        except InputError:
            raise
        except (ValueError, TypeError) as error:  # TrainingArguments and TRL check combinations of values
            raise InputError(" ".join(str(error).split())) from error
        if rest:
            raise InputError(f"cannot make sense of {rest[0]!r}; options start with --, see {self.prog} --help")
        return tuple(parsed[: len(self.dataclass_types)])  # behind them, a namespace of --config and --help_all

    def _refuse_unknown_flags(self, argv: Sequence[str]) -> None:
        """Before argparse looks: it would complain of a missing option where one was misspelt."""
        known = {option for action in self._actions for option in action.option_strings}
        for word in argv:
            flag = word.split("=", 1)[0]
            if flag.startswith("--") and flag not in known:
                raise InputError(f"unknown option {flag}{nearest(flag, known)}")

    def error(self, message: str) -> None:
        """argparse calls this for a missing or malformed value; one line instead of the usage of 200 flags."""
        raise InputError(f"{message}; see {self.prog} --help")

    def _with_config(self, argv: list[str]) -> list[str]:
        """Take `--config FILE` out of `argv` and make its values the defaults."""
        path, argv = config_file(argv)
        if path is None:
            return argv
        config = read_config(path)
        known = {action.dest for action in self._actions if action.dest not in ("help", "config", "help_all")}
        for key in config:
            if key not in known:
                raise InputError(f"{path}: unknown key {key!r}{nearest(key, known)}")
        self.set_defaults_with_config(**config)
        return argv

    def _print_essential_help(self) -> None:
        for action in self._actions:
            if action.dest not in self._shown() or action.option_strings[0].startswith("--no_"):
                action.help = argparse.SUPPRESS
            action.option_strings = [o for o in action.option_strings if "-" not in o.lstrip("-")]  # one spelling each
        self.usage = "%(prog)s [options]"
        self.print_help()


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Keeps the description's lines, and shows defaults that say something."""

    def __init__(self, prog: str):
        super().__init__(prog, max_help_position=32, width=110)

    def _get_help_string(self, action: argparse.Action) -> str:
        text = action.help or ""
        silent = action.default in (None, argparse.SUPPRESS, "") or action.dest in ("help", "help_all")
        return text if silent or "%(default)" in text else f"{text} (default: %(default)s)"

    def _get_default_metavar_for_optional(self, action: argparse.Action) -> str:
        return "VALUE"


def config_file(argv: list[str]) -> tuple[Path | None, list[str]]:
    """The file behind `--config` and the other words.

    >>> config_file(["--config", "run.yaml", "--seed", "1"])
    (PosixPath('run.yaml'), ['--seed', '1'])
    """
    at = [index for index, word in enumerate(argv) if word == "--config" or word.startswith("--config=")]
    if not at:
        return None, argv
    if len(at) > 1:
        raise InputError("--config is given twice; put all options into one file")
    index = at[0]
    word = argv[index]
    inline = word.startswith("--config=")
    if not inline and index + 1 == len(argv):
        raise InputError("--config needs a file name")
    path = Path(word.split("=", 1)[1] if inline else argv[index + 1])
    return path, argv[:index] + argv[index + (1 if inline else 2) :]


def read_config(path: Path) -> dict[str, Any]:
    """A YAML mapping; anything else is refused with the file's name and, for broken YAML, the line."""
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such config file") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise InputError(f"{path}{where}: not valid YAML ({getattr(error, 'problem', None) or error})") from error
    if not isinstance(config, dict):
        raise InputError(f"{path}: wanted a YAML mapping of options, e.g. `learning_rate: 5.0e-5`")
    return config
