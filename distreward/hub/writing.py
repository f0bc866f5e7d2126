"""Writing a card without ever overwriting what a person wrote: ours carry a mark that an edit breaks."""

import hashlib
import json
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from distreward.errors import InputError
from distreward.hub.card import model_card
from distreward.hub.facts import ModelFacts, read_facts, recalled
from distreward.hub.metadata import TAGS
from distreward.hub.plain import write_text
from distreward.hub.secrets import scrub

logger = logging.getLogger("distreward")

CARD = "README.md"

MARK = re.compile(
    r"<!-- written by distreward ([0-9a-f]{16}); `distreward card` writes it anew unless it was edited; given: (.*) -->\n\n"
)
"""The digest of the rest of the card, and as JSON what the caller gave for it besides the facts."""

GIVEN = ("model_name", "repo_id", "tags", "license", "licence_of_data", "evaluations")

EMPTY_TEMPLATE = "<!-- Provide a quick summary of what the model is/does. -->"
"""Stands in the empty card that PEFT puts beside every adapter."""


def marked(content: str, given: Mapping[str, Any] | None = None) -> str:
    r"""The card with its mark behind the metadata.

    >>> text = marked("---\nlicense: mit\n---\n\n# Model\n", {"license": "mit"})
    >>> is_ours(text), is_ours(text.replace("Model", "My model")), given_for(text)
    (True, False, {'license': 'mit'})
    """
    digest = hashlib.sha256(content.encode()).hexdigest()[:16]
    options = json.dumps(given or {}).replace("--", "-\\u002d")  # two dashes could end the comment
    mark = f"<!-- written by distreward {digest}; `distreward card` writes it anew unless it was edited; given: {options} -->\n\n"
    head, fence, body = content.partition("\n---\n\n")
    return f"{head}{fence}{mark}{body}" if fence else mark + content


def given_for(text: str) -> dict[str, Any]:
    """What the caller gave for a card of ours besides the facts; nothing for another card."""
    found = MARK.search(text)
    return json.loads(found[2]) if found else {}


def given_at(path: Path) -> dict[str, Any]:
    """`given_for` the card in a file; nothing where there is no file."""
    return given_for(path.read_text(encoding="utf-8", errors="replace")) if path.is_file() else {}


def is_ours(text: str) -> bool:
    """Whether a card is one of ours that nobody has touched since."""
    found = MARK.search(text)
    return found is not None and hashlib.sha256(MARK.sub("", text, count=1).encode()).hexdigest()[:16] == found[1]


def may_overwrite(path: Path) -> bool:
    """Whether nothing of a person's is lost: no file, a card of ours, or the empty template of PEFT."""
    if not path.exists():
        return True
    text = path.read_text(encoding="utf-8", errors="replace")
    return is_ours(text) or EMPTY_TEMPLATE in text


def write_card(
    facts: ModelFacts,
    model_name: str | None = None,
    repo_id: str | None = None,
    tags: Sequence[str] | None = None,
    path: Path | None = None,
    overwrite: bool | None = None,
) -> Path | None:
    """Write a model's card.

    Args:
        facts: of the model; what was given with them (licences, chosen evaluations) is kept in the card, as are the next
            three, so that who writes the card anew need not give them again.
        model_name, repo_id, tags: as in `card.model_card`.
        path: of the card; default `README.md` in the model's folder.
        overwrite: a card that a person wrote or edited: True overwrites it, False refuses, None leaves it alone and says so.

    Returns:
        The card's path, or None where an edited one was left alone.

    Raises:
        InputError: an edited card and `overwrite` False; what `model_card` refuses.
    """
    path = facts.folder / CARD if path is None else path
    if not overwrite and not may_overwrite(path):
        if overwrite is False:
            raise InputError(
                f"{path}: was written or edited by a person; pass --overwrite true to lose that, or --output_file for another file."
            )
        logger.warning("%s was written or edited by a person and is left as it is; see distreward card --help", path)
        return None
    facts = recalled(facts, given_at(path))
    tags = None if tags is None else sorted(set(tags) - set(TAGS)) or None
    named = {"model_name": model_name, "repo_id": repo_id, "tags": tags}
    text = _text(facts, {key: value for key, value in named.items() if value is not None}, path.parent)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text)
    return path


def card_naming(folder: Path, repo_id: str) -> str | None:
    """The card of a folder as it is to lie in a repository, whose name its code then opens.

    Args:
        folder: the model's, whose card is not changed.
        repo_id: of the repository.

    Returns:
        The text; None where the card stays as it is: there is none, a person wrote it, or it names the repository already.
    """
    path = folder / CARD
    before = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    given = given_for(before)
    if not is_ours(before) or given.get("repo_id") == repo_id:
        return None
    return _text(recalled(read_facts(folder), given), {"repo_id": repo_id}, folder)


def _text(facts: ModelFacts, named: Mapping[str, Any], start: Path) -> str:
    """The card of facts with all that was given for it; what is `named` now goes before what was."""
    given = {**facts.files["given"][1], **named}
    given = {key: _scrubbed(given[key]) for key in GIVEN if given.get(key) is not None}
    facts = replace(facts, files={**facts.files, "given": (None, given)})
    content = model_card(facts, given.get("model_name"), given.get("repo_id"), given.get("tags") or (), start)
    return marked(content, given)


def _scrubbed(value: str | Sequence[str]) -> str | list[str]:
    return scrub(value) if isinstance(value, str) else [scrub(item) for item in value]


@contextmanager
def card_kept(folder: str | Path) -> Iterator[None]:
    """Whatever is saved into a folder meanwhile, a card of ours in it stays as it was."""
    path = Path(folder, CARD)
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    yield
    if is_ours(text) and path.read_text(encoding="utf-8", errors="replace") != text:
        write_text(path, text)
