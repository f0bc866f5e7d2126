import pytest
import torch
from datasets import Dataset
from peft import LoraConfig, PeftModel
from transformers import LlamaForSequenceClassification

from distreward.errors import InputError
from distreward.trainers import OBJECTIVES, DistributionalRewardConfig
from distreward.trainers.opening import (
    add_adapter,
    open_model,
    record_objective,
    record_strength,
    settle_special_tokens,
)
from tests.conftest import make_tokenizer


def config(**options) -> DistributionalRewardConfig:
    return DistributionalRewardConfig("out", report_to="none", bf16=False, use_cpu=True, **options)


def lora() -> LoraConfig:
    return LoraConfig(task_type="SEQ_CLS", r=2, target_modules=["q_proj"])


# --- what is opened


def test_a_new_head_depends_on_the_seed_alone(base_model):
    one, same, other = (open_model(str(base_model), config(seed=seed), "scalar", None) for seed in (1, 1, 2))
    assert torch.equal(one.score.weight, same.score.weight) and not torch.equal(one.score.weight, other.score.weight)
    assert one.dtype == torch.float32


def test_how_a_model_is_opened_can_be_said(base_model):
    given = {"dtype": "bfloat16", "num_labels": 2, "attention_dropout": 0.5}  # the head decides on the labels
    model = open_model(str(base_model), config(model_init_kwargs=given), "likert", None)
    assert model.dtype == torch.bfloat16 and model.score.out_features == 5 and model.config.attention_dropout == 0.5
    assert given == {"dtype": "bfloat16", "num_labels": 2, "attention_dropout": 0.5}


def test_two_ways_to_quantise_are_one_too_many(base_model):
    args = config(model_init_kwargs={"quantization_config": "one"})
    with pytest.raises(InputError, match="`quantization_config` came twice"):
        open_model(str(base_model), args, "scalar", "other")


def test_an_eta_of_an_earlier_training_is_no_longer_the_models(base_model):
    model = open_model(str(base_model), config(), "mean_variance", None)
    for objective, wanted in (("mean_variance_kl", 0.5), ("mean_variance_nll", None)):
        trainer = object.__new__(OBJECTIVES[objective])
        record_objective(trainer, model, config(eta=0.5))
        assert model.config.reward_head.get("eta") == wanted
        assert model.config.reward_head["objective"] == objective


# --- what the data says of strength


@pytest.mark.parametrize(
    ("columns", "learnt", "entry"),
    [
        ({"strength_known": [0.0, 1.0]}, "sides", {}),  # one label with a strength is enough to learn it from
        ({"strength_known": [0.0, 0.0]}, "sides", {"strength_known": False}),
        ({"chosen_ids": [[1], [2]]}, "sides", {"strength_known": False}),  # chosen/rejected data
        ({"strength_known": [0.0, 0.0]}, "significant", {}),
    ],
)
def test_a_model_that_learns_sides_says_so(base_model, columns, learnt, entry):
    for objective, wanted in (("mean_variance_kl", entry), ("taste_factors_kl", entry), ("mean_variance_nll", {})):
        model = open_model(str(base_model), config(), OBJECTIVES[objective].reward_head, None)
        model.reward_head["strength_known"] = False  # of an earlier training
        trainer = object.__new__(OBJECTIVES[objective])
        trainer.model, trainer.args = model, config(unknown_strength=learnt)
        record_strength(trainer, Dataset.from_dict(columns))
        assert {name: value for name, value in model.reward_head.items() if name == "strength_known"} == wanted


# --- adapters


def test_an_adapter_goes_on_from_the_heads_random_numbers(base_model):
    model = open_model(str(base_model), config(), "scalar", None)
    state = torch.get_rng_state()
    adapted, left = add_adapter(model, lora(), config(), by_name=True)
    assert isinstance(adapted, PeftModel) and left is None and not torch.equal(state, torch.get_rng_state())


def test_what_the_host_must_wrap_is_left_to_it(base_model, tmp_path):
    model = open_model(str(base_model), config(), "scalar", None)
    for peft_config, args in (
        (None, config()),
        ({"r": 2}, config()),  # refused there
        (lora(), config(chat_template_path=str(tmp_path))),  # a tokenizer's folder: its tokens are trained
    ):
        same, left = add_adapter(model, peft_config, args, by_name=True)
        assert same is model and type(left) is type(peft_config)
    assert add_adapter(model, lora(), config(), by_name=False)[0] is model
    assert add_adapter(model, lora(), config(chat_template_path="chat.jinja"), by_name=True)[1] is None


# --- special tokens


@pytest.fixture
def stock_model(llama_config):
    llama_config.num_labels = 1
    return LlamaForSequenceClassification(llama_config)


def test_the_pad_token_is_not_the_eos_token_the_user_names(stock_model):
    tokenizer = make_tokenizer()
    settle_special_tokens(tokenizer, stock_model, config(eos_token="<pad>"))
    assert tokenizer.eos_token == "<pad>" and tokenizer.pad_token == "<unk>" and stock_model.config.pad_token_id == 3


def test_tokens_the_user_names_are_kept(stock_model):
    tokenizer = make_tokenizer()
    args = config(eos_token="<unk>")
    args.pad_token = "<unk>"
    settle_special_tokens(tokenizer, stock_model, args)
    assert tokenizer.eos_token == "<unk>" and tokenizer.pad_token == "<pad>"  # the host sets the pad token


def test_unknown_tokens_are_left_for_the_host_to_refuse(stock_model):
    tokenizer = make_tokenizer()
    settle_special_tokens(tokenizer, stock_model, config(eos_token="nope"))
    assert tokenizer.eos_token == "</s>"
