"""Every `distreward` command in README, pages and results passes the command's own parser: no unknown or missing flag."""

import re
from importlib import import_module
from pathlib import Path

import pytest

from distreward.cli.launching import STARTED
from distreward.cli.main import COMMANDS, main
from distreward.cli.parsing import CommandParser
from tests.shell_blocks import shown_commands

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted(ROOT.glob("docs/*.md")),
    *sorted(ROOT.glob("results/*.md")),
]


class Parsed(Exception):
    """Raised instead of running the command."""


def parse_only(words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> str | None:
    """None if the command takes these words, otherwise what it says."""
    parse = CommandParser.parse

    def stop(self: CommandParser, argv: list[str]) -> None:
        parse(self, argv)
        raise Parsed

    monkeypatch.setattr(CommandParser, "parse", stop)
    try:
        status = main(words)
    except Parsed:
        return None
    except SystemExit as error:  # --help
        status = error.code
    finally:
        monkeypatch.setattr(CommandParser, "parse", parse)
    said = capsys.readouterr()
    return None if status == 0 else said.err


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_shown_commands_parse(page, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)  # recipes are named from here
    monkeypatch.setenv(STARTED, "1")  # parsed as by a process that was started: no launch from here
    for words, whole in shown_commands(page.read_text(encoding="utf-8")):
        said = parse_only(words, monkeypatch, capsys)
        unfinished = (
            (not whole or "..." in words)
            and said is not None
            and ("are required" in said or "expected one argument" in said)
        )
        assert said is None or unfinished, f"distreward {' '.join(words)}\n{said}"


def test_flags_in_sentences_are_flags_of_some_command(monkeypatch, capsys):
    known: set[str] = set()

    def stop(self: CommandParser, argv: list[str]) -> None:
        known.update(flag for action in self._actions for flag in action.option_strings)
        raise Parsed

    monkeypatch.setattr(CommandParser, "parse", stop)
    for command in COMMANDS:
        subcommands = getattr(import_module(f"distreward.cli.{command}"), "SUBCOMMANDS", {"": None})
        for subcommand in subcommands:
            with pytest.raises(Parsed):
                main([command, *filter(None, [subcommand])])
    assert len(known) > 100
    of_others = {"--trust-remote-code", "--convert", "--write_docs"}  # vLLM's, and pytest's in this project
    for page in PAGES:
        shown = set(re.findall(r"`(--[a-z][\w-]+)", page.read_text(encoding="utf-8")))
        assert shown <= known | of_others, f"{page.name}: {sorted(shown - known)}"


def test_the_check_finds_a_misspelt_flag_and_every_way_of_writing_a_command(monkeypatch, capsys):
    text = """Run `distreward merge --model_name out`, or

```bash
pip install -e ".[demo]" && distreward demo --sed 1
for set in a b; do
    distreward agreement $set.jsonl \\
        --output_dir $set   # not a flag: --nothing
done
accelerate launch -m distreward train --objectiv mse
```
"""
    found = list(shown_commands(text))
    assert found == [
        (["demo", "--sed", "1"], True),
        (["agreement", "$set.jsonl", "--output_dir", "$set"], True),
        (["train", "--objectiv", "mse"], True),
        (["merge", "--model_name", "out"], False),
    ]
    assert all(words[0] in COMMANDS for words, _ in found)
    said = [parse_only(words, monkeypatch, capsys) for words, _ in found]
    assert "--sed (did you mean '--seed'?)" in said[0] and said[1] is None
    assert "--objectiv" in said[2] and "--model_name" in said[3]
