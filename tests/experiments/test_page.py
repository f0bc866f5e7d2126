"""The page: it needs nothing from elsewhere, holds what it must, and copes with what a data set does not have."""

import re

import numpy as np
import pytest

from distreward.experiments.analysing import analyse_experiment
from distreward.experiments.page.drawing import draw_experiment
from distreward.experiments.page.report import experiment_page
from distreward.experiments.page.sections import findings
from distreward.experiments.page.tables import (
    BRIER_SCORES,
    comparison_table,
    distance_table,
    estimate_cell,
    main_table,
    own_score_table,
)
from distreward.experiments.provenance import makers, runs_made, settings_list
from tests.experiments.conftest import labelled, run_of

SCALAR = {"type": "scalar", "objective": "mse"}


@pytest.fixture
def results(dataset, tested):
    return analyse_experiment(tested, dataset, n_bootstrap=40)


def page_of(results, figures=None, warnings=()):
    return experiment_page(results, figures or {}, [("data", "x <b> y"), ("seeds", [0, 1])], "labels", 40, warnings)


def test_the_page_holds_everything_and_fetches_nothing(results, dataset, tested, tmp_path):
    counts = np.array([[votes.count(level) for level in range(-2, 3)] for votes in dataset["preferences"]])
    figures = draw_experiment(results, tested, counts, tmp_path)
    assert set(figures) == {
        "overview", "strength_bradley_terry", "strength_mean_variance_kl", "density_mean_variance_kl",
        "reliability_levels_as_trained_mean_variance_kl", "reliability_diverging_mean_variance_kl",
    }  # fmt: skip
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in figures.values())
    page = page_of(results, figures, ["`mse-seed0-fold0` failed"])
    assert page.count("data:image/png;base64,") == len(figures)
    assert not re.search(r"(src|href)=\"(?!data:image/png|#)", page) and "<script" not in page and "url(" not in page
    for text in (
        "Bradley-Terry, all labels",
        "AUROC",
        "<code>mse-seed0-fold0</code> failed",
        "x &lt;b&gt; y",
        "By category",
    ):
        assert text in page
    assert "Question 0" not in page and "nan" not in re.sub(r"base64,[^\"]*", "", page)  # no text of the data


def test_findings_say_who_is_best_and_whether_chance_explains_it(results):
    first, second, third, fourth = findings(results)
    assert "Mean-variance KL comes out highest (AUROC, probability" in first and "chance does not explain" in first
    assert "accuracies go from" in second and "Jensen-Shannon" in third and "Bradley-Terry on all labels" in fourth


def test_a_row_is_compared_with_what_the_reference_has(results):
    header, line = comparison_table(results)
    assert header[1:] == [
        "accuracy",
        "AUROC, own score",
        "substantial, own",
        "AUROC, probability",
        "substantial, prob.",
    ]
    assert line[0] == "Mean-variance KL" and line[4][-1].startswith("p = ")
    header, *lines = distance_table(results)
    assert [line[0] for line in lines] == ["Mean-variance KL", "no model: the average of all pairs"]


def test_the_chance_to_diverge_stands_beside_the_own_score_and_the_share(results):
    header, line = own_score_table(results)
    assert header[1:] == ["AUROC, probability", "less the own score's", "substantial, prob.", "less the own score's"]
    assert line[0] == "Mean-variance KL" and line[2][-1].startswith("p = ")
    difference = results["comparisons"]["mean_variance_kl"]["diverging_probability_auroc_less_own"]
    assert line[2][0].endswith(f"{difference['value']:.3f}")
    header, line, constant = distance_table(results, BRIER_SCORES)
    assert header[1:] == ["Brier score", "less the average's"] and constant[0].startswith("no model")
    assert line[1][0] == f"{results['rows']['mean_variance_kl']['diverging_brier']['value']:.3f}"


def test_data_without_strength_and_scores_of_one_kind():
    bare = labelled(6, strength_known=False)
    gap = np.random.default_rng(0).normal(size=36)
    results = analyse_experiment({"mse": [run_of(gap, SCALAR)]}, bare, n_bootstrap=10)
    assert not results["has_slight_labels"] and results["comparisons"] == {} and distance_table(results) == []
    assert "substantial, own" not in main_table(results)[0]
    page = page_of(results)
    assert "P(C &gt; R)</h3>" not in page and "reward gap, relative" in page


def test_pairs_that_never_diverge_leave_a_dash_and_a_warning(dataset, tested):
    agreeing = np.flatnonzero([len(set(np.sign(votes))) == 1 for votes in dataset["preferences"]])
    results = analyse_experiment({"mse": [run_of(np.ones(len(agreeing)), SCALAR, pairs=agreeing)]}, dataset, 10)
    assert "0 of 48 pairs with two or more annotators are diverging" in results["warnings"][0]
    assert main_table(results)[1][2] == "-" and "an AUROC needs pairs of both kinds" in page_of(results)


def test_a_row_that_lacks_pairs_is_announced(dataset, tested):
    tested["mse"] = [run_of(np.ones(30), SCALAR)]
    assert "mse: tested on 30 of 72 pairs by 1 of 2 runs" in analyse_experiment(tested, dataset, 0)["warnings"][-1]


def test_a_row_that_lacks_a_seed_is_announced_where_there_are_no_folds(dataset, tested):
    tested["mean_variance_kl"].pop()
    assert (
        "mean_variance_kl: tested on 72 of 72 pairs by 1 of 2 runs"
        in analyse_experiment(tested, dataset, 0)["warnings"][-1]
    )


def test_no_draws_give_values_without_intervals(dataset, tested):
    results = analyse_experiment(tested, dataset, n_bootstrap=0)
    cell = main_table(results)[1][1]
    assert isinstance(cell, str) and 0.5 < float(cell) < 1 and "nan" not in page_of(results)


def test_an_undefined_estimate_is_a_dash():
    assert estimate_cell(None) == estimate_cell({"value": float("nan"), "ci_low": 0, "ci_high": 0}) == "-"


def test_the_settings_list_what_made_the_runs(tested, results):
    for run in tested["mean_variance_kl"]:
        run.facts.update(cell={"eta": 0.5}, source="abc", versions={"torch": "2.13.0"})
    values = {"runs": runs_made(tested), "made_with": makers(tested), "annotators_assumed": 2, "source": "def"}
    assert values["runs"]["bradley_terry"] == {"runs": 2, "seeds": [0, 1], "folds": [0], "seconds": 4.0}
    assert {"runs": 2, "source": "abc", "torch": "2.13.0"} in values["made_with"]
    listed = dict(settings_list({"name": "d", "fingerprint": "f", "rows": 72}, {"folds": 2}, values, {"python": "3"}))
    assert "eta chosen on development pairs: 0.5 (2 times)" in listed["mean_variance_kl"] and listed["folds"] == 2
