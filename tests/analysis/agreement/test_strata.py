"""The parts of a data set and their statistics: by hand, and each part as if it were alone."""

import json
import warnings

import numpy as np
import pytest

from distreward.analysis.agreement.statistics import agreement_statistics
from distreward.analysis.agreement.strata import MISSING, automatic_strata, breakdown, strata_values
from distreward.errors import InputError

METAS = ['{"turn": 1, "category": "code"}', '{"turn": 2, "category": "code"}', '{"category": "prose"}']
SOURCES = ["a", "b", ""]


def test_values_by_hand():
    assert strata_values(SOURCES, METAS, "source") == ["a", "b", MISSING]
    assert strata_values(SOURCES, METAS, "category") == ["code", "code", "prose"]
    assert strata_values(SOURCES, METAS, "turn") == ["1", "2", MISSING]
    # what is no text is compared as JSON, whatever the order of its keys
    assert (
        strata_values(["", ""], ['{"x": {"b": 1, "a": 2}}', '{"x": {"a": 2, "b": 1}}'], "x") == ['{"a": 2, "b": 1}'] * 2
    )


@pytest.mark.parametrize(
    ("sources", "metas", "by", "message"),
    [
        (["", ""], ["{}", "{}"], "source", "--by source: no pair has a source"),
        (SOURCES, METAS, "trun", "--by trun: no pair has it (did you mean 'turn'?); `meta` holds category, turn"),
        (SOURCES, ["{}"] * 3, "turn", "`meta` is empty"),
        ([""] * 51, [json.dumps({"id": row}) for row in range(51)], "id", "51 different values, at most 50"),
    ],
)
def test_what_cannot_be_broken_down_is_one_line(sources, metas, by, message):
    with pytest.raises(InputError) as caught:
        strata_values(sources, metas, by)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_fifty_values_can_be_told_apart():
    assert len(set(strata_values([""] * 50, [json.dumps({"id": row}) for row in range(50)], "id"))) == 50


def test_only_what_has_two_to_twenty_values_is_broken_down_unasked():
    assert automatic_strata(SOURCES, METAS) == ["source", "category"]
    assert automatic_strata(["a"] * 3, METAS) == ["category"]  # one source
    many = [json.dumps({"category": str(row)}) for row in range(21)]
    assert automatic_strata([""] * 21, many) == [] and automatic_strata([""] * 20, many[:20]) == ["category"]


def test_each_part_is_as_if_it_were_alone():
    rng = np.random.default_rng(0)
    counts = rng.multinomial(4, [0.3, 0.1, 0.2, 0.1, 0.3], size=60)
    values = ["large"] * 40 + ["small"] * 20
    groups = [f"prompt {row // 2}" for row in range(60)]
    parts = breakdown(counts, values, groups, n_bootstrap=20, seed=3)
    assert list(parts) == ["large", "small"]  # largest first
    for name, rows in (("large", slice(0, 40)), ("small", slice(40, 60))):
        np.testing.assert_equal(parts[name], agreement_statistics(counts[rows], groups[rows], n_bootstrap=20, seed=3))
    order = rng.permutation(60)
    shuffled = breakdown(counts[order], [values[row] for row in order], n_bootstrap=0)
    for name, part in breakdown(counts, values, n_bootstrap=0).items():
        np.testing.assert_equal(shuffled[name]["categories"], part["categories"])


def test_parts_too_small_are_named_in_one_warning():
    counts = [[1, 0, 0, 0, 1], [0, 0, 0, 1, 1], [0, 0, 0, 0, 1]]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        breakdown(counts, ["x", "x", "y"], n_bootstrap=0, by="turn")
    assert [str(one.message).split(":")[0] for one in caught] == ["by turn"] and "y" in str(caught[0].message)
