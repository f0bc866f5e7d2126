"""The taxonomy is the paper's: ten causes, four classes, and every cause of the synthetic set is among them."""

import pytest

from distreward.analysis.taxonomy import CAUSES, CLASSES, causes_of_class, check_cause, in_table_order
from distreward.errors import InputError


def test_ten_causes_in_four_classes():
    assert len(CAUSES) == 10 and list(CLASSES) == ["task", "style", "refusals", "errors"]
    assert [len(causes_of_class(name)) for name in CLASSES] == [1, 4, 4, 1]
    assert [name for name in CLASSES for name in causes_of_class(name)] == list(CAUSES)
    assert len({cause.definition for cause in CAUSES.values()}) == 10
    assert all(name == cause.name and 0 <= min(cause.paper_shares) for name, cause in CAUSES.items())


def test_every_planted_cause_is_in_the_table():
    import json

    from distreward.data.synthetic import synthetic_preferences

    planted = {json.loads(meta)["cause"] for meta in synthetic_preferences(n_pairs=400)["meta"]}
    assert len(planted) > 6 and planted - {"none"} <= set(CAUSES)


def test_a_misspelt_name_is_offered_the_nearest():
    with pytest.raises(InputError, match=r"unknown cause 'verbosty' \(did you mean 'verbosity'"):
        check_cause("verbosty")
    with pytest.raises(InputError, match="did you mean 'style'"):
        causes_of_class("styles")
    with pytest.raises(InputError, match="formatt"):
        in_table_order({"formatt"})


def test_order_is_the_tables():
    assert in_table_order(list(CAUSES)[::-1]) == tuple(CAUSES)
    assert in_table_order([]) == ()
