"""The card: its numbers are those of the files, its metadata the Hub's, its three snippets run and agree with us."""

import io
import json
import re
from contextlib import redirect_stdout

import pytest
import torch
from huggingface_hub import ModelCard
from huggingface_hub.repocard_data import model_index_to_eval_results
from numpy.testing import assert_allclose
from peft import LoraConfig, get_peft_model
from transformers import LlamaForCausalLM

from distreward.errors import InputError
from distreward.hub.card import median_annotators, model_card
from distreward.hub.facts import read_facts
from distreward.hub.metadata import check_metadata
from distreward.hub.secrets import find_secrets
from distreward.modeling import AutoRewardModel
from distreward.modeling.adapters import keep_head
from distreward.scoring import RewardScorer
from tests.hub.conftest import HEADS, change

SNIPPET = re.compile(r"```python\n(.*?)```", re.DOTALL)


def run_snippets(card: str) -> list[dict]:
    """Run the card's code, each block by itself; what each left."""
    blocks = SNIPPET.findall(card)
    assert len(blocks) == 3
    left = []
    for block in blocks:
        namespace: dict = {}
        with redirect_stdout(io.StringIO()):
            exec(compile(block, "snippet", "exec"), namespace)
        left.append(namespace)
    return left


def agree_with_the_scorer(card: str, path) -> None:
    ours, plain, trl = run_snippets(card)
    prompt = [{"role": "user", "content": "Name a colour."}]
    scores = RewardScorer.from_pretrained(str(path)).score([prompt, prompt], ["Red.", "I would rather not say."])
    assert abs(scores[0, 0] - scores[1, 0]) > 1e-3
    assert_allclose(ours["predicted"].reward_gap, scores[:1, 0] - scores[1:, 0], atol=1e-6)
    assert_allclose(plain["mean"], scores[:, 0], atol=1e-5)
    expected = scores[0, 0]
    if "std" in plain:
        assert_allclose(plain["std"], scores[:, 1], atol=1e-5)
        expected -= scores[0, 1]
    assert_allclose(trl["rewards"], [expected], atol=1e-5)


@pytest.mark.parametrize("head", HEADS)
def test_the_snippets_run_and_agree(model_folder, monkeypatch, head):
    folder = model_folder(head)
    monkeypatch.chdir(folder.parent)
    card = model_card(read_facts(folder), repo_id="out")
    assert ("std = " in card) == (head != "scalar")
    agree_with_the_scorer(card, folder)


def test_the_snippets_of_an_adapter(tmp_path, llama_config, tokenizer, monkeypatch):
    torch.manual_seed(0)
    llama_config.initializer_range = 0.3
    LlamaForCausalLM(llama_config).save_pretrained(tmp_path / "base")
    base = AutoRewardModel.from_pretrained(str(tmp_path / "base"), reward_head="mean_variance")
    adapted = get_peft_model(base, keep_head(base, LoraConfig(task_type="SEQ_CLS", r=2)))
    adapted.save_pretrained(tmp_path / "out")
    from distreward.modeling.adapter_files import save_reward_config
    from distreward.modeling.reward_model import stock_form

    with stock_form(base.config):
        save_reward_config(base.config, tmp_path / "out")
    tokenizer.save_pretrained(tmp_path / "out")
    monkeypatch.chdir(tmp_path)
    card = model_card(read_facts(tmp_path / "out"), repo_id="out")
    assert "| adapter | LORA, r = 2 | `adapter_config.json` |" in card and "library_name: peft" in card
    agree_with_the_scorer(card, tmp_path / "out")


def test_numbers_are_those_of_the_files(model_folder):
    folder = model_folder()
    results = json.loads((folder / "evaluation/results.json").read_text())
    card = model_card(read_facts(folder))

    def text(entry):
        return f"{entry['value']:.3f} [{entry['ci_low']:.3f}, {entry['ci_high']:.3f}]"

    metrics = results["metrics"]
    assert f"| preference accuracy | {text(metrics['preference_accuracy'])} |" in card
    for positive, row in metrics["diverging_id_auroc_grid"].items():
        for negative, entry in row.items():
            others = [metrics[grid][positive][negative] for grid in ("gap_baseline_grid", "diverging_probability_grid")]
            cells = " | ".join(text(one) for one in (entry, *others))
            sizes = f"{entry['n_positive']} | {entry['n_negative']}"
            assert f"| `{positive}` | `{negative}` | {sizes} | {cells} |" in card
    for category, row in results["by_category"].items():
        assert f"| `{category}` | {row['pairs']} |" in card
    for line in (
        "| base model | `org/base`, revision `0123456789ab` | `results.json` |",
        "| added to every std | 0.1 | `config.json` |",
        "| lambda (chosen on development pairs) | 1.5 | `config.json` |",
        "| train | labels.jsonl | 12 (11 used) | 36 | 3: 12 | 3 | `results.json` |",
        "| evaluation | labels.jsonl | 12 | 36 | 3: 12 | 3 | `evaluation/results.json` |",
        "| hardware | 2 CPU cores, A Processor | `results.json` |",
        "| training time | 10.5 minutes | `results.json` |",
        "**3 of these pairs were trained on.**",
        "![Reliability of the predicted probabilities](evaluation/reliability.png)",
        "With 3 annotators per pair much",
        "- the licence of the data\n",
    ):
        assert line in card, line
    assert "max_steps" not in card  # -1: as many as the epochs have
    assert "nan" not in card and "None" not in card


def test_without_files_it_says_so(model_folder):
    folder = model_folder("scalar", evaluated=False)
    (folder / "results.json").unlink()
    card = model_card(read_facts(folder))
    for words in (
        "Not evaluated on held-out pairs yet",
        "No file tells how it was trained",
        "- the hardware",
        "not known",
    ):
        assert words in card
    assert "model-index" not in card and "\nmodel_name:" not in card


def test_every_row_of_the_three_tables_of_facts_names_a_file(model_folder):
    card = model_card(read_facts(model_folder("likert")))
    sections = card.split("\n## ")
    for title in ("Model", "Data", "Training"):
        (section,) = [text for text in sections if text.startswith(f"{title}\n")]
        rows = [line for line in section.splitlines() if line.startswith("|")][2:]
        assert rows and all(re.search(r"\| `[\w/.]+\.json` \|$", row) for row in rows), title


def test_a_calibration_is_shown_and_an_older_evaluation_said_to_be_older(model_folder):
    folder = model_folder()
    config = json.loads((folder / "config.json").read_text())
    config["reward_head"]["calibration"] = {"std_scale": 1.25, "n_labels": 400}
    config["reward_head"]["divergence_calibration"] = {"gap_scale": 0.5}
    (folder / "config.json").write_text(json.dumps(config))
    card = model_card(read_facts(folder))
    assert "| calibration: std_scale | 1.25 | `config.json` |" in card
    assert "| divergence calibration: gap_scale | 0.5 | `config.json` |" in card
    assert "**Made before the calibrations in the table above were set.**" in card


@pytest.mark.parametrize("head", HEADS)
def test_the_hub_takes_the_metadata(model_folder, head):
    folder = model_folder(head)
    content = model_card(read_facts(folder, license="apache-2.0"), repo_id="ann/helpful", tags=["judge"])
    data = check_metadata(content)
    assert data["base_model"] == "org/base" and data["license"] == "apache-2.0" and "judge" in data["tags"]
    name, results = model_index_to_eval_results(data["model-index"])
    assert name == "helpful"
    metrics = json.loads((folder / "evaluation/results.json").read_text())["metrics"]
    found = {result.metric_name: result for result in results}
    assert found["Preference accuracy"].metric_value == round(metrics["preference_accuracy"]["value"], 4)
    baseline = metrics["gap_baseline_grid"]["diverging"]["rest"]["value"]
    assert found["Diverging-ID AUROC, -|gap| baseline"].metric_value == round(baseline, 4)
    assert ("Brier score of the levels" in found) == (head != "scalar")
    assert {(result.dataset_type, result.dataset_split) for result in results} == {("labels.jsonl", "test")}
    assert ModelCard(content).data.eval_results == results  # as the Hub's own library reads the file


def test_what_the_hub_cannot_resolve_stays_out_of_the_metadata(model_folder):
    folder = model_folder()
    change(folder / "results.json", base_model={"name": "llama", "local": True})
    data = check_metadata(model_card(read_facts(folder)))
    assert "base_model" not in data and "datasets" not in data
    results = json.loads((folder / "evaluation/results.json").read_text())
    results["metrics"]["diverging_id_auroc"]["value"] = None  # undefined
    (folder / "evaluation/results.json").write_text(json.dumps(results))
    metrics = check_metadata(model_card(read_facts(folder)))["model-index"][0]["results"][0]["metrics"]
    assert "Diverging-ID AUROC" not in [metric["name"] for metric in metrics]


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ("license: My Licence", "license 'My Licence'"),
        ("base_model: a/b/c", "base_model 'a/b/c', wanted a Hub id"),
        ("datasets: [./local]", "datasets './local'"),
        ("model-index: 3", "cannot be read back"),
    ],
)
def test_metadata_that_the_hub_would_refuse(head, message):
    with pytest.raises(InputError, match=message):
        check_metadata(f"---\n{head}\n---\n# Model\n")


def test_nothing_secret_in_a_card(model_folder, monkeypatch):
    folder = model_folder()
    token = "hf_" + "a" * 34
    change(folder / "results.json", base_model={"name": "/home/ann/llama", "local": False, "note": f"with {token}"})
    card = model_card(read_facts(folder))
    assert token not in card and "/home/ann" not in card
    assert find_secrets(card) == []


def test_the_median_number_of_annotators(model_folder):
    folder = model_folder(evaluated=False)
    results = json.loads((folder / "results.json").read_text())
    for per_pair, expected in (({"2": 5, "5": 6}, 5), ({"1": 9, "2": 5, "3": 5}, 2), ({"1": 9}, None), ({}, None)):
        results["data"]["train"]["annotators_per_pair"] = per_pair
        (folder / "results.json").write_text(json.dumps(results))
        assert median_annotators(read_facts(folder)) == expected


def test_synthetic_data_is_called_so(model_folder):
    folder = model_folder()
    results = json.loads((folder / "results.json").read_text())
    results["data"]["train"] |= {"sources": {"synthetic": 12}, "licence": "apache-2.0", "strength_known": 0.25}
    (folder / "results.json").write_text(json.dumps(results))
    card = model_card(read_facts(folder))
    assert "made-up pairs of simulated annotators" in card and "For 75% of the training pairs only A, B or tie" in card
    assert "Licence of the training data: `apache-2.0` (`results.json`)." in card
