"""The population behind the synthetic set: its tastes, and the exact level distribution they give a pair.

The population: an annotator k belongs to group g with probability `GROUP_SHARES[g]` and has tastes
w_k ~ N(GROUP_TASTES[g], diag(TASTE_STD^2)), one per axis of `AXES`. The utility of a response to a prompt p is

    u_k = sum_j f_j (w_kj salience_j(p) + fit_j(p))

f_j in [-1, 1]: what the text shows on axis j. `salience`: how much taste in j matters to this prompt. `fit`: what
everybody feels about j here. The level is d_k = u_k(A) - u_k(B) + N(0, LABEL_NOISE_STD^2), cut at -1.5, -0.5, 0.5, 1.5.
So d_k is a mixture of normals, one per group, and the five level probabilities are differences of its distribution
function: `closed_form_level_probs`. The groups pull apart on most axes, so the mixture can have two humps.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from distreward.data.synthetic.families import Prompt
from distreward.data.synthetic.phrases import WISHES
from distreward.data.synthetic.text import FLAWS, Style

AXES = ("verbosity", "format", "complexity", "aesthetic", "stance", "reading", "example", "correctness")

GROUP_SHARES = np.array([0.45, 0.33, 0.22])
GROUP_TASTES = np.array(
    [
        [-1.0, 1.0, -1.0, -0.9, 1.0, -1.0, 0.45, 2.2],
        [1.1, -1.05, 1.15, 1.1, 0.7, 1.1, 0.45, 2.1],
        [0.8, 0.7, -0.7, -1.0, -1.4, 0.7, 0.45, 2.4],
    ]
)
"""[3, 8], columns as in `AXES`: brief and tidy; curious and wordy; careful."""
TASTE_STD = np.array([0.38, 0.38, 0.38, 0.38, 0.38, 0.38, 0.20, 0.40])
LABEL_NOISE_STD = 0.6
THRESHOLDS = np.array([-1.5, -0.5, 0.5, 1.5])

SCORE_SCALE = 0.6
SCORE_NOISE_STD = 0.5

SEVERITY = dict(zip(FLAWS, (0.0, 0.35, 0.45, 0.50, 0.60, 0.80, 1.0, 1.0, 0.95), strict=True))
"""How bad a flaw is: minus f on the axis `correctness`."""

WISH_SALIENCE, WISH_FIT = 0.2, 0.6
"""A wish in the prompt settles its axis: taste hardly matters any more, and everybody wants what was asked for."""


class Topic(NamedTuple):
    """How a family of prompts is drawn and judged. `salience` and `fit` name axes; an axis not named has 0.1 and 0."""

    weight: float
    salience: dict[str, float]
    fit: dict[str, float]


TOPICS = {
    "fact": Topic(0.9, {"verbosity": 0.15}, {"aesthetic": -0.35}),
    "arithmetic": Topic(0.9, {"verbosity": 0.15, "format": 0.2}, {"aesthetic": -0.35, "complexity": -0.25}),
    "explain": Topic(1.3, {"verbosity": 0.9, "format": 0.9, "complexity": 1.0, "aesthetic": 0.9}, {}),
    "history": Topic(1.0, {"verbosity": 0.9, "complexity": 1.0, "format": 0.9}, {}),
    "ambiguous": Topic(1.0, {"reading": 1.0, "verbosity": 0.2}, {}),
    "advice": Topic(1.2, {"verbosity": 0.9, "format": 0.9, "aesthetic": 0.9}, {}),
    "compare": Topic(1.2, {"verbosity": 0.9, "format": 0.9}, {}),
    "howto": Topic(1.2, {"verbosity": 0.9, "format": 0.9, "complexity": 1.0, "aesthetic": 0.9}, {}),
    "recipe": Topic(1.0, {"verbosity": 0.9, "format": 0.9, "aesthetic": 0.9}, {}),
    "poem": Topic(1.0, {"aesthetic": 1.0, "verbosity": 0.9}, {}),
    "message": Topic(0.9, {"reading": 0.9, "verbosity": 0.25}, {}),
    "roleplay": Topic(1.0, {"reading": 1.0, "verbosity": 0.3}, {}),
    "borderline": Topic(1.1, {"stance": 1.0, "verbosity": 0.15}, {}),
    "prediction": Topic(1.0, {"stance": 1.0, "verbosity": 0.3, "format": 0.2}, {}),
}


class Pair(NamedTuple):
    """One pair before it is labelled: texts, and what the population sees in them (all arrays are [8])."""

    prompt: Prompt
    response_a: str
    response_b: str
    attributes_a: np.ndarray
    attributes_b: np.ndarray
    salience: np.ndarray
    fit: np.ndarray


def judgement(prompt: Prompt) -> tuple[np.ndarray, np.ndarray]:
    """`salience` and `fit` of a prompt, [8] each."""
    topic = TOPICS[prompt.family]
    always = {"example": 1.0, "correctness": 1.0}
    salience = np.array([(topic.salience | always).get(axis, 0.1) for axis in AXES])
    fit = np.array([topic.fit.get(axis, 0.0) for axis in AXES])
    if prompt.wish is not None:
        wish = WISHES[prompt.wish]
        at = AXES.index(wish.axis)
        salience[at] *= WISH_SALIENCE
        fit[at] = wish.sign * WISH_FIT
    return salience, fit


def attributes(style: Style) -> np.ndarray:
    """What the population sees in a response of this style: float64 [8], columns as in `AXES`, each in [-1, 1].

    >>> attributes(Style(verbosity=1, flaw="rude")).tolist()
    [1.0, -1.0, -1.0, -1.0, 1.0, -1.0, 0.0, -0.5]
    """
    return np.array([*(getattr(style, axis) for axis in AXES[:-1]), -SEVERITY[style.flaw]], dtype=np.float64)


def closed_form_level_probs(pair: Pair) -> np.ndarray:
    """The distribution of one label of `pair`, exactly: float64 [5], ascending levels (module docstring)."""
    contrast = pair.salience * (pair.attributes_a - pair.attributes_b)
    mean = pair.fit @ (pair.attributes_a - pair.attributes_b) + GROUP_TASTES @ contrast
    std = np.sqrt((TASTE_STD * contrast) @ (TASTE_STD * contrast) + LABEL_NOISE_STD**2)
    below = ndtr((THRESHOLDS - mean[:, None]) / std)
    cells = np.diff(below, axis=1, prepend=0.0, append=1.0)
    return GROUP_SHARES @ cells


def draw_labels(pair: Pair, n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Let `n` freshly drawn annotators judge `pair`.

    Returns:
        Arrays [n]: `groups` 0..2, `levels` -2..2, `scores_a` and `scores_b` 1.0..5.0. The scores are a second, noisy
        reading of the same utilities, so they need not agree with the level.
    """
    groups = np.searchsorted(np.cumsum(GROUP_SHARES)[:-1], rng.random(n), side="right")
    tastes = GROUP_TASTES[groups] + TASTE_STD * rng.standard_normal((n, len(AXES)))
    weights = tastes * pair.salience + pair.fit
    utility_a, utility_b = weights @ pair.attributes_a, weights @ pair.attributes_b
    difference = utility_a - utility_b + LABEL_NOISE_STD * rng.standard_normal(n)
    noise_a, noise_b = SCORE_NOISE_STD * rng.standard_normal((2, n))
    return {
        "groups": groups,
        "levels": np.searchsorted(THRESHOLDS, difference) - 2,
        "scores_a": np.clip(np.round(3 + SCORE_SCALE * utility_a + noise_a), 1, 5),
        "scores_b": np.clip(np.round(3 + SCORE_SCALE * utility_b + noise_b), 1, 5),
    }


def main_cause(pair: Pair) -> str:
    """What spreads the population's judgements of `pair` most, in the words of the paper's table 1, or "none"."""
    contrast = pair.salience * (pair.attributes_a - pair.attributes_b)
    group_mean = GROUP_SHARES @ GROUP_TASTES
    spread = np.abs(contrast) * np.sqrt(GROUP_SHARES @ (GROUP_TASTES - group_mean) ** 2 + TASTE_STD**2)
    if spread.max() < LABEL_NOISE_STD:
        return "none"
    axis = AXES[int(spread.argmax())]
    if axis == "stance":
        if pair.prompt.family == "prediction":
            return "capabilities"
        stances = (pair.attributes_a[AXES.index("stance")], pair.attributes_b[AXES.index("stance")])
        return "comply_vs_refuse" if max(stances) == 1 else "refuse_vs_refuse"
    names = {"aesthetic": "aesthetic_taste", "reading": "task_underspecification", "correctness": "errors"}
    return names.get(axis, axis)
