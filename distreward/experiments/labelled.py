"""What the tables of an experiment need of the labelled pairs: counts, agreement categories, and the bootstrap's draws."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from datasets import Dataset

from distreward.data.agreement import agreement_masks, level_counts
from distreward.data.splitting import prompt_key
from distreward.metrics.repeated import Draws, draw_pairs
from distreward.scoring.predictions import typical_annotators


@dataclass(frozen=True)
class LabelledPairs:
    """The N pairs of the data set.

    Attributes:
        counts: [N, 5] annotators per level.
        masks: agreement category -> [N] bool.
        prompts: [N] key of each pair's prompt.
        draws: of prompts, the same for every table.
        n_annotators: the typical number per pair (`typical_annotators`).
        has_slight: whether any label is slight; False where the data only say A, tie or B.
    """

    counts: np.ndarray
    masks: dict[str, np.ndarray]
    prompts: np.ndarray
    draws: Draws
    n_annotators: int
    has_slight: bool

    @property
    def several(self) -> np.ndarray:
        """[N] bool: two or more annotators, so that they can diverge."""
        return self.counts.sum(1) >= 2


def labelled_pairs(dataset: Dataset, n_bootstrap: int, seed: int = 0) -> LabelledPairs:
    """Counts, categories and `n_bootstrap` draws of prompts of a data set."""
    counts = level_counts(dataset["preferences"][:])
    prompts = [prompt_key(prompt) for prompt in dataset["prompt"][:]]
    return LabelledPairs(
        counts=counts,
        masks=agreement_masks(counts),
        prompts=np.array(prompts),
        draws=draw_pairs(dataset.num_rows, prompts, n_bootstrap, seed),
        n_annotators=typical_annotators(counts),
        has_slight=bool(counts[:, [1, 3]].any()),
    )


def tested_pairs(pairs: Sequence[np.ndarray], n: int) -> np.ndarray:
    """[n] bool: the pairs that occur in any of several lists of positions.

    >>> tested_pairs([np.array([0, 2]), np.array([2])], 4).tolist()
    [True, False, True, False]
    """
    found = np.zeros(n, dtype=bool)
    for some in pairs:
        found[some] = True
    return found


def pair_counts(labels: LabelledPairs, tested: np.ndarray) -> dict[str, int]:
    """How many pairs, prompts and labels a table rests on, and how many pairs of each agreement category.

    Args:
        labels: of all N pairs.
        tested: [N] bool, pairs that some run was tested on.
    """
    found = {
        "pairs": int(tested.sum()),
        "prompts": len(set(labels.prompts[tested])),
        "labels": int(labels.counts[tested].sum()),
        "choices": int(labels.counts[tested][:, [0, 1, 3, 4]].sum()),
        "several_annotators": int((labels.several & tested).sum()),
    }
    return found | {name: int((mask & tested).sum()) for name, mask in labels.masks.items()}
