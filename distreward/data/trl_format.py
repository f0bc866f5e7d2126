"""Rows in TRL's preference format, turned into rows of our schema.

| TRL row | what becomes the prompt |
|---|---|
| `prompt` text, `chosen` and `rejected` text | the text, as one user message |
| `prompt` messages, `chosen` and `rejected` one assistant message (or text) each | the messages |
| `chosen` and `rejected` text, no `prompt` | their longest common beginning, cut back to a word boundary |
| `chosen` and `rejected` conversations, no `prompt` | their common leading messages |
| `chosen` and `rejected` conversations that repeat a text `prompt` | their common leading messages, as in TRL |

`chosen` becomes response A, so the one label is 2; TRL's format does not say how strong the preference is
(`strength_known` false). `margin` is kept. A blank response is a response, as in our own schema.
"""

import os
from collections.abc import Collection
from typing import Any

from distreward.data.schema import (
    check_id,
    check_margin,
    check_prompt,
    check_row,
    check_text,
    is_list,
    row_error,
    shown,
)

TRL_COLUMNS = ("id", "prompt", "chosen", "rejected", "margin")


def looks_like_trl(columns: Collection[str]) -> bool:
    """True for rows with `chosen` and `rejected` that are not rows of our own schema.

    >>> looks_like_trl(["prompt", "chosen", "rejected"]), looks_like_trl(["prompt", "response_a", "response_b"])
    (True, False)
    """
    return "chosen" in columns and "rejected" in columns and "preferences" not in columns


def pair_from_trl_row(row: dict[str, Any], where: str, default_id: str | None = None) -> dict[str, Any]:
    """Turn one TRL preference row into a normalised row of our schema.

    Args:
        row: a row with `chosen`, `rejected`, and optionally `prompt`, `margin`, `id`.
        where: the place for the message, e.g. `"pairs.jsonl, line 3"`.
        default_id: the id of a row that has none.

    Raises:
        InputError: the row is not in one of the shapes above; the message names place and TRL field.

    >>> pair = pair_from_trl_row({"prompt": "2 + 2?", "chosen": "4", "rejected": "5", "margin": 0.5}, "line 1", "p1")
    >>> pair["response_a"], pair["response_b"], pair["preferences"], pair["strength_known"], pair["margin"]
    ('4', '5', [2], False, 0.5)
    """
    conversations = is_list(row["chosen"]) and is_list(row["rejected"])
    if not conversations:
        for field in ("chosen", "rejected"):
            check_text(row[field], field, where, blank_allowed=True)
    if row.get("prompt") is None:
        prompt, chosen, rejected = _split_conversations(row, where) if conversations else _split_texts(row, where)
    elif conversations and isinstance(row["prompt"], str) and _holds_prompt(row["chosen"]):
        prompt, chosen, rejected = _split_conversations(row, where)
        _check_repeated(row["prompt"], prompt, where)
    else:
        prompt = check_prompt(row["prompt"], where)
        chosen, rejected = row["chosen"], row["rejected"]
    pair = {
        "id": check_id(row, where, default_id),
        "prompt": prompt,
        "response_a": _response(chosen, "chosen", where),
        "response_b": _response(rejected, "rejected", where),
        "preferences": [2],
        "strength_known": False,
        "margin": check_margin(row.get("margin"), where),
    }
    return check_row(pair, where)


def _holds_prompt(messages: list) -> bool:
    """True for a whole conversation, false for the assistant's answer alone."""
    return bool(messages) and isinstance(messages[0], dict) and messages[0].get("role") != "assistant"


def _split_texts(row: dict[str, Any], where: str) -> tuple[str, str, str]:
    """The common beginning of two texts; the white space after it stays with the responses, as in TRL."""
    chosen, rejected = row["chosen"], row["rejected"]
    # One character less than the shorter text: otherwise a text that begins the other would leave an empty response.
    length = min(len(os.path.commonprefix([chosen, rejected])), len(chosen.rstrip()) - 1, len(rejected.rstrip()) - 1)
    prefix = chosen[: max(length, 0)]
    if prefix and (prefix[-1].isspace() or (chosen[length].isspace() and rejected[length].isspace())):
        prompt = prefix.rstrip()
    else:
        prompt = "".join(prefix.rsplit(None, 1)[:-1])  # all but the last word, which may go on differently in the texts
    if not prompt.strip():
        got = f"no `prompt`, and texts without a common beginning ({shown(chosen, 30)} and {shown(rejected, 30)})"
        raise row_error(where, "chosen", got, "the prompt at the start of both", "add a `prompt` column")
    return prompt, chosen[len(prompt) :], rejected[len(prompt) :]


def _split_conversations(row: dict[str, Any], where: str) -> tuple[list[dict[str, str]], list, list]:
    chosen, rejected = row["chosen"], row["rejected"]
    n_common = 0
    # The last message is always the response, also where both conversations are the same.
    while n_common < min(len(chosen), len(rejected)) - 1 and chosen[n_common] == rejected[n_common]:
        n_common += 1
    if not n_common:
        got = "conversations that share no leading message"
        raise row_error(where, "chosen", got, "the prompt at the start of both", "add a `prompt` column")
    return check_prompt(chosen[:n_common], where, "chosen"), chosen[n_common:], rejected[n_common:]


def _check_repeated(text: str, prompt: list[dict[str, str]], where: str) -> None:
    """A text `prompt` beside whole conversations adds nothing, so it must be in them; otherwise it would be lost."""
    if text.strip() not in {message["content"].strip() for message in prompt}:
        wanted = "a message that `chosen` and `rejected` repeat"
        raise row_error(where, "prompt", shown(text), wanted, "give `prompt` as messages, or leave the column out")


def _response(value: Any, field: str, where: str) -> str:
    """The text of a response given as text or as one assistant message."""
    if isinstance(value, str):
        return check_text(value, field, where, blank_allowed=True)
    message = value[0] if len(value) == 1 else None
    if not isinstance(message, dict) or message.get("role") != "assistant" or "content" not in message:
        got = f"{len(value)} messages after the prompt ({shown(value)})"
        raise row_error(where, field, got, "exactly one message, from the assistant")
    return check_text(message["content"], field, where, blank_allowed=True)
