"""Facts of a data set, by hand on the pairs of the tests."""

from datasets import Dataset

from distreward.data.facts import MOST_SOURCES, data_facts
from distreward.data.loading import load_preferences
from distreward.data.sources.published import LICENCES, PUBLISHED


def test_counts_by_hand(pairs):
    facts = data_facts(pairs)
    assert facts == {
        "rows": 12,
        "labels": 36,
        "score_labels": 36,
        "annotators_per_pair": {"3": 12},
        "annotators": 3,
        "strength_known": 1.0,
        "sources": {"made up": 12},
        "licence": None,
    }
    assert data_facts(pairs, licence="cc0-1.0")["licence"] == "cc0-1.0"


def test_pairs_with_scores_only_count_by_their_scores():
    rows = {"preferences": [[], [1, 0]], "scores_a": [[1.0, 2.0, 3.0], [1.0, 2.0]]}
    facts = data_facts(Dataset.from_dict(rows))
    assert facts["annotators_per_pair"] == {"2": 1, "3": 1} and (facts["labels"], facts["score_labels"]) == (2, 5)


def test_licences_come_from_the_sources_where_all_have_one():
    def licence(*sources):
        return data_facts(Dataset.from_dict({"preferences": [[1]] * len(sources), "source": sources}))["licence"]

    assert licence("nvidia/HelpSteer2", "nvidia/HelpSteer3") == "cc-by-4.0"
    assert licence("nvidia/HelpSteer2", "allenai/multipref") is None
    assert licence("nvidia/HelpSteer2", "somewhere") is None
    assert data_facts(load_preferences("synthetic", n_pairs=5))["licence"] == "apache-2.0"
    assert set(PUBLISHED) < set(LICENCES)


def test_free_text_in_the_source_column_is_not_repeated():
    rows = {"preferences": [[1]] * 20, "source": [f"note {n}" for n in range(MOST_SOURCES + 10)]}
    assert data_facts(Dataset.from_dict(rows))["sources"] is None


def test_chosen_and_rejected_have_rows_only():
    assert data_facts(Dataset.from_dict({"chosen": ["a"], "rejected": ["b"]})) == {"rows": 1, "licence": None}
