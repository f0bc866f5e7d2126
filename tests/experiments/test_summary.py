"""What is compared with what, and the correction for several tests, by hand."""

from dataclasses import replace

import numpy as np
import pytest

from distreward.experiments.collected import ModelRun, stock_runs
from distreward.experiments.ensembles import ensembles_over_seeds
from distreward.experiments.labelled import labelled_pairs
from distreward.experiments.summary import holm, summarise
from distreward.scoring import PairPredictions
from distreward.scoring.level_model import NEUTRAL
from tests.experiments.conftest import MEAN_VARIANCE


def test_holm_by_hand():
    # ascending 0.01, 0.03, 0.04 times 3, 2, 1 = 0.03, 0.06, 0.04; the last may not fall below the one before
    np.testing.assert_allclose(holm([0.04, 0.01, 0.03]), [0.06, 0.03, 0.06])


def test_holm_stays_a_probability_and_leaves_one_test_alone():
    assert holm([0.9, 0.8]).tolist() == [1.0, 1.0] and holm([0.2]).tolist() == [0.2]


SCALAR = {"type": "scalar"}
FOLDS = (np.arange(36), np.arange(36, 72))


def fold_runs(dataset, right: tuple[float, float], head: dict, seeds=(0, 1)) -> list[ModelRun]:
    """Runs of two folds whose favourites are right for these shares of each fold's pairs, as near as can be."""
    mean = np.array([np.mean(votes) for votes in dataset["preferences"]])
    found = []
    for seed in seeds:
        for fold, pairs in enumerate(FOLDS):
            wrong = np.arange(len(pairs)) >= right[fold] * len(pairs)
            gap = np.where(wrong, -1, 1) * (mean[pairs] + 0.01)
            stds = None if head["type"] == "scalar" else np.full(len(pairs), 0.5)
            predicted = PairPredictions(gap, np.zeros(len(pairs)), head, stds, stds)
            found.append(ModelRun(seed, fold, pairs, predicted, {}, predicted))
    return found


@pytest.mark.parametrize("together", [False, True], ids=["runs", "ensembles"])
@pytest.mark.parametrize("missing", ["bradley_terry", "mean_variance_kl"])
def test_a_missing_fold_is_left_out_of_the_differences(dataset, together, missing):
    # on every fold both rows predict the same, but fold 1 is harder: all differences are 0, unless folds are mixed
    tested = {
        "bradley_terry": fold_runs(dataset, (1.0, 0.5), {**MEAN_VARIANCE, "objective": "bradley_terry"}),
        "mean_variance_kl": fold_runs(dataset, (1.0, 0.5), MEAN_VARIANCE),
    }
    tested[missing] = [run for run in tested[missing] if run.fold == 0]
    tested = ensembles_over_seeds(tested) if together else tested
    found = summarise(tested, labelled_pairs(dataset, n_bootstrap=20))
    accuracies = {row: metrics["preference_accuracy"]["value"] for row, metrics in found["rows"].items()}
    assert accuracies[missing] > 0.05 + min(accuracies.values())  # it looks better only for want of the hard fold
    for metric in ("preference_accuracy", "diverging_id_auroc", "diverging_probability_auroc"):
        difference = found["comparisons"]["mean_variance_kl"][metric]
        assert difference["value"] == difference["ci_low"] == difference["ci_high"] == 0, metric
        assert difference["n"] == (1 if together else 2)


def test_the_average_is_subtracted_on_the_pairs_of_the_runs_that_have_the_metric(dataset):
    # a scalar model has levels only where it was calibrated: fold 1 had too few development labels
    runs = fold_runs(dataset, (1.0, 0.5), {"type": "scalar"}, seeds=(0,))
    calibration = dict(NEUTRAL["scalar"])
    labels = labelled_pairs(dataset, n_bootstrap=0)
    first = replace(
        runs[0],
        calibrated=replace(runs[0].predicted, reward_head={"type": "scalar", "calibration": calibration}),
    )
    mixed = summarise({"bradley_terry": [first, runs[1]]}, labels)
    alone = summarise({"bradley_terry": [first]}, labels)
    for metric in ("calibrated_jensen_shannon_less_average", "calibrated_log_loss_less_average"):
        both = [found["comparisons"]["bradley_terry"][metric] for found in (mixed, alone)]
        assert both[0]["n"] == 1 and both[0]["value"] == both[1]["value"], metric


def test_a_model_as_it_is_is_compared_fold_by_fold(dataset):
    trained = fold_runs(dataset, (1.0, 0.5), {"type": "scalar"})
    gap = np.concatenate([run.predicted.reward_gap for run in trained if run.seed == 0])
    stock = PairPredictions(gap, np.zeros(72), {"type": "scalar"}, strength_known=np.ones(72, dtype=bool))
    folds = np.repeat([0, 1], 36)
    runs = stock_runs(stock, np.arange(72), seeds=[0, 1], folds=folds)
    assert [(run.seed, run.fold, len(run.pairs)) for run in runs] == [(0, 0, 36), (0, 1, 36), (1, 0, 36), (1, 1, 36)]
    found = summarise({"bradley_terry": trained, "stock": runs}, labelled_pairs(dataset, n_bootstrap=10))
    for name, estimate in found["comparisons"]["stock"].items():
        assert estimate["n"] == 4 and estimate["value"] == 0, name


def test_the_probability_is_tested_against_the_own_score_of_the_same_runs(dataset):
    # equal widths everywhere: both order pairs by the gap alone, so the differences are 0; a scalar head is not asked
    tested = {
        "bradley_terry": [
            replace(run, calibrated=replace(run.predicted, reward_head={**SCALAR, "calibration": NEUTRAL["scalar"]}))
            for run in fold_runs(dataset, (1.0, 0.5), SCALAR)
        ],
        "mean_variance_kl": fold_runs(dataset, (1.0, 0.5), MEAN_VARIANCE),
    }
    found = summarise(tested, labelled_pairs(dataset, n_bootstrap=20))
    assert "calibrated_diverging_probability_auroc" in found["rows"]["bradley_terry"]
    difference = found["comparisons"]["mean_variance_kl"]["diverging_probability_auroc_less_own"]
    assert difference["value"] == pytest.approx(0) and "p_value_corrected" in difference
    assert not any(name.endswith("_less_own") for name in found["comparisons"].get("bradley_terry", {}))
    rows = found["rows"]["mean_variance_kl"]
    lead = rows["diverging_probability_auroc"]["value"] - rows["diverging_id_auroc"]["value"]
    assert lead == pytest.approx(difference["value"], abs=1e-12)


def test_the_chance_to_diverge_is_compared_with_the_share_that_does(dataset):
    tested = {"mean_variance_kl": fold_runs(dataset, (1.0, 1.0), MEAN_VARIANCE)}
    labels = labelled_pairs(dataset, n_bootstrap=20)
    found = summarise(tested, labels)
    diverging = labels.masks["diverging"][labels.several]
    share = diverging.mean()
    # of a constant p the Brier score is the mean of (p - diverged)^2, of the share itself share (1 - share); the folds' mean
    assert found["average_distribution"]["diverging_brier"]["value"] == pytest.approx(share * (1 - share), abs=0.02)
    row = found["rows"]["mean_variance_kl"]["diverging_brier"]["value"]
    less = found["comparisons"]["mean_variance_kl"]["diverging_brier_less_average"]["value"]
    assert less == pytest.approx(row - found["average_distribution"]["diverging_brier"]["value"])
