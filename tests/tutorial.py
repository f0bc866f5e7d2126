"""Reads and runs a page that shows commands with their output: docs/tutorial.md.

A page is a row of blocks: `python` blocks marked runnable, `bash` blocks, and the `text` block with what the commands of
the `bash` block before it print. `python -m tests.tutorial` runs the page in an empty folder and writes what came out
into its `text` blocks; the first and last lines around a `...` of the page are kept in number.
"""

import io
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

from distreward.cli.main import main

PAGE = Path(__file__).parents[1] / "docs" / "tutorial.md"
BLOCK = re.compile(r"(?:<!-- runnable -->\n)?```(python|bash|text)\n(.*?)```", re.DOTALL)
NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?")


def commands(block: str) -> list[list[str]]:
    """The commands of a shell block as words; a backslash at the end of a line joins it with the next."""
    lines = block.replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def run(block: str) -> str:
    """What the `distreward` commands of a shell block print to stdout, in this process."""
    printed = io.StringIO()
    for words in commands(block):
        assert words[0] == "distreward", f"{words[0]}: the tutorial's commands are distreward's"
        with redirect_stdout(printed):
            assert main(words[1:]) == 0, words
    return printed.getvalue()


def plain(text: str) -> list[str]:
    """Lines without what a terminal's width decides: rules, runs of spaces, empty lines."""
    lines = (re.sub(r"\s+", " ", re.sub("[─━]+", "", line)).strip() for line in text.splitlines())
    return [line for line in lines if line]


def differences(expected: str, printed: str, tolerance: float | None) -> Iterator[str]:
    """Lines of a page that are not what was printed; `...` stands for any lines.

    Whole numbers must be equal, others within `tolerance`; with None any number will do.
    """
    rest = plain(printed)
    anywhere = False
    for line in plain(expected):
        if line == "...":
            anywhere = True
            continue
        found = [at for at, other in enumerate(rest) if same(line, other, tolerance)]
        if not found or (found[0] > 0 and not anywhere):
            yield f"the page says {line!r}, the command said {rest[:1] if not anywhere else 'no such line'}"
            return
        rest, anywhere = rest[found[0] + 1 :], False
    if rest and not anywhere:
        yield f"the command also said {rest[0]!r}"


def same(line: str, other: str, tolerance: float | None) -> bool:
    """Whether two lines are equal up to their numbers, and those as `differences` says."""
    if NUMBER.sub("#", line) != NUMBER.sub("#", other):
        return False
    if tolerance is None:
        return True
    pairs = zip(NUMBER.findall(line), NUMBER.findall(other), strict=True)
    return all(
        a == b or ("." in a + b and abs(float(a.replace(",", "")) - float(b.replace(",", ""))) <= tolerance)
        for a, b in pairs
    )


def run_page(text: str) -> Iterator[tuple[re.Match, str]]:
    """Run all blocks in the current folder; yields every `text` block with what the commands before it printed."""
    printed, namespace = "", {"__name__": "tutorial"}
    for block in BLOCK.finditer(text):
        kind, body = block.groups()
        if kind == "python":
            with redirect_stdout(io.StringIO()) as said:
                exec(compile(body, "docs/tutorial.md", "exec"), namespace)
            printed = said.getvalue()
        elif kind == "bash":
            printed = run(body)
        else:
            yield block, printed


def rewritten(text: str) -> str:
    """The page with what its commands print now; blocks with `...` are left alone."""
    parts, end = [], 0
    for block, printed in run_page(text):
        if "...\n" not in block[2]:
            tidy = "\n".join(line.rstrip() for line in printed.splitlines()).strip("\n")
            parts += [text[end : block.start(2)], tidy, "\n"]
            end = block.end(2)
        elif found := list(differences(block[2], printed, 0.0)):
            print(f"to mend by hand: {found}\n{printed}", file=sys.stderr)
    return "".join([*parts, text[end:]])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        new = rewritten(PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(new, encoding="utf-8")
