"""A copy of a checkpoint says something else of its reward head; nothing but that changes."""

import json

import pytest
from safetensors.numpy import load_file

from distreward.errors import InputError
from distreward.modeling import AutoRewardModel
from distreward.modeling.adapter_files import REWARD_CONFIG
from distreward.modeling.rewriting import copy_with_reward_head, write_reward_head


@pytest.fixture
def checkpoint(base_model, tmp_path):
    path = tmp_path / "model"
    AutoRewardModel.from_pretrained(str(base_model), reward_head="mean_variance").save_pretrained(path)
    return path


def config_of(folder, name="config.json"):
    return json.loads((folder / name).read_text())


def test_only_the_entry_changes(checkpoint, tmp_path):
    model = AutoRewardModel.from_pretrained(str(checkpoint))
    entry = model.config.reward_head | {"lambda": 0.25}
    assert copy_with_reward_head(str(checkpoint), tmp_path / "copy", model, entry) == tmp_path / "copy"
    before, after = config_of(checkpoint), config_of(tmp_path / "copy")
    assert after.pop("reward_head") == entry and "lambda" not in before.pop("reward_head") and after == before
    weights, copied = (load_file(folder / "model.safetensors") for folder in (checkpoint, tmp_path / "copy"))
    assert weights.keys() == copied.keys() and all((weights[name] == copied[name]).all() for name in weights)
    assert AutoRewardModel.from_pretrained(str(tmp_path / "copy")).config.reward_head["lambda"] == 0.25


def test_what_the_run_left_stays_behind(checkpoint, tmp_path):
    for name in ("results.json", "optimizer.pt", "rng_state_0.pth", "tokenizer.json"):
        (checkpoint / name).write_text("{}")
    (checkpoint / "evaluation").mkdir()
    model = AutoRewardModel.from_pretrained(str(checkpoint))
    copy_with_reward_head(str(checkpoint), tmp_path / "copy", model, model.config.reward_head)
    found = {file.name for file in (tmp_path / "copy").iterdir()}
    assert found == {"config.json", "model.safetensors", "tokenizer.json"}


def test_a_copy_into_itself_is_refused(checkpoint):
    model = AutoRewardModel.from_pretrained(str(checkpoint))
    before = (checkpoint / "config.json").read_bytes()
    with pytest.raises(InputError, match="the copy would be written into the checkpoint's own folder"):
        copy_with_reward_head(str(checkpoint), checkpoint / ".." / "model", model, {"type": "scalar"})
    assert (checkpoint / "config.json").read_bytes() == before


def test_of_an_adapter_its_own_config_is_written(tmp_path):
    for name in ("config.json", REWARD_CONFIG):
        (tmp_path / name).write_text('{"hidden_size": 4, "reward_head": {"type": "scalar"}}')
    write_reward_head(tmp_path, {"type": "likert"})
    assert config_of(tmp_path, REWARD_CONFIG) == {"hidden_size": 4, "reward_head": {"type": "likert"}}
    assert config_of(tmp_path)["reward_head"] == {"type": "scalar"}
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(
        ["config.json", REWARD_CONFIG]
    )  # nothing half-written
