"""Pooled features stand for the text: the head over them gives the forward's rewards."""

import pytest
import torch
from transformers import AutoModelForSequenceClassification, RobertaConfig

from distreward.errors import InputError
from distreward.modeling import AutoRewardModel
from distreward.modeling.features import freeze_backbone, pooled_features
from distreward.modeling.mean_pooling import mean_pooling_encoder

IDS = torch.tensor([[5, 6, 7, 8], [9, 10, 0, 0]])
MASK = (IDS != 0).long()


@pytest.mark.parametrize("config_name", ["llama_config", "bert_config"])
@pytest.mark.parametrize("head", ["scalar", "mean_variance", "likert"])
def test_head_over_features_equals_forward(config_name, head, request):
    model = AutoRewardModel.from_config(request.getfixturevalue(config_name), reward_head=head).eval()
    whole = model(input_ids=IDS, attention_mask=MASK)
    features = pooled_features(model, IDS, MASK)
    assert features.shape == (2, 16)
    torch.testing.assert_close(model(pooled_features=features).mean, whole.mean)


@pytest.mark.parametrize("config_name", ["llama_config", "bert_config"])
def test_features_do_not_depend_on_the_padding_side(config_name, request):
    model = AutoRewardModel.from_config(request.getfixturevalue(config_name), reward_head="scalar").eval()
    left = torch.tensor([[5, 6, 7, 8], [0, 0, 9, 10]])
    features = pooled_features(model, left, (left != 0).long())
    torch.testing.assert_close(features, pooled_features(model, IDS, MASK), rtol=0, atol=1e-6)


@pytest.mark.parametrize("config_name", ["llama_config", "bert_config"])
def test_only_the_head_is_trained(config_name, request):
    model = AutoRewardModel.from_config(request.getfixturevalue(config_name), reward_head="mean_variance")
    freeze_backbone(model)
    trained = {name.split(".")[-2] for name, p in model.named_parameters() if p.requires_grad}
    assert trained == ({"score"} if config_name == "llama_config" else {"dense", "classifier"})  # dense: the pooler's


def test_an_encoder_with_another_kind_of_head_is_refused():
    config = RobertaConfig(
        vocab_size=64, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    with pytest.raises(InputError, match="without --freeze_backbone"):
        freeze_backbone(AutoRewardModel.from_config(config, reward_head="scalar"))


def test_mean_pooling_layer_averages_the_tokens(tmp_path, bert_config):
    """First token of the new last layer = LayerNorm(mean of layer 1 over real tokens), up to a tenth of its own state."""
    from transformers import BertModel

    torch.manual_seed(0)
    BertModel(bert_config).save_pretrained(tmp_path / "base")
    model = mean_pooling_encoder(str(tmp_path / "base"), n_layers=1)
    assert model.config.num_hidden_layers == 2
    with torch.no_grad():
        states = model(input_ids=IDS, attention_mask=MASK, output_hidden_states=True).hidden_states
    first = states[1]
    mean = (first * MASK[..., None]).sum(1) / MASK.sum(1, keepdim=True)
    expected = torch.nn.functional.layer_norm(first[:, 0] + 10 * mean, (16,))
    torch.testing.assert_close(states[2][:, 0], expected, atol=1e-4, rtol=1e-4)
    model.save_pretrained(tmp_path / "pooled")  # and it is a stock checkpoint
    stock = AutoModelForSequenceClassification.from_pretrained(tmp_path / "pooled")
    assert len(stock.bert.encoder.layer) == 2
    with pytest.raises(InputError, match="at least 3 layers"):
        mean_pooling_encoder(str(tmp_path / "base"), n_layers=3)
