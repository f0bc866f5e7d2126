"""A merged adapter is one stock checkpoint with the same rewards."""

import pytest
import torch
from peft import LoraConfig, PromptTuningConfig, get_peft_model
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from distreward.errors import InputError
from distreward.modeling import AutoRewardModel
from distreward.modeling.adapter_files import save_reward_config
from distreward.modeling.adapters import keep_head
from distreward.modeling.merging import merge_adapter
from distreward.modeling.reward_model import stock_form

IDS = torch.tensor([[5, 6, 7], [8, 9, 0]])


def test_a_merged_adapter_is_a_stock_checkpoint_with_equal_rewards(base_model, tokenizer, tmp_path):
    torch.manual_seed(1)
    model = AutoRewardModel.from_pretrained(str(base_model), reward_head="mean_variance")
    config = LoraConfig(target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    model = get_peft_model(model, keep_head(model, config)).eval()
    model.config.reward_head["lambda"] = 0.25
    model.save_pretrained(tmp_path / "adapter")
    tokenizer.save_pretrained(tmp_path / "adapter")
    with stock_form(model.config) as stock:
        save_reward_config(stock, tmp_path / "adapter")

    merged = merge_adapter(str(tmp_path / "adapter"), tmp_path / "merged")
    again = AutoRewardModel.from_pretrained(str(tmp_path / "merged")).eval()
    plain = AutoModelForSequenceClassification.from_pretrained(tmp_path / "merged").eval()
    inputs = {"input_ids": IDS, "attention_mask": (IDS != 0).long()}
    with torch.no_grad():
        expected, raw = model(**inputs), plain(**inputs).logits
        torch.testing.assert_close(again(**inputs).std, expected.std, rtol=0, atol=1e-6)
        torch.testing.assert_close(merged.eval()(**inputs).mean, expected.mean, rtol=0, atol=1e-6)
        torch.testing.assert_close(raw[:, 0], expected.mean, rtol=0, atol=1e-6)
    assert plain.config.id2label == {0: "mean", 1: "raw_std"}
    assert again.config.reward_head["lambda"] == 0.25
    assert AutoTokenizer.from_pretrained(tmp_path / "merged").chat_template == tokenizer.chat_template


def test_a_whole_model_has_nothing_to_merge(llama_config, tmp_path):
    AutoRewardModel.from_config(llama_config, reward_head="scalar").save_pretrained(tmp_path)
    with pytest.raises(InputError, match="a whole model, not an adapter; there is nothing to merge"):
        merge_adapter(str(tmp_path), tmp_path / "merged")


def test_the_adapters_own_folder_is_not_written_into(tmp_path):
    with pytest.raises(InputError, match="into the adapter's own folder"):
        merge_adapter(str(tmp_path), f"{tmp_path}/")


def test_prompts_cannot_be_merged(base_model, tmp_path):
    model = AutoRewardModel.from_pretrained(str(base_model), reward_head="scalar")
    get_peft_model(model, keep_head(model, PromptTuningConfig(num_virtual_tokens=2))).save_pretrained(tmp_path / "a")
    with pytest.raises(InputError, match="type PROMPT_TUNING lies beside the weights"):
        merge_adapter(str(tmp_path / "a"), tmp_path / "merged")
