"""One repository, one commit, one line when it fails: over huggingface_hub's own requests, against a stand-in that keeps the bytes."""

import hashlib
import json
from pathlib import Path

import pytest

from distreward.errors import InputError
from distreward.hub.files import select_files
from distreward.hub.pushing import ATTEMPTS, MAX_PAUSE, PAUSES, open_repository
from tests.conftest import NOWHERE
from tests.hub.hub_server import READER, Commit, Fault, Repository

WEIGHTS = bytes(range(256)) * 1000
HEAD = bytes(reversed(range(256))) * 900


@pytest.fixture
def folder(tmp_path) -> Path:
    """A checkpoint in two shards, with a card and results."""
    path = tmp_path / "out"
    path.mkdir()
    shards = {"score.weight": "model-00002-of-00002.safetensors", "model.weight": "model-00001-of-00002.safetensors"}
    for name, content in {
        "config.json": "{}",
        "model.safetensors.index.json": json.dumps({"weight_map": shards}),
        "README.md": "---\nlicense: mit\n---\nA reward model.\n",
        "results.json": '{"command": "train"}',
    }.items():
        (path / name).write_text(content)
    (path / "model-00001-of-00002.safetensors").write_bytes(WEIGHTS)
    (path / "model-00002-of-00002.safetensors").write_bytes(HEAD)
    return path


def push(folder: Path, repo_id: str = "ann/rewards", message: str = "a model", replace: bool = False, **options):
    return open_repository(repo_id, **options).commit(select_files(folder).paths, message, replace)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def refused(folder: Path, **options) -> str:
    """The one line of a push that fails."""
    with pytest.raises(InputError) as error:
        push(folder, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_every_byte_arrives_in_one_commit(hub, folder):
    pushed = push(folder)
    repository = hub.model("ann/rewards")
    assert repository.files() == contents(folder)
    assert repository.messages() == ["a model"] and not repository.private
    assert pushed.commit == repository.branches["main"][-1].oid
    assert (pushed.repo_id, pushed.url) == ("ann/rewards", f"{hub.endpoint}/ann/rewards")
    assert hub.pauses == [] and set(hub.received.values()) == {1}


def test_a_name_alone_is_the_owners(hub, folder):
    assert push(folder, "rewards").repo_id == "ann/rewards"


def test_private(hub, folder):
    push(folder, private=True)
    assert hub.model("ann/rewards").private


def test_private_of_a_public_repository_is_refused_before_anything_is_sent(hub, folder):
    push(folder)
    sent = hub.count("POST", "/commit/")
    assert "exists and is public" in refused(folder, private=True)
    assert hub.count("POST", "/commit/") == sent


def test_a_branch_is_made_and_main_left_alone(hub, folder):
    for _ in range(2):  # the second finds the branch
        push(folder, revision="seed-1")
        (folder / "results.json").write_text('{"command": "train", "seconds": 2}')
    repository = hub.model("ann/rewards")
    assert repository.files("main") == {} and len(repository.messages("seed-1")) == 2
    assert repository.files("seed-1")["config.json"] == b"{}"


def test_a_pull_request_is_no_branch_to_make(hub, folder):
    hub.repositories["models/ann/rewards"] = Repository()
    hub.model("ann/rewards").branches["refs/pr/1"] = [Commit("a pull request", {})]
    push(folder, revision="refs/pr/1")
    assert hub.model("ann/rewards").files("refs/pr/1") == contents(folder) and hub.count("POST", "/branch/") == 0


def test_a_repository_that_exists_gets_a_commit_with_what_changed(hub, folder):
    push(folder)
    (folder / "model-00002-of-00002.safetensors").write_bytes(HEAD[::-1])
    push(folder, message="better")
    assert hub.model("ann/rewards").messages() == ["a model", "better"]
    assert hub.model("ann/rewards").files() == contents(folder)
    assert set(hub.received.values()) == {1} and len(hub.received) == 3  # the first shard went once


def test_nothing_new_is_no_commit(hub, folder):
    first = push(folder)
    assert push(folder).commit == first.commit and len(hub.model("ann/rewards").messages()) == 1


def test_another_kind_of_model_is_replaced_only_when_asked(hub, folder):
    adapter = {"adapter_config.json": b"{}", "adapter_model.safetensors": b"x", "notes.txt": b"kept"}
    hub.repositories["models/ann/rewards"] = Repository()
    hub.model("ann/rewards").branches["main"].append(Commit("an adapter", adapter))
    line = refused(folder)
    assert "adapter_config.json, adapter_model.safetensors would stand beside" in line and "--replace" in line
    assert hub.model("ann/rewards").files() == adapter
    pushed = push(folder, replace=True)
    assert pushed.removed == ("adapter_config.json", "adapter_model.safetensors")
    assert hub.model("ann/rewards").files() == {**contents(folder), "notes.txt": b"kept"}
    assert len(hub.model("ann/rewards").messages()) == 2  # in the same commit


def test_contents_are_searched_as_files_are(hub, folder):
    repository = open_repository("ann/rewards")
    files = {**select_files(folder).paths, "README.md": b"trained in /home/somebody/out"}
    with pytest.raises(InputError, match="README.md, line 1: holds a home folder"):
        repository.commit(files, "a model")
    assert hub.model("ann/rewards").files() == {}


# ------------------------------------------------------------------------------------------------------ refusals


def test_no_token(hub, folder, monkeypatch, tmp_path):
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "none"))
    assert "hf auth login" in refused(folder) and hub.requests == []


def test_offline(hub, folder, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert "unset it to push" in refused(folder) and hub.requests == hub.pauses == []


def test_no_network(hub, folder, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", NOWHERE)
    line = refused(folder)
    assert line.startswith("ann/rewards: the Hub cannot be reached") and hub.pauses == list(PAUSES)


def test_401(hub, folder, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "token-of-nobody")
    line = refused(folder)
    assert "(401)" in line and "HF_TOKEN" in line and "token-of-nobody" not in line
    assert hub.repositories == {} and hub.pauses == []


def test_403(hub, folder):
    line = refused(folder, token=READER)
    assert "(403)" in line and "another --repo_id" in line and 'under the namespace "ann"' in line
    assert hub.repositories == {} and hub.pauses == []


@pytest.mark.parametrize("status", [409, 412])
def test_a_conflict_says_what_to_do_and_the_second_run_does_it(hub, folder, status):
    hub.faults = [Fault("POST", "/commit/main", status, message="A commit has happened since.")]
    line = refused(folder)
    assert f"({status})" in line and "run the same command again" in line and "A commit has happened since" in line
    push(folder)
    assert hub.model("ann/rewards").files() == contents(folder) and set(hub.received.values()) == {1}


def test_a_card_the_hub_rejects(hub, folder):
    (folder / "README.md").write_text("---\ntitle: [1]\n---\n")
    assert '"title" must be a string' in refused(folder)


def test_a_name_the_hub_does_not_take(hub, folder):
    assert "Repo id must" in refused(folder, repo_id="ann/re/wards") and hub.requests == []


# -------------------------------------------------------------------------------------------- what mends itself


@pytest.mark.parametrize(
    ("headers", "asked"),
    [({}, PAUSES[0]), ({"Retry-After": "7"}, 8), ({"RateLimit": '"api";r=0;t=55'}, 56)],
)
@pytest.mark.parametrize("path", ["/api/repos/create", "/commit/main"])
def test_429_waits_as_long_as_the_hub_asks(hub, folder, path, headers, asked):
    hub.faults = [Fault("POST", path, 429, headers=headers)]
    push(folder)
    assert hub.pauses == [asked] and hub.model("ann/rewards").files() == contents(folder)


def test_429_for_ever_gives_up(hub, folder):
    hub.faults = [Fault("POST", "/api/repos/create", 429, times=-1)]
    assert "too many requests (429)" in refused(folder)
    assert hub.pauses == list(PAUSES) and len(hub.requests) == ATTEMPTS


def test_429_for_longer_than_anybody_waits_gives_up_at_once(hub, folder):
    hub.faults = [Fault("POST", "/api/repos/create", 429, headers={"Retry-After": str(MAX_PAUSE)})]
    assert f"asks to wait {MAX_PAUSE + 1} s" in refused(folder) and hub.pauses == []


@pytest.mark.parametrize("path", ["/api/repos/create", "/preupload/", "/objects/batch", "/commit/main"])
@pytest.mark.parametrize("what", [503, "drop"])
def test_a_failing_request_is_tried_again(hub, folder, path, what):
    hub.faults = [Fault("POST", path, what)]
    push(folder)
    assert hub.model("ann/rewards").files() == contents(folder)
    assert len(hub.pauses) == 1 and set(hub.received.values()) == {1}


def test_a_connection_dropped_in_mid_upload_goes_on(hub, folder):
    hub.faults = [Fault("PUT", "/large/", "drop_midway")]
    push(folder)
    assert hub.model("ann/rewards").files() == contents(folder)
    assert hub.count("PUT", "/large/") == 3 and set(hub.received.values()) == {1}  # two shards, one of them twice


def test_an_upload_that_broke_off_is_gone_on_with_by_the_next_push(hub, folder):
    broken = hashlib.sha256(HEAD).hexdigest()
    hub.faults = [Fault("PUT", f"/large/{broken}", "drop_midway", times=-1)]
    line = refused(folder)
    assert line.startswith("ann/rewards: the Hub cannot be reached, or the connection broke")
    assert hub.model("ann/rewards").files() == {} and list(hub.large) == [hashlib.sha256(WEIGHTS).hexdigest()]
    hub.faults, hub.requests = [], []
    push(folder)
    assert hub.model("ann/rewards").files() == contents(folder)
    assert [path for method, path in hub.requests if method == "PUT"] == [
        f"/large/{broken}"
    ]  # the other shard was there


def test_a_commit_of_which_only_the_answer_was_lost_is_not_made_twice(hub, folder):
    hub.faults = [Fault("POST", "/commit/main", "lost_answer")]
    pushed = push(folder)
    assert len(hub.model("ann/rewards").messages()) == 1 and hub.count("POST", "/commit/") == 1
    assert pushed.commit == hub.model("ann/rewards").branches["main"][-1].oid


def test_the_token_is_not_shown(hub):
    assert "token-of-ann" not in repr(open_repository("ann/rewards"))
