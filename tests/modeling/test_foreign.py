"""Reward models that were not made here: opened as they are, or refused in one line that says what to do."""

import json

import pytest
import torch
from torch.testing import assert_close
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    GPT2Config,
    GPT2ForSequenceClassification,
    LlamaForCausalLM,
    LlamaForSequenceClassification,
)

from distreward.errors import InputError
from distreward.modeling import AutoRewardModel, export_scalar
from distreward.modeling.auto import reward_model_class
from distreward.modeling.foreign import trained_pooling
from distreward.scoring import RewardScorer

IDS = torch.tensor([[1, 20, 30, 40, 2], [1, 50, 2, 0, 0]])
BATCH = {"input_ids": IDS, "attention_mask": (IDS != 0).long()}

REMOTE_MODEL = '''
import torch
from transformers import LlamaModel, LlamaPreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput


class LlamaForPreferences(LlamaPreTrainedModel):
    """Reads the FIRST token, twice: nothing that could be guessed from outside."""

    def __init__(self, config):
        super().__init__(config)
        self.model = LlamaModel(config)
        self.score = torch.nn.Linear(config.hidden_size, config.num_labels)
        self.post_init()

    def forward(self, input_ids=None, attention_mask=None, return_dict=None):
        hidden = self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return SequenceClassifierOutput(logits=2 * self.score(hidden[:, 1]))
'''

REMOTE_CONFIG = """
from transformers import LlamaConfig


class PreferencesConfig(LlamaConfig):
    model_type = "preferences"
"""


@pytest.fixture
def stock(llama_config):
    """A reward model as somebody else trains it, with nothing of ours."""
    torch.manual_seed(0)
    llama_config.num_labels, llama_config.initializer_range = 1, 0.3
    return LlamaForSequenceClassification(llama_config).eval()


@pytest.fixture
def remote(stock, tokenizer, tmp_path, monkeypatch):
    """Writes a checkpoint that brings its own code; returns its folder."""
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.syspath_prepend(str(tmp_path / "modules"))

    def write(n_outputs: int = 1, own_config: bool = False, auto_class: str = "AutoModelForSequenceClassification"):
        folder = tmp_path / "remote"
        state = {**stock.state_dict(), "score.weight": torch.randn(n_outputs, 16), "score.bias": torch.ones(n_outputs)}
        stock.config.num_labels = n_outputs
        stock.save_pretrained(folder, state_dict=state)
        tokenizer.save_pretrained(folder)
        config = json.loads((folder / "config.json").read_text())
        config["architectures"] = ["LlamaForPreferences"]
        config["auto_map"] = {auto_class: "modeling_preferences.LlamaForPreferences"}
        if own_config:
            config["model_type"] = "preferences"
            config["auto_map"]["AutoConfig"] = "configuration_preferences.PreferencesConfig"
        (folder / "config.json").write_text(json.dumps(config))
        code = REMOTE_MODEL
        if own_config:
            (folder / "configuration_preferences.py").write_text(REMOTE_CONFIG)
            code = "from .configuration_preferences import PreferencesConfig\n" + code.replace(
                "def __init__", "config_class = PreferencesConfig\n\n    def __init__"
            )
        (folder / "modeling_preferences.py").write_text(code)
        return folder

    return write


def refused(path, match: str, **kwargs) -> str:
    with pytest.raises(InputError, match=match) as caught:
        AutoRewardModel.from_pretrained(str(path), **kwargs)
    text = str(caught.value)
    assert str(path) in text and "\n" not in text and len(text) < 500
    return text


@torch.no_grad()
@pytest.mark.parametrize("problem_type", [None, "regression"])
def test_a_stock_reward_model_becomes_a_scalar_head(problem_type, stock, tmp_path):
    stock.config.problem_type = problem_type
    stock.save_pretrained(tmp_path)
    assert ("problem_type" in json.loads((tmp_path / "config.json").read_text())) == (problem_type is not None)
    model = AutoRewardModel.from_pretrained(tmp_path)
    assert model.reward_head == {"type": "scalar"} and model.config.num_labels == 1 and not model.training
    assert_close(model(**BATCH).logits, stock(**BATCH).logits, rtol=0, atol=1e-6)


@torch.no_grad()
@pytest.mark.parametrize("form", ["float16", "bfloat16", "sharded", "bin"])
def test_in_whatever_form_it_was_saved(form, stock, tmp_path):
    if form in ("float16", "bfloat16"):
        stock = stock.to(getattr(torch, form))
    stock.save_pretrained(tmp_path, **({"max_shard_size": "5KB"} if form == "sharded" else {}))
    if form == "sharded":
        assert len(list(tmp_path.glob("model-*.safetensors"))) > 2
    if form == "bin":
        (tmp_path / "model.safetensors").unlink()
        torch.save(stock.state_dict(), tmp_path / "pytorch_model.bin")
    model, again = (auto.from_pretrained(tmp_path) for auto in (AutoRewardModel, AutoModelForSequenceClassification))
    assert model.dtype == again.dtype == stock.dtype
    assert model(**BATCH).logits.dtype == torch.float32
    # plain transformers rounds the output layer's result to the checkpoint's precision, ours does not
    rounding = 1e-6 if again.dtype == torch.float32 else 1e-2
    assert_close(model(**BATCH).logits, again(**BATCH).logits.float(), rtol=0, atol=rounding)


def test_the_token_a_stock_head_was_trained_on(llama_config):
    for pad, eos, found in [
        (2, 2, {"skipped_token_id": 2}),
        (2, [1, 2], {"skipped_token_id": 2}),
        (0, 2, {}),
        (0, [1, 2], {}),
    ]:
        llama_config.pad_token_id, llama_config.eos_token_id = pad, eos
        assert trained_pooling(llama_config) == found
    assert trained_pooling(GPT2Config(pad_token_id=None, eos_token_id=2)) == {}  # such a one reads the last token


@torch.no_grad()
@pytest.mark.parametrize("side", ["left", "right"])
def test_a_checkpoint_trained_with_pad_as_eos_is_read_where_transformers_reads_it(side, stock, tokenizer, tmp_path):
    stock.config.pad_token_id = 2
    stock.save_pretrained(tmp_path)
    tokenizer.pad_token = "</s>"
    tokenizer.save_pretrained(tmp_path)
    model = AutoRewardModel.from_pretrained(tmp_path)
    assert model.reward_head == {"type": "scalar", "skipped_token_id": 2}
    texts = [[1, 20, 30, 40, 2], [1, 50, 2]]
    alone = torch.stack([stock(input_ids=torch.tensor([text])).logits[0, 0] for text in texts])
    before_eos = stock(input_ids=torch.tensor([[1, 20, 30, 40]])).logits[0, 0]
    assert_close(alone[0], before_eos, rtol=0, atol=1e-6)  # what the head was trained on
    ids = torch.tensor([texts[0], [2, 2, *texts[1]] if side == "left" else [*texts[1], 2, 2]])
    mask = torch.tensor([[1] * 5, [0, 0, 1, 1, 1] if side == "left" else [1, 1, 1, 0, 0]])
    assert_close(model(input_ids=ids, attention_mask=mask).mean, alone, rtol=0, atol=1e-6)
    # in the scorer too, which goes on padding with it
    scorer = RewardScorer.from_pretrained(str(tmp_path))
    assert scorer.tokenizer.pad_token_id == scorer.model.config.pad_token_id == 2
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Red."}], tokenize=False
    )
    ids = tokenizer(text, add_special_tokens=False, return_tensors="pt").input_ids
    assert ids[0, -1] == 2
    expected = stock(input_ids=ids).logits.item()
    assert scorer.score([[{"role": "user", "content": "Hi"}]], ["Red."])[0, 0] == pytest.approx(expected, abs=1e-5)
    # and it survives our saving, and the export
    model.save_pretrained(tmp_path / "ours")
    assert AutoRewardModel.from_pretrained(tmp_path / "ours").reward_head["skipped_token_id"] == 2
    export_scalar(tmp_path, tmp_path / "exported")
    again = AutoModelForSequenceClassification.from_pretrained(tmp_path / "exported")
    assert again.config.pad_token_id == AutoTokenizer.from_pretrained(tmp_path / "exported").pad_token_id == 2
    assert_close(again(input_ids=ids).logits.item(), expected, rtol=0, atol=1e-6)


def test_a_base_model_is_refused_with_the_way_to_a_reward_model(base_model):
    text = refused(base_model, "not a reward model checkpoint")
    assert "LlamaForCausalLM" in text and f"distreward train --model_name_or_path {base_model}" in text


@pytest.mark.parametrize("n_outputs", [2, 5, 19])
def test_an_attribute_model_is_refused(n_outputs, llama_config, tmp_path):
    llama_config.num_labels = n_outputs
    LlamaForSequenceClassification(llama_config).save_pretrained(tmp_path)
    text = refused(tmp_path, f"has {n_outputs} outputs")
    assert "one output" in text and "reward_head" in text


@pytest.mark.parametrize("own_config", [False, True])
@torch.no_grad()
def test_code_of_the_checkpoint_runs_only_when_allowed(own_config, remote, tmp_path):
    folder = remote(own_config=own_config)
    assert "--trust_remote_code" in refused(folder, "needs Python code that comes with it")
    assert not (tmp_path / "modules").exists()  # not even copied
    model = AutoRewardModel.from_pretrained(str(folder), trust_remote_code=True)
    theirs = AutoModelForSequenceClassification.from_pretrained(str(folder), trust_remote_code=True)
    assert type(model).__name__ == "LlamaForPreferences" and model.reward_head == {"type": "scalar"}
    assert_close(model(**BATCH).logits, theirs(**BATCH).logits, rtol=0, atol=1e-6)
    assert model(**BATCH).mean.shape == (2,)
    scores = RewardScorer.from_pretrained(str(folder), trust_remote_code=True).score(
        [[{"role": "user", "content": "Hi"}]] * 2, ["Red.", "I cannot say."]
    )
    assert scores[0, 0] == pytest.approx(scores[1, 0], abs=1e-6)  # it only reads the start of the prompt
    with pytest.raises(InputError, match="copy its folder"):
        model.save_pretrained(tmp_path / "saved")
    with pytest.raises(InputError, match="cannot be a stock checkpoint; copy its folder"):
        export_scalar(model, tmp_path / "exported")
    assert not (tmp_path / "saved").exists() and not (tmp_path / "exported").exists()


def test_an_attribute_model_with_code_of_its_own_is_refused_before_anybody_has_to_trust_it(remote):
    assert "trust_remote_code" not in refused(remote(n_outputs=19), "LlamaForPreferences has 19 outputs")


def test_code_for_another_auto_class_is_no_reward_model(remote):
    refused(remote(auto_class="AutoModel"), "not a reward model checkpoint", trust_remote_code=True)


def test_a_known_class_needs_no_trust(stock, tmp_path):
    """Files of code beside a checkpoint that transformers knows are left alone."""
    stock.config.auto_map = {"AutoModelForSequenceClassification": "modeling_nothing.LlamaForSequenceClassification"}
    stock.save_pretrained(tmp_path)
    assert type(AutoRewardModel.from_pretrained(tmp_path)).__mro__[2] is LlamaForSequenceClassification


def test_a_tokenizer_with_code_of_its_own(stock, tokenizer, tmp_path):
    stock.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    path = tmp_path / "tokenizer_config.json"
    config = {**json.loads(path.read_text()), "tokenizer_class": "OddTokenizer"}
    path.write_text(json.dumps({**config, "auto_map": {"AutoTokenizer": ["tokenization_odd.OddTokenizer", None]}}))
    with pytest.raises(InputError, match="tokenizer_config.json.*--trust_remote_code") as caught:
        RewardScorer.from_pretrained(str(tmp_path))
    assert "\n" not in str(caught.value)


@torch.no_grad()
def test_a_stock_gpt2_reward_model_with_left_padding(tmp_path):
    """Absolute positions count from the first real token, whatever transformers' own forward makes of it."""
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=264,
        n_embd=16,
        n_layer=2,
        n_head=2,
        n_positions=64,
        num_labels=1,
        pad_token_id=0,
        initializer_range=0.3,
    )
    stock = GPT2ForSequenceClassification(config).eval()
    stock.save_pretrained(tmp_path)
    model = AutoRewardModel.from_pretrained(tmp_path)
    ids = torch.tensor([[0, 0, 1, 50, 2]])
    alone = stock(input_ids=ids[:, 2:]).logits
    mask = (ids != 0).long()
    assert_close(model(input_ids=ids, attention_mask=mask).logits, alone, rtol=0, atol=1e-6)
    assert (stock(input_ids=ids, attention_mask=mask).logits - alone).abs().max() > 1e-2
    given = model(input_ids=ids, attention_mask=mask, position_ids=torch.arange(5)[None])  # the caller's own count
    assert_close(given.logits, stock(input_ids=ids, attention_mask=mask).logits, rtol=0, atol=1e-6)


def test_a_head_to_be_trained_reads_the_eos(llama_config, tmp_path):
    """Only a head that was trained on the token before the EOS is read there."""
    llama_config.pad_token_id, llama_config.num_labels = 2, 1
    for name, made in [("base", LlamaForCausalLM), ("stock", LlamaForSequenceClassification)]:
        made(llama_config).save_pretrained(tmp_path / name)
        model = AutoRewardModel.from_pretrained(tmp_path / name, reward_head="scalar")
        assert model.reward_head == {"type": "scalar"}


def test_a_class_the_user_registered_is_not_code_of_a_checkpoint(llama_config):
    class MyLlama(LlamaForSequenceClassification):
        pass

    assert (
        not reward_model_class(MyLlama)._own_code and not reward_model_class(LlamaForSequenceClassification)._own_code
    )
