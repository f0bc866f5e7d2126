"""PEFT over a reward model: whatever the user's config says, the head is trained, saved and in float32."""

import pytest
import torch
from peft import IA3Config, LoraConfig, PromptTuningConfig, get_peft_model
from transformers import AutoModelForMaskedLM, AutoModelForSequenceClassification, DistilBertConfig

from distreward.errors import InputError
from distreward.modeling import AutoRewardModel
from distreward.modeling.adapters import (
    check_head_is_kept,
    full_precision_head,
    keep_head,
    newly_made,
    restore_head,
    trained_head,
)


@pytest.fixture
def model(llama_config):
    torch.manual_seed(0)
    return AutoRewardModel.from_config(llama_config, reward_head="mean_variance")


def trainable(model) -> set[str]:
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


@pytest.mark.parametrize("task_type", [None, "CAUSAL_LM", "SEQ_CLS"])
def test_the_task_type_is_set_and_a_wrong_one_is_told(model, task_type, caplog):
    given = LoraConfig(task_type=task_type, target_modules=["q_proj"])
    config = keep_head(model, given)
    assert config.task_type == "SEQ_CLS" and given.task_type == task_type  # the user's object stays as it is
    assert ("task_type is CAUSAL_LM" in caplog.text) == (task_type == "CAUSAL_LM")
    adapted = get_peft_model(model, config)
    assert "base_model.model.score.modules_to_save.default.weight" in trainable(adapted)
    check_head_is_kept(adapted)


@pytest.mark.parametrize(
    "config",
    [
        LoraConfig(target_modules="all-linear"),
        LoraConfig(target_modules=["q_proj", "score"]),
        LoraConfig(target_modules=r".*(q_proj|score)"),
        LoraConfig(target_modules=["q_proj"], modules_to_save=["embed_tokens"]),
        LoraConfig(target_modules=["q_proj"], use_dora=True),
        IA3Config(target_modules=["k_proj"], feedforward_modules=[]),
    ],
    ids=["all-linear", "names score", "pattern", "other modules", "DoRA", "IA3"],
)
def test_the_output_layer_is_trained_whole_whatever_is_adapted(model, config):
    adapted = get_peft_model(model, keep_head(model, config))
    check_head_is_kept(adapted)
    of_score = {name for name in trainable(adapted) if ".score." in name}
    assert of_score == {"base_model.model.score.modules_to_save.default.weight"}


def test_prompt_tuning_trains_the_head_too(model):
    adapted = get_peft_model(model, keep_head(model, PromptTuningConfig(num_virtual_tokens=2)))
    check_head_is_kept(adapted)
    one = torch.tensor([[5, 6, 7]])
    padded = {"input_ids": torch.tensor([[5, 6, 7, 0, 0]]), "attention_mask": torch.tensor([[1, 1, 1, 0, 0]])}
    with torch.no_grad():
        alone, in_batch = adapted(input_ids=one, attention_mask=torch.ones_like(one)), adapted(**padded)
    torch.testing.assert_close(alone.mean, in_batch.mean, rtol=0, atol=1e-6)


def test_everything_after_the_backbone_is_saved_and_what_its_checkpoint_lacked(bert_config, tmp_path):
    AutoModelForMaskedLM.from_config(bert_config).save_pretrained(tmp_path)  # a BERT without its pooler
    bert = AutoRewardModel.from_pretrained(str(tmp_path), reward_head="scalar")
    assert "bert.pooler.dense.weight" in newly_made(bert)
    config = keep_head(bert, LoraConfig(target_modules=["query"]))
    assert config.modules_to_save == ["classifier", "bert.pooler.dense"]
    assert any("pooler.dense.modules_to_save" in name for name in trainable(get_peft_model(bert, config)))

    distilbert = DistilBertConfig(vocab_size=264, dim=16, hidden_dim=16, n_layers=1, n_heads=2)
    other = AutoRewardModel.from_config(distilbert, reward_head="scalar")
    assert keep_head(other, LoraConfig(target_modules=["q_lin"])).modules_to_save == ["pre_classifier", "classifier"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda m: get_peft_model(m, LoraConfig(target_modules=["q_proj"])), "does not save its output layer 'score'"),
        (
            lambda m: get_peft_model(m, LoraConfig(target_modules=["q_proj", "score"])),
            "does not save its output layer 'score'",
        ),
        (
            lambda m: get_peft_model(
                m, LoraConfig(target_modules=["q_proj"], task_type="SEQ_CLS", inference_mode=True)
            ),
            "does not train its output layer 'score'.*inference_mode=False",
        ),
    ],
    ids=["no task type", "LoRA on the head", "inference mode"],
)
def test_an_adapter_that_would_lose_the_head_is_refused(llama_config, make, message):
    stock = AutoModelForSequenceClassification.from_config(llama_config)  # any user's model, not only ours
    with pytest.raises(InputError, match=message):
        check_head_is_kept(make(stock))


def test_a_whole_model_needs_no_adapter(model):
    check_head_is_kept(model)
    assert trained_head(model) == [model.score]


def test_a_quantised_model_without_adapter_is_refused(model):
    model.is_quantized = True
    with pytest.raises(InputError, match="cannot be trained itself: train an adapter over it"):
        check_head_is_kept(model)


def test_rounded_head_weights_come_back(model):
    kept = full_precision_head(model)
    adapted = get_peft_model(model, keep_head(model, LoraConfig(target_modules=["q_proj"])))
    for parameter in adapted.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.to(torch.bfloat16)
    restore_head(adapted, kept)
    weight = adapted.get_base_model().score.modules_to_save["default"].weight
    assert weight.dtype == torch.float32 and torch.equal(weight, model.score.original_module.weight)
