"""Both calibrations together: what a checkpoint's entry gets, and what is said of it."""

import logging
from dataclasses import replace

import numpy as np
import pytest

from distreward.scoring.calibration import announce, fit_calibration
from distreward.scoring.divergence_calibration import fit_divergence_calibration
from distreward.scoring.held_out import held_out
from distreward.scoring.level_calibration import fit_level_calibration
from tests.scoring.test_divergence_calibration import of_one_mind
from tests.scoring.test_level_calibration import predictions


@pytest.fixture
def log(caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("distreward"), "propagate", True)  # the command line turns it off
    caplog.set_level("INFO", "distreward")
    return caplog


def test_the_second_is_fitted_under_the_first():
    p = predictions("mean_variance", 400)
    counts = of_one_mind(replace(p, std_a=2 * p.std_a, std_b=2 * p.std_b), 4)
    found = fit_calibration(p, counts)
    levels = fit_level_calibration(p, counts).calibration
    assert levels is not None and found.kept["calibration"] == levels
    under = replace(p, reward_head={**p.reward_head, "calibration": levels})
    assert found.kept["divergence_calibration"] == fit_divergence_calibration(under, counts).calibration
    assert found.kept["divergence_calibration"] != fit_divergence_calibration(p, counts).calibration


def test_an_entry_gets_what_helps_and_loses_what_was_there():
    p = predictions("likert", 20)
    old = {**p.reward_head, "lambda": 3.0, "calibration": {"old": 1}, "divergence_calibration": {"old": 1}}
    found = fit_calibration(p, of_one_mind(p, 2))
    assert found.kept == {} and found.applied_to(old) == {**p.reward_head, "lambda": 3.0}
    assert "calibration" in old  # a copy

    p = predictions("likert", 400)
    found = fit_calibration(replace(p, reward_head=old), of_one_mind(p, 4))
    again = fit_calibration(p, of_one_mind(p, 4))
    assert "divergence_calibration" in found.kept and found.kept == again.kept
    assert found.applied_to(old) == {**p.reward_head, "lambda": 3.0, **found.kept}


def test_labels_without_strength_say_nothing_of_slight_levels():
    p = predictions("mean_variance", 400)
    counts = of_one_mind(p, 4)
    merged = np.stack([counts[:, :2].sum(1), 0 * counts[:, 0], counts[:, 2], 0 * counts[:, 0], counts[:, 3:].sum(1)], 1)
    unknown = np.zeros(400, dtype=bool)
    found = fit_calibration(p, merged, unknown)
    seen = replace(p, reward_head=found.applied_to(p.reward_head)).with_strength_known(unknown)
    diverged = (merged[:, 0] > 0) & (merged[:, 4] > 0)
    assert seen.diverging_probability(4).mean() == pytest.approx(diverged.mean(), abs=1e-3)


def test_what_the_predictions_know_of_strength_is_taken_where_nothing_is_said():
    p = predictions("mean_variance", 400, strength_known=False)
    counts = of_one_mind(p, 4)  # its levels have no slight ones, nor have the labels
    unknown = np.zeros(400, dtype=bool)
    assert counts[:, [1, 3]].sum() == 0
    assert fit_calibration(p, counts).kept == fit_calibration(p, counts, unknown).kept
    bare = replace(p, reward_head={name: value for name, value in p.reward_head.items() if name != "strength_known"})
    assert (
        fit_calibration(bare.with_strength_known(unknown), counts).kept == fit_calibration(bare, counts, unknown).kept
    )
    assert fit_calibration(bare, counts).kept != fit_calibration(bare, counts, unknown).kept


def test_what_is_said(log):
    p = predictions("scalar", 400)
    few = fit_calibration(predictions("scalar", 8), np.repeat([[0, 0, 0, 0, 2]], 8, 0))
    announce(few)
    assert "level probabilities are not calibrated: too few development labels" in log.text
    assert "diverging_probability is not calibrated: the head has no level probabilities" in log.text
    log.clear()
    wide = replace(p, reward_head={**p.reward_head, "calibration": {"std": 4.0, "tie": 0.5, "slight": 1.5}})
    announce(fit_calibration(p, of_one_mind(wide, 4)))
    assert "level probabilities calibrated on 1600 labels of 400 development pairs" in log.text
    assert "(without: the head has none)" in log.text
    assert "diverging_probability calibrated on 400 development pairs" in log.text


def test_held_out_prompts_are_predicted_by_the_others():
    p = predictions("mean_variance", 300)
    counts, known = of_one_mind(p, 4), np.ones(300, dtype=bool)
    prompts = [f"prompt {n // 3}" for n in range(300)]
    found = held_out(p, counts, known, prompts)
    everything = replace(p, reward_head=fit_calibration(p, counts).applied_to(p.reward_head))
    assert found.level_probs.shape == (300, 5) and np.isfinite(found.diverging_probability).all()
    moved = found.diverging_probability - everything.diverging_probability(4)
    assert 0 < np.abs(moved).max() < 0.2
    # labels of a prompt do not move its own predictions: other labels for one prompt, the same prediction there
    other = counts.copy()
    other[:3] = [0, 0, 0, 0, 4]
    again = held_out(p, other, known, prompts)
    np.testing.assert_array_equal(again.diverging_probability[:3], found.diverging_probability[:3])
    assert (again.diverging_probability[3:] != found.diverging_probability[3:]).any()
    assert held_out(p, counts, known, ["one prompt"] * 300) is None
