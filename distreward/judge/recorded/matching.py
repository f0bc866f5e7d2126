"""Which pair of a data set a record of another project speaks of: by question and models, or by the texts themselves."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

QUESTION_KEYS = ("question_id", "session_id", "uid", "prompt_id")
"""Keys of `meta` under which a pair may name its question; its own `id` counts as well."""


class Found(NamedTuple):
    """A pair that a record speaks of.

    Attributes:
        pair_id: its `id`.
        flipped: True where the record's first response is the pair's `response_b`.
    """

    pair_id: str
    flipped: bool

    def level(self, level: int) -> int:
        """A level from the side of the record's first response, seen from A's side."""
        return -level if self.flipped else level

    def order(self, first_shown: bool) -> str:
        """The order of presentation, where the record's first response was shown first (or second)."""
        return "ab" if first_shown != self.flipped else "ba"


class PairIndex:
    """The pairs of a data set by what other projects call them.

    Args:
        pairs: rows in our schema. Read are `id`, the prompt's last message, the two responses, and of `meta` the keys in
            `QUESTION_KEYS`, `model_a`, `model_b` and `turn` (1 where it is missing).

    >>> pair = {"id": "p1", "prompt": [{"role": "user", "content": "Hi"}], "response_a": "Hello.", "response_b": "Yes?",
    ...         "meta": '{"question_id": 81, "model_a": "org/tulip", "model_b": "rose"}'}
    >>> index = PairIndex([pair])
    >>> index.by_models(81, "rose", "tulip")
    [Found(pair_id='p1', flipped=True)]
    >>> index.by_text("Hi", "Hello.", "Yes?")
    [Found(pair_id='p1', flipped=False)]
    """

    def __init__(self, pairs: Iterable[Mapping[str, Any]]):
        self.ids: set[str] = set()
        self._by_question: dict[tuple[str, str], list[tuple[str, str, str]]] = {}
        self._by_text: dict[tuple[str, str, str], list[Found]] = {}
        for row in pairs:
            self.ids.add(row["id"])
            meta = json.loads(row["meta"])
            models = tuple(short_name(str(meta.get(key, ""))) for key in ("model_a", "model_b"))
            questions = {str(meta[key]) for key in QUESTION_KEYS if key in meta} | {row["id"]}
            for question in questions:
                key = (question, str(meta.get("turn", 1)))
                self._by_question.setdefault(key, []).append((row["id"], *models))
            prompt, a, b = (
                text.strip() for text in (row["prompt"][-1]["content"], row["response_a"], row["response_b"])
            )
            self._by_text.setdefault((prompt, a, b), []).append(Found(row["id"], False))
            if a != b:
                self._by_text.setdefault((prompt, b, a), []).append(Found(row["id"], True))

    def by_models(self, question: Any, model_1: str, model_2: str | None = None, turn: Any = 1) -> list[Found]:
        """Pairs on this question between these models; without `model_2`, between `model_1` and any other.

        Models are compared without the part before the last slash: `google/gemma-2b-it` is `gemma-2b-it`.
        """
        first, second = short_name(model_1), None if model_2 is None else short_name(model_2)
        found = []
        for pair_id, model_a, model_b in self._by_question.get((str(question), str(turn)), ()):
            if model_a == first and second in (None, model_b):
                found.append(Found(pair_id, False))
            elif model_b == first and second in (None, model_a):
                found.append(Found(pair_id, True))
        return found

    def by_text(self, prompt: str, output_1: str, output_2: str) -> list[Found]:
        """Pairs whose last message and responses are these texts, up to white space at the ends."""
        return self._by_text.get((prompt.strip(), output_1.strip(), output_2.strip()), [])


def short_name(model: str) -> str:
    """A model's name without its owner.

    >>> short_name("google/gemma-2b-it")
    'gemma-2b-it'
    """
    return model.rsplit("/", 1)[-1]
