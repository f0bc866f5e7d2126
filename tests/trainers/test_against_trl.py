"""A drop-in for `trl.RewardTrainer`: its arguments, its config, its models. What it then does: `test_trl_scenarios.py`."""

import copy
import inspect
import json

import pytest
import torch
from datasets import Dataset
from torch.testing import assert_close
from transformers import AutoModelForSequenceClassification, TrainerCallback
from trl import RewardConfig, RewardTrainer

from distreward.trainers import BradleyTerryRewardTrainer, DistributionalRewardConfig, DistributionalRewardTrainer
from tests.trainers.scenarios import standard


@pytest.fixture
def stock_model(llama_config):
    """A stock 1-label model whose rewards differ from response to response."""
    torch.manual_seed(0)
    llama_config.initializer_range = 0.3
    llama_config.num_labels = 1
    return AutoModelForSequenceClassification.from_config(llama_config)


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


def trained(trainer_class, model, tokenizer, args):
    trainer = trainer_class(
        model=copy.deepcopy(model),
        args=args,
        train_dataset=Dataset.from_list(standard()),
        processing_class=copy.deepcopy(tokenizer),
    )
    trainer.train()
    return trainer


def logged(trainer, name: str) -> list[float]:
    return [line[name] for line in trainer.state.log_history if name in line]


def assert_same_weights(one, other):
    wanted = dict(other.named_parameters())
    for name, value in one.named_parameters():
        assert_close(value, wanted.pop(name), rtol=1e-5, atol=1e-6, msg=name)
    assert not wanted


def test_the_base_class_and_our_own_config_train_the_same(tmp_path, stock_model, tokenizer):
    host = trained(RewardTrainer, stock_model, tokenizer, settings(tmp_path))
    assert host.state.global_step == 6 and not torch.equal(host.model.score.weight, stock_model.score.weight)
    for ours in (BradleyTerryRewardTrainer, DistributionalRewardTrainer):
        mine = trained(ours, stock_model, tokenizer, settings(tmp_path, DistributionalRewardConfig))
        assert logged(mine, "loss") == pytest.approx(logged(host, "loss"), abs=1e-6)
        assert_same_weights(mine.model, host.model)


def test_extremes_are_the_extremes(tmp_path, stock_model, tokenizer):
    # Steps of 2 + 2 pairs: the host logs the mean over micro-batches of their smallest reward, ours the smallest reward.
    args = settings(tmp_path, gradient_accumulation_steps=2)
    host, mine = (trained(kind, stock_model, tokenizer, args) for kind in (RewardTrainer, BradleyTerryRewardTrainer))
    for sign, name in ((1, "min_reward"), (-1, "max_reward")):
        pairs = list(zip(logged(mine, name), logged(host, name), strict=True))
        assert all(sign * extreme <= sign * mean + 1e-6 for extreme, mean in pairs)
        assert any(sign * extreme < sign * mean - 1e-3 for extreme, mean in pairs)


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
    trainer = trained(BradleyTerryRewardTrainer, stock_model, tokenizer, settings(tmp_path, max_steps=1))
    trainer.save_model(tmp_path / "saved")
    assert "reward_head" not in json.loads((tmp_path / "saved" / "config.json").read_text())
    reopened = AutoModelForSequenceClassification.from_pretrained(tmp_path / "saved")
    assert type(trainer.model) is type(stock_model) and torch.equal(reopened.score.weight, trainer.model.score.weight)
