"""The seeds of a fold become one run; what is no ensemble is left out."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from distreward.experiments.collected import ModelRun, stock_runs
from distreward.experiments.ensembles import ensembles_over_seeds
from tests.scoring.test_level_calibration import predictions


def run(seed: int, fold: int, pairs=(0, 1, 2)) -> ModelRun:
    predicted = predictions("mean_variance", len(pairs), seed=10 * seed + fold)
    return ModelRun(seed, fold, np.array(pairs), predicted, {}, predicted)


def test_one_run_per_fold_of_all_seeds():
    runs = [run(seed, fold) for seed in (0, 1, 2) for fold in (0, 1)]
    first, second = ensembles_over_seeds({"mean_variance_kl": runs})["mean_variance_kl"]
    assert (first.fold, second.fold) == (0, 1) and first.facts == {"n_members": 3}
    for found, fold in ((first, 0), (second, 1)):
        members = [other.predicted.reward_gap for other in runs if other.fold == fold]
        assert_allclose(found.predicted.reward_gap, np.mean(members, axis=0))
        assert_allclose(found.calibrated.reward_gap, found.predicted.reward_gap)


def test_rows_without_an_ensemble_are_left_out():
    single, full = [run(0, 0), run(0, 1)], [run(0, 0), run(1, 0)]
    lacking = [run(0, 0), run(1, 0), run(0, 1)]  # a cell that failed
    stock = stock_runs(predictions("scalar", 3), np.arange(3), seeds=[0, 1])
    found = ensembles_over_seeds({"single": single, "full": full, "lacking": lacking, "stock": stock})
    assert set(found) == {"full"}


def test_runs_on_different_pairs_are_never_averaged():
    with pytest.raises(ValueError, match="tested on different pairs"):
        ensembles_over_seeds({"row": [run(0, 0), run(1, 0, pairs=(0, 1, 3))]})
