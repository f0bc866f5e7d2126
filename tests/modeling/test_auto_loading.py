"""What `AutoRewardModel.from_pretrained` says about the weights it finds, and how it is told about the config."""

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertModel, LlamaForCausalLM
from transformers.utils import logging as transformers_logging

from distreward.errors import InputError
from distreward.modeling import AutoRewardModel


@pytest.fixture
def reported(caplog):
    """What transformers reports while it loads weights; its loggers keep to themselves otherwise."""
    verbosity = transformers_logging.get_verbosity()  # the command line lowers it
    transformers_logging.enable_propagation()
    transformers_logging.set_verbosity_warning()
    yield caplog
    transformers_logging.disable_propagation()
    transformers_logging.set_verbosity(verbosity)


def without_weight(path, name):
    """Take one weight out of a checkpoint."""
    weights = load_file(path / "model.safetensors")
    del weights[name]
    save_file(weights, path / "model.safetensors", metadata={"format": "pt"})


def test_a_base_model_gets_a_new_head_without_a_warning(base_model, reported):
    model = AutoRewardModel.from_pretrained(base_model, "likert")
    base = LlamaForCausalLM.from_pretrained(base_model)
    assert torch.equal(model.model.embed_tokens.weight, base.model.embed_tokens.weight)
    assert model.score.weight.shape == (5, 16) and model.score.bias is None
    assert reported.text == ""


def test_an_encoders_new_head_is_not_reported_either(bert_config, reported, tmp_path):
    BertModel(bert_config).save_pretrained(tmp_path)
    AutoRewardModel.from_pretrained(tmp_path, "scalar")
    assert reported.text == ""


def test_any_other_missing_weight_is_reported(base_model, reported):
    without_weight(base_model, "model.layers.1.mlp.up_proj.weight")
    AutoRewardModel.from_pretrained(base_model, "scalar")
    assert "model.layers.1.mlp.up_proj.weight | MISSING" in reported.text and "score" not in reported.text


def test_a_reward_model_without_its_head_is_refused(llama_config, tmp_path):
    AutoRewardModel.from_config(llama_config, "scalar").save_pretrained(tmp_path)
    without_weight(tmp_path, "score.weight")
    with pytest.raises(InputError, match=r"its reward head \(score.weight\) are not in the checkpoint"):
        AutoRewardModel.from_pretrained(tmp_path)


def test_settings_of_the_config_can_be_given_with_the_path(base_model):
    model = AutoRewardModel.from_pretrained(base_model, "scalar", attention_dropout=0.25, attn_implementation="eager")
    assert model.config.attention_dropout == 0.25 and model.config._attn_implementation == "eager"
    assert model.model.layers[0].self_attn.attention_dropout == 0.25
