"""What of a model's folder goes, what stays and why."""

import json
import pickle

import pytest

from distreward.errors import InputError
from distreward.hub.files import outdated, select_files
from distreward.hub.secrets import refuse_secrets

TOKEN = "hf_" + "a1B2" * 9
GOES = {
    "model": ["config.json", "generation_config.json", "model.safetensors"],
    "tokenizer": [
        "additional_chat_templates/tool.jinja",
        "chat_template.jinja",
        "tokenizer.json",
        "tokenizer_config.json",
    ],
    "card": ["LICENSE", "README.md"],
    "figures": ["calibration.png", "evaluation/grid.png", "figures/gaps.svg"],
    "results": ["evaluation/results.json", "results.json"],
}
STAYS = {
    ".cache/blob": "hidden",
    "agreement/bars.png": "not part",
    "agreement/results.json": "not part",
    "checkpoint-10/model.safetensors": "optimiser",
    "checkpoint-10/optimizer.pt": "optimiser",
    "evaluation/predictions.jsonl": "data",
    "judged/results.json": "may name annotators",
    "modeling_own.py": "not part",
    "optimizer.pt": "resume",
    "runs/events.out.tfevents": "logs",
    "splits.json": "private",
    "training_args.bin": "tokens",
    "wandb.txt": "not part",
}
RESULTS = {"evaluation": "evaluate", "agreement": "agreement", "judged": "judge run"}


@pytest.fixture
def folder(tmp_path):
    """A folder of training with everything that collects in it."""
    for name in (*sum(GOES.values(), []), *STAYS):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            json.dumps({"command": RESULTS.get(path.parent.name, "train")}) if path.name == "results.json" else "{}"
        )
    return tmp_path


def test_what_goes_and_what_it_is(folder):
    selection = select_files(folder)
    by_kind = {kind: [file.path for file in selection.sent if file.kind == kind] for kind in GOES}
    assert by_kind == GOES and len(selection.sent) == sum(map(len, GOES.values()))
    assert selection.n_bytes == sum(file.n_bytes for file in selection.sent) > 0
    assert selection.paths["evaluation/grid.png"] == folder / "evaluation" / "grid.png"


def test_every_other_file_is_told_with_a_reason(folder):
    kept = select_files(folder).kept
    assert sum(row.n_files for row in kept) == len(STAYS)
    for name, reason in STAYS.items():
        [row] = [row for row in kept if row.path == name or (row.path.endswith("/") and name.startswith(row.path))]
        assert reason in row.reason, (name, row)
    [checkpoint] = [row for row in kept if row.path == "checkpoint-10/"]
    assert (checkpoint.n_files, checkpoint.n_bytes) == (2, 4)


def test_what_is_asked_for_goes_too(folder):
    selection = select_files(folder, include=["splits.json", "checkpoint-10/*"])
    asked = [file.path for file in selection.sent if file.kind == "included"]
    assert asked == ["checkpoint-10/model.safetensors", "checkpoint-10/optimizer.pt", "splits.json"]
    with pytest.raises(InputError, match=r"--include split\.json: fits no file"):
        select_files(folder, include=["split.json"])


def test_code_goes_with_a_model_that_names_it(folder):
    (folder / "config.json").write_text('{"auto_map": {"AutoModel": "modeling_own.OwnModel"}}')
    assert "modeling_own.py" in select_files(folder).paths


def test_an_adapter(tmp_path):
    for name in ("adapter_config.json", "adapter_model.safetensors", "reward_config.json"):
        (tmp_path / name).write_text("{}")
    assert {file.kind for file in select_files(tmp_path).sent} == {"model"}


@pytest.mark.parametrize(
    ("files", "wrong"),
    [
        (None, "no such folder"),
        (["notes.txt"], "no config.json or adapter_config.json; wanted"),
        (["checkpoint-7/config.json"], "checkpoint-7 is one"),
        (["config.json"], "no weights"),
        (["config.json", "model.safetensors.index.json"], "model-00001-of-00001.safetensors, which model.safetensors"),
    ],
)
def test_what_is_no_checkpoint_is_refused(tmp_path, files, wrong):
    folder = tmp_path / "out"
    for name in files or ():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text('{"weight_map": {"score.weight": "model-00001-of-00001.safetensors"}}')
    with pytest.raises(InputError, match=wrong) as error:
        select_files(folder)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        (
            "results.json",
            f'{{\n "command": "train",\n "hub_token": "{TOKEN}"\n}}',
            "line 3: holds a Hugging Face token",
        ),
        ("README.md", "---\n---\nTrained on /home/somebody/labels.jsonl", "line 3: holds a home folder"),
        ("config.json", '{"base": "/Users/somebody/llama"}', "line 1: holds a home folder"),
    ],
)
def test_planted_secrets_are_refused_by_file_line_and_kind(folder, name, text, what):
    (folder / name).write_text(text)
    with pytest.raises(InputError) as error:
        refuse_secrets(select_files(folder).paths)
    assert f"{name}, {what}" in str(error.value)
    assert TOKEN not in str(error.value) and "somebody" not in str(error.value) and "\n" not in str(error.value)


def test_pickled_settings_with_a_token_are_refused_even_when_asked_for(folder):
    (folder / "training_args.bin").write_bytes(pickle.dumps({"hub_token": TOKEN}))
    refuse_secrets(select_files(folder).paths)
    with pytest.raises(InputError, match="training_args.bin.*Hugging Face token"):
        refuse_secrets(select_files(folder, include=["training_args.bin"]).paths)


def test_only_files_of_a_model_are_outdated():
    existing = ["README.md", "model-00001-of-00002.safetensors", "last-checkpoint/model.safetensors", "config.json"]
    assert outdated(existing, ["config.json", "model.safetensors"]) == ["model-00001-of-00002.safetensors"]
