import pytest
import torch
from torch.testing import assert_close
from transformers import LlamaForSequenceClassification

from distreward.modeling import AutoRewardModel
from distreward.modeling.pooling import last_token_index, position_ids, without_leading_padding

TEXTS = [[1, 20, 30, 40, 2], [1, 50, 2], [1, 60, 70, 80, 90, 100, 110, 2]]


@pytest.fixture
def model(llama_config):
    torch.manual_seed(0)
    return AutoRewardModel.from_config(llama_config, "mean_variance").eval()


def padded(texts: list[list[int]], pad: int, side: str) -> dict[str, torch.Tensor]:
    """One row per text, padded to the longest on the given side."""
    width = max(map(len, texts))
    fill = [[pad] * (width - len(text)) for text in texts]
    marks = [[0] * (width - len(text)) for text in texts]
    ones = [[1] * len(text) for text in texts]
    left = side == "left"
    rows = [f + t if left else t + f for f, t in zip(fill, texts, strict=True)]
    mask = [m + o if left else o + m for m, o in zip(marks, ones, strict=True)]
    return {"input_ids": torch.tensor(rows), "attention_mask": torch.tensor(mask)}


def test_last_token_by_hand():
    mask = torch.tensor([[1, 1, 1, 0], [0, 0, 1, 1], [1, 1, 1, 1], [1, 0, 1, 0], [0, 0, 0, 0]])
    # the last one of every row; a row without any gives 0
    assert last_token_index(None, mask, None).tolist() == [2, 3, 3, 2, 0]
    assert last_token_index(None, mask.bool(), None).tolist() == [2, 3, 3, 2, 0]


def test_without_a_mask_the_pad_token_decides():
    ids = torch.tensor([[5, 6, 0, 0], [0, 0, 5, 6], [5, 0, 6, 0]])
    assert last_token_index(ids, None, 0).tolist() == [1, 3, 2]
    assert last_token_index(ids, None, None).tolist() == [3, 3, 3]
    with pytest.raises(ValueError, match="Pooling needs"):
        last_token_index(None, None, 0)


def test_the_mask_is_right_where_pad_is_eos():
    ids = torch.tensor([[5, 6, 2, 2, 2]])  # one EOS, two of padding
    assert last_token_index(ids, torch.tensor([[1, 1, 1, 0, 0]]), 2).tolist() == [2]
    assert last_token_index(ids, None, 2).tolist() == [1]  # what transformers' own pooling reads


def test_a_token_that_is_never_read():
    ids, mask = torch.tensor([[5, 6, 2, 2], [2, 2, 5, 2]]), torch.tensor([[1, 1, 1, 0], [0, 1, 1, 1]])
    assert last_token_index(ids, mask, 0).tolist() == [2, 3]
    assert last_token_index(ids, mask, 0, skipped_token_id=2).tolist() == [1, 2]
    assert last_token_index(None, mask, 0, skipped_token_id=2).tolist() == [2, 3]  # embeddings in the place of tokens


def test_positions_by_hand():
    mask = torch.tensor([[1, 1, 1, 0], [0, 0, 1, 1], [1, 0, 1, 0], [0, 0, 0, 0]])
    # rows that begin with a real token keep a model's default, holes and padding included
    assert position_ids(mask).tolist() == [[0, 1, 2, 3], [0, 0, 0, 1], [0, 1, 2, 3], [0, 1, 2, 3]]


def test_rows_move_to_the_front_by_hand():
    mask = torch.tensor([[1, 1, 1, 0], [0, 0, 1, 1], [0, 1, 0, 1]])
    ids = torch.tensor([[5, 6, 7, 0], [0, 0, 8, 9], [0, 5, 0, 6]])
    embeddings = ids.unsqueeze(-1) * torch.ones(2)
    inputs = {"input_ids": ids, "attention_mask": mask, "inputs_embeds": embeddings, "flag": True, "none": None}
    moved = without_leading_padding(inputs)
    assert moved["input_ids"].tolist() == [[5, 6, 7, 0], [8, 9, 0, 0], [5, 0, 6, 0]]
    assert moved["attention_mask"].tolist() == [[1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 1, 0]]
    assert torch.equal(moved["inputs_embeds"][..., 0], moved["input_ids"].float())
    assert moved["flag"] is True and moved["none"] is None
    again = without_leading_padding(moved)
    assert all(torch.equal(again[name], moved[name]) for name in ("input_ids", "attention_mask", "inputs_embeds"))
    assert without_leading_padding({"input_ids": ids}) == {"input_ids": ids}


@torch.no_grad()
@pytest.mark.parametrize("pad", [0, 2], ids=["pad", "pad_is_eos"])
@pytest.mark.parametrize("side", ["left", "right"])
def test_rewards_do_not_depend_on_the_padding(model, side, pad):
    model.config.pad_token_id = pad
    out = model(**padded(TEXTS, pad, side))
    for row, text in enumerate(TEXTS):
        alone = model(input_ids=torch.tensor([text]))  # no mask and nothing to mask
        if pad == 2:
            alone = model(input_ids=torch.tensor([text]), attention_mask=torch.ones(1, len(text), dtype=torch.long))
        assert_close(out.mean[row], alone.mean[0], rtol=0, atol=1e-6)
        assert_close(out.std[row], alone.std[0], rtol=0, atol=1e-6)


@torch.no_grad()
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("n_rows", [1, 2])
def test_packed_rows_equal_rows_of_their_own(llama_config, attention, n_rows):
    torch.manual_seed(0)
    model = AutoRewardModel.from_config(llama_config, "mean_variance", attn_implementation=attention).eval()
    assert model.config._attn_implementation == attention
    rows = [TEXTS, [TEXTS[2], TEXTS[0], TEXTS[1]]][:n_rows]  # the same 16 tokens in another order
    input_ids = torch.tensor([sum(texts, []) for texts in rows])
    position_ids = torch.tensor([[place for text in texts for place in range(len(text))] for texts in rows])
    ends = torch.tensor([[len(text) for text in texts] for texts in rows]).cumsum(1) - 1
    pooled_index = torch.tensor([[row, end] for row in range(n_rows) for end in ends[row].tolist()])
    packed = model(input_ids=input_ids, position_ids=position_ids, pooled_index=pooled_index)
    assert packed.logits.shape == (3 * n_rows, 1)
    for index, text in enumerate(sum(rows, [])):
        alone = model(input_ids=torch.tensor([text]))
        assert_close(packed.mean[index], alone.mean[0], rtol=0, atol=1e-5)
        assert_close(packed.std[index], alone.std[0], rtol=0, atol=1e-5)
    # without restarting positions the second text would have read the first: the test can tell
    plain = model(input_ids=input_ids, pooled_index=pooled_index)
    assert (plain.mean[1] - packed.mean[1]).abs() > 1e-4


@torch.no_grad()
def test_several_responses_can_be_read_off_one_row(model):
    # a causal model's output at a place is the reward of the text up to there
    text = TEXTS[2]
    out = model(input_ids=torch.tensor([text]), pooled_index=torch.tensor([[0, 7], [0, 2]]))
    assert_close(out.mean[0], model(input_ids=torch.tensor([text])).mean[0], rtol=0, atol=1e-6)
    assert_close(out.mean[1], model(input_ids=torch.tensor([text[:3]])).mean[0], rtol=0, atol=1e-6)


def test_an_encoder_refuses_a_pooled_index(bert_config):
    model = AutoRewardModel.from_config(bert_config, "scalar")
    with pytest.raises(ValueError, match="needs a decoder backbone"):
        model(input_ids=torch.tensor([[1, 5, 2]]), pooled_index=torch.tensor([[0, 2]]))


@torch.no_grad()
def test_plain_transformers_pools_the_same_token_where_pad_is_its_own(model, tmp_path):
    model.save_pretrained(tmp_path)
    stock = LlamaForSequenceClassification.from_pretrained(tmp_path).eval()
    batch = padded(TEXTS, 0, "right")
    assert_close(stock(**batch).logits[:, 0], model(**batch).mean, rtol=0, atol=1e-6)


@pytest.mark.parametrize("head", ["scalar", "mean_variance", "likert"])
def test_the_head_computes_in_float32_under_autocast(llama_config, head):
    torch.manual_seed(0)
    model = AutoRewardModel.from_config(llama_config, head).eval()
    seen = []
    model.score.register_forward_hook(lambda module, args, output: seen.append((args[0].dtype, output.dtype)))
    batch = padded(TEXTS, 0, "right")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = model(**batch, output_hidden_states=True)
    assert seen == [(torch.float32, torch.float32)]
    tensors = [x for x in (out.logits, out.mean, out.std, out.level_logits) if x is not None]
    assert all(x.dtype == torch.float32 for x in tensors)
    if head == "scalar":  # the very product of the pooled state and the float32 weight, not rounded to 8 bits
        pooled = out.hidden_states[-1][torch.arange(3), batch["attention_mask"].sum(1) - 1].float()
        assert_close(out.logits, pooled @ model.score.weight.T, rtol=0, atol=1e-6)
    if head == "likert":  # nor is the expected rating: 8 bits would leave steps of 1/64 between 2 and 4
        assert_close(out.mean, out.level_logits.softmax(-1) @ torch.arange(1.0, 6.0), rtol=0, atol=1e-6)


def test_a_bfloat16_model_returns_float32(llama_config, bert_config):
    for config in (llama_config, bert_config):
        model = AutoRewardModel.from_config(config, "likert").to(torch.bfloat16)
        out = model(**padded(TEXTS, 0, "right"))
        assert {x.dtype for x in (out.logits, out.mean, out.std, out.level_logits)} == {torch.float32}
