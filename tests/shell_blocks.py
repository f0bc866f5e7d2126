"""The `distreward` commands that a page shows: in its shell blocks and in its inline code."""

import re
import shlex
from collections.abc import Iterator

FENCED = re.compile(r"^```(?:bash|sh|shell|console)\n(.*?)^```", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`(distreward [^`]* --[^`]+)`")
ENDS = {"&&", "||", "|", ";", "&", ">", "2>", "done"}


def shown_commands(text: str) -> Iterator[tuple[list[str], bool]]:
    """The words behind `distreward` of every command, as a shell would pass them, and whether it stands in a shell block.

    Inline code may leave out what the sentence is not about.
    """
    lines = [(line, True) for block in FENCED.findall(text) for line in block.replace("\\\n", " ").splitlines()]
    for line, whole in [*lines, *((line, False) for line in INLINE.findall(text))]:
        if not re.search(r"\bdistreward\b", line):
            continue
        words = shlex.split(line.replace(";", " ; "), comments=True)
        starts = [at for at, word in enumerate(words) if word == "distreward" and words[at - 1 : at] != ["install"]]
        for start in starts:
            rest = words[start + 1 :]
            end = next((at for at, word in enumerate(rest) if word in ENDS), len(rest))
            yield rest[:end], whole
