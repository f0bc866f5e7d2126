"""The two studies of objectives: what their formulas say by hand, and that the scripts run on small data."""

import json
import math
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from distreward.losses.difference import factor_rho, preference_level_probs
from distreward.losses.preference import smooth
from distreward.modeling import reward_head_entry
from distreward.modeling.heads import read_taste_factors

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def candidates():
    return runpy.run_path(str(ROOT / "recipes" / "candidates.py"))


def labels(candidates, counts, strength_known=True):
    return candidates["Labels"](torch.tensor([counts]), torch.full((1, 2, 5), float("nan")), strength_known)


def test_dirichlet_multinomial_by_hand(candidates):
    # concentration 4, p = 1/2: the first label has chance 1/2, the same again (2 + 1) / (4 + 1): -ln(0.5 * 0.6) / 2
    loss, probs = candidates["dirichlet_multinomial"], torch.tensor([[0.5, 0.125, 0.125, 0.125, 0.125]])
    assert_close(loss(probs, labels(candidates, [2.0, 0, 0, 0, 0])), torch.tensor([-math.log(0.3) / 2]))
    # one label is one label, whatever the concentration
    assert_close(loss(probs, labels(candidates, [0.0, 1, 0, 0, 0])), torch.tensor([math.log(8)]))
    # without strength B has 5/8: (5/8) (2.5 + 1) / 5
    without = loss(probs, labels(candidates, [2.0, 0, 0, 0, 0], strength_known=False))
    assert_close(without, torch.tensor([-math.log(0.625 * 0.7) / 2]))


def test_cross_entropy_by_hand(candidates):
    probs = torch.tensor([[0.5, 0.125, 0.125, 0.125, 0.125]])
    given = labels(candidates, [1.0, 0, 0, 0, 1])
    assert_close(candidates["cross_entropy"](probs, given), torch.tensor([(math.log(2) + math.log(8)) / 2]))
    given = labels(candidates, [1.0, 0, 0, 0, 1], strength_known=False)  # 5/8 and 1/4
    assert_close(candidates["cross_entropy"](probs, given), torch.tensor([(math.log(1.6) + math.log(4)) / 2]))


def test_factors_in_common_divide_nobody(candidates):
    # std_A = std_B = 0.6 and factors that differ by (3, 4, 0, 0) / 5: variance 0.72 + 1
    a, b = torch.tensor([[1.0, 0.5, 0.6, 0.8, 0, 0]]), torch.tensor([[0.2, -0.5, 0, 0, 0, 0]])
    half = torch.tensor([0.86]).sqrt()
    wanted = smooth(preference_level_probs(a[:, 0], half, b[:, 0], half), 0.05)
    assert_close(candidates["taste_factors"](a, b, torch.zeros(1)), wanted)
    shared = torch.cat([b[:, :2], a[:, 2:]], dim=1)
    plain = candidates["mean_variance"](a[:, :2], b[:, :2], torch.zeros(1))
    assert_close(candidates["taste_factors"](a, shared, torch.zeros(1)), plain)


def test_the_candidate_that_was_kept_is_the_librarys(candidates):
    raw = torch.randn(2, 20, 6, generator=torch.Generator().manual_seed(0))
    a, b = (read_taste_factors(side, reward_head_entry("taste_factors")) for side in raw)
    rho = factor_rho(a.factors, a.std, b.factors, b.std)
    wanted = smooth(preference_level_probs(a.mean, a.std, b.mean, b.std, rho), 0.05)
    assert_close(candidates["taste_factors"](*raw, torch.zeros(1)), wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["mean_variance_kl", "taste_factors", "predicted_rho", "likert_preference"])
def test_swapping_the_responses_reverses_the_levels(candidates, name):
    candidate = candidates["CANDIDATES"][name]
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 20, candidate.n_outputs, generator=generator).unbind(0)
    levels = candidate.levels(a, b, torch.zeros(1))
    assert_close(levels.sum(1), torch.ones(20))
    assert_close(levels, candidate.levels(b, a, torch.zeros(1)).flip(1), rtol=1e-4, atol=1e-6)


def test_learned_thresholds_start_at_the_papers(candidates):
    a, b = torch.tensor([[[1.0, 0.5]]]), torch.tensor([[[0.2, -0.5]]])
    plain = candidates["mean_variance"](a, b, torch.zeros(1, 1))
    assert_close(candidates["learned_thresholds"](a, b, torch.zeros(1, 1)), plain)
    # softplus(t + ln(e - 1)) = 2: significant from 2.5 on
    t = torch.tensor([[math.log(math.e**2 - 1) - math.log(math.e - 1)]])
    wider = candidates["learned_thresholds"](a, b, t)[0, 0]
    assert wider[4] < plain[0, 0, 4] and wider[3] > plain[0, 0, 3] and wider[2] == plain[0, 0, 2]


def run(name, monkeypatch, *options):
    monkeypatch.setattr(sys, "argv", [name, *map(str, options)])
    monkeypatch.syspath_prepend(ROOT / "recipes")  # as for a script that is started by its path
    runpy.run_path(str(ROOT / "recipes" / name), run_name="__main__")


@pytest.mark.parametrize("strength_known", [True, False])
def test_the_candidates_are_compared_and_a_second_run_finds_the_same(tmp_path, base_model, monkeypatch, strength_known):
    votes = [[2, -2, 0], [2, 2], [0, 0, -2], [-2, 2], [1, -1] if strength_known else [2, -2]]
    rows = [
        {
            "id": f"{n}",
            "prompt": f"Question {n}?",
            "response_a": "Yes. " * (1 + n % 5),
            "response_b": "No. " * (1 + n % 3),
            "preferences": votes[n % 5],
            "strength_known": strength_known,
        }
        for n in range(60)
    ]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    options = ["--dataset_name", tmp_path / "pairs.jsonl", "--model_name_or_path", base_model, "--folds", 2]
    options += ["--seeds", 0, 1, "--n_bootstrap", 10, "--work_dir", tmp_path / "work"]
    options += ["--feature_cache_dir", tmp_path / "features", "--output_dir"]
    for out in ("first", "second"):
        run("objective_candidates.py", monkeypatch, *options, tmp_path / out)
    first, second = (json.loads((tmp_path / out / "results.json").read_text()) for out in ("first", "second"))
    assert first["development"] == second["development"] and first["test"] == second["test"]
    assert ("learned_thresholds" in first["test"]) == strength_known
    assert ("votes_as_significant" in first["test"]) != strength_known and "likert_preference" not in first["test"]
    assert first["test"]["taste_factors"]["log_loss"]["n"] == 4  # two folds, two seeds
    assert "difference" in first["test"]["taste_factors"]["log_loss"]


@pytest.fixture
def study(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "recipes")
    return runpy.run_path(str(ROOT / "recipes" / "objective_candidates.py"))


def test_a_kept_run_is_that_of_its_data_model_folds_and_code(study, candidates, monkeypatch):
    sides = (torch.ones(3, 2), torch.zeros(3, 2))
    given = candidates["Labels"](torch.ones(3, 5), torch.ones(3, 2, 5), True)
    split = {"train": torch.tensor([0]), "validation": torch.tensor([1]), "test": torch.tensor([2])}
    call, key_of = ["mean_variance_kl", sides, given, split, [0, 1]], study["key_of"]
    changed = {
        "candidate": (0, "taste_factors"),
        "model or texts": (1, (torch.ones(3, 2), torch.full((3, 2), 0.5))),
        "labels": (2, candidates["Labels"](2 * torch.ones(3, 5), torch.ones(3, 2, 5), True)),
        "ratings": (2, candidates["Labels"](torch.ones(3, 5), torch.zeros(3, 2, 5), True)),
        "strength": (2, candidates["Labels"](torch.ones(3, 5), torch.ones(3, 2, 5), False)),
        "fold": (3, {**split, "train": torch.tensor([1]), "validation": torch.tensor([0])}),
        "seeds": (4, [0, 2]),
    }
    keys = {
        what: key_of(*[new if at == place else old for at, old in enumerate(call)])
        for what, (place, new) in changed.items()
    }
    keys["the same"] = key_of(*call)
    monkeypatch.setitem(key_of.__globals__, "source_digest", lambda: "another state of the library")
    keys["code"] = key_of(*call)
    assert len(set(keys.values())) == len(keys)
    monkeypatch.undo()
    assert key_of(*call) == keys["the same"]


def test_a_run_that_was_killed_while_it_was_written_is_made_again(study, tmp_path, monkeypatch):
    file, savez = tmp_path / "run.npz", np.savez

    def cut_off(stream, **arrays):
        stream.write(b"PK half a file")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", cut_off)
    with pytest.raises(KeyboardInterrupt):
        study["kept"](file, lambda: {"gap": np.ones(2)})
    monkeypatch.setattr(np, "savez", savez)
    for made in (np.zeros(2), None):  # the second time nothing is made
        assert study["kept"](file, lambda made=made: {"gap": made + 1})["gap"].tolist() == [1, 1]


def test_the_study_of_identifiability_runs(tmp_path, base_model, monkeypatch):
    options = ["--model_name_or_path", base_model, "--train_pairs", 24, "--test_pairs", 12, "--num_train_epochs", 1]
    options += ["--seeds", 0, "--n_bootstrap", 5, "--work_dir", tmp_path / "work"]
    options += ["--feature_cache_dir", tmp_path / "features", "--output_dir", tmp_path / "out"]
    run("identifiability.py", monkeypatch, *options)
    table = json.loads((tmp_path / "out" / "results.json").read_text())["spearman_with_truth"]
    assert list(table) == ["five_levels", "votes_as_sides", "votes_as_significant", "choices_kl", "choices_nll"]
    assert all(-1 <= row[name]["value"] <= 1 for row in table.values() for name in ("std", "gap", "divergence"))


@pytest.mark.parametrize("name", ["human_feedback", "vicuna80", "mtbench_human", "synthetic"])
def test_the_page_on_better_models_shows_the_measured_tables(name):
    page = (ROOT / "results" / "better_models.md").read_text(encoding="utf-8")
    table = (ROOT / "results" / "better_models" / name / "table.md").read_text(encoding="utf-8")
    assert table.strip() in page
    row = json.loads((ROOT / "results" / "better_models" / name / "results.json").read_text())
    loss = row["development"]["taste_factors"]["log_loss"]
    assert f"{loss['value']:.3f} [{loss['ci_low']:.3f}, {loss['ci_high']:.3f}]" in table


def test_the_page_on_identifiability_shows_the_measured_table():
    page = (ROOT / "results" / "identifiability.md").read_text(encoding="utf-8")
    table = json.loads((ROOT / "results" / "identifiability" / "results.json").read_text())["spearman_with_truth"]
    for row in table.values():
        cells = [f"{row[key]['value']:.3f} [{row[key]['ci_low']:.3f}, {row[key]['ci_high']:.3f}]" for key in row]
        assert f"| {' | '.join(cells)} |" in page
