"""Adapters and quantised backbones in the trainer: the head is trained, in float32, saved, found again; or the run is refused."""

import json

import pytest
import torch
from peft import AutoPeftModelForSequenceClassification, LoraConfig, get_peft_model
from torch.testing import assert_close
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, BitsAndBytesConfig

from distreward.errors import InputError
from distreward.modeling import AutoRewardModel
from distreward.modeling.adapters import trained_head
from distreward.scoring import RewardScorer
from distreward.trainers import OBJECTIVES, DistributionalRewardConfig

IDS = torch.tensor([[5, 6, 7]])
QUANTIZATION = {
    "8-bit": {"load_in_8bit": True},
    "4-bit": {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": torch.float32},
}


@pytest.fixture
def wide_base(tmp_path, llama_config, tokenizer):
    """A base model wide enough for bitsandbytes."""
    llama_config.hidden_size = llama_config.intermediate_size = 64
    llama_config.head_dim = 32
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(llama_config).save_pretrained(tmp_path / "wide")
    tokenizer.save_pretrained(tmp_path / "wide")
    return tmp_path / "wide"


@pytest.fixture
def make_trainer(tmp_path, tokenizer, pairs):
    def make(
        model, objective="mean_variance_kl", peft_config=None, quantization_config=None, evaluated=None, **options
    ):
        settings = {
            "report_to": "none", "bf16": False, "use_cpu": True, "disable_tqdm": True, "learning_rate": 0.01,
            "per_device_train_batch_size": 3, "num_train_epochs": 1, "gradient_checkpointing": False, "save_strategy": "no",
        }  # fmt: skip
        return OBJECTIVES[objective](
            model,
            DistributionalRewardConfig(tmp_path / "out", **{**settings, **options}),
            train_dataset=pairs,
            eval_dataset=evaluated,
            processing_class=tokenizer,
            peft_config=peft_config,
            quantization_config=quantization_config,
        )

    return make


def rewards(model) -> torch.Tensor:
    with torch.no_grad():
        out = model.eval()(input_ids=IDS)
    return torch.cat([out.mean, out.std])


def test_an_adapter_trains_saves_and_finds_its_head_again(make_trainer, tmp_path, base_model, pairs):
    lora = LoraConfig(r=2, target_modules=["q_proj", "v_proj"])  # no task type: the trainer's to set
    trainer = make_trainer(
        str(base_model), peft_config=lora, evaluated=pairs, save_strategy="steps", save_steps=2, eval_steps=2
    )
    before = {name: value.detach().clone() for name, value in trainer.model.named_parameters()}
    trainer.train()
    changed = {name for name, value in trainer.model.named_parameters() if not torch.equal(value, before[name])}
    assert any("lora_" in name for name in changed) and any(".score." in name for name in changed)
    assert all("lora_" in name or ".score." in name for name in changed)

    trainer.save_model(tmp_path / "saved")
    stored = json.loads((tmp_path / "saved" / "reward_config.json").read_text())
    assert stored["reward_head"] == trainer.model.config.reward_head
    assert stored["reward_head"]["lambda"] == trainer.evaluate()["eval_lambda"]
    assert stored["id2label"] == {"0": "mean", "1": "raw_std"}
    for checkpoint in (tmp_path / "out").glob("checkpoint-*"):
        assert (checkpoint / "reward_config.json").is_file() and not (checkpoint / "config.json").exists()

    expected = rewards(trainer.model)
    assert_close(rewards(AutoRewardModel.from_pretrained(str(tmp_path / "saved"))), expected, rtol=0, atol=1e-6)
    plain = AutoPeftModelForSequenceClassification.from_pretrained(tmp_path / "saved", num_labels=2).eval()
    with torch.no_grad():
        assert_close(plain(input_ids=IDS).logits[:, 0], expected[:1], rtol=0, atol=1e-6)
    scored = RewardScorer.from_pretrained(str(tmp_path / "saved")).score_pairs(pairs.select(range(3)))
    assert scored.mean_a.shape == (3,)


@pytest.mark.filterwarnings("ignore:MatMul8bitLt")
@pytest.mark.parametrize("bits", QUANTIZATION)
def test_a_quantised_backbone_trains_with_a_float32_head(make_trainer, tmp_path, wide_base, bits):
    lora = LoraConfig(r=2, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    quantization = BitsAndBytesConfig(**QUANTIZATION[bits])
    trainer = make_trainer(str(wide_base), peft_config=lora, quantization_config=quantization)
    # TRL rounds what is trained over a quantised backbone to bfloat16; the head keeps its 24 bits
    (head,) = trained_head(trainer.model)
    assert head.weight.dtype == torch.float32
    start = head.weight.detach().clone()
    assert not torch.equal(start, start.bfloat16().float())
    trainer.train()
    assert head.weight.dtype == torch.float32 and not torch.equal(head.weight, start)

    trainer.save_model(tmp_path / "saved")
    again = AutoRewardModel.from_pretrained(str(tmp_path / "saved"))
    assert_close(rewards(again), rewards(trainer.model), rtol=0, atol=1e-6)


def test_adapters_resume_to_equal_weights(make_trainer, tmp_path, base_model):
    lora = LoraConfig(r=2, target_modules=["q_proj"], lora_dropout=0.0)
    options = {"peft_config": lora, "save_strategy": "steps", "save_steps": 2, "max_steps": 4}
    whole = make_trainer(str(base_model), **options)
    whole.train()
    resumed = make_trainer(str(base_model), **options)
    resumed.train(resume_from_checkpoint=str(tmp_path / "out" / "checkpoint-2"))
    for (name, one), (_, other) in zip(whole.model.named_parameters(), resumed.model.named_parameters(), strict=True):
        assert torch.equal(one, other), name


def test_a_users_own_peft_model_trains_if_it_keeps_its_head(make_trainer, base_model):
    stock = AutoModelForSequenceClassification.from_pretrained(base_model, num_labels=1)
    lora = LoraConfig(task_type="SEQ_CLS", r=2, target_modules=["q_proj"])
    trainer = make_trainer(get_peft_model(stock, lora), "bradley_terry")
    (head,) = trained_head(trainer.model)
    start = head.weight.detach().clone()
    trainer.train()
    assert not torch.equal(head.weight, start)


def test_a_users_own_peft_model_that_would_lose_its_head_keeps_it(make_trainer, base_model, tmp_path, caplog):
    stock = AutoModelForSequenceClassification.from_pretrained(base_model, num_labels=1)
    trainer = make_trainer(get_peft_model(stock, LoraConfig(r=2, target_modules=["q_proj"])), "bradley_terry")
    assert "did not save its output layer (score): it is trained and saved now" in caplog.text
    (head,) = trained_head(trainer.model)
    start = head.weight.detach().clone()
    trainer.train()
    assert not torch.equal(head.weight, start)
    trainer.save_model(tmp_path / "saved")
    again = AutoRewardModel.from_pretrained(str(tmp_path / "saved"))
    with torch.no_grad():
        assert_close(
            again.eval()(input_ids=IDS).mean, trainer.model.eval()(input_ids=IDS).logits[:, 0], rtol=0, atol=1e-6
        )


def test_a_head_that_an_adapter_adapts_instead_is_refused(make_trainer, base_model):
    stock = AutoModelForSequenceClassification.from_pretrained(base_model, num_labels=1)
    lora = LoraConfig(r=2, target_modules=["q_proj", "score"])
    with pytest.raises(InputError, match="does not save its output layer 'score'.*pass `peft_config`"):
        make_trainer(get_peft_model(stock, lora), "bradley_terry")


def test_there_is_one_head_and_no_stale_copy(make_trainer, base_model):
    trainer = make_trainer(str(base_model), peft_config=LoraConfig(r=2, target_modules=["q_proj"]))
    names = [name for name, _ in trainer.model.named_parameters() if ".score." in name]
    assert names == ["base_model.model.score.original_module.weight"]  # the shared one, under the first of its names
    wrapper = trainer.model.get_base_model().score
    assert (
        wrapper.original_module is wrapper.modules_to_save["default"] and wrapper.original_module.weight.requires_grad
    )
