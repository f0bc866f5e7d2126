"""The row schema: one row per pair, one label per annotator. Importing this module loads nothing heavy.

| column | type | must be there | if absent or null |
|---|---|---|---|
| `id` | text (an integer is taken as text) | yes, unless the caller passes a default | the default |
| `prompt` | list of `{"role", "content"}`, last role `user`; a plain text is one user message | yes | |
| `response_a`, `response_b` | text; may be blank: a model that answered nothing was judged too | yes | |
| `preferences` | list of levels -2..2, one per annotator, positive = A preferred | yes, may be empty beside scores | |
| `scores_a`, `scores_b` | list of numbers 1..5, aligned with `preferences` unless that is empty | no | `[]` |
| `annotator_ids` | list of text, aligned with `preferences` | no | `[]` |
| `strength_known` | bool; false = the source has only A / tie / B, so only -2, 0, 2 occur | no | `True` |
| `source` | text | no | `""` |
| `meta` | text holding a JSON object, or the object itself | no | `"{}"` |
| `margin` | number: TRL's `margin` column | no | null |

A pair with empty `preferences` (its two score lists come from annotators that cannot be aligned) serves the Likert
objectives only.
"""

import difflib
import json
import math
from collections.abc import Iterable
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

from distreward.errors import InputError
from distreward.levels import LEVELS, RATINGS

if TYPE_CHECKING:
    import datasets

REQUIRED_COLUMNS = ("prompt", "response_a", "response_b", "preferences")

COLUMNS = (
    "id",
    *REQUIRED_COLUMNS,
    "scores_a",
    "scores_b",
    "annotator_ids",
    "strength_known",
    "source",
    "meta",
    "margin",
)

LARGEST_FLOAT32 = 3.4028234e38

MEND = "mend or remove the row"


def features() -> "datasets.Features":
    """The column types of a preference data set, in the order of `COLUMNS`.

    >>> list(features())[:4]
    ['id', 'prompt', 'response_a', 'response_b']
    """
    from datasets import Features, List, Value

    text, number = Value("string"), Value("float32")
    return Features(
        {
            "id": text,
            "prompt": List({"role": text, "content": text}),
            "response_a": text,
            "response_b": text,
            "preferences": List(Value("int8")),
            "scores_a": List(number),
            "scores_b": List(number),
            "annotator_ids": List(text),
            "strength_known": Value("bool"),
            "source": text,
            "meta": text,
            "margin": number,
        }
    )


def check_row(row: dict[str, Any], where: str, default_id: str | None = None) -> dict[str, Any]:
    """Check one raw row and return it normalised: every column of `COLUMNS`, absent ones filled, others left out.

    Args:
        row: the row as read. Columns the schema does not know are left out here; `unknown_columns` names them.
        where: the place for the message, e.g. `"pairs.jsonl, line 3"`.
        default_id: the id of a row that has none; None makes `id` a required column.

    Raises:
        InputError: the row breaks the schema; the message names place, field, what came and what was wanted.

    >>> row = {"id": "p1", "prompt": "Name a colour.", "response_a": "Red.", "response_b": "Blue.", "preferences": [1]}
    >>> check_row(row, "pairs.jsonl, line 1")["prompt"]
    [{'role': 'user', 'content': 'Name a colour.'}]
    >>> check_row(row | {"preferences": [3]}, "pairs.jsonl, line 1")
    Traceback (most recent call last):
    distreward.errors.InputError: pairs.jsonl, line 1, field `preferences`: got 3, wanted levels from -2 to 2 \
(positive = A preferred); mend or remove the row.
    """
    for column in REQUIRED_COLUMNS:
        if column not in row:
            raise missing_column(row, column, where)
    checked = {
        "id": check_id(row, where, default_id),
        "prompt": check_prompt(row["prompt"], where),
        "response_a": check_text(row["response_a"], "response_a", where, blank_allowed=True),
        "response_b": check_text(row["response_b"], "response_b", where, blank_allowed=True),
        "preferences": _check_levels(row["preferences"], where),
        "scores_a": _check_scores(row.get("scores_a"), "scores_a", where),
        "scores_b": _check_scores(row.get("scores_b"), "scores_b", where),
        "annotator_ids": _check_annotators(row.get("annotator_ids"), where),
        "strength_known": _check_strength_known(row.get("strength_known"), where),
        "source": "" if row.get("source") is None else check_text(row["source"], "source", where, blank_allowed=True),
        "meta": _check_meta(row.get("meta"), where),
        "margin": check_margin(row.get("margin"), where),
    }
    _check_alignment(checked, where)
    return checked


def unknown_columns(row: dict[str, Any], known: Iterable[str] = COLUMNS) -> list[str]:
    """Of a checked row: the columns not in `known`, and message keys besides role and content as `<column>.<key>`.

    >>> unknown_columns({"id": "p1", "prompt": [{"role": "user", "content": "Hi", "name": "Ann"}], "lang": "en"})
    ['lang', 'prompt.name']
    """
    columns = [str(column) for column in row if column not in known]
    keys = {
        f"{column}.{key}"
        for column in ("prompt", "chosen", "rejected")
        if column in known and is_list(row.get(column))
        for message in row[column]
        for key in message
        if key not in ("role", "content")
    }
    return columns + sorted(keys)


def row_error(where: str, field: str, got: str, wanted: str, remedy: str = MEND) -> InputError:
    """The error for one field of one row, always in the same words; the caller raises it."""
    return InputError(f"{where}, field `{field}`: got {got}, wanted {wanted}; {remedy}.")


def missing_column(row: dict[str, Any], column: str, where: str) -> InputError:
    """The error for a column the row lacks; names the unknown column that looks most like it."""
    near = difflib.get_close_matches(column, [str(name) for name in row if name not in COLUMNS], n=1)
    remedy = f"rename `{near[0]}` to `{column}`" if near else "add it, or use TRL's `prompt`, `chosen`, `rejected`"
    return row_error(where, column, "no such column", f"the columns `{'`, `'.join(REQUIRED_COLUMNS)}`", remedy)


def shown(value: Any, width: int = 60) -> str:
    """`value` for a message: on one line, printable, cut to `width` characters."""
    text = repr(value)
    return text if len(text) <= width else text[: width - 3] + "..."


def is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple))


def check_text(value: Any, field: str, where: str, blank_allowed: bool = False) -> str:
    """Return `value` if it is a text with something in it that UTF-8 can hold."""
    if not isinstance(value, str):
        raise row_error(where, field, shown(value), "text")
    if not blank_allowed and not value.strip():
        raise row_error(where, field, f"{shown(value)} (nothing but white space)", "text that is not blank")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        half = shown(value[error.start])
        raise row_error(where, field, f"half a character ({half}, a lone surrogate)", "valid Unicode text") from None
    return value


def check_id(row: dict[str, Any], where: str, default_id: str | None = None) -> str:
    """The row's id as text; `default_id` where the row has none."""
    value = row.get("id")
    if value is None and default_id is not None:
        return default_id
    if value is None and "id" not in row:
        raise row_error(where, "id", "no such column", "a text that no other row has", "add an `id` to every row")
    return check_text(_integer_as_text(value), "id", where)


def check_prompt(value: Any, where: str, field: str = "prompt") -> list[dict[str, str]]:
    """Return the messages of a prompt, each with `role` and `content` only; a plain text becomes one user message."""
    if isinstance(value, str):
        return [{"role": "user", "content": check_text(value, field, where)}]
    wanted = "a text, or a list of messages {'role', 'content'} that ends with the user's"
    if not is_list(value) or not value:
        raise row_error(where, field, shown(value), wanted)
    messages = []
    for number, message in enumerate(value, 1):
        if not isinstance(message, dict) or "role" not in message or "content" not in message:
            raise row_error(where, field, f"message {number} = {shown(message)}", wanted)
        role = check_text(message["role"], f"{field}[{number}].role", where)
        messages.append({"role": role, "content": check_text(message["content"], f"{field}[{number}].content", where)})
    if messages[-1]["role"] != "user":
        raise row_error(where, field, f"a last message with role {shown(messages[-1]['role'])}", wanted)
    return messages


def check_margin(value: Any, where: str) -> float | None:
    """A finite number that float32 can hold, or None."""
    if value is None:
        return None
    if not _is_number(value) or not abs(value) <= LARGEST_FLOAT32:
        raise row_error(where, "margin", shown(value), "a finite number or null")
    return float(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _integer_as_text(value: Any) -> Any:
    return str(value) if isinstance(value, Integral) and not isinstance(value, bool) else value


def _check_levels(value: Any, where: str) -> list[int]:
    wanted = f"levels from {LEVELS[0]} to {LEVELS[-1]} (positive = A preferred)"
    if not is_list(value):
        raise row_error(where, "preferences", shown(value), f"a list of {wanted}, one per annotator")
    for level in value:
        if not isinstance(level, Integral) or isinstance(level, bool) or level not in LEVELS:
            raise row_error(where, "preferences", shown(level), wanted)
    return [int(level) for level in value]


def _check_scores(value: Any, field: str, where: str) -> list[float]:
    if value is None:
        return []
    wanted = f"scores from {RATINGS[0]} to {RATINGS[-1]}"
    if not is_list(value):
        raise row_error(where, field, shown(value), f"a list of {wanted}, one per annotator")
    for score in value:
        if not _is_number(score) or math.isnan(score) or not RATINGS[0] <= score <= RATINGS[-1]:
            raise row_error(where, field, shown(score), wanted)
    return [float(score) for score in value]


def _check_annotators(value: Any, where: str) -> list[str]:
    if value is None:
        return []
    if not is_list(value):
        raise row_error(where, "annotator_ids", shown(value), "a list of text, one per annotator")
    return [check_text(_integer_as_text(name), "annotator_ids", where) for name in value]


def _check_strength_known(value: Any, where: str) -> bool:
    if value is None:
        return True
    if not isinstance(value, bool):
        raise row_error(where, "strength_known", shown(value), "true or false")
    return value


def _check_meta(value: Any, where: str) -> str:
    if value is None:
        return "{}"
    if not isinstance(value, dict):
        check_text(value, "meta", where)
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False) if isinstance(value, dict) else value
        is_object = isinstance(json.loads(text), dict)
    except (TypeError, ValueError, RecursionError):
        is_object = False
    if not is_object:
        raise row_error(where, "meta", shown(value), "a JSON object, as text or as it is")
    return check_text(text, "meta", where)


def _check_alignment(row: dict[str, Any], where: str) -> None:
    """Lists that speak of the same annotators must have the same length; labels without strength know no "slightly"."""
    n = len(row["preferences"])
    n_scores_a, n_scores_b = len(row["scores_a"]), len(row["scores_b"])
    if not n and not (n_scores_a and n_scores_b):
        got = f"no label, and {n_scores_a} and {n_scores_b} scores"
        raise row_error(where, "preferences", got, "at least one label, or scores for both responses")
    if n and n_scores_a != n_scores_b:
        raise row_error(where, "scores_b", f"{n_scores_b} scores", f"as many as `scores_a` has ({n_scores_a})")
    if n and n_scores_a and n_scores_a != n:
        raise row_error(where, "scores_a", f"{n_scores_a} scores", f"one for each of the {n} `preferences`")
    if row["annotator_ids"] and len(row["annotator_ids"]) != n:
        got = f"{len(row['annotator_ids'])} names"
        raise row_error(where, "annotator_ids", got, f"one for each of the {n} `preferences`, or an empty list")
    slight = [level for level in row["preferences"] if abs(level) == 1]
    if slight and not row["strength_known"]:
        raise row_error(where, "preferences", str(slight[0]), "-2, 0 or 2, because `strength_known` is false")
