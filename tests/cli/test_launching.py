"""`--accelerate_config`: the packaged launch files are what their names say, and the launch is put together as asked.

The launches themselves are run by `pytest -m processes`.
"""

import os

import pytest
from accelerate.commands.config.config_args import load_config_from_file

from distreward.cli import launching
from distreward.cli.launching import LAUNCH_OPTIONS, LaunchOptions, launch_files, launch_options, launched
from distreward.cli.main import main
from distreward.errors import InputError

MEANT = {  # distributed type, machines, processes, without a GPU
    "single_gpu": ("NO", 1, 1, False),
    "ddp": ("MULTI_GPU", 1, 2, False),
    "fsdp2": ("FSDP", 1, 8, False),
    "zero2": ("DEEPSPEED", 1, 8, False),
    "zero3": ("DEEPSPEED", 1, 8, False),
    "two_nodes": ("MULTI_GPU", 2, 16, False),
    "cpu": ("MULTI_GPU", 1, 2, True),
}


@pytest.fixture
def started(monkeypatch):
    """Command lines that would have been given to `accelerate launch`."""
    lines = []
    monkeypatch.setattr(launching, "run_launcher", lambda words: lines.append(words) or 7)
    for name in (launching.STARTED, *launching.LOCAL_RANKS):
        monkeypatch.delenv(name, raising=False)
    return lines


def test_every_file_is_meant_and_named_in_the_help():
    assert set(launch_files()) == set(MEANT)
    text = LaunchOptions.__dataclass_fields__["accelerate_config"].metadata["help"]
    assert all(name in text for name in MEANT)


@pytest.mark.parametrize("name", MEANT)
def test_accelerate_reads_it_and_it_is_what_its_name_says(name):
    path = launch_files()[name]
    config = load_config_from_file(str(path))  # refuses unknown keys
    found = (config.distributed_type.value, config.num_machines, config.num_processes, config.use_cpu)
    assert found == MEANT[name]
    assert f"--accelerate_config {name} " in path.read_text(encoding="utf-8")
    if name == "fsdp2":
        assert config.fsdp_config["fsdp_version"] == 2
        assert config.fsdp_config["fsdp_state_dict_type"] == "FULL_STATE_DICT"  # so that checkpoints stay stock ones
    if name.startswith("zero"):
        assert config.deepspeed_config["zero_stage"] == int(name[-1])


def test_the_command_starts_itself_again(started, tmp_path):
    argv = ["--accelerate_config", "two_nodes", "--machine_rank=1", "--main_process_ip", "10.0.0.1", "--seed", "3"]
    assert main(["train", *argv]) == 7
    wanted = ["--config_file", str(launch_files()["two_nodes"]), "--machine_rank", "1", "--main_process_ip", "10.0.0.1"]
    assert started == [[*wanted, "-m", "distreward", "train", *argv]]
    own = tmp_path / "own.yaml"
    own.write_text("num_processes: 2\n")
    assert launched("evaluate", ["--accelerate_config", str(own)]) == 7
    assert started[1] == ["--config_file", str(own), "-m", "distreward", "evaluate", "--accelerate_config", str(own)]


def test_the_launch_may_stand_in_the_config_file(started, tmp_path):
    path = tmp_path / "train.yaml"
    path.write_text("accelerate_config: cpu\nnum_processes: 4\nseed: 1\n")
    assert launch_options(["--config", str(path), "--num_processes", "3"]) == LaunchOptions("cpu", 3)
    assert launched("score", ["--config", str(path)]) == 7
    assert started[0][:4] == ["--config_file", str(launch_files()["cpu"]), "--num_processes", "4"]


def test_what_was_started_starts_nothing(started, monkeypatch):
    assert launched("train", ["--seed", "1"]) is None
    assert launched("train", ["--accelerate_config", "ddp", "--help"]) is None
    monkeypatch.setenv(launching.STARTED, "1")
    assert launched("train", ["--accelerate_config", "ddp"]) is None
    assert started == []


@pytest.mark.parametrize("variable", ["LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_RANK"])
def test_what_torchrun_started_starts_nothing(variable, started, monkeypatch, tmp_path):
    # torchrun -m distreward train --config train.yaml, where the YAML has a launch of its own for whoever starts it plainly
    path = tmp_path / "train.yaml"
    path.write_text("accelerate_config: ddp\nnum_processes: 4\n")
    monkeypatch.setenv(variable, "0")
    assert launched("train", ["--config", str(path)]) is None and started == []


def test_a_machine_that_knows_how_many_there_are_still_starts_its_own(started, monkeypatch):
    monkeypatch.setenv(
        "WORLD_SIZE", "2"
    )  # of machines: what Kubeflow gives each pod, in which the launch is yet to come
    assert launched("train", ["--accelerate_config", "two_nodes"]) == 7


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--accelerate_config", "fdsp2"], "neither a file nor a launch file of ours (did you mean 'fsdp2'?); wanted one of cpu,"),
        (["--num_processes", "2"], "--num_processes has no meaning without --accelerate_config"),
        (["--accelerate_config", "ddp", "--num_processes", "two"], "invalid int value"),
        (["--accelerate_config"], "expected one argument"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(argv, said, started, capsys):
    assert main(["train", *argv]) == 2
    line = capsys.readouterr().err
    assert said in line and line.count("\n") == 1 and started == []


def test_what_accelerate_refuses_is_one_line(tmp_path, monkeypatch):
    monkeypatch.delenv(launching.STARTED, raising=False)
    own = tmp_path / "own.yaml"
    own.write_text("distributed_type: MULTI_GPU\nnumber_of_processes: 2\ncompute_environment: LOCAL_MACHINE\n")
    with pytest.raises(InputError, match="--accelerate_config: .*number_of_processes") as error:
        launched("train", ["--accelerate_config", str(own)])
    assert "\n" not in str(error.value) and launching.STARTED not in os.environ


@pytest.mark.parametrize("command", ["train", "evaluate", "score", "cover"])
def test_the_options_are_options_of_the_command(command, capsys):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    text = capsys.readouterr().out
    assert all(f"--{name}" in text for name in LAUNCH_OPTIONS)
