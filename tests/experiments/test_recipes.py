"""The recipes of the paper's Table 3: parsed by the real parser, and one really run on a tiny model and rows made up here."""

import json
from pathlib import Path

import pytest

from distreward.cli.experiment import DESCRIPTION, ExperimentArguments
from distreward.cli.main import main
from distreward.cli.parsing import CommandParser
from distreward.experiments.settings import BackboneConfig, ExperimentConfig
from tests.conftest import make_pairs

ROOT = Path(__file__).parents[2]

TABLES = [ROOT / "recipes" / name / "table3.yaml" for name in ("helpsteer2", "multipref")]  # the data sets of the paper


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.parent.name)
def test_a_recipe_is_the_papers_experiment(path):
    parser = CommandParser("experiment", (ExperimentArguments, ExperimentConfig, BackboneConfig), DESCRIPTION)
    arguments, config, backbone = parser.parse(["--config", str(path), "--bf16", "false"])
    assert (arguments.test_size, arguments.eval_size, arguments.seeds) == (500, 500, [0, 1, 2])
    assert (config.learning_rate, config.num_train_epochs, config.eval_every_epochs) == (5e-5, 10, 0.25)
    assert config.per_device_train_batch_size * config.gradient_accumulation_steps == 16
    assert backbone.use_peft and backbone.load_in_8bit
    assert f"--config {path.relative_to(ROOT)}" in path.read_text(encoding="utf-8")  # the launch line it documents


@pytest.mark.slow
@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.parent.name)
def test_a_recipe_runs_on_a_tiny_model(path, base_model, tmp_path):
    data = tmp_path / "pairs.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in make_pairs(24)))
    here = {
        "dataset_name": data, "model_name_or_path": base_model, "output_dir": tmp_path / "out", "test_size": 6,
        "eval_size": 6, "max_steps": 2, "n_bootstrap": 10, "bf16": "false", "dtype": "float32",
    }  # fmt: skip
    words = [word for name, value in here.items() for word in (f"--{name}", str(value))]
    assert main(["experiment", "--config", str(path), *words, "--seeds", "0", "--etas", "0"]) == 0
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Mean-variance KL" in page and "data:image/png;base64" in page
