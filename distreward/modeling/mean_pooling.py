"""A BERT encoder whose first token carries the mean of a middle layer: a better frozen backbone, still a stock BERT.

Sentence encoders are trained to forget how a text is written; their middle layers still know, and the mean over tokens
keeps more of it than any single token. A stock `BertForSequenceClassification` reads the first token, so one more layer,
an ordinary BERT layer with constant weights, averages the tokens into it.
"""

import torch
from torch import nn
from transformers import AutoConfig, AutoModel, BertModel

from distreward.errors import InputError

MEAN_SHARE = 10.0
"""Weight of the mean against the token's own state before the layer's normalisation: the token hardly counts."""


def mean_pooling_encoder(path: str, n_layers: int) -> BertModel:
    """The first `n_layers` layers of a BERT checkpoint and a layer that averages.

    Args:
        path: a BERT checkpoint, directory or Hub id.
        n_layers: layers kept, 1 up to the checkpoint's number.

    Returns:
        A `BertModel` of n_layers + 1 layers. The last hidden state of every token is the layer-normalised mean over
        the real tokens of layer `n_layers`, up to 1 / `MEAN_SHARE` of the token's own state.

    Raises:
        InputError: not a BERT checkpoint, or not that many layers.
    """
    config = AutoConfig.from_pretrained(path)
    if config.model_type != "bert" or not 1 <= n_layers <= config.num_hidden_layers:
        raise InputError(f"{path}: wanted a BERT checkpoint with at least {n_layers} layers to build mean pooling on.")
    config.num_hidden_layers = n_layers
    model = AutoModel.from_pretrained(path, config=config)
    averaging = type(model.encoder.layer[0])(model.config)  # the model's own copy knows which attention it runs
    with torch.no_grad():
        for module in (averaging.attention.self.query, averaging.attention.self.key, averaging.output.dense):
            module.weight.zero_()  # equal attention to every real token; no feed-forward
            module.bias.zero_()
        for module, scale in ((averaging.attention.self.value, 1.0), (averaging.attention.output.dense, MEAN_SHARE)):
            nn.init.eye_(module.weight).mul_(scale)
            module.bias.zero_()
    model.encoder.layer.append(averaging)
    model.config.num_hidden_layers = n_layers + 1
    return model.eval()
