"""The scripts in `recipes`: the training script under the launcher, the measurements, the pages made from their files."""

import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_the_script_runs_under_accelerate_launch(base_model, tmp_path):
    out = tmp_path / "out"
    command = [
        sys.executable,
        "-m",
        "accelerate.commands.launch",
        "--cpu",
        "--num_processes",
        "1",
        "--num_machines",
        "1",
    ]
    command += ["--mixed_precision", "no", "--dynamo_backend", "no"]
    command += [str(ROOT / "recipes" / "reward_modeling.py")]
    command += ["--config", str(ROOT / "recipes" / "synthetic" / "mean_variance_kl.yaml")]
    command += ["--model_name_or_path", str(base_model), "--output_dir", str(out), "--max_steps", "2"]
    command += ["--dataset_name", str(write_pairs(tmp_path))]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "eval_preference_accuracy" in done.stdout
    assert (out / "model.safetensors").is_file() and (out / "config.json").is_file()


def write_pairs(folder: Path) -> Path:
    import json

    path = folder / "labels.jsonl"
    row = {"response_a": "Red.", "response_b": "I cannot say.", "preferences": [2, -1, 0]}
    path.write_text("".join(json.dumps({**row, "id": f"q{i}", "prompt": f"Colour {i}?"}) + "\n" for i in range(40)))
    return path


def test_the_measurement_of_the_padding_runs_on_a_model_of_ones_own(tmp_path, llama_config, tokenizer, monkeypatch):
    import json

    from distreward.modeling import AutoRewardModel

    llama_config.initializer_range = 0.3
    AutoRewardModel.from_config(llama_config, "mean_variance").save_pretrained(tmp_path / "out")
    tokenizer.save_pretrained(tmp_path / "out")
    options = [
        "--model_name_or_path",
        str(tmp_path / "out"),
        "--n_pairs",
        "3",
        "--output_dir",
        str(tmp_path / "spread"),
    ]
    monkeypatch.setattr(sys, "argv", ["padding_spread.py", *options])
    runpy.run_path(str(ROOT / "recipes" / "padding_spread.py"), run_name="__main__")
    models = json.loads((tmp_path / "spread" / "results.json").read_text())["models"]
    assert set(models) == {"out, float32", "out, bfloat16"}
    assert models["out, float32"]["worst"]["max"] < 1e-5 < models["out, bfloat16"]["from_first_dtype"]["max"]
    assert len(models["out, float32"]["arrangements"]) == 6


def test_divisive_prompts_finds_what_is_planted(tmp_path, monkeypatch):
    """Cells whose std is the observed share of opposing votes, up to a scale per fold: the correlation is 1."""
    import json

    import numpy as np

    from distreward.experiments.cells import write_facts, write_predictions
    from distreward.modeling import reward_head_entry
    from distreward.scoring import PairPredictions

    votes = {
        0: [2, 2, 2, 2],
        1: [2, 2, 2, -2],
        2: [2, 2, -2, -2],
    }  # 0, 3 and 4 of 6 pairs of annotators oppose each other
    share = {0: 0.0, 1: 3 / 6, 2: 4 / 6}
    rows = [
        {
            "id": f"{q}-{n}",
            "prompt": f"Question {q}?",
            "response_a": f"Yes, {n}.",
            "response_b": "No.",
            "preferences": votes[q % 3],
            "meta": {"question_id": q, "model_a": f"m{n}", "model_b": "m9", "category": "ab"[q % 2]},
        }
        for q in range(18)
        for n in range(2)
    ]
    data = tmp_path / "pairs.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for seed in (0, 1):
        for fold in (0, 1):
            here = [row for row in rows if int(row["meta"]["question_id"]) // 9 == fold]
            std = np.array([share[row["meta"]["question_id"] % 3] for row in here]) * (1 + 5 * fold) + 0.1
            head = reward_head_entry("mean_variance")
            for name, order in (("mean_variance_kl", std), ("bradley_terry", -std)):
                if name == "bradley_terry":
                    found = PairPredictions(order, np.zeros(len(here)), {"type": "scalar"})
                else:
                    found = PairPredictions(np.zeros(len(here)), np.zeros(len(here)), head, order, order)
                folder = tmp_path / "experiment/cells" / f"{name}-seed{seed}-fold{fold}"
                write_predictions(folder, {"test": found}, {"test": [row["id"] for row in here]})
                cell = {"row": name, "seed": seed, "fold": fold, "eta": None}
                write_facts(folder, {"cell": cell, "reward_head": found.reward_head})
    options = ["--dataset_name", data, "--experiment", tmp_path / "experiment", "--output_dir", tmp_path / "out"]
    monkeypatch.setattr(sys, "argv", ["divisive_prompts.py", *map(str, options), "--n_bootstrap", "20"])
    runpy.run_path(str(ROOT / "recipes" / "divisive_prompts.py"), run_name="__main__")
    found = json.loads((tmp_path / "out" / "results.json").read_text())
    table = found["predictors"]
    assert table["mean_variance_kl, std"]["spearman"]["value"] == pytest.approx(1)
    assert table["mean_variance_kl, std"]["spearman_within_categories"]["value"] == pytest.approx(1)
    assert table["bradley_terry, -|gap|"]["spearman"]["value"] == pytest.approx(-1)  # gaps grow with the opposition
    assert found["reliability"]["halves"] == pytest.approx(1) and found["items"] == found["prompts"] == 18
    # six prompts tie for the two places at the top, on both sides: 1/3 each
    assert table["mean_variance_kl, std"]["precision_at_top"]["value"] == pytest.approx(6 * (1 / 3) ** 2 / 2)
    assert "mean_variance_kl, std" in (tmp_path / "out" / "table.md").read_text()


@pytest.mark.parametrize("name", ["mtbench_human", "vicuna80"])
def test_the_page_on_divisive_prompts_shows_the_measured_tables(name):
    import json

    page = (ROOT / "results" / "divisive.md").read_text(encoding="utf-8")
    table = (ROOT / "results" / "divisive" / name / "table.md").read_text(encoding="utf-8")
    assert table.strip() in page
    row = json.loads((ROOT / "results" / "divisive" / name / "results.json").read_text())["predictors"]
    std = row["mean_variance_kl, std"]["spearman"]
    assert f"| mean_variance_kl, std | {std['value']:.3f} [{std['ci_low']:.3f}, {std['ci_high']:.3f}]" in table


def test_the_page_on_divisive_prompts_says_what_carries_over():
    import json

    page = (ROOT / "results" / "divisive.md").read_text(encoding="utf-8")
    for trained, ranked in (("mtbench_human", "vicuna80"), ("vicuna80", "mtbench_human")):
        found = json.loads((ROOT / f"results/divisive/transfer/{trained}_to_{ranked}.json").read_text())
        spearman = found["spearman_observed"]
        text = f"{spearman['value']:.3f} [{spearman['ci_low']:.3f}, {spearman['ci_high']:.3f}]"
        assert f"| {trained} | {ranked} | {text} |" in page


def test_the_script_is_short():
    assert len((ROOT / "recipes" / "reward_modeling.py").read_text().splitlines()) < 60


def test_the_page_on_judges_is_made_from_its_files():
    recipe = runpy.run_path(str(ROOT / "recipes" / "judge_tables.py"))
    assert (ROOT / "results" / "judges.md").read_text(encoding="utf-8") == recipe["page"]()


@pytest.mark.slow
def test_a_judge_under_faults(tmp_path):
    """The recipe at a fifth of its size: nothing lost, nothing judged twice but what was under way at the kill."""
    argv = ["--output_dir", str(tmp_path), "--n_pairs", "200", "--n_long_pairs", "1000"]
    subprocess.run([sys.executable, str(ROOT / "recipes" / "judge_under_faults.py"), *argv], check=True, timeout=300)
    found = json.loads((tmp_path / "robustness.json").read_text())
    for run in ("faults", "killed"):
        assert found[run]["judged"] == found[run]["distinct_replies_kept"] == found[run]["replies_kept"] == 400
    assert found["faults"]["answered_twice"] == 0 and found["faults"]["faults"] > 50
    killed = found["killed"]
    assert killed["answered_twice"] == killed["answered_before_kill"] - killed["kept_at_kill"] <= 64
    assert killed["verdicts_same_as_without_kill"] and found["crowd"]["most_at_once"] == 200
    assert found["crowd"]["growth_from_15_percent_to_the_end_megabytes"] < 20


def test_the_speed_page_holds_the_measured_tables():
    """`python recipes/speed_tables.py` leaves the page as it is; the README's numbers are in it."""
    recipe = runpy.run_path(str(ROOT / "recipes" / "speed_tables.py"))
    page = (ROOT / "docs" / "speed.md").read_text(encoding="utf-8")
    assert recipe["filled"](page) == page
    training = recipe["read"]("heavy_tailed", "scenarios")["heavy_tailed"]
    eight = recipe["read"]("eight_annotators", "scenarios")["eight_annotators"]
    scoring = recipe["read"]("scoring", "scenarios")["eight_responses"]
    sentence = (
        f"{training['ratio_median']:.1f} times as fast as `trl.RewardTrainer`, {eight['ratio_median']:.0f} times with eight "
        f"annotators per pair; eight responses to a prompt are scored {scoring['ratio_median']:.1f} times as fast"
    )
    assert sentence in (ROOT / "README.md").read_text(encoding="utf-8")
