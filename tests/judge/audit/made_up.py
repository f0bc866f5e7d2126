"""A data set with a judge, drawn at random: what the audit counts is counted again here, row by row."""

import numpy as np

from distreward.judge.verdicts import PairVerdict
from tests.judge.rows import pair


def rows_and_verdicts(n: int = 150, seed: int = 0, orders: tuple[str, ...] = ("ab", "ba")):
    """n pairs of n / 3 prompts with 1 to 4 labels, and a judge's verdicts in each of `orders` (some missing or unparsed)."""
    rng = np.random.default_rng(seed)
    pairs, verdicts = [], []
    for i in range(n):
        labels = rng.choice([-2, -1, 0, 1, 2], size=rng.integers(1, 5), p=[0.1, 0.2, 0.3, 0.25, 0.15]).tolist()
        lengths = rng.integers(1, 9, size=2)
        pairs.append(pair(f"p{i}", labels, prompt=f"Question {i // 3}?", a="a" * lengths[0], b="b" * lengths[1]))
        for order in orders:
            if rng.random() < 0.9:
                level = None if rng.random() < 0.1 else int(rng.choice([-2, -1, 0, 1, 2]))
                verdicts.append(PairVerdict(f"p{i}", "one", level, order))
    return pairs, verdicts
