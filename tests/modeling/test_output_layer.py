"""The head stays in float32 under half-precision loading, autocast and quantisation, on every kind of backbone."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close
from transformers import (
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    BitsAndBytesConfig,
    DistilBertConfig,
    ModernBertConfig,
    RobertaConfig,
)

from distreward.errors import InputError
from distreward.modeling import AutoRewardModel
from distreward.modeling.output_layer import (
    FullPrecisionLinear,
    head_names,
    output_layer_name,
    record_spared,
    spare_missing,
)

WIDE = {"vocab_size": 264, "hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 4}
IDS = torch.tensor([[5, 6, 7]])


def configs(llama_config, bert_config):
    modern = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "cls_token_id": 1, "sep_token_id": 2}
    return {
        "llama": (llama_config, ["score"], "score"),
        "bert": (bert_config, ["classifier"], "classifier"),
        "modernbert": (ModernBertConfig(**WIDE, **modern), ["head", "classifier"], "classifier"),
        "roberta": (RobertaConfig(**WIDE), ["classifier"], "classifier.out_proj"),
        "distilbert": (
            DistilBertConfig(vocab_size=264, dim=64, hidden_dim=64, n_layers=1, n_heads=4),
            ["pre_classifier", "classifier"],
            "classifier",
        ),
    }


@pytest.mark.parametrize("name", ["llama", "bert", "modernbert", "roberta", "distilbert"])
def test_the_head_is_everything_after_the_backbone(name, llama_config, bert_config, tmp_path):
    config, heads, output = configs(llama_config, bert_config)[name]
    model = AutoRewardModel.from_config(config, reward_head="likert")
    assert head_names(model) == heads and output_layer_name(model) == output
    assert isinstance(model.get_submodule(output), FullPrecisionLinear)
    assert model.get_submodule(output).out_features == 5
    model.save_pretrained(tmp_path)
    stock = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    assert head_names(stock) == heads and type(stock.get_submodule(output)) is nn.Linear


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", ["llama", "bert", "modernbert", "roberta", "distilbert"])
def test_a_model_in_half_precision_keeps_a_float32_head(name, dtype, llama_config, bert_config, tmp_path):
    config = configs(llama_config, bert_config)[name][0]
    torch.manual_seed(0)
    model = AutoRewardModel.from_config(config, reward_head="mean_variance").eval()
    model.save_pretrained(tmp_path)
    half = AutoRewardModel.from_pretrained(str(tmp_path), dtype=dtype).eval()
    kinds = {n.split(".")[0] in head_names(half): set() for n, _ in half.named_parameters()}
    for n, parameter in half.named_parameters():
        kinds[n.split(".")[0] in head_names(half)].add(parameter.dtype)
    assert kinds == {True: {torch.float32}, False: {dtype}}
    for layer in head_names(model):
        for one, other in zip(getattr(model, layer).parameters(), getattr(half, layer).parameters(), strict=True):
            assert torch.equal(one, other)  # not rounded on the way
    assert half(input_ids=IDS).mean.dtype == torch.float32
    assert_close(half(input_ids=IDS).mean, model(input_ids=IDS).mean, rtol=0, atol=0.02)


def test_autocast_does_not_reach_the_output_layer():
    # 1 + 2**-12 needs 12 bits of mantissa: bfloat16 (8) would round it to 1
    layer = FullPrecisionLinear(1, 1, bias=False)
    layer.weight.data = torch.tensor([[1 + 2**-12]])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert layer(torch.ones(1, 1)).item() == 1 + 2**-12
        assert nn.Linear.forward(layer, torch.ones(1, 1)).item() == 1.0
    assert layer(torch.ones(1, 1, dtype=torch.bfloat16)).dtype == torch.float32


def test_gradients_pass_the_output_layer():
    layer = FullPrecisionLinear(2, 1, bias=False)
    features = torch.tensor([[3.0, 4.0]], dtype=torch.bfloat16, requires_grad=True)
    layer(features).sum().backward()
    assert layer.weight.grad.tolist() == [[3.0, 4.0]] and features.grad.dtype == torch.bfloat16


@pytest.mark.parametrize("bits", ["load_in_8bit", "load_in_4bit"])
def test_quantisation_spares_the_head_and_says_so(bits, llama_config, tmp_path):
    llama_config.hidden_size = llama_config.intermediate_size = 64
    AutoRewardModel.from_config(llama_config, reward_head="scalar").save_pretrained(tmp_path)
    given = BitsAndBytesConfig(**{bits: True})
    model = AutoRewardModel.from_pretrained(str(tmp_path), quantization_config=given)
    assert model.score.weight.dtype == torch.float32
    assert model.model.layers[0].self_attn.q_proj.weight.dtype in (torch.int8, torch.uint8)
    assert "score" in model.config.quantization_config.llm_int8_skip_modules
    assert given.llm_int8_skip_modules is None  # the caller's own config stays as it was


def test_a_backbone_layer_that_the_checkpoint_lacks_is_not_quantised(bert_config, tmp_path):
    bert_config.hidden_size = bert_config.intermediate_size = 64
    AutoModelForMaskedLM.from_config(bert_config).save_pretrained(tmp_path)  # a BERT without its pooler
    eight_bit = BitsAndBytesConfig(load_in_8bit=True)
    model = AutoRewardModel.from_pretrained(str(tmp_path), reward_head="scalar", quantization_config=eight_bit)
    assert model.missing_weights == ["bert.pooler.dense.bias", "bert.pooler.dense.weight"]
    assert model.bert.pooler.dense.weight.dtype == torch.float32
    assert model.bert.encoder.layer[0].output.dense.weight.dtype == torch.int8
    assert model(input_ids=IDS).mean.isfinite().all()


def test_nothing_is_spared_without_need(llama_config):
    model = AutoRewardModel.from_config(llama_config, reward_head="scalar")
    assert spare_missing(model, ["score.weight"], BitsAndBytesConfig(load_in_8bit=True)) is None
    assert spare_missing(model, ["model.norm.weight"], None) is None
    record_spared(model)
    assert "quantization_config" not in vars(model.config)


def test_a_model_without_a_linear_output_layer_is_refused(llama_config):
    model = AutoRewardModel.from_config(llama_config, reward_head="scalar")
    model.score = nn.Identity()
    with pytest.raises(InputError, match="LlamaForSequenceClassification: has no linear output layer"):
        output_layer_name(model)
