"""Every YAML file in `recipes` is one that its command takes, and every training recipe runs: two steps of a tiny model on
rows written by hand in the data set's own format, read by the set's own loader.

`python -m pytest tests/test_recipe_runs.py --write_docs` writes results/recipes/results.json, from which
`python recipes/recipe_table.py` makes docs/recipes.md; without the option the tests compare.
"""

import json
import logging
import runpy
import sys
from pathlib import Path

import pytest
import torch
import yaml
from transformers import LlamaConfig, LlamaForCausalLM
from trl import GRPOConfig, ModelConfig, ScriptArguments, TrlParser

from distreward import RewardArguments
from distreward.cli.completion import command_parser
from distreward.cli.main import main
from distreward.data.synthetic import pairs as synthetic_pairs
from distreward.errors import InputError
from distreward.experiments.plan import ROWS, usable_rows
from distreward.modeling import AutoRewardModel
from distreward.trainers import OBJECTIVES
from tests.conftest import make_pairs, make_tokenizer
from tests.data.sources.rows import write_rows
from tests.data.sources.test_helpsteer2 import rated
from tests.data.sources.test_helpsteer3 import row as helpsteer3_row
from tests.data.sources.test_mt_bench import vote
from tests.data.sources.test_multipref import CLEAR_A, CLEAR_B, SLIGHT_A, SLIGHT_B, TIE, annotation, comparison

ROOT = Path(__file__).parents[1]
TABLE = runpy.run_path(str(ROOT / "recipes" / "recipe_table.py"))
RECIPES = TABLE["recipes"]()
COMMITTED = ROOT / "results" / "recipes" / "results.json"
RAN: dict[str, dict[str, str]] = {}
"""What ran in this session: recipe -> its entry in results.json."""

N_PAIRS = 30


def kind(path: Path) -> str:
    """`train`, `experiment` ... where a command of ours takes the file, else the name of the script."""
    words = TABLE["command_of"](path).split()
    return words[1] if words[0] == "distreward" else next(Path(word).name for word in words if word.endswith(".py"))


TRAINED = [path for path in RECIPES if kind(path) == "train"]
EXPERIMENTS = [path for path in RECIPES if kind(path) == "experiment"]
SCRIPTED = [path for path in RECIPES if path not in [*TRAINED, *EXPERIMENTS]]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def parse(path: Path, runs_it: str, folder: Path) -> tuple:
    """The options of a file through the parser of the command or script that runs it; unknown keys are refused."""
    if runs_it in ("train", "experiment"):
        return command_parser(runs_it).parse(["--config", str(path), "--output_dir", str(folder)])
    parser = TrlParser((ScriptArguments, RewardArguments, GRPOConfig, ModelConfig))
    needed = ["--reward_model", "out", "--dataset_name", "x", "--output_dir", str(folder), "--bf16", "false"]
    return parser.parse_args_and_config(["--config", str(path), *needed])


@pytest.mark.parametrize("path", RECIPES, ids=name_of)
def test_the_command_takes_the_recipe_and_its_head_is_whole(path, tmp_path):
    parse(path, kind(path), tmp_path)
    head = TABLE["header"](path)
    assert all((head.says, head.hardware, head.minutes, head.expected)), head


@pytest.mark.parametrize("path", [TRAINED[0], EXPERIMENTS[0], SCRIPTED[0]], ids=kind)
def test_an_unknown_key_is_refused(path, tmp_path):
    broken = tmp_path / path.name
    broken.write_text(path.read_text(encoding="utf-8") + "lerning_rate: 1\n")
    with pytest.raises((InputError, ValueError), match="lerning_rate"):
        parse(broken, kind(path), tmp_path)


# --- what the recipes run on


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    """A tiny Llama with its tokenizer: what all recipes train."""
    folder = tmp_path_factory.mktemp("tiny")
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=264, hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=512, pad_token_id=0, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    make_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture
def few_synthetic_pairs(monkeypatch):
    """60 training pairs in place of 1,600."""
    monkeypatch.setitem(synthetic_pairs.SPLITS, "train", 60)


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> dict[str, Path]:
    """Data set -> a folder with 30 pairs in its published format, or a file in our schema for data of one's own."""
    root = tmp_path_factory.mktemp("raw")
    levels = [CLEAR_A, SLIGHT_A, TIE, SLIGHT_B, CLEAR_B]
    rows = {
        "multipref/train.jsonl": [
            comparison(n, [annotation(f"n{k}", levels[(n + k) % 5]) for k in (0, 1)], [annotation("e", levels[n % 5])])
            for n in range(N_PAIRS)
        ],
        "helpsteer2/disagreements.jsonl.gz": [
            rated(f"Colour {n}?", text, [(n + k + side) % 5 for k in range(3)])
            for n in range(N_PAIRS)
            for side, text in enumerate(("Red.", "Blue."))
        ],
        "helpsteer3/train.jsonl.gz": [
            helpsteer3_row([n % 7 - 3, 1, -2], context=[{"role": "user", "content": f"Sum {n} and 3."}])
            for n in range(N_PAIRS)
        ],
        "mt_bench_human_judgments/human.parquet": [
            vote(judge, winner, question=81 + n)
            for n in range(N_PAIRS)
            for judge, winner in (("ann", "model_a"), ("bob", ("model_b", "tie")[n % 2]))
        ],
        "own.jsonl": make_pairs(N_PAIRS),
    }
    for name, content in rows.items():
        (root / name).parent.mkdir(exist_ok=True)
        write_rows(root / name, content)
    return {Path(name).parts[0]: root / Path(name).parts[0] for name in rows}


def data_options(dataset_name: str, raw: dict[str, Path]) -> dict[str, object]:
    """A named set is read by its loader from the folder that stands for the Hub; data of one's own is a file."""
    if dataset_name == "synthetic":
        return {}
    if dataset_name in raw:
        return {"data_files": raw[dataset_name]}
    return {"dataset_name": raw["own.jsonl"]}


def run(command: str, path: Path, options: dict[str, object]) -> int:
    """A command with a recipe, in this process; values of None are flags left as they are."""
    words = [word for name, value in options.items() for word in (f"--{name}", *str(value).split())]
    try:
        return main([command, "--config", str(path), *words])
    finally:
        logging.getLogger("distreward").propagate = True


def record(path: Path, found: dict[str, str], request) -> None:
    """Keep what ran for results.json, or compare it with what stands there."""
    RAN[name_of(path)] = found
    if not request.config.getoption("--write_docs"):
        committed = json.loads(COMMITTED.read_text(encoding="utf-8"))["recipes"]
        assert committed.get(name_of(path)) == found, "run this file with --write_docs and commit results/recipes"


@pytest.mark.parametrize("path", TRAINED, ids=name_of)
def test_a_training_recipe_runs_two_steps(path, tiny, raw, few_synthetic_pairs, tmp_path, request):
    recipe = yaml.safe_load(path.read_text(encoding="utf-8"))
    options = {"model_name_or_path": tiny, "output_dir": tmp_path / "out", "max_steps": 2, "disable_tqdm": "true"}
    options |= data_options(recipe["dataset_name"], raw)
    options |= {name: 4 for name in ("n_validation", "n_test") if name in recipe}  # whole prompts: 30 pairs are few
    options |= {"feature_cache_dir": tmp_path / "features"} if "feature_cache_dir" in recipe else {}
    assert run("train", path, options) == 0
    found = json.loads((tmp_path / "out" / "results.json").read_text())
    assert found["steps"] == 2 and found["objective"] == path.stem and found["development"]["eval_loss"] > 0
    saved = "adapter" if (tmp_path / "out" / "adapter_config.json").is_file() else "model"
    weights = "adapter_model" if saved == "adapter" else "model"
    assert (tmp_path / "out" / f"{weights}.safetensors").is_file()
    if recipe["dataset_name"] != "synthetic":
        assert sum(split["rows"] for split in found["data"].values()) == N_PAIRS
    AutoRewardModel.from_pretrained(tmp_path / "out")
    record(path, {"ran": f"2 steps, {found['reward_head']['type']} head, saved as {saved}"}, request)


@pytest.mark.parametrize("path", EXPERIMENTS, ids=name_of)
def test_an_experiment_recipe_runs_two_steps(path, tiny, raw, few_synthetic_pairs, tmp_path, request):
    recipe = yaml.safe_load(path.read_text(encoding="utf-8"))
    options = {
        "model_name_or_path": tiny, "output_dir": tmp_path / "out", "max_steps": 2, "disable_tqdm": "true", "seeds": 0,
        "rows": "bradley_terry", "n_bootstrap": 10, "eval_size": 4, "test_size": 4, "folds": min(recipe.get("folds", 0), 2),
    }  # fmt: skip
    options |= data_options(recipe["dataset_name"], raw)
    options |= {"feature_cache_dir": tmp_path / "features"} if "feature_cache_dir" in recipe else {}
    assert run("experiment", path, options) == 0
    found = json.loads((tmp_path / "out" / "results.json").read_text())
    assert list(found["rows"]) == ["bradley_terry"] and found["failed"] == []
    record(path, {"ran": "2 steps of one row, seed and fold"}, request)


@pytest.mark.parametrize("path", SCRIPTED, ids=name_of)
def test_a_scripted_recipe_is_one_of_those_that_another_test_runs(path, request):
    """tests/test_rl_recipes.py parses each with both scripts, and runs both scripts for two steps."""
    assert path.parent.name == "rl" and kind(path) in ("grpo_risk_aware.py", "rloo_risk_aware.py")
    record(path, {"ran": "its script, 2 steps"}, request)


def test_there_is_a_recipe_for_every_objective_that_the_labels_allow(raw):
    for folder, name in (
        ("multipref",) * 2,
        ("helpsteer2",) * 2,
        ("helpsteer3",) * 2,
        ("mt_bench", "mt_bench_human_judgments"),
    ):
        from distreward import load_preferences

        allowed = {ROWS[row].objective for row in usable_rows(load_preferences(name, data_files=raw[name]), [])}
        recipes = [path for path in TRAINED if path.parent.name == folder]
        assert {path.stem for path in recipes} == allowed, folder
        assert {yaml.safe_load(path.read_text())["dataset_name"] for path in recipes} == {name}
    assert {path.stem for path in TRAINED if path.parent.name == "synthetic"} == set(OBJECTIVES)


@pytest.mark.parametrize("path", [path for path in TRAINED if path.parent.name != "synthetic"], ids=name_of)
def test_the_papers_settings(path, tmp_path):
    """Appendix A: learning rate 5e-5, batch size 16, 10 epochs, evaluation each 0.25 epochs, 8-bit with LoRA."""
    _, config, model, _, *_ = parse(path, kind(path), tmp_path)
    assert config.per_device_train_batch_size * config.gradient_accumulation_steps == 16
    assert (config.learning_rate, config.num_train_epochs, config.eval_every_epochs) == (5e-5, 10, 0.25)
    assert model.load_in_8bit and model.use_peft


def test_the_script_that_scores_and_filters(tiny, raw, tmp_path, monkeypatch, capsys):
    script = ROOT / "recipes" / "scoring_and_filtering.py"
    assert len(script.read_text().splitlines()) < 60
    config = LlamaConfig.from_pretrained(tiny)
    config.initializer_range = 0.5
    torch.manual_seed(1)
    AutoRewardModel.from_config(config, "mean_variance").save_pretrained(tmp_path / "out")
    make_tokenizer().save_pretrained(tmp_path / "out")
    kept = {}
    for threshold in (0.0, 0.6, 1.1):
        file = tmp_path / f"{threshold}.jsonl"
        options = {"model_name_or_path": tmp_path / "out", "dataset_name": raw["own.jsonl"], "output_file": file}
        argv = [
            word for name, value in (options | {"threshold": threshold}).items() for word in (f"--{name}", str(value))
        ]
        monkeypatch.setattr(sys, "argv", [script.name, *argv])
        runpy.run_path(str(script), run_name="__main__")
        kept[threshold] = [json.loads(line) for line in file.read_text().splitlines()]
    assert kept[0.0] == [] and len(kept[1.1]) == N_PAIRS
    assert kept[0.6] == [row for row in kept[1.1] if row["diverging_probability"] < 0.6]
    assert all(row["chosen"] != row["rejected"] and row["prompt"][-1]["role"] == "user" for row in kept[1.1])
    assert f"kept {len(kept[0.6])} of {N_PAIRS} pairs" in capsys.readouterr().out


# --- the table


def test_results_and_table_are_those_of_the_recipes(request):
    if request.config.getoption("--write_docs"):
        assert set(RAN) == {name_of(path) for path in RECIPES}, "write the results from a run of the whole file"
        made = {
            "command": "python -m pytest tests/test_recipe_runs.py --write_docs",
            "recipes": dict(sorted(RAN.items())),
        }
        COMMITTED.parent.mkdir(parents=True, exist_ok=True)
        COMMITTED.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
        return
    assert set(json.loads(COMMITTED.read_text())["recipes"]) == {name_of(path) for path in RECIPES}
    page = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
    assert TABLE["page"]() == page, "run python recipes/recipe_table.py and commit docs/recipes.md"


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_synthetic_recipes_say_what_was_measured(objective):
    path = ROOT / "recipes" / "synthetic" / f"{objective}.yaml"
    assert TABLE["with_measured_lines"](path) == path.read_text(encoding="utf-8")
