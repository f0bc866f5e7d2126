"""Every way to train, save and reopen a reward model gives the same rewards; the table in `docs/checkpoints.md` is made here.

`python -m pytest tests/modeling/test_checkpoint_matrix.py --write_docs` writes the measured table; without the option the
committed one must still be true.
"""

import json
from pathlib import Path

import pytest
import torch
from peft import AutoPeftModelForSequenceClassification, LoraConfig, PeftModel, get_peft_model
from transformers import (
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    BertConfig,
    BitsAndBytesConfig,
    DistilBertConfig,
    Gemma2Config,
    GemmaConfig,
    LlamaConfig,
    MistralConfig,
    ModernBertConfig,
    Qwen2Config,
    Qwen3Config,
)
from transformers.utils import logging as transformers_logging

from distreward.modeling import AutoRewardModel
from distreward.modeling.adapter_files import REWARD_CONFIG, save_reward_config
from distreward.modeling.adapters import check_head_is_kept, keep_head, trained_head
from distreward.modeling.merging import merge_adapter
from distreward.modeling.reward_model import stock_form

DOCS = Path(__file__).parents[2] / "docs" / "checkpoints.md"
SIZES = {
    "vocab_size": 270,
    "hidden_size": 64,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}
DECODER = {**SIZES, "num_key_value_heads": 2, "pad_token_id": 0}
MODERN = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "cls_token_id": 1, "sep_token_id": 2}
ARCHITECTURES = {
    "Llama": LlamaConfig(**DECODER),
    "Qwen2": Qwen2Config(**DECODER),
    "Qwen3": Qwen3Config(**DECODER, head_dim=16),
    "Gemma": GemmaConfig(**DECODER, head_dim=16),
    "Gemma2": Gemma2Config(**DECODER, head_dim=16),
    "Mistral": MistralConfig(**DECODER),
    "BERT": BertConfig(**SIZES, pad_token_id=0),
    "DistilBERT": DistilBertConfig(vocab_size=270, dim=64, hidden_dim=64, n_layers=2, n_heads=4, pad_token_id=0),
    "ModernBERT": ModernBertConfig(**SIZES, **MODERN),
}
QUANTIZATION = {
    "8-bit": {"load_in_8bit": True},
    "4-bit": {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": torch.float32},
}
WAYS = ("full", "LoRA", "DoRA", "merged", "8-bit + LoRA", "4-bit + LoRA")
IDS = torch.tensor([[5, 6, 7, 8, 9, 4], [11, 12, 13, 0, 0, 0], [21, 22, 23, 24, 0, 0]])
TOLERANCE = 1e-6
TABLE: dict[tuple[str, str], str] = {}


def rewards(model) -> torch.Tensor:
    """Mean and std [3, 2] of three padded rows, by the model's own forward."""
    with torch.no_grad():
        out = model.eval()(input_ids=IDS, attention_mask=(IDS != 0).long())
    return torch.stack([out.mean, out.std], dim=-1)


def plain_rewards(model, min_std: float) -> torch.Tensor:
    """The same from a model of plain transformers, by the formula of the documentation."""
    with torch.no_grad():
        raw = model.eval()(input_ids=IDS, attention_mask=(IDS != 0).long()).logits
    return torch.stack([raw[:, 0], raw[:, 1].abs() + min_std], dim=-1)


def trained(model, steps: int = 2):
    """A few optimiser steps, so that head and adapter differ from what they were initialised with."""
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.01)
    for _ in range(steps):
        out = model.train()(input_ids=IDS, attention_mask=(IDS != 0).long())
        (out.mean.sum() + out.std.square().sum()).backward()
        optimizer.step()
        optimizer.zero_grad()
    return model.eval()


def save_base(path: Path, config, tokenizer) -> None:
    """What a user starts from: a language model checkpoint and its tokenizer."""
    torch.manual_seed(0)
    auto_class = AutoModelForMaskedLM if "Bert" in type(config).__name__ else AutoModelForCausalLM
    auto_class.from_config(config).save_pretrained(path)
    tokenizer.save_pretrained(path)


def adapted(base: Path, way: str):
    """A reward model with a trained adapter over `base`."""
    bits = way.split(" ")[0]
    quantization = BitsAndBytesConfig(**QUANTIZATION[bits]) if bits in QUANTIZATION else None
    model = AutoRewardModel.from_pretrained(str(base), reward_head="mean_variance", quantization_config=quantization)
    config = LoraConfig(r=4, target_modules="all-linear", lora_dropout=0.0, use_dora=way == "DoRA")
    model = get_peft_model(model, keep_head(model, config))
    check_head_is_kept(model)
    return trained(model)


def saved_adapter(model: PeftModel, path: Path, tokenizer) -> None:
    model.save_pretrained(path)
    tokenizer.save_pretrained(path)
    with stock_form(model.config) as config:
        save_reward_config(config, path)


@pytest.fixture(autouse=True)
def quiet():
    """Plain transformers reports the fresh head of every base model it opens; here that is the point."""
    before = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    yield
    transformers_logging.set_verbosity(before)


@pytest.mark.filterwarnings("ignore:MatMul8bitLt")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_saved_and_reopened_rewards_are_equal(name, way, tmp_path, tokenizer):
    base, path = tmp_path / "base", tmp_path / "saved"
    save_base(base, ARCHITECTURES[name], tokenizer)
    plain_options = {}
    if way == "full":
        model = trained(AutoRewardModel.from_pretrained(str(base), reward_head="mean_variance"))
        model.save_pretrained(path)
    else:
        model = adapted(base, way)
        saved_adapter(model, path, tokenizer)
        plain_options = {"num_labels": 2, "pad_token_id": 0}
        if way in ("8-bit + LoRA", "4-bit + LoRA"):
            spared = json.loads((path / REWARD_CONFIG).read_text())["quantization_config"]["llm_int8_skip_modules"]
            bits = QUANTIZATION[way.split(" ")[0]]
            plain_options["quantization_config"] = BitsAndBytesConfig(**bits, llm_int8_skip_modules=spared)
    if way == "merged":
        merge_adapter(str(path), tmp_path / "merged")
        path, plain_options = tmp_path / "merged", {}
    expected = rewards(model)

    assert {parameter.dtype for module in trained_head(model) for parameter in module.parameters()} == {torch.float32}
    again = {"distreward": rewards(AutoRewardModel.from_pretrained(str(path)))}
    plain = AutoModelForSequenceClassification.from_pretrained(path, **plain_options)
    again["transformers"] = plain_rewards(plain, min_std=0.1)
    if plain_options:
        again["PEFT"] = plain_rewards(
            AutoPeftModelForSequenceClassification.from_pretrained(path, **plain_options), 0.1
        )
    different = [tool for tool, values in again.items() if not torch.allclose(values, expected, rtol=0, atol=TOLERANCE)]
    # transformers' own loader of adapters looks for DoRA's magnitudes under another name and reports them missing
    assert different == (["transformers"] if way == "DoRA" else []), (name, way)
    TABLE[name, way] = f"{', '.join(tool for tool in again if tool not in different)}"


def test_the_table_in_the_documentation_is_what_was_measured(request):
    if len(TABLE) < len(ARCHITECTURES) * len(WAYS):
        pytest.skip("needs every cell of the matrix in the same run")
    lines = [f"| architecture | {' | '.join(WAYS)} |", "|---" * (len(WAYS) + 1) + "|"]
    lines += [f"| {name} | {' | '.join(TABLE[name, way] for way in WAYS)} |" for name in ARCHITECTURES]
    start, end = "<!-- matrix -->\n", "<!-- end of matrix -->"
    text = DOCS.read_text(encoding="utf-8")
    before, _, rest = text.partition(start)
    committed, _, after = rest.partition(end)
    made = "\n".join(lines) + "\n"
    if request.config.getoption("--write_docs"):
        DOCS.write_text(before + start + made + end + after, encoding="utf-8")
    else:
        assert committed == made, "run this file with --write_docs and commit docs/checkpoints.md"
