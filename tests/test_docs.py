"""README and the pages in `docs`: their runnable blocks run, their numbers are ours, their links and names are real."""

import ast
import io
import json
import re
import shutil
from contextlib import redirect_stdout
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from tokenizers.processors import TemplateProcessing
from transformers import LlamaForCausalLM

from distreward.cli.main import COMMANDS
from distreward.data.encoding import encode_conversation
from distreward.data.loading import LOADERS, load_preferences
from distreward.data.own_labels.columns import FORMATS, KEYS
from distreward.data.sources.published import PUBLISHED, options_of
from distreward.hub.files import PUBLISHED_RESULTS
from distreward.hub.pushing import ATTEMPTS, MAX_PAUSE
from distreward.losses.difference import preference_level_probs
from distreward.losses.preference import smooth
from distreward.metrics.divergence import diverging_probability
from distreward.metrics.loading import METRICS
from distreward.modeling import REWARD_HEADS, AutoRewardModel, reward_head_entry
from distreward.scoring import PairPredictions, RewardScorer
from tests.conftest import make_tokenizer

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").glob("*.md"))
RUNNABLE = re.compile(r"<!-- runnable -->\n```python\n(.*?)```", re.DOTALL)
MEAN_VARIANCE = reward_head_entry("mean_variance")


@pytest.fixture
def workplace(tmp_path, llama_config, tokenizer, monkeypatch):
    """A folder with the checkpoints the pages speak of, as current directory."""
    torch.manual_seed(0)
    llama_config.initializer_range = 0.3
    models = {
        "out": AutoRewardModel.from_config(llama_config, "mean_variance"),
        "out-likert": AutoRewardModel.from_config(llama_config, "likert"),
        "policy": LlamaForCausalLM(llama_config),
    }
    for name, model in models.items():
        model.save_pretrained(tmp_path / name)
        tokenizer.save_pretrained(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_page(name: str) -> dict:
    """Run the runnable blocks of a page, in order and in one namespace, which is returned."""
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    blocks = RUNNABLE.findall(text)
    assert blocks and text.count("<!-- runnable -->") == len(blocks)
    namespace: dict = {"__name__": "docs"}
    for number, block in enumerate(blocks, 1):
        with redirect_stdout(io.StringIO()):
            exec(compile(block, f"{name}, block {number}", "exec"), namespace)
    return namespace


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=lambda page: page.name)
def test_links_commands_and_imports_are_real(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        assert target.startswith("https://") or (page.parent / target).exists(), target
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        imports = [node for node in ast.parse(block).body if isinstance(node, ast.Import | ast.ImportFrom)]
        exec(compile(ast.Module(imports, []), page.name, "exec"), {})
    assert set(re.findall(r"distreward (\w+)(?: [\w-]+)? --", text)) <= set(COMMANDS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_page_is_in_the_navigation(page):
    text = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    entries = re.findall(
        r"^(?:.*<)?([\w/.-]+)>?$", "\n".join(re.findall(r"```{toctree}\n(.*?)```", text, re.DOTALL)), re.M
    )
    assert page.stem in (*entries, "index")


def test_readme_runs(workplace):
    """Its base model is one of the tiny ones, `pairs` and `inputs` are what the sentences around the blocks say."""
    row = {"response_a": "Red.", "response_b": "I cannot say.", "preferences": [2, -1, 0]}
    rows = [{**row, "id": f"q{n}", "prompt": f"Name a colour {n}?"} for n in range(4)]
    Path("labels.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    shutil.rmtree("out")
    blocks = RUNNABLE.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    train, score, plain = [block.replace("Qwen/Qwen2.5-0.5B-Instruct", "policy") for block in blocks]
    namespace: dict = {"pairs": load_preferences("labels.jsonl")}
    exec(train, namespace)
    namespace["trainer"].save_model()
    exec(score, namespace)
    predicted = namespace["predicted"]
    assert predicted.mean_a.shape == (4,)
    texts = [[*pair["prompt"], {"role": "assistant", "content": pair["response_a"]}] for pair in namespace["pairs"]]
    tokenizer = namespace["scorer"].tokenizer
    ids = [encode_conversation(tokenizer, messages) for messages in texts]
    namespace["inputs"] = tokenizer.pad({"input_ids": ids}, return_tensors="pt", padding_side="right")
    with torch.no_grad():
        exec(plain, namespace)
    assert_allclose(namespace["mean"], predicted.mean_a, atol=1e-5)
    assert_allclose(namespace["std"], predicted.std_a, atol=1e-5)


def test_the_page_on_training_runs():
    assert run_page("training.md")["found"]["diverging_id_auroc"] == 1.0


def test_serving_runs_and_agrees_with_us(workplace):
    page = run_page("serving.md")
    prompts = [messages[:-1] for messages in page["conversations"]]
    responses = [messages[-1]["content"] for messages in page["conversations"]]
    scores = RewardScorer.from_pretrained("out").score(prompts, responses)
    assert abs(scores[0, 0] - scores[1, 0]) > 0.01
    assert_allclose(page["mean"], scores[:, 0], atol=1e-5)
    assert_allclose(page["std"], scores[:, 1], atol=1e-5)
    assert_allclose([answer["mean"] for answer in page["by_label"]], scores[:, 0], atol=1e-5)
    assert_allclose([abs(answer["raw_std"]) + 0.1 for answer in page["by_label"]], scores[:, 1], atol=1e-5)
    assert page["scalar"].score.weight.shape == (1, 16)
    assert page["trainer"].state.global_step == 2
    assert any("rewards/out_mean/annotator_std" in line for line in page["trainer"].state.log_history)


def test_the_page_on_data_runs_and_says_what_comes_out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = run_page("data.md")
    assert page["tally"].dropped == {"annotations without a label": 1, "pairs that nobody labelled": 1}
    assert {name: len(split) >= 50 for name, split in page["splits"].items()} == dict.fromkeys(page["splits"], True)


def test_the_page_on_data_names_every_set_format_and_option():
    text = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    options = {option for name in PUBLISHED for option in options_of(name)}
    for word in (*LOADERS, *FORMATS, *KEYS):
        assert f"`{word}`" in text, word
    assert all(option in text for option in options)


@pytest.fixture
def formulas():
    """The functions of the NumPy block, which needs no checkpoint."""
    [block] = [
        block for block in RUNNABLE.findall((ROOT / "docs/serving.md").read_text()) if "def level_probs" in block
    ]
    namespace: dict = {}
    exec(block, namespace)
    return namespace


def test_the_numpy_formulas_are_the_heads_and_the_losses(formulas):
    generator = np.random.default_rng(0)
    raw_a, raw_b = 3 * generator.standard_normal((2, 200, 2))
    heads = [REWARD_HEADS["mean_variance"].read(torch.tensor(raw), MEAN_VARIANCE) for raw in (raw_a, raw_b)]
    mean, std = formulas["moments"](raw_a, MEAN_VARIANCE)
    assert_allclose(mean, heads[0].mean, atol=1e-6)
    assert_allclose(std, heads[0].std, atol=1e-6)
    loss_probs = preference_level_probs(heads[0].mean, heads[0].std, heads[1].mean, heads[1].std, cdf="logistic")
    probs = formulas["level_probs"](raw_a, raw_b, MEAN_VARIANCE)
    assert_allclose(probs, smooth(loss_probs, MEAN_VARIANCE["level_smoothing"]), atol=1e-6)
    assert_allclose(probs.sum(1), 1)
    assert_allclose(formulas["level_probs"](raw_b, raw_a, MEAN_VARIANCE)[:, ::-1], probs)
    # by hand: equal responses with std 0.5 each: P(tie) = 2 sigmoid(0.5 / sqrt(0.5)) - 1 = 0.33952, smoothed (p + 0.05) / 1.25
    even = np.array([[0.0, 0.4]])
    assert formulas["level_probs"](even, even, MEAN_VARIANCE)[0, 2] == pytest.approx((0.33952 + 0.05) / 1.25, abs=1e-5)

    fit = {"std_scale": 1.7, "tie": 0.3, "slight": 2.2}
    calibrated = {**MEAN_VARIANCE, "calibration": fit}
    columns = [np.stack([head.mean, head.std, *[np.full(200, np.nan)] * 5], axis=1) for head in heads]
    ours = PairPredictions.from_columns(np.hstack(columns), calibrated).level_probs()
    assert_allclose(formulas["level_probs"](raw_a, raw_b, calibrated), ours, atol=1e-6)
    calibrated["divergence_calibration"] = {"gap_scale": 0.3, "slope": 0.6, "intercept": -1.2}
    for head, n in product((MEAN_VARIANCE, calibrated, {**calibrated, "strength_known": False}), (1, 2, 4)):
        predicted = PairPredictions.from_columns(np.hstack(columns), head)
        assert_allclose(formulas["level_probs"](raw_a, raw_b, head), predicted.level_probs(), atol=1e-6)
        ours = predicted.diverging_probability(n)
        assert_allclose(formulas["diverging_probability"](raw_a, raw_b, head, n), ours, atol=1e-5)

    logits = 3 * generator.standard_normal((200, 5))
    likert = REWARD_HEADS["likert"].read(torch.tensor(logits), {})
    probs, mean, std = formulas["ratings"](logits)
    assert_allclose(probs, likert.level_logits.softmax(-1), atol=1e-6)
    assert_allclose(mean, likert.mean, atol=1e-6)
    assert_allclose(std, likert.std, atol=1e-6)


@pytest.mark.parametrize("kind", ["bert", "llama"])
def test_a_server_that_adds_special_tokens_gets_the_same_tokens(kind):
    [block] = [
        text for text in RUNNABLE.findall((ROOT / "docs/serving.md").read_text()) if "def text_for_server" in text
    ]
    namespace: dict = {}
    exec(block, namespace)
    tokenizer = make_tokenizer()
    if kind == "bert":
        tokenizer.bos_token = tokenizer.eos_token = None
        tokenizer.add_special_tokens({"cls_token": "<s>", "sep_token": "</s>"})
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Red."}]
    expected = encode_conversation(tokenizer, messages)
    assert expected[0] == 1 and expected[-1] == 2
    assert tokenizer(namespace["text_for_server"](tokenizer, messages)).input_ids == expected


def test_the_spread_in_the_page_is_the_measured_one():
    text = (ROOT / "docs/serving.md").read_text(encoding="utf-8")
    measured = json.loads((ROOT / "results/padding_spread/results.json").read_text())["models"]
    minilm, llama = (measured[f"{name}, bfloat16"]["worst"] for name in ("all-MiniLM-L6-v2", "random Llama"))
    assert f"largest difference was {minilm['max_in_std']:.0%} of".replace("%", " %") in text
    assert f"and {llama['max_in_std']:.0%} for a random Llama".replace("%", " %") in text
    assert f"mean differences {minilm['mean_in_std']:.1%} and {llama['mean_in_std']:.1%}".replace("%", " %") in text
    flips = max(minilm["pairs_that_change_sides"], llama["pairs_that_change_sides"])
    assert f"at most {flips} of 64 pairs" in text
    for name in ("all-MiniLM-L6-v2", "random Llama"):
        assert measured[f"{name}, float32"]["worst"]["max_in_std"] < 1e-5


def test_judge_strategies_page():
    page = run_page("judge-strategies.md")
    assert (page["win"], page["mean"], page["kappa"]) == (1.0, 8.5, 1.0)


def test_rewards_run_and_are_what_the_page_says(workplace):
    page = run_page("rewards.md")
    scores = RewardScorer.from_pretrained("out").score(
        [[{"role": "user", "content": "Name a colour."}]] * 3, page["completions"]
    )
    assert_allclose(page["means"], scores[:, 0], atol=1e-5)
    assert_allclose(page["bounds"], scores[:, 0] - scores[:, 1], atol=1e-5)
    assert all(1 <= floor <= 5 for floor in page["floors"])
    assert np.mean(page["wins"]) == pytest.approx(0.5, abs=1e-6)
    assert page["gated"] == [None] * 3 and page["measured"]["rewards/out_lower_bound/gated_share"] == 1.0


def test_every_reward_and_option_stands_in_the_page_with_its_default():
    from distreward.rlhf import REWARDS

    text = (ROOT / "docs/rewards.md").read_text(encoding="utf-8")
    for name, row in REWARDS.items():
        assert f"| `{name}` |" in text
        for option, default in row.options.items():
            assert (f"| `{option}` = {default:g} |" if option != "baseline" else f"- `{default}` (default)") in text


def test_the_planted_case_in_the_page_is_the_measured_one():
    text = (ROOT / "docs/rewards.md").read_text(encoding="utf-8")
    values = json.loads((ROOT / "results/rlhf/results.json").read_text())
    answers = ("Soup", "Oysters", "Toast")
    predicted = [f"{values['reward_model'][a]['mean']:.2f} ± {values['reward_model'][a]['std']:.2f}" for a in answers]
    assert f"| predicted mean ± std | {' | '.join(predicted)} |" in text
    rows = {"share before": values["before"]}
    for trainer in ("grpo", "rloo"):
        rows[f"{trainer.upper()}, `mean`"] = values["runs"][f"{trainer}, mean"]["after"]
        rows[f"{trainer.upper()}, `mean`, `Gate(max_std=1.0)`"] = values["runs"][f"{trainer}, gated_mean"]["after"]
        rows[f"{trainer.upper()}, `lower_bound`, k = 1"] = values["runs"][f"{trainer}, lower_bound"]["after"]
    for title, shares in rows.items():
        assert f"| {title} | {' | '.join(f'{shares[answer]:.3f}' for answer in answers)} |" in text, title


def test_the_floor_of_the_gate_is_as_the_page_says():
    text = (ROOT / "docs/rewards.md").read_text(encoding="utf-8")
    levels = torch.tensor([[0, 0, 1.0, 0, 0], [1.0, 0, 0, 0, 0], [0.5, 0, 0, 0, 0.5]])
    tie, sure, split = diverging_probability(smooth(levels, MEAN_VARIANCE["level_smoothing"]).double().numpy(), 4)
    assert f"{tie:.2f} on a pair that it is sure is a tie and {sure:.2f} on one that it is sure about" in text
    assert f"against {split:.2f} on a pair that splits people in half" in text


def test_covering_runs(workplace):
    page = run_page("pluralistic.md")
    assert page["found"].chosen == [0, 2]
    assert len(page["pair"].chosen) == 2 and 0 < page["pair"].coverage[0] <= page["pair"].coverage[1] <= 1


def test_the_page_on_causes_runs_and_its_table_is_the_measured_one():
    page = run_page("causes.md")
    assert page["masi_distance"]({"verbosity", "format"}, {"verbosity"}) == pytest.approx(2 / 3)
    assert 0 < page["alpha"] < 1
    text = (ROOT / "docs/causes.md").read_text(encoding="utf-8")
    measured = json.loads((ROOT / "results/cause_hints/results.json").read_text())
    assert f"On {measured['n_diverging']:,} diverging pairs" in text

    def estimate(entry):
        value = entry["value"]
        return "nan" if value is None else f"{value:.2f} [{entry['ci_low']:.2f}, {entry['ci_high']:.2f}]"

    for name, hint in measured["hints"].items():
        numbers = " | ".join(estimate(hint[key]) for key in ("precision", "base_rate", "recall"))
        assert f"| `{name}` | {', '.join(f'`{cause}`' for cause in hint['causes'])} | {numbers} |" in text, name


def test_the_page_on_publishing_runs_against_a_stand_in(workplace, hub):
    page = run_page("publishing.md")
    repository = hub.model("ann/my-reward-model")
    assert repository.private and repository.files() == {
        name: path.read_bytes() for name, path in page["selection"].paths.items()
    }
    assert page["pushed"].commit == repository.branches["main"][-1].oid


def test_the_page_on_publishing_names_what_goes_and_what_stays():
    text = (ROOT / "docs" / "publishing.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name in (*PUBLISHED_RESULTS, *METRICS, "training_args.bin", "splits.json"))
    assert f"at most {['no', 'one', 'two', 'three', 'four'][ATTEMPTS - 1]} times" in text and MAX_PAUSE == 5.5 * 60


def test_the_page_on_model_cards_runs_and_names_every_command_that_writes_one(workplace):
    page = run_page("model-cards.md")
    card = page["path"].read_text(encoding="utf-8")
    assert "license: apache-2.0" in card and "# my-reward-model" in card
    assert "the hardware" in page["unknown"] and "- the hardware" in card
    assert page["found"] == ["Hugging Face token", "home folder"] and page["clean"] == "labels from ~/labels.jsonl"
    text = (ROOT / "docs" / "model-cards.md").read_text(encoding="utf-8")
    assert all(f"distreward {name}" in text for name in ("train", "evaluate", "calibrate", "demo", "card"))
