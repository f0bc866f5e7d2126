"""`distreward push`: what is listed is what is sent, and every refusal is one line."""

import json

import pytest

from distreward.cli.main import main
from distreward.hub import secrets
from distreward.hub.spaces import metric_space
from distreward.hub.writing import is_ours
from tests.hub.hub_server import Fault


@pytest.fixture
def model(tmp_path):
    """A folder of training, with things in it that are nobody's business."""
    folder = tmp_path / "out"
    (folder / "checkpoint-3").mkdir(parents=True)
    for name in ("config.json", "tokenizer.json", "splits.json", "training_args.bin", "checkpoint-3/optimizer.pt"):
        (folder / name).write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights" * 1000)
    (folder / "results.json").write_text('{"command": "train", "seconds": 3.5}')
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    return folder


def listed(output: str) -> tuple[list[str], list[str]]:
    """Names of the files that go and that stay, as printed."""
    going, staying = output.split("stays here:\n")
    return ([line.split()[0] for line in part.splitlines() if line.startswith("  ")] for part in (going, staying))


def test_the_dry_run_lists_what_is_then_sent_and_sends_nothing(hub, model, tmp_path, capsys):
    command = ["push", str(model), "--repo_id", "ann/rewards", "--output_dir", str(tmp_path / "facts")]
    assert main([*command, "--dry_run"]) == 0
    going, staying = listed(capsys.readouterr().out)
    facts = json.loads((tmp_path / "facts" / "results.json").read_text())
    assert hub.requests == [] and facts["commit"] is None
    assert [file["path"] for file in facts["files"]] == going
    assert staying == ["checkpoint-3/", "splits.json", "training_args.bin"]

    assert main(command) == 0
    sent = hub.model("ann/rewards").files()
    assert sorted(sent) == going and {name: len(data) for name, data in sent.items()} == {
        file["path"]: file["bytes"] for file in facts["files"]
    }
    facts = json.loads((tmp_path / "facts" / "results.json").read_text())
    assert facts["commit"] == hub.model("ann/rewards").branches["main"][-1].oid
    assert f"sent to {hub.endpoint}/ann/rewards, commit {facts['commit']}" in capsys.readouterr().out


def test_a_dry_run_needs_neither_network_nor_token(model, monkeypatch, capsys):
    def no_network(*_):
        raise AssertionError("network")

    monkeypatch.setattr("socket.socket.connect", no_network)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    assert main(["push", str(model), "--repo_id", "ann/rewards", "--revision", "trial", "--dry_run"]) == 0
    output = capsys.readouterr().out
    assert "would go to ann/rewards, branch trial: 5 files, 7.1 kB" in output
    assert "model.safetensors    7.0 kB  model" in output and "ids of pairs, which may be private" in output


def test_options_reach_the_hub(hub, model):
    options = ["--private", "true", "--revision", "seed-1", "--commit_message", "first", "--include", "splits.json"]
    assert main(["push", "--model_dir", str(model), "--repo_id", "ann/rewards", *options]) == 0
    repository = hub.model("ann/rewards")
    assert repository.private and repository.messages("seed-1") == ["first"] and repository.files("main") == {}
    assert "splits.json" in repository.files("seed-1")


def test_the_message_names_the_folder_by_default(hub, model, monkeypatch):
    monkeypatch.chdir(model)
    assert main(["push", ".", "--repo_id", "ann/rewards"]) == 0
    assert hub.model("ann/rewards").messages() == ["out, sent by distreward"]


def test_replacing_an_adapter(hub, model, tmp_path, capsys):
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    for name in ("adapter_config.json", "adapter_model.safetensors", "README.md"):
        (adapter / name).write_text("{}")
    assert main(["push", str(adapter), "--repo_id", "ann/rewards"]) == 0
    assert main(["push", str(model), "--repo_id", "ann/rewards"]) == 2
    assert "pass --replace" in capsys.readouterr().err
    assert main(["push", str(model), "--repo_id", "ann/rewards", "--replace"]) == 0
    assert "taken out of the repository: adapter_config.json, adapter_model.safetensors" in capsys.readouterr().out


def test_a_metric_goes_as_a_space(hub, capsys):
    command = ["push", "--metric", "level_calibration", "--repo_id", "ann/level_calibration"]
    assert main([*command, "--dry_run"]) == 0 and hub.requests == []
    assert main(command) == 0
    files = hub.repositories["spaces/ann/level_calibration"].files()
    assert files == metric_space("level_calibration", "ann/level_calibration")
    assert all(f"  {name} " in capsys.readouterr().out for name in list(files)[:1])


def test_a_missing_card_is_said(hub, model, capsys):
    (model / "README.md").unlink()
    assert main(["push", str(model), "--repo_id", "ann/rewards"]) == 0
    assert f"no model card; `distreward card --model_dir {model}` writes one" in capsys.readouterr().err


def test_the_card_names_the_repository_it_lies_in(hub, model, capsys):
    assert main(["card", "--model_dir", str(model), "--license", "mit", "--overwrite"]) == 0
    here = (model / "README.md").read_text()
    assert main(["push", str(model), "--repo_id", "ann/rewards"]) == 0
    sent = hub.model("ann/rewards").files()["README.md"].decode()
    assert "ann/rewards" in sent and "ann/rewards" not in here and "license: mit" in sent
    assert (model / "README.md").read_text() == here and is_ours(sent)

    (model / "README.md").write_text("---\nlicense: mit\n---\n# Mine\n")  # a person's card goes as it is
    assert main(["push", str(model), "--repo_id", "ann/rewards"]) == 0
    assert hub.model("ann/rewards").files()["README.md"].decode() == (model / "README.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["{model}"], "--repo_id is missing"),
        (["{model}", "--repo_id", "ann/my rewards", "--dry_run"], "--repo_id ann/my rewards: no name the Hub takes"),
        (["{model}", "--repo_id", "org/ann/x", "--dry_run"], "wanted user/name"),
        (["--repo_id", "ann/x"], "the folder of a model or --metric NAME"),
        (["{model}", "--metric", "level_calibration", "--repo_id", "ann/x"], "one of the two"),
        (["{model}/checkpoint-3", "--repo_id", "ann/x"], "not a checkpoint, it has no config.json"),
        (["{model}", "--repo_id", "ann/x", "--include", "nothing"], "--include nothing: fits no file"),
        (["--metric", "accuracy", "--repo_id", "ann/accuracy"], "wanted one of preference_accuracy"),
        (
            ["--metric", "level_calibration", "--repo_id", "ann/level_calibration", "--replace"],
            "--replace is for models",
        ),
        (["{model}", "--repo_id", "ann/x", "--privat"], "unknown option --privat (did you mean '--private'?)"),
    ],
)
def test_mistakes_are_one_line(hub, model, capsys, arguments, line):
    assert main(["push", *(word.replace("{model}", str(model)) for word in arguments)]) == 2
    error = capsys.readouterr().err
    assert line in error and error.startswith("distreward push: ") and error.count("\n") == 1
    assert hub.requests == []


def test_a_planted_secret_is_refused_before_anything_is_sent(hub, model, capsys):
    (model / "results.json").write_text('{"command": "train",\n "config": {"hub_token": "hf_%s"}}' % ("a1B2" * 9))  # noqa: UP031
    for dry in ([], ["--dry_run"]):
        assert main(["push", str(model), "--repo_id", "ann/rewards", *dry]) == 2
        error = capsys.readouterr().err
        assert "results.json, line 2: holds a Hugging Face token" in error and error.count("\n") == 1
    assert hub.requests == []


def test_what_is_searched_is_what_is_sent_each_file_once(hub, model, monkeypatch, capsys):
    assert main(["card", "--model_dir", str(model), "--license", "mit", "--overwrite"]) == 0
    texts = []
    real = secrets._found
    monkeypatch.setattr(secrets, "_found", lambda text: texts.append(text) or real(text))
    for dry in (["--dry_run"], []):
        texts.clear()
        assert main(["push", str(model), "--repo_id", "ann/rewards", *dry]) == 0
        assert texts.count((model / "results.json").read_text()) == 1
    sent = hub.model("ann/rewards").files()["README.md"].decode()
    assert texts.count(sent) == 1 and (model / "README.md").read_text() not in texts


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        (Fault("POST", "/api/repos/create", 401, times=-1), "(401)"),
        (Fault("POST", "/api/repos/create", 403, times=-1), "(403)"),
        (Fault("POST", "/api/repos/create", 402, times=-1, message="Pay first."), "it says: Pay first."),
        (Fault("POST", "/commit/main", 409, times=-1), "(409)"),
        (Fault("POST", "/commit/main", 429, times=-1), "(429)"),
        (Fault("PUT", "/large/", "drop_midway", times=-1), "connection broke"),
        (
            Fault("POST", "/preupload/", 500, times=-1, message="first line\nsecond line"),
            "answered 500; it says: first line",
        ),
    ],
)
def test_refusals_of_the_hub_are_one_line(hub, model, capsys, fault, line):
    hub.faults = [fault]
    assert main(["push", str(model), "--repo_id", "ann/rewards"]) == 2
    # before it may come what is said while waiting, each a line of its own
    *_, last = capsys.readouterr().err.rstrip("\n").split("distreward push: ")
    assert last.startswith("ann/rewards: ") and line in last and "\n" not in last and ".." not in last
    assert "ann/rewards" not in hub.repositories or hub.model("ann/rewards").files() == {}
