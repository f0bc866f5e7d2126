import json

import pytest
import torch
from torch.testing import assert_close
from transformers import AutoModelForSequenceClassification, AutoTokenizer, LlamaForSequenceClassification, pipeline

from distreward import export_scalar
from distreward.errors import InputError
from distreward.modeling import AutoRewardModel
from distreward.modeling.export import EXPORTABLE, exported_row
from distreward.modeling.heads import REWARD_HEADS
from tests.conftest import architectures, make_tokenizer

BACKBONES = tuple(architectures())
IDS = torch.tensor([[1, *range(10, 30), 2], [1, 50, 60, 2, *[0] * 18]])
BATCH = {"input_ids": IDS, "attention_mask": (IDS != 0).long()}


def make_model(backbone: str, head: str):
    torch.manual_seed(0)
    return AutoRewardModel.from_config(architectures()[backbone], head).eval()


@pytest.mark.parametrize("head", ["scalar", "mean_variance"])
@pytest.mark.parametrize("backbone", BACKBONES)
@torch.no_grad()
def test_the_one_output_is_the_expected_reward(backbone, head, tmp_path, tokenizer):
    model = make_model(backbone, head)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert export_scalar(model, tmp_path, tokenizer=tokenizer) == tmp_path
    # as TRL opens a reward model named by a path
    stock = AutoModelForSequenceClassification.from_pretrained(tmp_path, num_labels=1).eval()
    assert type(stock).__module__.startswith("transformers.") and stock.config.id2label == {0: "reward"}
    raw = stock(**BATCH).logits
    assert raw.shape == (2, 1)
    assert_close(raw[:, 0], model(**BATCH).mean, rtol=0, atol=2e-6)
    again = AutoRewardModel.from_pretrained(tmp_path)
    assert again.reward_head["type"] == "scalar"
    assert_close(again(**BATCH).mean, model(**BATCH).mean, rtol=0, atol=2e-6)
    after = model.state_dict()  # the model given stays as it was
    assert model.reward_head["type"] == head and all(torch.equal(after[name], before[name]) for name in before)


@torch.no_grad()
def test_row_one_is_the_raw_standard_deviation(tmp_path, tokenizer):
    model = make_model("Bert", "mean_variance")
    export_scalar(model, tmp_path, tokenizer=tokenizer, output="raw_std")
    raw = AutoModelForSequenceClassification.from_pretrained(tmp_path)(**BATCH).logits[:, 0]
    assert_close(raw.abs() + 0.1, model(**BATCH).std, rtol=0, atol=1e-6)


@pytest.mark.parametrize("problem_type", ["regression", None])
def test_why_the_problem_type_is_regression(problem_type, tmp_path, tokenizer):
    """Without it a pipeline squeezes the one output through a sigmoid; TRL reads logits and takes either."""
    model = make_model("Llama", "mean_variance")
    with torch.no_grad():
        model.score.weight *= 50
    export_scalar(model, tmp_path, tokenizer=tokenizer)
    path = tmp_path / "config.json"
    config = json.loads(path.read_text())
    assert config["problem_type"] == "regression"
    path.write_text(json.dumps({**config, "problem_type": problem_type}))
    [[answer]] = pipeline("text-classification", model=str(tmp_path), device="cpu", top_k=None)(["Red."])
    stock = AutoModelForSequenceClassification.from_pretrained(tmp_path, num_labels=1)
    with torch.no_grad():
        raw = stock(**AutoTokenizer.from_pretrained(tmp_path)("Red.", return_tensors="pt")).logits
    assert abs(raw.item()) > 1
    expected = raw if problem_type else raw.sigmoid()
    assert answer["score"] == pytest.approx(expected.item(), abs=1e-5)


def test_the_config_says_where_it_came_from(tmp_path, tokenizer):
    make_model("Llama", "mean_variance").save_pretrained(tmp_path / "helpful")
    tokenizer.save_pretrained(tmp_path / "helpful")
    export_scalar(tmp_path / "helpful", tmp_path / "mean", dtype=torch.bfloat16)
    config = json.loads((tmp_path / "mean" / "config.json").read_text())
    assert config["reward_head"] == {
        "type": "scalar",
        "exported_from": "helpful",  # the folder's name: where it lies is nobody's business
        "exported_head": "mean_variance",
        "exported_output": "mean",
    }
    assert config["architectures"] == ["LlamaForSequenceClassification"] and config["dtype"] == "bfloat16"
    assert str(tmp_path) not in json.dumps(config)
    assert AutoTokenizer.from_pretrained(tmp_path / "mean").chat_template == tokenizer.chat_template


@pytest.mark.parametrize("pad", ["none", "eos"])
@torch.no_grad()
def test_a_tokenizer_without_a_pad_token_of_its_own_gets_one(pad, tmp_path, llama_config):
    """Or transformers would pool the token before the EOS."""
    torch.manual_seed(0)
    llama_config.vocab_size = 260  # no spare row: the embedding has to grow
    model = AutoRewardModel.from_config(llama_config, "mean_variance").eval()
    tokenizer = make_tokenizer(pad=False)
    tokenizer.unk_token = None
    tokenizer.pad_token = "</s>" if pad == "eos" else None
    export_scalar(model, tmp_path, tokenizer=tokenizer)
    assert tokenizer.pad_token_id == (2 if pad == "eos" else None)  # the caller's own is left alone
    assert model.get_input_embeddings().num_embeddings == 260
    saved = AutoTokenizer.from_pretrained(tmp_path)
    assert saved.pad_token_id not in (None, saved.eos_token_id)
    stock = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    assert stock.config.pad_token_id == saved.pad_token_id < stock.get_input_embeddings().num_embeddings
    ids = torch.tensor([[1, 20, 30, 2]])
    assert_close(stock(input_ids=ids).logits[:, 0], model(input_ids=ids).mean, rtol=0, atol=1e-6)


def refused(match: str, *arguments, **options) -> str:
    with pytest.raises(InputError, match=match) as caught:
        export_scalar(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_is_not_linear_is_refused(tmp_path, tokenizer):
    model, likert = make_model("Llama", "mean_variance"), make_model("Bert", "likert")
    out = tmp_path / "out"
    text = refused("'mean' of a 'likert' head.*softmax", likert, out, tokenizer=tokenizer)
    assert "RewardCallable" in text
    text = refused("mean - k", model, out, tokenizer=tokenizer, output="mean_minus_std")
    assert "RewardCallable" in text
    refused("abs\\(raw_std\\) \\+ min_std", model, out, tokenizer=tokenizer, output="std")
    refused("did you mean 'raw_std'", model, out, tokenizer=tokenizer, output="rawstd")
    refused("no output 'rating_5'.*wanted", likert, out, tokenizer=tokenizer, output="rating_5")
    refused(
        "no output 'raw_std' of a 'scalar' head",
        make_model("Bert", "scalar"),
        out,
        tokenizer=tokenizer,
        output="raw_std",
    )
    assert not out.exists()


def test_every_head_says_what_can_be_exported():
    assert EXPORTABLE.keys() == REWARD_HEADS.keys()
    for head, outputs in EXPORTABLE.items():
        for output, row in outputs.items():
            assert exported_row(head, output, "out") == row < len(REWARD_HEADS[head].output_names)
            assert REWARD_HEADS[head].output_names[row] in (output, "reward")


def test_what_cannot_be_written_is_refused(tmp_path, tokenizer, llama_config):
    model = make_model("Llama", "mean_variance")
    model.save_pretrained(tmp_path / "model")
    refused("no tokenizer", tmp_path / "model", tmp_path / "out")
    refused("pass `tokenizer`", model, tmp_path / "out")
    tokenizer.save_pretrained(tmp_path / "model")
    refused("is the checkpoint to export", tmp_path / "model", tmp_path / "model" / ".." / "model")
    refused("is a file", tmp_path / "model", tmp_path / "model" / "config.json")
    refused("not a reward model of AutoRewardModel", LlamaForSequenceClassification(llama_config), tmp_path / "out")
    refused("no such model directory", tmp_path / "nothing", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_quantised_model_is_refused(tmp_path, tokenizer):
    model = make_model("Llama", "mean_variance")
    model.is_quantized = True
    refused("is quantised", model, tmp_path / "out", tokenizer=tokenizer)
