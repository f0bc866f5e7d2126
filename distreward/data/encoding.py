"""From conversations to token ids: chat templates, the prompt's length, and what happens to texts that are too long.

Training and scoring both encode through this module, so a response gets the same tokens in either.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from distreward.errors import InputError

PLAIN_TEMPLATE = Path(__file__).parent / "templates" / "plain.jinja"
"""A `User: ... Assistant: ...` layout for tokenizers without a chat template; spelt `plain` on the command line."""

TOKEN_COLUMNS = ("chosen_ids", "rejected_ids", "prompt_length")
"""Columns of an encoded pair: token ids of A and of B, prompt included, and how many of A's are the prompt's."""

TRUNCATIONS = ("drop", "prompt_left", "fit")

PROMPT_SHARE = 4
"""`fit` leaves the prompt at least 1/4 of `max_length`: the end of a prompt usually holds the question."""


def resolve_chat_template(path: str | None) -> str | None:
    """`plain` becomes the packaged template's path; anything else stays as it is.

    >>> resolve_chat_template("plain").endswith("plain.jinja"), resolve_chat_template(None)
    (True, None)
    """
    return str(PLAIN_TEMPLATE) if path == "plain" else path


def require_chat_template(tokenizer: Any) -> None:
    """Refuse a tokenizer that cannot lay out a conversation."""
    if not getattr(tokenizer, "chat_template", None):
        name = getattr(tokenizer, "name_or_path", "") or type(tokenizer).__name__
        raise InputError(
            f"{name}: the tokenizer has no chat template, which conversations need; pass --chat_template_path with "
            "`plain` (a `User: ... Assistant: ...` layout), a .jinja file, or a tokenizer that has one."
        )


def encode_conversation(tokenizer: Any, messages: Sequence[dict], add_generation_prompt: bool = False) -> list[int]:
    """Token ids of a conversation under the tokenizer's chat template; no special tokens besides the template's."""
    encoded = tokenizer.apply_chat_template(
        list(messages), tokenize=True, return_dict=True, add_generation_prompt=add_generation_prompt
    )
    return list(encoded["input_ids"])


def common_prefix_length(first: Sequence[int], second: Sequence[int]) -> int:
    """How many leading tokens two sequences share.

    >>> common_prefix_length([1, 2, 3], [1, 2, 9, 9])
    2
    """
    length = 0
    for left, right in zip(first, second, strict=False):
        if left != right:
            break
        length += 1
    return length


def encode_response(tokenizer: Any, prompt: Sequence[dict], response: str) -> tuple[list[int], int]:
    """Token ids of prompt + response, and how many of them belong to the prompt.

    Args:
        prompt: messages, the last one from the user.
        response: the assistant's answer.

    Returns:
        (ids, prompt_length). The prompt's tokens are those that the prompt alone, opened for an answer, also has.
    """
    ids = encode_conversation(tokenizer, [*prompt, {"role": "assistant", "content": response}])
    opened = encode_conversation(tokenizer, prompt, add_generation_prompt=True)
    return ids, common_prefix_length(ids, opened)


def closing_length(tokenizer: Any) -> int:
    """How many tokens the chat template puts after a response (end-of-turn, EOS): they survive truncation."""
    prompt = [{"role": "user", "content": "a"}]
    ends = [encode_response(tokenizer, prompt, word)[0] for word in ("yes", "no")]
    return common_prefix_length(ends[0][::-1], ends[1][::-1])


def fit_to_length(
    ids: Sequence[int], prompt_length: int, closing: int, max_length: int | None, truncation: str
) -> list[int] | None:
    """Shorten one encoded response to `max_length` tokens, or say that it has to go (None).

    Args:
        ids: token ids of prompt + response.
        prompt_length: how many of them are the prompt's.
        closing: how many tokens at the end belong to the template (`closing_length`).
        max_length: most tokens allowed; None for no limit.
        truncation: `drop` removes the response; `prompt_left` cuts the start of the prompt and removes the response if
            that is not enough; `fit` cuts the start of the prompt down to a quarter of `max_length`, then the end of
            the response. The first token (BOS, CLS) and the template's closing tokens always stay.

    Raises:
        InputError: `fit` with a `max_length` below what always stays.

    >>> fit_to_length([0, 1, 2, 3, 10, 11, 12, 99], 4, 1, 6, "prompt_left")
    [0, 3, 10, 11, 12, 99]
    >>> fit_to_length([0, 1, 2, 3, 10, 11, 12, 99], 4, 1, 4, "fit")
    [0, 10, 11, 99]
    """
    ids = list(ids)
    if max_length is None or len(ids) <= max_length:
        return ids
    if truncation == "drop":
        return None
    first, prompt, response = ids[:1], ids[1:prompt_length], ids[max(prompt_length, 1) :]
    room = max_length - len(first) - len(response)
    if truncation == "prompt_left":
        return None if room < 0 else first + prompt[len(prompt) - room :] + response
    if max_length < len(first) + closing:
        raise InputError(
            f"max_length={max_length} leaves no room for a response: its first token and the chat template's end alone "
            f"take {len(first) + closing}; raise it."
        )
    keep = min(len(prompt), max(room, max_length // PROMPT_SHARE - len(first), 0))
    prompt = prompt[len(prompt) - keep :]
    body, end = response[: len(response) - closing], response[len(response) - closing :]
    return first + prompt + body[: max_length - len(first) - len(prompt) - len(end)] + end
