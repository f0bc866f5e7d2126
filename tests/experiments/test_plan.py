"""Which cells an experiment has, and which pairs each of them sees."""

import pytest

from distreward.errors import InputError
from distreward.experiments.plan import (
    BEYOND_THE_PAPER,
    ROWS,
    Cell,
    fold_of_prompts,
    held_out_pairs,
    plan_cells,
    split_fold,
    usable_rows,
)


def test_only_the_rows_with_a_correlation_are_run_for_every_eta():
    cells = list(plan_cells(["bradley_terry", "mean_variance_kl"], seeds=[0, 1], folds=3, etas=[0.0, 1.0]))
    assert len(cells) == 3 * 2 * (1 + 2)
    assert cells[0].name == "bradley_terry-seed0-fold0" and cells[2].name == "mean_variance_kl-seed0-fold0-eta1"
    assert len({cell.name for cell in cells}) == len(cells)


def test_rows_follow_the_labels(pairs):
    assert usable_rows(pairs, []) == [row for row in ROWS if row not in BEYOND_THE_PAPER]
    assert usable_rows(pairs, ["taste_factors_kl"]) == ["taste_factors_kl"]
    bare = pairs.map(lambda row: {"scores_a": [], "scores_b": []})
    assert usable_rows(bare, []) == [
        "bradley_terry_aggregated",
        "bradley_terry",
        "mean_variance_nll",
        "mean_variance_kl",
    ]
    with pytest.raises(InputError, match="--rows mse: the data set has no `scores_a`"):
        usable_rows(bare, ["mse"])
    with pytest.raises(InputError, match="--rows likert: no such row"):
        usable_rows(pairs, ["likert"])


def test_folds_hold_whole_prompts_and_every_pair_once(pairs):
    fold = fold_of_prompts(pairs, 4, seed=0)
    assert sorted(set(fold.tolist())) == [0, 1, 2, 3] and len(fold) == 12
    seen = []
    for number in range(4):
        splits = split_fold(pairs, Cell("mse", 0, number), folds=4, eval_size=0.2, test_size=0.2, split_seed=0)
        prompts = [{row["prompt"][0]["content"] for row in split} for split in splits.values()]
        assert not prompts[0] & prompts[1] and not prompts[0] & prompts[2] and not prompts[1] & prompts[2]
        seen += splits["test"]["id"][:]
    assert sorted(seen) == sorted(pairs["id"][:])


def test_without_folds_the_test_set_has_the_size_asked_for(pairs):
    splits = split_fold(pairs, Cell("mse", 3, 0), folds=0, eval_size=2, test_size=4, split_seed=0)
    assert {name: split.num_rows for name, split in splits.items()} == {"test": 4, "validation": 2, "train": 6}


def test_more_folds_than_prompts_are_refused(pairs):
    with pytest.raises(InputError, match="--folds 13: the data set has only 12 prompts"):
        fold_of_prompts(pairs, 13, seed=0)


def test_a_stock_model_is_measured_on_the_pairs_the_others_are_tested_on(pairs):
    tested = held_out_pairs(pairs, folds=0, sizes=(2, 4), split_seed=0)
    splits = split_fold(pairs, Cell("mse", 3, 0), folds=0, eval_size=2, test_size=4, split_seed=0)
    assert sorted(pairs.select(tested)["id"][:]) == sorted(splits["test"]["id"][:])
    assert held_out_pairs(pairs, folds=3, sizes=(2, 4), split_seed=0).tolist() == list(range(12))
