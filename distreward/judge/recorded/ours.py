"""Verdicts that come with the pairs: `meta.judges` and `meta.judge_orders` of our schema."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from distreward.data.schema import row_error, shown
from distreward.judge.verdicts import PairVerdict
from distreward.levels import LEVELS

SIGNS = (-1, 0, 1)

FIRST_SHOWN_UNKNOWN = "first_shown_unknown"
"""Key of `PairVerdict.meta` for two verdicts in opposite orders of which the source does not say which was which."""


def verdicts_in_meta(pairs: Iterable[Mapping[str, Any]]) -> list[PairVerdict]:
    """The recorded verdicts of every judge on every pair.

    | key of `meta` | value per judge | verdicts |
    |---|---|---|
    | `judges` | level -2..2 from A's side | one, order `unknown` |
    | `judge_orders`, an object | winner by order: `{"ab": 1, "ba": -1}` | one per order |
    | `judge_orders`, a list | the two winners `[1, -1]`, of opposite orders | two; which response came first is not known |

    Winners are 1 (A), 0 (tie), -1 (B) or null (no verdict), and stand for the levels 2, 0, -2: a winner without strength.
    A judge in both keys is taken from `judge_orders`, which says more.

    Args:
        pairs: rows in our schema.

    Raises:
        InputError: a value that is none of these; the message names the pair's id and the judge.

    >>> pair = {"id": "p1", "meta": '{"judges": {"one": 1}, "judge_orders": {"two": {"ab": 1, "ba": 0}}}'}
    >>> [(verdict.judge, verdict.order, verdict.level) for verdict in verdicts_in_meta([pair])]
    [('two', 'ab', 2), ('two', 'ba', 0), ('one', 'unknown', 1)]
    """
    verdicts: list[PairVerdict] = []
    for row in pairs:
        meta = json.loads(row["meta"])
        where = f"pair {shown(row['id'])}"
        in_orders = _mapping(meta, "judge_orders", where)
        for judge, winners in in_orders.items():
            verdicts += _both_orders(row["id"], judge, winners, where)
        for judge, level in _mapping(meta, "judges", where).items():
            if judge not in in_orders:
                _check(level, LEVELS, f"meta.judges[{judge!r}]", where)
                verdicts.append(PairVerdict(row["id"], judge, level, "unknown"))
    return verdicts


def _mapping(meta: dict[str, Any], key: str, where: str) -> dict[str, Any]:
    value = meta.get(key) or {}
    if not isinstance(value, dict):
        raise row_error(where, f"meta.{key}", shown(value), "an object with one entry per judge")
    return value


def _both_orders(pair_id: str, judge: str, winners: Any, where: str) -> list[PairVerdict]:
    field = f"meta.judge_orders[{judge!r}]"
    meta = {}
    if isinstance(winners, list) and len(winners) == 2:
        winners, meta = {"ab": winners[0], "ba": winners[1]}, {FIRST_SHOWN_UNKNOWN: True}
    if not isinstance(winners, dict) or not set(winners) <= {"ab", "ba"}:
        raise row_error(where, field, shown(winners), 'two winners `[1, -1]` or `{"ab": 1, "ba": -1}`')
    for winner in winners.values():
        _check(winner, SIGNS, field, where)
    return [
        PairVerdict(pair_id, judge, None if winner is None else 2 * winner, order, meta)
        for order, winner in winners.items()
    ]


def _check(value: Any, allowed: tuple[int, ...], field: str, where: str) -> None:
    if value is not None and (isinstance(value, bool) or value not in allowed):
        raise row_error(where, field, shown(value), f"one of {', '.join(map(str, allowed))} or null")
