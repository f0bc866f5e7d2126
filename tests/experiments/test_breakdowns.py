"""Metrics on parts of the data are those of the part alone; what is undefined or too small says so."""

import numpy as np
import pytest

from distreward.errors import InputError
from distreward.experiments.breakdowns import ANNOTATORS, break_down, enough, parts_of
from distreward.experiments.labelled import labelled_pairs
from distreward.experiments.summary import metrics_of


def test_a_part_has_the_metrics_of_its_pairs(dataset, tested):
    labels = labelled_pairs(dataset, 30)
    parts = np.array(parts_of(dataset, labels.counts)["category"])
    found = break_down(tested, labels, parts)
    assert list(found) == ["sums", "odes"] and found["sums"]["n_pairs"] == 48 and found["sums"]["n_prompts"] == 8
    inside = parts == "odes"
    for row, runs in tested.items():
        for name in ("preference_accuracy", "diverging_id_auroc"):
            alone = [
                metrics_of(run.predicted, labels.counts, labels.n_annotators)[name](inside.astype(float))
                for run in runs
            ]
            assert found["odes"]["rows"][row][name]["value"] == pytest.approx(np.mean(alone))
    assert "jensen_shannon" not in found["sums"]["rows"]["bradley_terry"]


def test_numbers_of_annotators_come_in_their_order_and_undefined_ones_are_nan(dataset, tested):
    labels = labelled_pairs(dataset, 10)
    parts = parts_of(dataset, labels.counts)[ANNOTATORS]
    found = break_down(tested, labels, parts)
    assert list(found) == ["2", "3"]
    # of the pairs with two annotators [2, -2] diverges, of those with three [2, -1, 1]
    assert found["2"]["n_diverging"] == 12 and found["3"]["n_diverging"] == 12
    agreeing = ["agree" if number % 6 in (0, 3) else "rest" for number in range(dataset.num_rows)]
    alone = break_down(tested, labels, agreeing)["agree"]
    estimate = alone["rows"]["bradley_terry"]["diverging_id_auroc"]
    assert alone["n_diverging"] == 0 and np.isnan([estimate["value"], estimate["ci_low"]]).all()


def test_what_is_too_small_has_a_value_and_no_interval(dataset, tested):
    labels = labelled_pairs(dataset, 10)
    odes = break_down(tested, labels, parts_of(dataset, labels.counts)["category"])["odes"]  # 4 prompts
    accuracy = odes["rows"]["bradley_terry"]["preference_accuracy"]
    assert accuracy["value"] > 0.5 and np.isnan([accuracy["ci_low"], accuracy["ci_high"]]).all()
    sizes = {"n_pairs": 100, "n_prompts": 50, "n_several": 90, "n_diverging": 9}
    assert enough(sizes, "preference_accuracy") and not enough(sizes, "diverging_id_auroc")
    assert enough({**sizes, "n_diverging": 80}, "diverging_id_auroc")
    assert not enough({**sizes, "n_diverging": 81}, "diverging_id_auroc")  # nine pairs that do not diverge


def test_a_key_that_no_pair_has_is_refused(dataset):
    counts = labelled_pairs(dataset, 0).counts
    with pytest.raises(InputError, match="--by topic: no pair has it"):
        parts_of(dataset, counts, ["topic"])
    assert list(parts_of(dataset, counts, [])) == [ANNOTATORS]
