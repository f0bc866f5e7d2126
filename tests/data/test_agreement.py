import itertools

import numpy as np
import pytest

from distreward.data.agreement import CATEGORIES, agreement_categories, agreement_masks, level_counts
from distreward.levels import LEVELS


def by_the_rules(labels):
    """The rules of the module's table, read literally for one list of labels."""
    n = len(labels)
    n_a, n_b, n_tie = (sum(map(test, labels)) for test in (lambda x: x > 0, lambda x: x < 0, lambda x: x == 0))
    found = set()
    if n_a and n_b and any(abs(label) == 2 for label in labels):
        found.add("diverging")
    if 2 in labels and -2 in labels:
        found.add("diverging_substantial")
    if n >= 2 and ((n_a > n / 2 and not n_b) or (n_b > n / 2 and not n_a)):
        found.add("high_agreement_preference")
    if n >= 2 and n_tie > n / 2 and "diverging" not in found:
        found.add("high_agreement_tie")
    return found or {"other"}


ALL_LISTS = [labels for n in range(1, 5) for labels in itertools.product(LEVELS, repeat=n)]  # 5 + 25 + 125 + 625 = 780


def test_every_list_of_up_to_four_labels_follows_the_rules():
    masks = agreement_masks(level_counts(ALL_LISTS))
    for row, labels in enumerate(ALL_LISTS):
        assert {name for name in CATEGORIES if masks[name][row]} == by_the_rules(labels), labels


def test_categories_cover_all_pairs_and_exclude_each_other():
    masks = agreement_masks(level_counts(ALL_LISTS))
    exclusive = sum(masks[name].astype(int) for name in CATEGORIES if name != "diverging_substantial")
    assert (exclusive == 1).all()
    assert not (masks["diverging_substantial"] & ~masks["diverging"]).any()


def test_swapping_the_responses_changes_no_category():
    swapped = [[-label for label in labels] for labels in ALL_LISTS]
    before, after = agreement_masks(level_counts(ALL_LISTS)), agreement_masks(level_counts(swapped))
    assert all((before[name] == after[name]).all() for name in CATEGORIES)


@pytest.mark.parametrize(
    ("labels", "categories"),
    [
        ([2, 1, 0], ("high_agreement_preference",)),  # 2 of 3 for A, nobody for B
        ([0, 0, 0, 1, -1], ("high_agreement_tie",)),  # 3 of 5 ties; the opposition is only slight
        ([1, -1], ("other",)),  # opposed, but nobody significantly
        ([2, -1], ("diverging",)),
        ([2, -2, 0], ("diverging", "diverging_substantial")),
        ([0, 0, 0, 2, -1], ("diverging",)),  # diverging takes precedence over the majority for tie
        ([1, 1, 0, 0], ("other",)),  # 2 of 4 is no strict majority
        ([2], ("other",)),  # one annotator can neither agree nor disagree
        ([], ("other",)),
    ],
)
def test_categories_by_hand(labels, categories):
    assert agreement_categories(labels) == categories


def test_level_counts_by_hand_and_in_total():
    assert level_counts([[2, 2, -1], [], [0]]).tolist() == [[0, 1, 0, 0, 2], [0, 0, 0, 0, 0], [0, 0, 1, 0, 0]]
    assert level_counts(ALL_LISTS).sum(1).tolist() == [len(labels) for labels in ALL_LISTS]
    assert level_counts([]).shape == (0, 5)


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match="holds 3"):
        level_counts([[1], [3]])
    with pytest.raises(ValueError, match=r"shape \(4, 3\)"):
        agreement_masks(np.zeros((4, 3)))
