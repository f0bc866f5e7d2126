"""The precision of hints: by hand, and on the synthetic set."""

import json

import numpy as np
import pytest

from distreward.analysis.hint_precision import hint_precision, planted_causes, true_divergence
from distreward.analysis.hints import HINTS, hint_table
from distreward.data.agreement import agreement_masks, level_counts
from distreward.data.synthetic import synthetic_preferences
from distreward.errors import InputError

V, F, N = frozenset({"verbosity"}), frozenset({"format"}), frozenset()


def test_by_hand():
    # diverging: pairs 1 to 5. Fires on 1, 2, 3 and 6; planted format on 1, 4, 6; pair 3 is unknown.
    fired = {"list_in_one": np.array([1, 1, 1, 0, 0, 1], dtype=bool)}
    planted = [F, V, None, F, N, F]
    diverging = np.array([1, 1, 1, 1, 1, 0], dtype=bool)
    true = np.array([0.9, 0.8, 0.7, 0.6, 0.2, 0.0])
    measured = hint_precision(fired, {"planted": planted}, diverging, true, n_bootstrap=200)["list_in_one"]
    values = {key: estimate["value"] for key, estimate in measured.items() if key not in ("causes", "reason")}
    assert values == pytest.approx(
        {
            "fires": 4 / 6,
            "precision": 1 / 2,  # of pairs 1 and 2, the first
            "base_rate": 2 / 4,  # of pairs 1, 2, 4, 5: 1 and 4
            "gain": 0.0,
            "recall": 1 / 2,  # of 1 and 4, the first
            "precision_all_pairs": 2 / 3,  # of 1, 2, 6: 1 and 6
            "diverging_where_fired": 3 / 4,
            "diverging_elsewhere": 2 / 2,
            "true_divergence_where_fired": 2.4 / 4,
            "true_divergence_elsewhere": 0.8 / 2,
        }
    )
    assert measured["precision"]["n"] == 2 and measured["base_rate"]["n"] == 4 and measured["reason"] == ""
    assert measured["causes"] == ["format"]
    assert measured["fires"]["ci_low"] < 4 / 6 < measured["fires"]["ci_high"] and 0 < measured["gain"]["p_value"] <= 1


def test_several_annotators_share_a_pair():
    fired = {"list_in_one": np.array([True, True])}
    sets = {"ann": [F, V], "bob": [V, None]}
    measured = hint_precision(fired, sets, np.array([True, True]), n_bootstrap=0)["list_in_one"]
    assert measured["precision"]["value"] == pytest.approx((0.5 + 0) / 2)


def test_undefined_precision_says_why():
    nothing, both = np.array([False, False]), np.array([True, True])
    known = {"planted": [F, V]}
    unmeasured = hint_precision({"code_in_one": nothing}, known, both, n_bootstrap=0)["code_in_one"]
    assert np.isnan(unmeasured["precision"]["value"]) and unmeasured["reason"] == "it fires on no pair of this set"
    unknown = hint_precision({"code_in_one": both}, {"planted": [None, None]}, both, n_bootstrap=0)["code_in_one"]
    assert unknown["reason"] == "no diverging pair has a known cause"
    agreed = hint_precision({"code_in_one": np.array([True, False])}, known, np.array([False, True]), n_bootstrap=0)
    assert agreed["code_in_one"]["reason"].startswith("it fires on no diverging pair")


def test_planted_causes_and_true_divergence_come_from_meta():
    assert true_divergence(["{}"]) is None and true_divergence([]) is None
    probs = json.dumps({"true_level_probs": [0.5, 0, 0, 0, 0.5]})
    # four annotators of whom half love A and half love B: all but the two unanimous outcomes diverge, 1 - 2 / 16
    assert true_divergence([probs]) == pytest.approx([0.875])
    with pytest.raises(InputError, match=r"row 2, field `meta.cause`: unknown cause 'formt' \(did you mean 'format'"):
        planted_causes(["{}", '{"cause": "formt"}'])


def test_on_the_synthetic_set_hints_beat_guessing():
    pairs = synthetic_preferences(n_pairs=800)
    masks = agreement_masks(level_counts(pairs["preferences"][:]))
    planted = {"planted": planted_causes(pairs["meta"][:])}
    measured = hint_precision(hint_table(pairs), planted, masks["diverging"], n_bootstrap=0)
    assert list(measured) == list(HINTS)
    for name in ("length_ratio", "list_in_one", "heading_in_one", "refusal_in_one"):
        assert measured[name]["gain"]["value"] > 0.1, name
    assert measured["code_in_one"]["reason"] == "it fires on no pair of this set"
