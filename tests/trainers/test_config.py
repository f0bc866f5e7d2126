import warnings
from dataclasses import dataclass, fields

import pytest
from trl import RewardConfig

from distreward.errors import InputError
from distreward.trainers import DistributionalRewardConfig
from distreward.trainers.config import schedule_evaluation


def config(**options) -> DistributionalRewardConfig:
    return DistributionalRewardConfig("out", report_to="none", bf16=False, use_cpu=True, **options)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("label_aggregation", "mean", "`label_aggregation` is 'mean', wanted one of all, majority."),
        ("cdf", "probit", "`cdf` is 'probit', wanted one of logistic, tanh, normal."),
        ("truncation", "left", "`truncation` is 'left', wanted one of drop, prompt_left, fit."),
        ("eta", 1.5, "`eta` is 1.5, wanted 0 to 1."),
        ("eta", float("nan"), "`eta` is nan, wanted 0 to 1."),
        ("level_smoothing", -0.1, "`level_smoothing` is -0.1, wanted 0 to 1."),
        ("min_std", -1.0, "`min_std` is -1.0, wanted 0 to inf."),
        ("eval_every_epochs", 0.0, "`eval_every_epochs` is 0.0, wanted a positive number or None."),
    ],
)
def test_mistakes(option, value, message):
    with pytest.raises(InputError) as caught:
        config(**{option: value})
    assert str(caught.value) == message


def test_every_field_of_ours_has_a_help_text():
    host = {field.name for field in fields(RewardConfig)}
    ours = [field for field in fields(DistributionalRewardConfig) if field.name not in host]
    assert len(ours) == 13 and all(field.metadata["help"] for field in ours)


def test_from_reward_config_keeps_every_setting():
    given = RewardConfig(
        "out",
        report_to="none",
        bf16=False,
        use_cpu=True,
        learning_rate=3e-3,
        max_length=77,
        eval_strategy="steps",
        eval_steps=5,
        center_rewards_coefficient=0.02,
        model_init_kwargs={"dtype": "float32"},
        gradient_accumulation_steps=3,
        accelerator_config={"split_batches": True},
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours = DistributionalRewardConfig.from_reward_config(given)
    for field in fields(RewardConfig):
        assert getattr(ours, field.name) == getattr(given, field.name), field.name
    assert (ours.label_aggregation, ours.eta, ours.truncation) == ("all", 0.0, "drop")
    assert ours.eval_every_epochs is None  # nobody asked for evaluations


@dataclass
class ScriptConfig(RewardConfig):
    run_name_suffix: str = "a"


def test_from_reward_config_keeps_what_a_script_added():
    given = ScriptConfig("out", report_to="none", bf16=False, use_cpu=True, run_name_suffix="b")
    ours = DistributionalRewardConfig.from_reward_config(given)
    assert ours.run_name_suffix == "b" and ours.eta == 0.0


def test_from_reward_config_keeps_the_pad_token():
    given = RewardConfig("out", report_to="none", bf16=False, use_cpu=True)
    given.pad_token = "<pad>"
    assert DistributionalRewardConfig.from_reward_config(given).pad_token == "<pad>"


# --- when to evaluate


def schedule(**options) -> DistributionalRewardConfig:
    args = config(**options)
    schedule_evaluation(args)
    return args


def test_the_default_is_a_quarter_of_an_epoch():
    # 3 epochs: a quarter of one is 0.25 / 3 of all steps
    args = schedule()
    assert args.eval_strategy == args.save_strategy == "steps"
    assert args.eval_steps == args.save_steps == pytest.approx(0.25 / 3)
    assert args.load_best_model_at_end and args.metric_for_best_model == "eval_loss"
    assert args.greater_is_better is False and args.save_total_limit == 1


@pytest.mark.parametrize(("epochs", "every"), [(1, 1.0), (2, 2.0), (1, 5.0)])
def test_once_per_run_or_less_becomes_once_per_epoch(epochs, every):
    args = schedule(num_train_epochs=epochs, eval_every_epochs=every)
    assert args.eval_strategy == args.save_strategy == "epoch" and args.load_best_model_at_end


@pytest.mark.parametrize(
    "options",
    [
        {"eval_strategy": "steps", "eval_steps": 7},
        {"eval_strategy": "epoch"},
        {"eval_every_epochs": None},
        {"max_steps": 10},
    ],
)
def test_what_the_user_chose_stays(options):
    args, untouched = schedule(**options), config(**options)
    for name in ("eval_strategy", "eval_steps", "save_strategy", "save_steps", "load_best_model_at_end"):
        assert getattr(args, name) == getattr(untouched, name), name


def test_the_users_own_best_metric_stays():
    args = schedule(metric_for_best_model="eval_diverging_id_auroc", save_total_limit=4)
    assert args.greater_is_better is True and args.save_total_limit == 4
    assert schedule(metric_for_best_model="eval_accuracy", greater_is_better=False).greater_is_better is False


def test_of_several_sets_the_first_decides():
    args = config()
    schedule_evaluation(args, {"human": None, "synthetic": None})
    assert args.metric_for_best_model == "eval_human_loss" and args.greater_is_better is False


@pytest.mark.parametrize(
    ("world_size", "accelerator", "wanted"), [("2", False, True), ("1", False, False), ("2", True, False)]
)
def test_several_processes_without_an_accelerator_are_joined(world_size, accelerator, wanted, monkeypatch):
    # accelerate joins CPU processes only where it is told that the CPU is meant; else each of them trains alone
    monkeypatch.setenv("WORLD_SIZE", world_size)
    monkeypatch.setattr("torch.accelerator.is_available", lambda: accelerator)
    monkeypatch.setattr("trl.RewardConfig.__post_init__", lambda self: None)  # which would wait for the other process
    assert DistributionalRewardConfig("out").use_cpu is wanted


@pytest.mark.parametrize(
    ("given", "wanted"),
    [({}, 1e-4), ({"freeze_backbone": True}, 2e-3), ({"freeze_backbone": True, "learning_rate": 5e-5}, 5e-5)],
)
def test_a_head_alone_learns_at_a_rate_of_its_own(given, wanted):
    assert config(**given).learning_rate == wanted


@pytest.mark.parametrize(
    ("options", "launch_wants_cpus", "wanted"),
    [({}, "false", True), ({}, "true", False), ({"use_cpu": True}, "false", False), ({"bf16": True}, "true", True)],
)
def test_bf16_is_for_what_the_run_computes_on(options, launch_wants_cpus, wanted, monkeypatch):
    # a machine with an accelerator, of which `accelerate launch --cpu` or `use_cpu` makes no use: TRL's bf16 is not for CPUs
    monkeypatch.setattr("torch.accelerator.is_available", lambda: True)
    monkeypatch.setattr("transformers.TrainingArguments.__post_init__", lambda self: None)
    monkeypatch.setenv("ACCELERATE_USE_CPU", launch_wants_cpus)
    assert DistributionalRewardConfig("out", **options).bf16 is wanted
