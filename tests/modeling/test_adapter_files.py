"""An adapter folder opens by itself: base model, quantisation, vocabulary and head come from what was saved."""

import json

import pytest
import torch
from peft import LoraConfig, PromptTuningConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

from distreward.errors import InputError
from distreward.modeling import AutoRewardModel
from distreward.modeling.adapter_files import REWARD_CONFIG, head_of_size, is_adapter, save_reward_config
from distreward.modeling.adapters import keep_head
from distreward.modeling.reward_model import stock_form

IDS = torch.tensor([[5, 6, 7], [8, 9, 0]])


def adapted(base_model, reward_head="mean_variance", **kwargs):
    """A reward model over the tiny base with a LoRA that changes its outputs."""
    torch.manual_seed(1)
    model = AutoRewardModel.from_pretrained(str(base_model), reward_head=reward_head, **kwargs)
    config = LoraConfig(target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    return get_peft_model(model, keep_head(model, config)).eval()


def saved(model, path):
    model.save_pretrained(path)
    with stock_form(model.config) as config:
        save_reward_config(config, path)
    return path


def mean(model):
    with torch.no_grad():
        return model.eval()(input_ids=IDS, attention_mask=(IDS != 0).long()).mean


def test_an_adapter_opens_with_its_head_and_constants(base_model, tmp_path):
    model = adapted(base_model)
    model.config.reward_head.update(min_std=0.3, eta=0.5, **{"lambda": 0.7})
    path = saved(model, tmp_path / "adapter")
    assert is_adapter(str(path)) and not is_adapter(str(base_model))
    assert not (path / "config.json").exists()  # transformers would take the folder for a whole model

    again = AutoRewardModel.from_pretrained(str(path))
    assert again.config.reward_head == model.config.reward_head and again.config.num_labels == 1
    assert torch.equal(mean(again), mean(model))
    assert not any(parameter.requires_grad for parameter in again.parameters())
    more = AutoRewardModel.from_pretrained(str(path), is_trainable=True)
    assert any("score.modules_to_save" in name for name, p in more.named_parameters() if p.requires_grad)


def test_plain_transformers_opens_an_adapter_with_the_number_of_outputs(base_model, tmp_path):
    model = adapted(base_model, "likert")
    path = saved(model, tmp_path / "adapter")
    plain = AutoModelForSequenceClassification.from_pretrained(path, num_labels=5, pad_token_id=0)
    with torch.no_grad():
        logits = plain.eval()(input_ids=IDS, attention_mask=(IDS != 0).long()).logits
    ratings = torch.arange(1.0, 6.0)
    torch.testing.assert_close((logits.softmax(-1) * ratings).sum(-1), mean(model), rtol=0, atol=1e-6)


def test_tokens_that_training_added_are_there_again(base_model, tmp_path):
    model = AutoRewardModel.from_pretrained(str(base_model), reward_head="scalar")
    torch.manual_seed(0)
    model.resize_token_embeddings(270)
    config = LoraConfig(target_modules=["q_proj"], modules_to_save=["embed_tokens"])
    model = get_peft_model(model, keep_head(model, config)).eval()
    path = saved(model, tmp_path / "adapter")
    again = AutoRewardModel.from_pretrained(str(path)).eval()
    new_token = torch.tensor([[5, 268]])
    with torch.no_grad():
        assert torch.equal(again(input_ids=new_token).mean, model(input_ids=new_token).mean)


def test_an_adapter_made_elsewhere_with_one_output_is_a_scalar_reward_model(base_model, tmp_path):
    torch.manual_seed(0)
    stock = AutoModelForSequenceClassification.from_pretrained(base_model, num_labels=1)
    model = get_peft_model(stock, LoraConfig(task_type="SEQ_CLS", target_modules=["q_proj"], init_lora_weights=False))
    model.save_pretrained(tmp_path / "adapter")
    with torch.no_grad():
        expected = model.eval()(input_ids=IDS, attention_mask=(IDS != 0).long()).logits[:, 0]
    opened = AutoRewardModel.from_pretrained(str(tmp_path / "adapter"))
    assert opened.config.reward_head["type"] == "scalar"
    torch.testing.assert_close(mean(opened), expected, rtol=0, atol=1e-6)


def test_what_several_outputs_mean_must_be_said(base_model, tmp_path):
    model = adapted(base_model)
    model.save_pretrained(tmp_path / "adapter")  # PEFT alone does not write reward_config.json
    with pytest.raises(InputError, match="2 outputs, without reward_config.json.*reward_head='mean_variance'"):
        AutoRewardModel.from_pretrained(str(tmp_path / "adapter"))
    again = AutoRewardModel.from_pretrained(str(tmp_path / "adapter"), reward_head="mean_variance")
    assert torch.equal(mean(again), mean(model))
    with pytest.raises(InputError, match="7 outputs.*no reward head of ours has that many"):
        head_of_size("some/adapter", 7)


def test_prompts_open_with_their_head(base_model, tmp_path):
    torch.manual_seed(0)
    model = AutoRewardModel.from_pretrained(str(base_model), reward_head="likert")
    model = get_peft_model(model, keep_head(model, PromptTuningConfig(num_virtual_tokens=2))).eval()
    path = saved(model, tmp_path / "adapter")
    assert torch.equal(mean(AutoRewardModel.from_pretrained(str(path))), mean(model))


def test_an_adapter_without_a_head_is_refused(base_model, tmp_path):
    causal = AutoModelForCausalLM.from_pretrained(base_model)
    get_peft_model(causal, LoraConfig(task_type="CAUSAL_LM", target_modules=["q_proj"])).save_pretrained(tmp_path)
    with pytest.raises(InputError, match="holds no output layer.*train it again with task_type='SEQ_CLS'"):
        AutoRewardModel.from_pretrained(str(tmp_path), reward_head="scalar")


def test_a_head_that_is_not_the_adapters_is_refused(base_model, tmp_path):
    path = saved(adapted(base_model), tmp_path / "adapter")
    with pytest.raises(InputError, match="has a 'mean_variance' reward head, not 'likert'"):
        AutoRewardModel.from_pretrained(str(path), reward_head="likert")


def test_a_base_model_that_is_gone_is_named(base_model, tmp_path):
    path = saved(adapted(base_model), tmp_path / "adapter")
    file = path / "adapter_config.json"
    settings = {**json.loads(file.read_text()), "base_model_name_or_path": str(tmp_path / "moved")}
    file.write_text(json.dumps(settings))
    with pytest.raises(InputError, match="its base model '.*moved' cannot be opened; put it back there"):
        AutoRewardModel.from_pretrained(str(path))


@pytest.mark.parametrize("bits", ["load_in_8bit", "load_in_4bit"])
def test_the_quantisation_of_training_is_used_again_unless_refused(bits, tmp_path, llama_config):
    from transformers import BitsAndBytesConfig

    llama_config.hidden_size = llama_config.intermediate_size = 64
    llama_config.head_dim = 32  # bitsandbytes' CPU kernels want rounder sizes than 16
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(llama_config).save_pretrained(tmp_path / "base")
    model = adapted(tmp_path / "base", quantization_config=BitsAndBytesConfig(**{bits: True}))
    path = saved(model, tmp_path / "adapter")
    recorded = json.loads((path / REWARD_CONFIG).read_text())["quantization_config"]
    assert recorded[bits] and "score" in recorded["llm_int8_skip_modules"]

    again = AutoRewardModel.from_pretrained(str(path))
    assert torch.equal(mean(again), mean(model))
    whole = AutoRewardModel.from_pretrained(str(path), quantization_config=None)
    kinds = {p.dtype for p in whole.parameters()}
    assert kinds == {torch.float32} and not torch.equal(mean(whole), mean(model))
    torch.testing.assert_close(mean(whole), mean(model), rtol=0, atol=0.2)  # the rounding of 8 or 4 bits
