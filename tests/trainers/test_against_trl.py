"""A drop-in for `trl.RewardTrainer`: on chosen/rejected data both give the same losses, metrics and weights."""

import copy
import inspect
import json

import numpy as np
import pytest
import torch
from datasets import Dataset
from peft import LoraConfig
from torch.testing import assert_close
from transformers import AutoModelForSequenceClassification, TrainerCallback
from trl import RewardConfig, RewardTrainer

from distreward.trainers import BradleyTerryRewardTrainer, DistributionalRewardConfig, DistributionalRewardTrainer

OURS = (BradleyTerryRewardTrainer, DistributionalRewardTrainer)


def standard(n: int = 12) -> list[dict]:
    return [
        {
            "prompt": f"Name a colour, number {index}. ",
            "chosen": "Red. " * (1 + index % 3),
            "rejected": "I cannot say. " * (1 + index % 2),
        }
        for index in range(n)
    ]


def conversation(row: dict) -> dict:
    turns = {"prompt": [{"role": "user", "content": row["prompt"]}]}
    return turns | {side: [{"role": "assistant", "content": row[side]}] for side in ("chosen", "rejected")}


def implicit_prompt(row: dict) -> dict:
    return {side: conversation(row)["prompt"] + conversation(row)[side] for side in ("chosen", "rejected")}


def tokenized(row: dict) -> dict:
    return {f"{side}_ids": [1, *(4 + byte for byte in row[side].encode()), 2] for side in ("chosen", "rejected")}


# Per kind of data: the rows, and training arguments that go with them.
KINDS = {
    "standard": (standard(), {}),
    "conversational": ([conversation(row) for row in standard()], {}),
    "implicit prompt": ([implicit_prompt(row) for row in standard()], {"gradient_checkpointing": True}),
    "margin": ([{**row, "margin": index / 4} for index, row in enumerate(standard())], {}),
    "centred rewards": (standard(), {"center_rewards_coefficient": 0.05}),
    "tokenized": ([tokenized(row) for row in standard()], {"pad_to_multiple_of": 8}),
    "too long": (standard(14) + [{"prompt": "why ", "chosen": "is " * 40, "rejected": "no"}] * 2, {"max_length": 60}),
}


@pytest.fixture
def stock_model(llama_config):
    """A stock 1-label model whose rewards differ from response to response."""
    torch.manual_seed(0)
    llama_config.initializer_range = 0.3
    llama_config.num_labels = 1
    return AutoModelForSequenceClassification.from_config(llama_config)


def lora() -> LoraConfig:
    return LoraConfig(task_type="SEQ_CLS", r=2, target_modules=["q_proj", "v_proj"])


def settings(folder, kind=RewardConfig, **options):
    defaults = {
        "report_to": "none",
        "bf16": False,
        "gradient_checkpointing": False,
        "use_cpu": True,
        "disable_tqdm": True,
        "save_strategy": "no",
        "logging_steps": 1,
        "per_device_train_batch_size": 2,
        "num_train_epochs": 1,
    }
    return kind(folder, **{**defaults, **options})


def trained(trainer_class, model, tokenizer, args, rows, eval_rows=None, **more):
    trainer = trainer_class(
        model=model if isinstance(model, str) else copy.deepcopy(model),
        args=args,
        train_dataset=Dataset.from_list(rows),
        eval_dataset=None if eval_rows is None else Dataset.from_list(eval_rows),
        processing_class=copy.deepcopy(tokenizer),
        **more,
    )
    trainer.train()
    return trainer


def logged(trainer, name: str) -> list[float]:
    return [line[name] for line in trainer.state.log_history if name in line]


def assert_same_weights(one, other):
    wanted = dict(other.named_parameters())
    for name, value in one.named_parameters():
        assert_close(value, wanted.pop(name), rtol=0, atol=1e-6, msg=name)
    assert not wanted


@pytest.mark.parametrize("kind", KINDS)
def test_training_equals_the_hosts(tmp_path, kind, stock_model, tokenizer):
    rows, options = KINDS[kind]
    args = settings(tmp_path, **options)
    host = trained(RewardTrainer, stock_model, tokenizer, args, rows)
    assert host.state.global_step >= 6 and not torch.equal(host.model.score.weight, stock_model.score.weight)
    for ours in OURS if kind == "standard" else OURS[:1]:
        mine = trained(ours, stock_model, tokenizer, args, rows)
        for name in ("loss", "accuracy", "margin", "min_reward", "mean_reward", "max_reward", "num_tokens", "epoch"):
            assert logged(mine, name) == pytest.approx(logged(host, name), abs=1e-6), name
        for name in ("grad_norm", "learning_rate"):
            assert logged(mine, name) == pytest.approx(logged(host, name), rel=1e-4), name
        assert_same_weights(mine.model, host.model)


def test_gradient_accumulation_equals_the_hosts(tmp_path, stock_model, tokenizer):
    # 14 pairs: steps of 2 + 2 pairs, the last one of 2. Within a step the host logs the mean over micro-batches of their
    # smallest reward, ours the smallest reward; all else is a mean over pairs either way.
    args = settings(tmp_path, gradient_accumulation_steps=2, num_train_epochs=2)
    host = trained(RewardTrainer, stock_model, tokenizer, args, standard(14))
    mine = trained(BradleyTerryRewardTrainer, stock_model, tokenizer, args, standard(14))
    assert mine.state.global_step == host.state.global_step == 8
    for name in ("loss", "accuracy", "margin", "mean_reward", "num_tokens"):
        assert logged(mine, name) == pytest.approx(logged(host, name), abs=1e-6), name
    for low, mean_low in zip(logged(mine, "min_reward"), logged(host, "min_reward"), strict=True):
        assert low <= mean_low + 1e-6
    assert_same_weights(mine.model, host.model)


def test_evaluation_equals_the_hosts(tmp_path, stock_model, tokenizer):
    seen = {}

    def metrics_of(name):
        def compute_metrics(prediction):
            seen[name] = prediction
            return {"largest": float(prediction.predictions.max())}

        return compute_metrics

    args = settings(tmp_path, eval_strategy="steps", eval_steps=3, per_device_eval_batch_size=4)
    evaluated = standard(20)[12:]  # two batches of four
    host, mine = (
        trained(
            trainer, stock_model, tokenizer, args, standard(), evaluated, compute_metrics=metrics_of(trainer.__name__)
        )
        for trainer in (RewardTrainer, BradleyTerryRewardTrainer)
    )
    names = ["loss", "accuracy", "margin", "mean_reward", "num_tokens", "largest"]
    for name in names:
        assert len(logged(mine, f"eval_{name}")) == 2
        assert logged(mine, f"eval_{name}") == pytest.approx(logged(host, f"eval_{name}"), abs=1e-6), name
    assert set(logged(host, "eval_loss")) and {f"eval_{name}" for name in names} <= set(mine.evaluate())

    given, wanted = seen["BradleyTerryRewardTrainer"], seen["RewardTrainer"]
    assert given.predictions.shape == wanted.predictions.shape == (16, 1)
    # after six optimiser steps; TRL scores every position, we score one: the last bits of float32 differ by processor
    np.testing.assert_allclose(given.predictions, wanted.predictions, rtol=1e-5, atol=1e-6)
    np.testing.assert_equal(given.label_ids, wanted.label_ids)

    whole = {
        name: trainer.evaluate(Dataset.from_list(standard(3))) for name, trainer in (("host", host), ("mine", mine))
    }
    for name in ("loss", "accuracy", "margin", "min_reward", "mean_reward", "max_reward"):  # one batch: these agree too
        assert whole["mine"][f"eval_{name}"] == pytest.approx(whole["host"][f"eval_{name}"], abs=1e-6), name


def test_a_model_given_by_name_gets_the_hosts_new_head(tmp_path, base_model, tokenizer):
    host, mine = (
        trained(trainer, str(base_model), tokenizer, settings(tmp_path), standard())
        for trainer in (RewardTrainer, BradleyTerryRewardTrainer)
    )
    assert logged(mine, "loss") == pytest.approx(logged(host, "loss"), abs=1e-6)
    assert_same_weights(mine.model, host.model)


def test_an_adapter_equals_the_hosts(tmp_path, stock_model, tokenizer):
    host, mine = (
        trained(trainer, stock_model, tokenizer, settings(tmp_path), standard(), peft_config=lora())
        for trainer in (RewardTrainer, BradleyTerryRewardTrainer)
    )
    assert logged(mine, "loss") == pytest.approx(logged(host, "loss"), abs=1e-6)
    assert_same_weights(mine.model, host.model)
    head = mine.model.base_model.model.score.modules_to_save.default.weight
    assert not torch.equal(head, stock_model.score.weight)


def test_the_tokenizer_comes_with_the_model(tmp_path, base_model):
    rows = [conversation(row) for row in standard()]
    host, mine = (
        trained(trainer, str(base_model), None, settings(tmp_path), rows)
        for trainer in (RewardTrainer, BradleyTerryRewardTrainer)
    )
    assert logged(mine, "loss") == pytest.approx(logged(host, "loss"), abs=1e-6)


def test_every_argument_has_the_hosts_place_and_default():
    host = inspect.signature(RewardTrainer.__init__).parameters
    mine = inspect.signature(DistributionalRewardTrainer.__init__).parameters
    assert [(p.name, p.default) for p in mine.values()] == [(p.name, p.default) for p in host.values()]


class Noted(TrainerCallback):
    began = False

    def on_train_begin(self, args, state, control, **kwargs):
        self.began = True


def test_positional_arguments(tmp_path, stock_model, tokenizer):
    data, noted = Dataset.from_list(standard()), Noted()
    optimizer = torch.optim.SGD(stock_model.parameters(), lr=1e-3)
    before = stock_model.score.weight.clone()
    args = settings(tmp_path, DistributionalRewardConfig, max_steps=1)
    trainer = BradleyTerryRewardTrainer(
        stock_model, args, None, data, data, tokenizer, lambda prediction: {"one": 1}, [noted], (optimizer, None)
    )
    trainer.train()
    assert noted.began and trainer.evaluate()["eval_one"] == 1
    assert trainer.optimizer.optimizer is optimizer and not torch.equal(before, trainer.model.score.weight)


def test_the_hosts_config_is_taken_and_left_alone(tmp_path, stock_model, tokenizer):
    args = settings(tmp_path)
    before = copy.deepcopy(vars(args))
    trainer = BradleyTerryRewardTrainer(
        stock_model, args, train_dataset=Dataset.from_list(standard()), processing_class=tokenizer
    )
    assert isinstance(trainer.args, DistributionalRewardConfig) and trainer.args.learning_rate == args.learning_rate
    for name in ("eval_strategy", "save_strategy", "chat_template_path", "max_length", "load_best_model_at_end"):
        assert getattr(args, name) == before[name], name


def test_without_config_the_folder_has_the_hosts_name(tmp_path, base_model, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = Dataset.from_list(standard())
    trainer = BradleyTerryRewardTrainer(str(base_model), train_dataset=data)
    assert trainer.args.output_dir.endswith("base-Reward")


def test_a_stock_model_stays_a_stock_model(tmp_path, stock_model, tokenizer):
    trainer = trained(BradleyTerryRewardTrainer, stock_model, tokenizer, settings(tmp_path, max_steps=1), standard())
    trainer.save_model(tmp_path / "saved")
    assert "reward_head" not in json.loads((tmp_path / "saved" / "config.json").read_text())
    reopened = AutoModelForSequenceClassification.from_pretrained(tmp_path / "saved")
    assert type(trainer.model) is type(stock_model) and torch.equal(reopened.score.weight, trainer.model.score.weight)


def test_the_hosts_own_refusals_stay(tmp_path, llama_config, tokenizer):
    llama_config.num_labels = 2
    two_labels = AutoModelForSequenceClassification.from_config(llama_config)
    with pytest.raises(ValueError, match="num_labels=2"):
        trained(BradleyTerryRewardTrainer, two_labels, tokenizer, settings(tmp_path), standard())
    with pytest.raises(ValueError, match="`train_dataset` is required"):
        BradleyTerryRewardTrainer(two_labels, settings(tmp_path), processing_class=tokenizer)
