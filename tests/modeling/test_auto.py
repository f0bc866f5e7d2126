import json

import pytest
import torch
from torch.testing import assert_close
from transformers import (
    AutoModelForSequenceClassification,
    BertConfig,
    GemmaConfig,
    GPT2Config,
    LlamaConfig,
    LlamaForSequenceClassification,
    MistralConfig,
    ModernBertConfig,
    PreTrainedConfig,
    Qwen2Config,
    WhisperConfig,
    pipeline,
)

from distreward.errors import InputError
from distreward.modeling import REWARD_HEADS, AutoRewardModel, RewardOutput
from distreward.modeling.reward_model import reward_model_class

HEADS = tuple(REWARD_HEADS)
IDS = torch.tensor([[1, 20, 30, 40, 2], [1, 50, 2, 0, 0]])
BATCH = {"input_ids": IDS, "attention_mask": (IDS != 0).long()}


def small_configs() -> dict[str, PreTrainedConfig]:
    shape = {"vocab_size": 264, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2}
    shape |= {"num_attention_heads": 2, "max_position_embeddings": 64}
    tokens = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    gpt2 = {"vocab_size": 264, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 64}
    return {
        "Llama": LlamaConfig(**shape, **tokens, num_key_value_heads=2),
        "Qwen2": Qwen2Config(**shape, **tokens, num_key_value_heads=1),
        "Gemma": GemmaConfig(**shape, **tokens, num_key_value_heads=1, head_dim=8),
        "Mistral": MistralConfig(**shape, **tokens, num_key_value_heads=1, sliding_window=None),
        "GPT2": GPT2Config(**gpt2, **tokens),
        "Bert": BertConfig(**shape, pad_token_id=0),
        "ModernBert": ModernBertConfig(**shape, **tokens, cls_token_id=1, sep_token_id=2, local_attention=8),
    }


BACKBONES = tuple(small_configs())


def small_model(backbone: str, head: str):
    torch.manual_seed(0)
    return AutoRewardModel.from_config(small_configs()[backbone], head).eval()


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("backbone", BACKBONES)
@torch.no_grad()
def test_a_checkpoint_opens_as_it_was_saved_with_and_without_our_code(backbone, head, tmp_path):
    model = small_model(backbone, head)
    before = model(**BATCH)
    assert isinstance(before, RewardOutput) and model.config.num_labels == 1
    model.save_pretrained(tmp_path / "once")
    assert model.config.num_labels == 1  # saving leaves the memory form alone
    again = model(**BATCH)
    model.save_pretrained(tmp_path / "twice")
    assert (tmp_path / "once/config.json").read_text() == (tmp_path / "twice/config.json").read_text()

    opened = AutoRewardModel.from_pretrained(tmp_path / "twice").eval()
    assert opened.config.num_labels == 1 and opened.reward_head == model.reward_head
    theirs, ours = opened.state_dict(), model.state_dict()
    assert theirs.keys() == ours.keys() and all(torch.equal(theirs[name], ours[name]) for name in ours)
    after = opened(**BATCH)
    for name in before:
        assert_close(again[name], before[name], rtol=0, atol=0)
        assert_close(after[name], before[name], rtol=0, atol=1e-6)

    stock = AutoModelForSequenceClassification.from_pretrained(tmp_path / "once").eval()
    assert type(stock).__module__.startswith("transformers.")
    names = REWARD_HEADS[head].output_names
    assert stock.config.num_labels == len(names) and stock.config.id2label == dict(enumerate(names))
    assert stock.config.problem_type == "regression"
    assert_raw_logits_say_the_same(stock(**BATCH).logits, before, head)


def assert_raw_logits_say_the_same(raw: torch.Tensor, out: RewardOutput, head: str) -> None:
    """The formulas a user without this package applies to the logits."""
    if head == "scalar":
        mean, std = raw[:, 0], None
    elif head == "mean_variance":
        mean, std = raw[:, 0], raw[:, 1].abs() + 0.1
    elif head == "taste_factors":
        mean, std = raw[:, 0], ((raw[:, 1].abs() + 0.1) ** 2 + (raw[:, 2:] ** 2).sum(-1)).sqrt()
    else:
        probs, ratings = raw.softmax(-1), torch.arange(1.0, 6.0)
        mean = (probs * ratings).sum(-1)
        std = ((probs * ratings**2).sum(-1) - mean**2).sqrt()
        assert_close(raw, out.level_logits, rtol=0, atol=1e-6)
    assert_close(mean, out.mean, rtol=0, atol=1e-6)
    if std is not None:
        assert_close(std, out.std, rtol=0, atol=1e-5)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_the_file_names_the_stock_class(backbone, tmp_path):
    model = small_model(backbone, "mean_variance")
    model.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["architectures"] == [f"{backbone}ForSequenceClassification"]
    assert config["id2label"] == {"0": "mean", "1": "raw_std"} and config["label2id"] == {"mean": 0, "raw_std": 1}
    assert config["reward_head"]["type"] == "mean_variance" and config["reward_head"]["min_std"] == 0.1
    assert "auto_map" not in config
    assert type(model).__name__ == f"{backbone}ForSequenceClassification"


def test_the_same_class_at_every_call():
    made = reward_model_class(LlamaForSequenceClassification)
    assert made is reward_model_class(LlamaForSequenceClassification) and issubclass(
        made, LlamaForSequenceClassification
    )


def test_what_training_tuned_survives_the_file(tmp_path):
    model = small_model("Llama", "mean_variance")
    model.config.reward_head.update({"lambda": 0.7, "eta": 0.5})
    model.save_pretrained(tmp_path)
    assert AutoRewardModel.from_pretrained(tmp_path).reward_head == model.reward_head
    assert model.reward_head["lambda"] == 0.7


def test_a_saving_that_fails_leaves_the_memory_form(tmp_path):
    model = small_model("Llama", "likert")
    with pytest.raises(TypeError):
        model.save_pretrained(tmp_path, max_shard_size=object())
    assert model.config.num_labels == 1


@pytest.mark.parametrize("head", HEADS)
def test_the_pipeline_returns_raw_values(head, tmp_path, tokenizer):
    model = small_model("Llama", head)
    with torch.no_grad():
        model.score.weight *= 200  # values a sigmoid or a softmax could not return
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    [answers] = pipeline("text-classification", model=str(tmp_path), device="cpu", top_k=None)(["Red."])
    scores = {answer["label"]: answer["score"] for answer in answers}
    with torch.no_grad():
        raw = AutoModelForSequenceClassification.from_pretrained(tmp_path)(**tokenizer("Red.", return_tensors="pt"))
    expected = dict(zip(REWARD_HEADS[head].output_names, raw.logits[0].tolist(), strict=True))
    assert max(abs(value) for value in expected.values()) > 1
    assert scores == pytest.approx(expected, abs=1e-5)


@torch.no_grad()
def test_a_stock_one_label_checkpoint_opens_as_a_scalar_head(llama_config, tmp_path):
    torch.manual_seed(0)
    llama_config.num_labels = 1
    stock = LlamaForSequenceClassification(llama_config).eval()
    stock.save_pretrained(tmp_path)
    model = AutoRewardModel.from_pretrained(tmp_path).eval()
    assert model.reward_head == {"type": "scalar"}
    assert_close(model(**BATCH).logits, stock(**BATCH).logits, rtol=0, atol=1e-6)


def test_one_config_can_make_several_models(llama_config):
    # the config belongs to the caller: making a model from it must not put a head into it
    shapes = {head: AutoRewardModel.from_config(llama_config, head).score.out_features for head in HEADS}
    assert shapes == {"scalar": 1, "mean_variance": 2, "taste_factors": 6, "likert": 5}
    assert not hasattr(llama_config, "reward_head")


def one_line(caught) -> str:
    text = str(caught.value)
    assert "\n" not in text and len(text) < 400
    return text


def test_a_base_model_without_a_head_is_refused(base_model):
    with pytest.raises(InputError, match="not a reward model checkpoint.*pass reward_head=") as caught:
        AutoRewardModel.from_pretrained(base_model)
    assert str(base_model) in one_line(caught)


def test_another_head_than_the_checkpoints_is_refused(tmp_path):
    small_model("Llama", "likert").save_pretrained(tmp_path)
    with pytest.raises(InputError, match="has a 'likert' reward head, not 'scalar'") as caught:
        AutoRewardModel.from_pretrained(tmp_path, reward_head="scalar")
    assert str(tmp_path) in one_line(caught)
    assert AutoRewardModel.from_pretrained(tmp_path, reward_head="likert").reward_head == {"type": "likert"}


def test_an_unknown_head_is_refused(base_model, tmp_path):
    with pytest.raises(InputError, match="unknown reward head 'gaussian'") as caught:
        AutoRewardModel.from_pretrained(base_model, reward_head="gaussian")
    one_line(caught)
    small_model("Llama", "scalar").save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "reward_head": {"type": "gaussian"}}))
    with pytest.raises(InputError, match="reward head 'gaussian'") as caught:
        AutoRewardModel.from_pretrained(tmp_path)
    assert str(tmp_path) in one_line(caught)


@pytest.mark.parametrize("path", ["/nowhere/at/all", "no-such-owner/no-such-model", "./nothing"])
def test_a_missing_path_is_refused(path):
    with pytest.raises(InputError, match="check the path") as caught:
        AutoRewardModel.from_pretrained(path, reward_head="scalar")
    assert path in one_line(caught)


def test_a_directory_without_weights_is_refused(llama_config, tmp_path):
    llama_config.save_pretrained(tmp_path)
    with pytest.raises(InputError, match="weights cannot be opened") as caught:
        AutoRewardModel.from_pretrained(tmp_path, reward_head="scalar")
    assert str(tmp_path) in one_line(caught)


def test_a_classifier_whose_outputs_do_not_fit_the_head_is_refused(llama_config, tmp_path):
    llama_config.num_labels = 3
    LlamaForSequenceClassification(llama_config).save_pretrained(tmp_path)
    with pytest.raises(InputError, match="3 outputs.*'scalar'.*1") as caught:
        AutoRewardModel.from_pretrained(tmp_path, reward_head="scalar")
    assert str(tmp_path) in one_line(caught)
    with pytest.raises(InputError, match="not a reward model checkpoint"):
        AutoRewardModel.from_pretrained(tmp_path)
    replaced = AutoRewardModel.from_pretrained(tmp_path, reward_head="scalar", ignore_mismatched_sizes=True)
    assert replaced.score.out_features == 1


def test_an_architecture_without_a_classifier_is_refused():
    with pytest.raises(InputError, match="'whisper' has no ForSequenceClassification") as caught:
        AutoRewardModel.from_config(WhisperConfig(), "scalar")
    one_line(caught)


def test_from_config_takes_what_transformers_from_config_takes(llama_config):
    model = AutoRewardModel.from_config(llama_config, "scalar", dtype=torch.bfloat16, attn_implementation="eager")
    assert model.dtype == torch.bfloat16 and model.config._attn_implementation == "eager"


def test_forward_ignores_labels_and_the_tuple_form():
    model = small_model("Llama", "scalar")
    out = model(**BATCH, labels=torch.tensor([0, 1]), return_dict=False)
    assert isinstance(out, RewardOutput) and out.logits.shape == (2, 1)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_gradients_reach_the_head_and_the_first_layer(backbone):
    model = small_model(backbone, "mean_variance").train()
    out = model(**BATCH)
    (out.mean.sum() + out.std.sum()).backward()
    for parameters in (model.get_input_embeddings(), getattr(model, "score", None) or model.classifier):
        gradient = parameters.weight.grad
        assert torch.isfinite(gradient).all() and gradient.abs().sum() > 0


@pytest.mark.parametrize("name", ["outputs/mse/out", "./out", "/nowhere", "~/out", "my model"])
def test_a_folder_that_is_not_there_is_refused_before_the_hub_is_asked(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="no such model directory; check the path"):
        AutoRewardModel.from_pretrained(name)


def test_a_file_is_no_model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "config.json").write_text("{}")
    with pytest.raises(InputError, match="out/config.json: a file; name the model's directory"):
        AutoRewardModel.from_pretrained("out/config.json")
