"""The synthetic preference set: pairs whose level distribution is known exactly, from a population with tastes.

The population and the closed form of its level distribution: `population`. The texts: `text`.

Every label comes from freshly drawn tastes, independent of all other labels, so the closed form is exactly the
distribution of each label. An annotator's id is drawn from the ids of the group, without repetition inside a pair: the
group is what an id carries from pair to pair, and the rest of the taste is drawn anew each time.
"""

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from distreward.data.schema import features
from distreward.data.synthetic.families import FAMILIES, Prompt, all_prompts
from distreward.data.synthetic.population import (
    AXES,
    TOPICS,
    Pair,
    attributes,
    closed_form_level_probs,
    draw_labels,
    judgement,
    main_cause,
)
from distreward.data.synthetic.text import Style, flaws_for, render, settle
from distreward.errors import InputError

if TYPE_CHECKING:
    import datasets

SPLITS = {"train": 1600, "validation": 300, "test": 600}
"""Default number of pairs per split."""

SPLIT_SHARES = {"train": 0.60, "validation": 0.15, "test": 0.25}
"""Share of each family's prompts that a split owns. Which prompts is fixed, whatever the seed."""

N_ANNOTATORS = (3, 4, 5)
POOL_SIZES = (27, 20, 13)
"""Ids per group; 60 in all."""

PAIR_KINDS = {"paraphrase": 0.26, "taste": 0.40, "minor": 0.12, "error": 0.13, "both": 0.09}
"""What the two responses differ in: nothing; an axis of taste; something small; a major flaw; taste and a flaw."""

MINOR_FLAWS = ("typos", "vague", "rude")

BOTH_ENDS_DIVIDE = {"reading"}
"""Axes without a plain end: every answer to an underspecified prompt takes one side, so two answers alike are rare there."""

SECOND_AXIS_SHARE = 0.2
"""Share of the taste and error pairs that also differ in a further axis."""

MILD_SALIENCE = 0.3
"""An axis up to this salience counts as something small."""

WISH_SHARE = 0.06
"""Share of the prompts with a wish, in the families that know wishes."""


def synthetic_preferences(n_pairs: int | None = None, seed: int = 0, split: str | None = None) -> "datasets.Dataset":
    """Build the synthetic preference set; equal arguments give equal rows, on every platform.

    Args:
        n_pairs: number of pairs, >= 1; None takes the default of the split (`SPLITS`).
        seed: >= 0. Other seeds give other pairs from the same prompts and the same population.
        split: "train", "validation" or "test"; None means "train". The splits share no prompt, for any seeds.

    Returns:
        A data set in the schema of `distreward.data.schema`; `margin` is null. `meta` holds `true_level_probs` (the
        chance of each level, in the order of `distreward.levels.LEVELS`), `cause` (what the population disagrees about
        most, or "none") and `topic` (the family of the prompt). A longer set starts with the rows of a shorter one.

    Raises:
        InputError: an unknown split, or a number out of range.

    >>> rows = synthetic_preferences(n_pairs=2)
    >>> rows[0]["id"], rows[0]["prompt"][0]["role"], len(rows[0]["preferences"]) == len(rows[0]["annotator_ids"])
    ('synthetic-train-0-0', 'user', True)
    """
    from datasets import Dataset

    split = "train" if split is None else split
    if split not in SPLITS:
        raise InputError(f"synthetic, `split`: got {split!r}, wanted one of {', '.join(SPLITS)}; choose one of these.")
    n_pairs = SPLITS[split] if n_pairs is None else n_pairs
    if n_pairs < 1 or seed < 0:
        got = f"`n_pairs`: got {n_pairs}, wanted at least 1" if n_pairs < 1 else f"`seed`: got {seed}, wanted 0 or more"
        raise InputError(f"synthetic, {got}; give a larger number.")

    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, list(SPLITS).index(split)])))
    rows = [_row(f"synthetic-{split}-{seed}-{index}", draw_pair(split, rng), rng) for index in range(n_pairs)]
    columns = {column: [row[column] for row in rows] for column in features()}
    return Dataset.from_dict(columns, features=features())


def true_level_probs(dataset: "datasets.Dataset") -> np.ndarray:
    """The true level distribution of every pair of a synthetic set: float64 [N, 5], rows sum to 1, ascending levels.

    >>> true_level_probs(synthetic_preferences(n_pairs=3)).shape
    (3, 5)
    """
    return np.array([json.loads(meta)["true_level_probs"] for meta in dataset["meta"]], dtype=np.float64).reshape(-1, 5)


def draw_pair(split: str, rng: np.random.Generator) -> Pair:
    """Draw a prompt of `split` and two responses whose texts differ, in random order."""

    def draw(n: int) -> int:
        return int(rng.random() * n)

    prompt = _draw_prompt(split, rng)
    salience, fit = judgement(prompt)
    style_a, style_b = _draw_styles(prompt, salience, rng)
    if draw(2):
        style_a, style_b = style_b, style_a
    text_a = text_b = render(prompt, style_a, draw)
    while text_b == text_a:
        text_b = render(prompt, style_b, draw)
    return Pair(prompt, text_a, text_b, attributes(style_a), attributes(style_b), salience, fit)


def _row(pair_id: str, pair: Pair, rng: np.random.Generator) -> dict[str, Any]:
    labels = draw_labels(pair, int(rng.choice(N_ANNOTATORS)), rng)
    meta = {
        "true_level_probs": closed_form_level_probs(pair).tolist(),
        "cause": main_cause(pair),
        "topic": pair.prompt.family,
    }
    return {
        "id": pair_id,
        "prompt": [{"role": "user", "content": pair.prompt.text}],
        "response_a": pair.response_a,
        "response_b": pair.response_b,
        "preferences": labels["levels"].tolist(),
        "scores_a": labels["scores_a"].tolist(),
        "scores_b": labels["scores_b"].tolist(),
        "annotator_ids": _names(labels["groups"], rng),
        "strength_known": True,
        "source": "synthetic",
        "meta": json.dumps(meta),
        "margin": None,
    }


def _names(groups: np.ndarray, rng: np.random.Generator) -> list[str]:
    queues = [iter(rng.permutation(pool)) for pool in _annotator_pools()]
    return [f"annotator-{next(queues[group]):02d}" for group in groups]


@lru_cache(maxsize=1)
def _annotator_pools() -> tuple[np.ndarray, ...]:
    """Which of the 60 ids belong to which group: fixed, and mixed so that the number says nothing."""
    mixed = np.random.Generator(np.random.PCG64(60)).permutation(sum(POOL_SIZES))
    return tuple(np.split(mixed, np.cumsum(POOL_SIZES)[:-1]))


@lru_cache(maxsize=1)
def _prompts_by_split() -> dict[tuple[str, str, bool], list[Prompt]]:
    """The prompts of each (split, family, has a wish), dealt out once for all seeds."""
    rng = np.random.Generator(np.random.PCG64(2376))
    pools: dict[tuple[str, str, bool], list[Prompt]] = {}
    for family in FAMILIES:
        for wished in (False, True):
            prompts = [p for p in all_prompts() if p.family == family and (p.wish is not None) == wished]
            order = rng.permutation(len(prompts))
            cuts = np.round(np.cumsum(list(SPLIT_SHARES.values()))[:-1] * len(prompts)).astype(int)
            for split, part in zip(SPLIT_SHARES, np.split(order, cuts), strict=True):
                pools[split, family, wished] = [prompts[i] for i in part]
    return pools


def _draw_prompt(split: str, rng: np.random.Generator) -> Prompt:
    weights = np.array([TOPICS[family].weight for family in FAMILIES])
    family = list(FAMILIES)[rng.choice(len(weights), p=weights / weights.sum())]
    pools = _prompts_by_split()
    wished = rng.random() < WISH_SHARE and bool(pools[split, family, True])
    pool = pools[split, family, wished]
    return pool[rng.integers(len(pool))]


def _draw_styles(prompt: Prompt, salience: np.ndarray, rng: np.random.Generator) -> tuple[Style, Style]:
    """Two styles that differ in what one of `PAIR_KINDS` says; already settled (`synthetic_text.settle`)."""
    kind = list(PAIR_KINDS)[rng.choice(len(PAIR_KINDS), p=list(PAIR_KINDS.values()))]
    if kind in ("paraphrase", "minor") and prompt.wish is None and BOTH_ENDS_DIVIDE & set(FAMILIES[prompt.family].axes):
        kind = "taste"
    axes = [axis for axis in FAMILIES[prompt.family].axes if axis != "example"]
    weight = np.array([salience[AXES.index(axis)] for axis in axes])
    first = second = _draw_base(rng)

    if kind in ("taste", "both"):
        first, second = _part(first, second, axes[rng.choice(len(axes), p=weight**2 / (weight**2).sum())], rng)
    if kind == "taste" and rng.random() < SECOND_AXIS_SHARE:
        first, second = _part(first, second, axes[rng.integers(len(axes))], rng)
    if kind == "minor":
        mild = [axis for axis, size in zip(axes, weight, strict=True) if size <= MILD_SALIENCE]
        if mild and rng.random() < 0.5:
            first, second = _part(first, second, mild[rng.integers(len(mild))], rng)
        if "example" in FAMILIES[prompt.family].axes and rng.random() < 0.5:
            first, second = first._replace(example=1), second._replace(example=0)
        else:
            flaws = [flaw for flaw in flaws_for(prompt) if flaw in MINOR_FLAWS]
            second = second._replace(flaw=flaws[rng.integers(len(flaws))])
    if kind in ("error", "both"):
        flaws = [flaw for flaw in flaws_for(prompt) if flaw not in MINOR_FLAWS]
        worse = flaws[rng.integers(len(flaws))]
        if kind == "error" and rng.random() < SECOND_AXIS_SHARE:
            first, second = _part(first, second, axes[rng.integers(len(axes))], rng)
        second = second._replace(flaw=worse)
    return settle(prompt, first), settle(prompt, second)


def _draw_base(rng: np.random.Generator) -> Style:
    """The style that both responses start from: mostly plain prose of middling length that complies.

    Taste divides people over marked styles, not over plain ones, so what two responses have in common is mostly what
    nobody minds. A reward model sees one response at a time: where both were marked alike, it could not know that.
    """
    return Style(
        verbosity=0 if rng.random() < 0.85 else int(rng.integers(2)) * 2 - 1,
        format=1 if rng.random() < 0.05 else -1,
        complexity=1 if rng.random() < 0.03 else -1,
        aesthetic=1 if rng.random() < 0.02 else -1,
        stance=1.0 if rng.random() < 0.95 else (-0.4, -1.0)[rng.integers(2)],
        reading=int(rng.integers(2)) * 2 - 1,
        example=int(rng.random() < 0.2),
    )


def _part(first: Style, second: Style, axis: str, rng: np.random.Generator) -> tuple[Style, Style]:
    """Move the two styles to different ends of `axis`, in random order."""
    low, high = -1, 1
    if axis == "stance" and rng.random() < 0.5:
        low, high = (-0.4, 1) if rng.random() < 0.5 else (-1, -0.4)
    if rng.random() < 0.5:
        low, high = high, low
    return first._replace(**{axis: low}), second._replace(**{axis: high})
