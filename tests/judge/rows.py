"""Pairs made up for the tests of recorded verdicts and audits."""

import json


def pair(
    pair_id: str, preferences: list[int], prompt: str | None = None, a: str = "Yes.", b: str = "No, never.", **meta
):
    """A row in the schema; `meta` as keywords."""
    return {
        "id": pair_id,
        "prompt": [{"role": "user", "content": prompt or f"Question {pair_id}?"}],
        "response_a": a,
        "response_b": b,
        "preferences": preferences,
        "scores_a": [],
        "scores_b": [],
        "annotator_ids": [],
        "strength_known": True,
        "source": "made up",
        "meta": json.dumps(meta),
    }
