"""A drop-in for `trl.RewardTrainer`: whatever is done with it, both give the same logs, weights and files."""

import copy
import re

import numpy as np
import pytest
from datasets import Dataset
from huggingface_hub import ModelCard
from peft import get_peft_model
from torch.testing import assert_close
from transformers import AutoModelForSequenceClassification, BitsAndBytesConfig
from trl import RewardConfig, RewardTrainer

from distreward.trainers import BradleyTerryRewardTrainer
from tests.trainers.scenarios import SCENARIOS, Scenario, conversational, lora, save_checkpoints, standard, stock

KINDS = (RewardTrainer, BradleyTerryRewardTrainer)

TIMING = re.compile("runtime|per_second|total_flos|preparation_time")


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoints")
    save_checkpoints(folder)
    return folder


def as_data(given):
    if callable(given):
        return given()
    if isinstance(given, dict):
        return {name: Dataset.from_list(rows) for name, rows in given.items()}
    return None if given is None else Dataset.from_list(given)


def make_trainer(kind, scenario: Scenario, folder, checkpoints, **options):
    defaults = {
        "report_to": "none",
        "bf16": False,
        "gradient_checkpointing": False,
        "use_cpu": True,
        "disable_tqdm": True,
        "logging_steps": 1,
        "per_device_train_batch_size": 3,
        "per_device_eval_batch_size": 3,
        "num_train_epochs": 1,
    }
    options = {**defaults, **copy.deepcopy(scenario.options), **options}
    if "chat_template_path" in options:
        options["chat_template_path"] = options["chat_template_path"].format(folder=checkpoints)
    by_name = isinstance(scenario.model, str)
    model = str(checkpoints / scenario.model) if by_name else scenario.model(checkpoints)
    data = as_data(scenario.rows)
    arguments = {
        "args": RewardConfig(str(folder), **options),
        "train_dataset": data.to_iterable_dataset() if scenario.streamed else data,
        "eval_dataset": as_data(scenario.evaluated),
    }
    return kind(model, **{**arguments, **scenario.more(model)})


def run(kind, scenario: Scenario, folder, checkpoints):
    """Train, save and describe; the trainer, and what it measures and predicts on one batch of rows that it has not seen."""
    if scenario.resumes:
        make_trainer(kind, scenario, folder, checkpoints, save_steps=2).train()
        trainer = make_trainer(kind, scenario, folder, checkpoints)
        trainer.train(resume_from_checkpoint=str(folder / "checkpoint-2"))
    else:
        trainer = make_trainer(kind, scenario, folder, checkpoints)
        trainer.train()
    trainer.save_model(folder / "saved")
    trainer.create_model_card(model_name="tiny")
    batch = as_data(scenario.rows[: trainer.args.per_device_eval_batch_size])
    measured = trainer.evaluate(batch)
    prepared = trainer._prepare_dataset(batch, trainer.processing_class, trainer.args, "test")
    return trainer, measured, trainer.predict(prepared)


def assert_has(mine: dict, host: dict, apart: set[str] | frozenset[str] = frozenset()) -> None:
    """Every name of the host's is there with the host's value; ours may have more."""
    for name in host:
        if not TIMING.search(name) and name not in apart:
            assert mine[name] == pytest.approx(host[name], rel=1e-4, abs=1e-6), f"{name}, {host}"


def saved_files(folder) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_host_and_ours_do_the_same(name, tmp_path, checkpoints):
    scenario = SCENARIOS[name]
    folders = [tmp_path / kind.__name__ for kind in KINDS]
    (host, *wanted), (mine, *given) = (
        run(kind, scenario, folder, checkpoints) for kind, folder in zip(KINDS, folders, strict=True)
    )
    assert host.state.global_step >= 3 and len(mine.state.log_history) == len(host.state.log_history)
    for lines in zip(mine.state.log_history, host.state.log_history, strict=True):
        assert_has(*lines, scenario.apart)

    weights = dict(host.model.named_parameters())
    for parameter, value in mine.model.named_parameters():
        if "original_module" in parameter:  # ours has one head, the host a frozen copy of the untrained one besides
            del weights[parameter]
            reference = weights.pop(parameter.replace("original_module", "modules_to_save.default"))
        else:
            reference = weights.pop(parameter)
        assert value.requires_grad == reference.requires_grad and value.dtype == reference.dtype, parameter
        assert_close(value, reference, rtol=1e-5, atol=1e-6, msg=parameter)
    assert not weights

    assert saved_files(folders[1]) == saved_files(folders[0]) | scenario.files | {"training_facts.json"}
    theirs, ours = (ModelCard.load(folder / "README.md").data for folder in folders)
    assert set(ours.tags) >= {*theirs.tags} - {"generated_from_trainer"} and "distreward" in ours.tags
    assert set(mine.model.model_tags) == {*host.model.model_tags, "distreward"}

    assert_has(given[0], wanted[0])
    np.testing.assert_allclose(given[1].predictions, wanted[1].predictions, rtol=1e-5, atol=1e-6)
    assert given[1].label_ids == wanted[1].label_ids
    assert_has(given[1].metrics, wanted[1].metrics)


EIGHT_BITS = BitsAndBytesConfig(load_in_8bit=True)


def two_labels(folder):
    return AutoModelForSequenceClassification.from_pretrained(folder / "qwen2", num_labels=2)


REFUSALS = {
    "two labels": (ValueError, Scenario(two_labels)),
    "no data": (ValueError, Scenario(more=lambda model: {"train_dataset": None})),
    "a list": (TypeError, Scenario(more=lambda model: {"train_dataset": standard()})),
    "a stream without end": (ValueError, Scenario(streamed=True)),
    "nothing is short enough": (ValueError, Scenario(options={"max_length": 3})),
    "no chat template": (ValueError, Scenario("neox", rows=conversational(standard()))),
    "unknown EOS token": (ValueError, Scenario(options={"eos_token": "nope"})),
    "unknown pad token": (ValueError, Scenario(options={"pad_token": "nope"})),
    "unknown dtype": (ValueError, Scenario(options={"model_init_kwargs": {"dtype": "int7"}})),
    "quantised twice": (
        ValueError,
        Scenario(
            options={"model_init_kwargs": {"quantization_config": EIGHT_BITS}},
            more=lambda model: {"quantization_config": EIGHT_BITS},
        ),
    ),
    "an adapter's settings as a dictionary": (TypeError, Scenario(more=lambda model: {"peft_config": {"r": 2}})),
    "an adapter on an adapter": (
        ValueError,
        Scenario(
            lambda folder: get_peft_model(stock(folder / "qwen2"), lora()), more=lambda model: {"peft_config": lora()}
        ),
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_the_host_refuses_ours_refuses(name, tmp_path, checkpoints):
    error, scenario = REFUSALS[name]
    for kind in KINDS:
        with pytest.raises(error):
            make_trainer(kind, scenario, tmp_path, checkpoints).train()
