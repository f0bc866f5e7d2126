"""What we save opens without our code, in whatever people open reward models with, and says the same."""

import logging
import warnings

import pytest
import torch
from torch.testing import assert_close
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline
from transformers.utils import logging as transformers_logging

from distreward.modeling import REWARD_HEADS, AutoRewardModel
from distreward.scoring import RewardScorer
from tests.conftest import architectures

HEADS = tuple(REWARD_HEADS)
BACKBONES = tuple(architectures())
CONVERSATIONS = [
    ([{"role": "user", "content": "Name a colour."}], "Red."),
    ([{"role": "user", "content": "Name a colour."}], "I cannot say. " * 3),
    ([{"role": "user", "content": "Tell me a joke."}], "Why is the sky blue?"),
]


@pytest.fixture
def transformers_log(caplog):
    """What transformers logs as a warning."""
    transformers_logging.enable_propagation()
    with caplog.at_level(logging.WARNING, logger="transformers"):
        yield caplog
    transformers_logging.disable_propagation()


@pytest.fixture
def save(tmp_path, tokenizer):
    """Saves a reward model and its tokenizer; returns the folder and the model."""

    def save_model(backbone: str, head: str):
        torch.manual_seed(0)
        model = AutoRewardModel.from_config(architectures()[backbone], head).eval()
        model.save_pretrained(tmp_path)
        tokenizer.save_pretrained(tmp_path)
        return tmp_path, model

    return save_model


def rendered(tokenizer) -> list[str]:
    """The conversations as a user of plain transformers writes them."""
    whole = [[*prompt, {"role": "assistant", "content": response}] for prompt, response in CONVERSATIONS]
    return [tokenizer.apply_chat_template(messages, tokenize=False) for messages in whole]


def mean_of(raw: torch.Tensor, head: str) -> torch.Tensor:
    """[N] the expected reward, from raw outputs [N, n_outputs]."""
    return raw.softmax(-1) @ torch.arange(1.0, 6.0) if head == "likert" else raw[:, 0]


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("backbone", BACKBONES)
@torch.no_grad()
def test_plain_transformers_opens_it_without_a_warning_and_says_exactly_the_same(
    backbone, head, save, transformers_log
):
    folder, model = save(backbone, head)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stock = AutoModelForSequenceClassification.from_pretrained(folder)
    assert transformers_log.text == ""
    assert type(stock).__module__.startswith("transformers.") and type(stock).__name__.startswith(backbone)
    theirs, ours = stock.state_dict(), model.state_dict()
    assert theirs.keys() == ours.keys() and all(torch.equal(theirs[name], ours[name]) for name in ours)
    ids = torch.tensor([[1, *range(10, 30), 2], [1, 50, 60, 2, *[0] * 18]])
    batch = {"input_ids": ids, "attention_mask": (ids != 0).long()}
    raw = stock(**batch).logits
    assert raw.shape == (2, len(REWARD_HEADS[head].output_names)) and (raw[0] - raw[1]).abs().max() > 1e-2
    # the same weights over the same tokens; the head runs on all positions there and on one here
    assert_close(mean_of(raw, head), model(**batch).mean, rtol=0, atol=2e-6)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("backbone", ["Llama", "Mistral", "Bert", "ModernBert"])
def test_the_pipeline_gives_raw_values_for_chat_texts(backbone, head, save, tokenizer):
    folder, model = save(backbone, head)
    with torch.no_grad():
        last = model.score if backbone in ("Llama", "Mistral") else model.classifier
        last.weight *= 20  # far outside what a sigmoid or a softmax could return
    model.save_pretrained(folder)
    classify = pipeline("text-classification", model=str(folder), device="cpu", top_k=None)
    # the chat template has already written the special tokens
    answers = classify(rendered(tokenizer), add_special_tokens=False, padding=True, batch_size=3)
    names = REWARD_HEADS[head].output_names
    raw = torch.tensor([[{a["label"]: a["score"] for a in answer}[name] for name in names] for answer in answers])
    scores = RewardScorer.from_pretrained(str(folder)).score(*zip(*CONVERSATIONS, strict=True))
    assert raw.abs().max() > 1.5 and not torch.allclose(raw.sum(-1), torch.ones(3), atol=0.1)
    assert_close(mean_of(raw, head).double(), torch.tensor(scores[:, 0]), rtol=1e-5, atol=1e-5)
    if head == "mean_variance":
        assert_close(raw[:, 1].abs().double() + 0.1, torch.tensor(scores[:, 1]), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("backbone", ["Llama", "Qwen3", "Bert"])
@torch.no_grad()
def test_a_benchmarks_own_loop_gives_the_same_rewards(backbone, side, save):
    """RewardBench's way: auto classes with dtype and device map, chat template to text, padded batch, logits."""
    folder, _ = save(backbone, "mean_variance")
    kwargs = {"torch_dtype": torch.float32, "device_map": {"": "cpu"}, "trust_remote_code": True}
    stock = AutoModelForSequenceClassification.from_pretrained(folder, **kwargs).eval()
    mine = AutoRewardModel.from_pretrained(folder, **kwargs).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.padding_side = side
    options = {"padding": True, "truncation": True, "max_length": 512, "add_special_tokens": False}
    batch = tokenizer(rendered(tokenizer), **options, return_tensors="pt")
    assert batch["attention_mask"].min() == 0
    scores = torch.tensor(RewardScorer.from_pretrained(str(folder)).score(*zip(*CONVERSATIONS, strict=True))[:, 0])
    assert_close(mine(**batch).logits[:, 0].double(), scores, rtol=0, atol=1e-5)
    if backbone == "Bert" and side == "left":  # a stock encoder pools its first token, here padding
        assert (stock(**batch).logits[:, 0] - scores).abs().max() > 1e-2
    else:
        assert_close(stock(**batch).logits[:, 0].double(), scores, rtol=0, atol=1e-5)
