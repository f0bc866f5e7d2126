"""The paper's settings where nothing else is said, and folders that keep runs of other settings apart."""

import json

import pytest

from distreward.cli.experiment import DESCRIPTION, ExperimentArguments
from distreward.cli.parsing import CommandParser
from distreward.errors import InputError
from distreward.experiments.running import claim_folder, source_commit
from distreward.experiments.settings import BackboneConfig, ExperimentConfig, setting_defaults


def parse(*words):
    parser = CommandParser("experiment", (ExperimentArguments, ExperimentConfig, BackboneConfig), DESCRIPTION)
    fixed = ("--dataset_name", "d", "--model_name_or_path", "m", "--output_dir", "out", "--report_to", "none")
    return parser.parse([*fixed, *words])


def test_appendix_a_where_the_command_line_is_silent():
    arguments, config, backbone = parse()
    assert (config.learning_rate, config.per_device_train_batch_size, config.num_train_epochs) == (5e-5, 16, 10)
    assert config.eval_every_epochs == 0.25 and arguments.etas == [0.0, 0.5, 1.0] and arguments.test_size == 500
    assert backbone.given() == {} and arguments.model_name_or_path == "m"
    assert parse("--learning_rate", "1e-3")[1].learning_rate == 1e-3
    assert parse("--freeze_backbone", "true")[1].learning_rate == 2e-3  # a head alone hardly moves at 5e-5


def test_adapters_and_precision_are_settings_like_any_other():
    _, _, backbone = parse("--use_peft", "--load_in_8bit", "--lora_r", "8", "--dtype", "bfloat16")
    assert backbone.given() == {"use_peft": True, "load_in_8bit": True, "lora_r": 8, "dtype": "bfloat16"}
    made = backbone.trainer_kwargs()
    assert made["peft_config"].task_type == "SEQ_CLS" and made["quantization_config"].load_in_8bit
    with pytest.raises(InputError, match="add --use_peft"):
        parse("--load_in_4bit")[2].check()


def test_a_folder_keeps_to_its_settings_and_takes_younger_options_at_their_default(tmp_path):
    defaults = setting_defaults()
    claim_folder(tmp_path, {"data": "f", "max_length": 64, "use_peft": True}, defaults)
    claim_folder(tmp_path, {"data": "f", "max_length": 64, "use_peft": True, "dtype": "float32"}, defaults)
    with pytest.raises(InputError, match="use_peft = True, not False"):
        claim_folder(tmp_path, {"data": "f", "max_length": 64}, defaults)
    with pytest.raises(InputError, match="dtype = 'float32', not 'bfloat16'"):
        claim_folder(tmp_path, {"data": "f", "max_length": 64, "use_peft": True, "dtype": "bfloat16"}, defaults)
    assert json.loads((tmp_path / "experiment.json").read_text())["max_length"] == 64


def test_the_commit_is_that_of_the_checkout():
    commit = source_commit()
    assert commit is None or (len(commit.rstrip("+")) == 12 and int(commit.rstrip("+"), 16) >= 0)
