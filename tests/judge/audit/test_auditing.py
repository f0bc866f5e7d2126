"""The whole audit: its keys, its correction for many tests, its sentences and its report."""

import numpy as np
import pytest

from distreward.judge.audit import audit_judges, judged_pairs
from distreward.judge.audit.report import audit_tables, markdown_report
from distreward.judge.verdicts import PairVerdict
from distreward.metrics.ratios import holm
from tests.judge.audit.made_up import rows_and_verdicts
from tests.judge.rows import pair


@pytest.fixture(scope="module")
def audits():
    pairs, verdicts = rows_and_verdicts()
    second = [PairVerdict(v.pair_id, "two", v.level, "unknown") for v in verdicts if v.order == "ab"]
    return audit_judges(judged_pairs(pairs, [*verdicts, *second]), n_bootstrap=100, seed=0)


def test_promised_keys_are_estimates(audits):
    for audit in audits.values():
        promised = [
            *audit["winner_rate"].values(),
            *(audit[k] for k in ("agreement_with_majority", "position_bias", "length_bias")),
        ]
        assert all({"value", "ci_low", "ci_high", "n"} <= set(estimate) for estimate in promised)
    assert audits["one"]["n_both_orders"] > 0 == audits["two"]["n_both_orders"]


def test_comparisons_of_all_judges_are_corrected_together(audits):
    tests = [test for audit in audits.values() for test in audit["comparisons"]]
    assert len(tests) == 8
    assert [test["p_holm"] for test in tests] == holm([test["p_value"] for test in tests])


def test_report_holds_sentences_and_every_table(audits):
    report = markdown_report(audits, "Judges", "winner_rates.png")
    assert all(sentence in report for audit in audits.values() for sentence in audit["verdict"])
    assert all(f"## {heading}" in report for heading, _ in audit_tables(audits))
    assert "![Share of pairs with a winner](winner_rates.png)" in report
    value = audits["one"]["winner_rate"]["diverging"]["value"]
    assert f"| diverging | {value:.3f} [" in report
    assert "nan" not in report


def verdicts_on(pairs, level_of):
    return [PairVerdict(p["id"], "one", level_of(p), "unknown") for p in pairs]


def audit_of(pairs, level_of, n_bootstrap=200):
    return audit_judges(judged_pairs(pairs, verdicts_on(pairs, level_of)), n_bootstrap)["one"]


# 60 pairs: 20 divide people, 10 tie, 30 agree
PAIRS = [pair(f"p{i}", [[2, -2], [0, 0], [2, 2], [2, -1], [2, 1], [-2, -2]][i % 6]) for i in range(60)]


def test_sentences_of_a_judge_that_always_decides():
    audit = audit_of(PAIRS, lambda p: 2)
    first, second = audit["verdict"][:2]
    assert "would have said tie on 50.0 % of 60 pairs and one did on 0.0 %: 50.0 points [" in first
    assert "more often than one" in first and "named a winner on 100.0 % of the ideal judge's ties" in first
    assert "no clear difference" in second


def test_sentences_of_an_ideal_judge():
    ideal = {(2, -2): 0, (2, -1): 0, (0, 0): 0, (2, 2): 2, (2, 1): 1, (-2, -2): -2}
    audit = audit_of(PAIRS, lambda p: ideal[tuple(p["preferences"])])
    first, second = audit["verdict"][:2]
    assert ": 0.0 points [0.0, 0.0] more often" in first
    assert "on 0.0 % of the ideal judge's ties, and said tie on 0.0 % of the pairs where people agree" in first
    assert "it does decide less often where people diverge (p = 0.0" in second


def test_sentences_without_bootstrap_or_comparison_claim_nothing():
    untested = audit_of(PAIRS, lambda p: 2, n_bootstrap=0)["verdict"]
    assert "[" not in " ".join(untested) and "no clear difference" not in " ".join(untested)
    alone = audit_of([pair("p1", [2])], lambda p: 2)
    assert alone["verdict"] == [
        s for s in alone["verdict"] if "longer response" in s
    ]  # one label: nothing about agreement
    assert np.isnan(alone["agreement_with_majority"]["value"])


def test_a_judge_whose_replies_held_no_verdict_is_counted_not_judged():
    audit = audit_of([pair("p1", [2, -2])], lambda p: None)
    assert audit["n_pairs"] == 0 and audit["n_unparsed"] == 1
    assert audit["verdict"] == [] and np.isnan(audit["winner_rate"]["diverging"]["value"])
    assert "- (" not in markdown_report({"one": audit}, "Judges")
