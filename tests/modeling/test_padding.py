import logging

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from torch.testing import assert_close
from transformers import LlamaForSequenceClassification, PreTrainedTokenizerFast

from distreward.modeling import AutoRewardModel
from distreward.modeling.padding import NEW_PAD_TOKEN, ensure_pad_token


def byte_tokenizer(extra: tuple[str, ...] = (), **named: str) -> PreTrainedTokenizerFast:
    """256 bytes, then <s>, </s> and `extra`; `named` sets pad_token, unk_token ..."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: index for index, token in enumerate([*alphabet, "<s>", "</s>", *extra])}
    core = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    core.pre_tokenizer, core.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<s>", eos_token="</s>", **named)


@pytest.fixture
def model(llama_config):
    """264 rows in the embedding."""
    torch.manual_seed(0)
    return AutoRewardModel.from_config(llama_config, "mean_variance").eval()


def test_a_pad_token_of_its_own_is_kept(model, tokenizer, caplog):
    model.config.pad_token_id = 7  # what the tokenizer pads with counts
    ensure_pad_token(tokenizer, model)
    assert tokenizer.pad_token == "<pad>" and model.config.pad_token_id == tokenizer.pad_token_id == 0
    assert not caplog.records


@pytest.mark.parametrize("padded_with_eos", [False, True])
@pytest.mark.parametrize(
    ("extra", "named", "chosen"),
    [
        (("<unk>",), {"unk_token": "<unk>"}, "<unk>"),
        (("<|reserved_special_token_0|>", "<unk>"), {"unk_token": "<unk>"}, "<|reserved_special_token_0|>"),
        (("<unused0>", "<unused1>"), {}, "<unused0>"),
        (("<|reserved_0|>", "<|finetune_right_pad_id|>"), {}, "<|finetune_right_pad_id|>"),
        ((), {}, NEW_PAD_TOKEN),
        (("</s><unk>",), {"unk_token": "</s>"}, NEW_PAD_TOKEN),  # unknown is EOS: no help
    ],
)
def test_the_choice_of_a_pad_token(model, caplog, extra, named, chosen, padded_with_eos):
    tokenizer = byte_tokenizer(extra, **named, **({"pad_token": "</s>"} if padded_with_eos else {}))
    with caplog.at_level(logging.WARNING, logger="distreward"):
        ensure_pad_token(tokenizer, model)
    assert tokenizer.pad_token == chosen
    assert tokenizer.pad_token_id not in (tokenizer.eos_token_id, tokenizer.bos_token_id)
    assert model.config.pad_token_id == tokenizer.pad_token_id
    assert model.get_input_embeddings().num_embeddings == 264  # a spare row, or a token that was there
    assert repr(chosen) in caplog.text
    assert ("uses its EOS token" if padded_with_eos else "has no pad token") in caplog.text
    caplog.clear()
    ensure_pad_token(tokenizer, model)  # nothing left to do
    assert not caplog.records


@pytest.mark.parametrize(("rows", "after"), [(264, 264), (259, 259), (258, 259)])
@torch.no_grad()
def test_the_embedding_grows_only_where_it_has_no_spare_row(llama_config, rows, after):
    # the tokenizer has 258 tokens: the new one is number 258, row 259
    torch.manual_seed(0)
    llama_config.vocab_size = rows
    model, tokenizer = AutoRewardModel.from_config(llama_config, "scalar").eval(), byte_tokenizer()
    ids = torch.tensor([[256, 5, 6, 257]])
    before, weights = model(input_ids=ids, attention_mask=torch.ones_like(ids)), model.model.embed_tokens.weight.clone()
    ensure_pad_token(tokenizer, model)
    assert tokenizer.pad_token_id == 258
    assert model.get_input_embeddings().num_embeddings == after and model.config.vocab_size == after
    assert torch.equal(model.model.embed_tokens.weight[:rows], weights)
    assert_close(model(input_ids=ids).mean, before.mean, rtol=0, atol=0)
    assert model.config.num_labels == 1 and model.score.weight.shape == (1, 16)


@torch.no_grad()
def test_plain_transformers_agrees_afterwards_on_texts_that_end_in_eos(model, tmp_path):
    tokenizer = byte_tokenizer(pad_token="</s>")
    texts = ["Red.</s>", "I cannot say what the colour is.</s>"]
    before = tokenizer(texts, padding=True, padding_side="right", return_tensors="pt")
    ours = model(**before).mean

    def stock_rewards():
        model.save_pretrained(tmp_path)
        stock = LlamaForSequenceClassification.from_pretrained(tmp_path).eval()
        batch = tokenizer(texts, padding=True, padding_side="right", return_tensors="pt")
        return stock(**batch).logits[:, 0]

    model.config.pad_token_id = tokenizer.pad_token_id
    assert (stock_rewards() - ours).abs().max() > 1e-4  # pad == EOS: it reads the token before the EOS
    ensure_pad_token(tokenizer, model)
    assert_close(stock_rewards(), ours, rtol=0, atol=1e-6)
    after = tokenizer(texts, padding=True, padding_side="right", return_tensors="pt")
    assert_close(model(**after).mean, ours, rtol=0, atol=1e-6)
