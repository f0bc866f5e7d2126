"""Pooled features: what enters the reward head. Computed once for a frozen backbone, they stand for the text.

For a decoder that is the hidden state of the last real token, and the head is `score`. For a BERT-like encoder it is the
last hidden state of the first token, and the head is the pooler and the classifier.
"""

from torch import Tensor, nn
from transformers import PreTrainedModel

from distreward.errors import InputError
from distreward.modeling.pooling import without_leading_padding


def head_modules(model: PreTrainedModel) -> list[nn.Module]:
    """The modules that turn pooled features into the head's outputs, in order.

    Raises:
        InputError: an encoder whose head is laid out in another way.
    """
    if hasattr(model, "score"):
        return [model.score]
    pooler = getattr(model.base_model, "pooler", None)
    if pooler is None or not isinstance(getattr(model, "classifier", None), nn.Linear):
        raise InputError(
            f"{type(model).__name__}: pooled features are known for decoders and BERT-like encoders only; train without "
            "--freeze_backbone."
        )
    return [pooler, model.classifier]


def outputs_from_features(model: PreTrainedModel, features: Tensor) -> Tensor:
    """[B, n_outputs] float32 outputs of the head for pooled features [B, H]."""
    *poolers, last = head_modules(model)
    for pooler in poolers:
        features = pooler(features.unsqueeze(1))  # a pooler takes the first token of [B, T, H]
    if poolers:
        features = model.dropout(features)
    return last(features).float()


def pooled_features(model: PreTrainedModel, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
    """[B, H] pooled features of B texts, in the backbone's dtype."""
    if hasattr(model, "score"):
        return model.last_hidden(input_ids, attention_mask)[0]
    inputs = without_leading_padding({"input_ids": input_ids, "attention_mask": attention_mask})
    return model.base_model(**inputs)[0][:, 0]


def freeze_backbone(model: PreTrainedModel) -> None:
    """Leave only the head to be trained."""
    for parameter in model.parameters():
        parameter.requires_grad = False
    for module in head_modules(model):
        for parameter in module.parameters():
            parameter.requires_grad = True
