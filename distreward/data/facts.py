"""What a data set says of itself: how many pairs and labels, by how many people, from where, under which licence."""

from collections import Counter
from typing import Any

import numpy as np

from distreward.data.sources.published import LICENCES

MOST_SOURCES = 10
"""With more different sources than this the column is no list of data sets, and is not repeated."""

CHUNK = 10_000


def data_facts(dataset: Any, licence: str | None = None) -> dict[str, Any]:
    """Numbers and names that a results file and a model card give of a data set.

    Args:
        dataset: a `datasets.Dataset` in our schema or in one of TRL's preference formats. Only the label columns are read.
        licence: of the data, where the caller knows it.

    Returns:
        `rows`; in our schema also `labels` and `score_labels` (annotators' preferences; scores), `annotators_per_pair` (pairs
        by their number of preferences, or of scores where a pair has only those), `annotators` (different people, None where
        they have no ids), `strength_known` (share of pairs), `sources` (pairs by source, at most 10). `licence` is
        the one given, else that of the sources where they are known and of one licence, else None.

    >>> from datasets import Dataset
    >>> facts = data_facts(Dataset.from_dict({"preferences": [[2, 1], [0]], "source": ["synthetic", "synthetic"]}))
    >>> facts["annotators_per_pair"], facts["labels"], facts["licence"]
    ({'1': 1, '2': 1}, 3, 'apache-2.0')
    """
    facts: dict[str, Any] = {"rows": dataset.num_rows}
    if "preferences" in dataset.column_names:
        facts |= _label_facts(dataset)
    sources = facts.get("sources") or {}
    licences = {LICENCES.get(source) for source in sources}
    facts["licence"] = licence or (licences.pop() if len(licences) == 1 else None)
    return facts


def _label_facts(dataset: Any) -> dict[str, Any]:
    wanted = ("preferences", "scores_a", "annotator_ids", "strength_known", "source")
    columns = [name for name in wanted if name in dataset.column_names]
    per_pair: Counter = Counter()
    sources: Counter = Counter()
    people: set[str] = set()
    labels = score_labels = strength = 0
    for start in range(0, dataset.num_rows, CHUNK):
        chunk = dataset.select_columns(columns)[start : start + CHUNK]
        votes = np.array([len(row or ()) for row in chunk["preferences"]])
        scores = np.array([len(row or ()) for row in chunk.get("scores_a", [()] * len(votes))])
        per_pair.update(np.where(votes > 0, votes, scores).tolist())
        labels, score_labels = labels + int(votes.sum()), score_labels + int(scores.sum())
        people.update(name for row in chunk.get("annotator_ids", ()) for name in row or ())
        strength += sum(map(bool, chunk.get("strength_known", ())))
        sources.update(chunk.get("source", ()))
    return {
        "labels": labels,
        "score_labels": score_labels,
        "annotators_per_pair": {str(number): per_pair[number] for number in sorted(per_pair)},
        "annotators": len(people) or None,
        "strength_known": strength / dataset.num_rows if "strength_known" in columns and dataset.num_rows else None,
        "sources": dict(sources.most_common()) if 0 < len(sources) <= MOST_SOURCES else None,
    }
