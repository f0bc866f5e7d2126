"""One judge's verdicts beside people's labels, as arrays: what every part of the audit reads."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from distreward.data.agreement import agreement_masks, level_counts
from distreward.data.splitting import prompt_key
from distreward.judge.recorded.ours import FIRST_SHOWN_UNKNOWN
from distreward.judge.verdicts import ORDERS, PairVerdict, combine_orders


@dataclass(frozen=True)
class JudgedPairs:
    """N pairs on which one judge gave a verdict.

    Attributes:
        judge: its name.
        level: int64 [N] in -2..2, from A's side: the verdicts of both orders combined (`verdicts.combine_orders`).
        order_level: float64 [N, 3], one column per order in `verdicts.ORDERS`, from A's side; nan where there is none.
        counts: int64 [N, 5] annotators per level.
        groups: [N] prompt of each pair.
        length_a, length_b: int64 [N] characters of the responses.
        first_shown_known: False where the source has two orders but does not say which was which.
        n_unparsed: further pairs on which the judge's replies held no verdict; they are not among the N.
    """

    judge: str
    level: np.ndarray
    order_level: np.ndarray
    counts: np.ndarray
    groups: list[str]
    length_a: np.ndarray
    length_b: np.ndarray
    first_shown_known: bool
    n_unparsed: int

    @property
    def sign(self) -> np.ndarray:
        """int64 [N]: 1 where the judge prefers A, -1 for B, 0 for a tie."""
        return np.sign(self.level)

    @property
    def categories(self) -> dict[str, np.ndarray]:
        """bool [N] per agreement category (`agreement.agreement_masks`)."""
        return agreement_masks(self.counts)

    @property
    def both_orders(self) -> np.ndarray:
        """bool [N]: pairs with a verdict in either order."""
        return ~np.isnan(self.order_level[:, :2]).any(1)

    @property
    def human_signs(self) -> np.ndarray:
        """int64 [N, 3] annotators who prefer B, say tie, prefer A."""
        b_much, b, tie, a, a_much = self.counts.T
        return np.stack([b_much + b, tie, a + a_much], axis=1)


def judged_pairs(pairs: Iterable[Mapping[str, Any]], verdicts: Sequence[PairVerdict]) -> dict[str, JudgedPairs]:
    """Put verdicts beside labels, judge by judge.

    Args:
        pairs: rows in our schema. Pairs without labels of people (`preferences` empty) are kept: their category is
            `other`, and nothing that compares with people counts them.
        verdicts: on these pairs; others are left out.

    Returns:
        Per judge, in order of first appearance, its pairs in the order of the data.

    Raises:
        InputError: a judge has two verdicts on one pair in the same order.

    >>> pair = {"id": "p1", "prompt": [{"role": "user", "content": "Hi"}], "response_a": "Hello!", "response_b": "Yes?",
    ...         "preferences": [2, -1], "meta": "{}"}
    >>> judged = judged_pairs([pair], [PairVerdict("p1", "one", 2, "ab"), PairVerdict("p1", "one", -2, "ba")])["one"]
    >>> judged.level.tolist(), judged.order_level.tolist(), judged.human_signs.tolist()
    ([0], [[2.0, -2.0, nan]], [[1, 0, 1]])
    """
    rows = {row["id"]: row for row in pairs}
    by_judge: dict[str, dict[str, dict[str, PairVerdict]]] = {}
    for verdict in verdicts:
        if verdict.pair_id in rows:
            by_judge.setdefault(verdict.judge, {}).setdefault(verdict.pair_id, {})[verdict.order] = verdict
    combined = combine_orders(verdicts)
    judged = {}
    for judge, of_pair in by_judge.items():
        ids = [pair_id for pair_id in rows if pair_id in of_pair and combined[judge, pair_id] is not None]
        judged[judge] = _arrays(judge, [rows[pair_id] for pair_id in ids], [of_pair[pair_id] for pair_id in ids],
                                [combined[judge, pair_id] for pair_id in ids], len(of_pair) - len(ids))  # fmt: skip
    return judged


def _arrays(
    judge: str,
    rows: list[Mapping[str, Any]],
    by_order: list[dict[str, PairVerdict]],
    levels: list[int],
    n_unparsed: int,
) -> JudgedPairs:
    order_level = np.full((len(rows), len(ORDERS)), np.nan)
    for number, verdicts in enumerate(by_order):
        for column, order in enumerate(ORDERS):
            if order in verdicts and verdicts[order].level is not None:
                order_level[number, column] = verdicts[order].level
    return JudgedPairs(
        judge=judge,
        level=np.array(levels, dtype=np.int64),
        order_level=order_level,
        counts=level_counts([row["preferences"] for row in rows]),
        groups=[prompt_key(row["prompt"]) for row in rows],
        length_a=np.array([len(row["response_a"]) for row in rows], dtype=np.int64),
        length_b=np.array([len(row["response_b"]) for row in rows], dtype=np.int64),
        first_shown_known=not any(
            verdict.meta.get(FIRST_SHOWN_UNKNOWN) for verdicts in by_order for verdict in verdicts.values()
        ),
        n_unparsed=n_unparsed,
    )
