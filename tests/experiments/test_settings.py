"""The paper's settings where nothing else is said, and folders that keep runs of other settings apart."""

import json
import subprocess
from dataclasses import fields

import pytest

from distreward.cli.experiment import DESCRIPTION, ExperimentArguments, settings_of
from distreward.cli.parsing import CommandParser
from distreward.errors import InputError
from distreward.experiments.running import claim_folder, source_commit
from distreward.experiments.settings import ALWAYS_TOLD, NOT_SHAPING, BackboneConfig, ExperimentConfig
from distreward.trainers.backbone import check_backbone, trainer_kwargs


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
    made = trainer_kwargs(backbone)
    assert made["peft_config"].task_type == "SEQ_CLS" and made["quantization_config"].load_in_8bit
    with pytest.raises(InputError, match="add --use_peft"):
        check_backbone(parse("--load_in_4bit")[2])


def key_of(*words):
    arguments, config, backbone = parse(*words)
    return {"data": "f", **settings_of(arguments, config), **backbone.given()}


def test_a_folder_keeps_to_its_settings(tmp_path):
    claim_folder(tmp_path, key_of("--max_length", "64", "--use_peft"))
    claim_folder(tmp_path, key_of("--max_length", "64", "--use_peft", "--dtype", "float32"))  # the default
    assert json.loads((tmp_path / "experiment.json").read_text())["max_length"] == 64
    with pytest.raises(InputError, match="use_peft = True, not False"):
        claim_folder(tmp_path, key_of("--max_length", "64"))
    with pytest.raises(InputError, match="dtype = 'float32', not 'bfloat16'"):
        claim_folder(tmp_path, key_of("--max_length", "64", "--use_peft", "--dtype", "bfloat16"))


SHAPING = {
    "level_smoothing": "0.1", "min_std": "0.2", "unknown_strength": "sides", "packing": "off", "max_tokens_per_row": "512",
    "center_rewards_coefficient": "0.01", "disable_dropout": "false", "model_init_kwargs": '{"attention_dropout": 0.1}',
    "optim": "sgd", "adam_beta2": "0.95", "max_grad_norm": "0.5", "lr_scheduler_kwargs": '{"num_cycles": 2}',
    "trust_remote_code": "true", "data_seed": "3", "eval_strategy": "epoch",
}  # fmt: skip

HARMLESS = {
    "report_to": "tensorboard", "gradient_checkpointing": "false", "per_device_eval_batch_size": "64", "disable_tqdm": "true",
    "feature_cache_dir": "features", "logging_steps": "7", "dataloader_num_workers": "1", "save_total_limit": "3",
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPING)
def test_whatever_numbers_depend_on_is_part_of_the_key(name, tmp_path):
    claim_folder(tmp_path, key_of())
    with pytest.raises(InputError, match=f"cells made with {name} = "):
        claim_folder(tmp_path, key_of(f"--{name}", SHAPING[name]))
    other = tmp_path / "other"
    other.mkdir()
    claim_folder(other, key_of(f"--{name}", SHAPING[name]))
    with pytest.raises(InputError, match=f"cells made with {name} = "):
        claim_folder(other, key_of())


def test_where_things_go_and_how_they_are_come_by_is_not(tmp_path):
    words = [word for name, value in HARMLESS.items() for word in (f"--{name}", value)]
    assert key_of(*words) == key_of()
    claim_folder(tmp_path, key_of(*words))
    claim_folder(tmp_path, key_of())
    secret = key_of("--model_init_kwargs", '{"token": "hf_secret", "cache_dir": "models", "attention_dropout": 0.1}')
    assert secret["model_init_kwargs"] == {"attention_dropout": 0.1}
    known = {f.name for f in fields(ExperimentConfig)}
    assert known >= NOT_SHAPING and known >= ALWAYS_TOLD and not NOT_SHAPING & ALWAYS_TOLD


def test_a_folder_of_an_earlier_version_answers_for_what_it_names(tmp_path):
    # it named some settings, two of them no part of the key today, and no word of disable_dropout
    old = {
        name: value
        for name, value in key_of("--weight_decay", "0.05").items()
        if name in (*ALWAYS_TOLD, "data", "folds")
    }
    old |= {"report_to": ["tensorboard"], "gradient_checkpointing": False}
    (tmp_path / "experiment.json").write_text(json.dumps(old))
    claim_folder(tmp_path, key_of("--weight_decay", "0.05", "--disable_dropout", "false"))
    with pytest.raises(InputError, match="weight_decay = 0.05, not 0.0"):
        claim_folder(tmp_path, key_of("--disable_dropout", "false"))
    with pytest.raises(InputError, match="use_peft = False, not True"):  # adapters were always named
        claim_folder(tmp_path, key_of("--weight_decay", "0.05", "--use_peft"))


@pytest.mark.parametrize(
    ("words", "instead"),
    [
        (("--seed", "3"), "--seeds"),
        (("--label_aggregation", "majority"), "--rows"),
        (("--eta", "0.5"), "--etas"),
        (("--calibrate", "false"), "with and without calibration"),
        (("--resume_from_checkpoint", "true"), "the same command goes on"),
        (("--push_to_hub", "true"), "distreward train --push_to_hub"),
    ],
)
def test_an_option_that_each_cell_settles_is_refused(words, instead):
    with pytest.raises(InputError) as refused:
        parse(*words)[1].check()
    told = str(refused.value)
    assert told.startswith(f"{words[0]} ") and instead in told and "\n" not in told
    parse()[1].check()


def test_the_commit_is_that_of_the_checkout(tmp_path):
    def git(*words):
        name = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
        return subprocess.run(["git", *name, *words], cwd=tmp_path, check=True, capture_output=True, text=True).stdout

    assert source_commit(tmp_path) is None
    file = tmp_path / "distreward" / "levels.py"
    file.parent.mkdir()
    file.write_text("LEVELS = ()\n")
    git("init")
    git("add", ".")
    git("commit", "-m", "one")
    assert source_commit(tmp_path) == git("rev-parse", "HEAD")[:12]
    (tmp_path / "notes.txt").write_text("no part of the package")
    assert source_commit(tmp_path) == git("rev-parse", "HEAD")[:12]
    file.write_text("LEVELS = (0,)\n")
    assert source_commit(tmp_path) == git("rev-parse", "HEAD")[:12] + "+"
