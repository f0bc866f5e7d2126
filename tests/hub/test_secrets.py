"""What must not be published is found, named without being repeated, and taken out; what only looks like it stays."""

import json
import re

import pytest
import torch
from transformers import TrainingArguments

from distreward.errors import InputError
from distreward.hub.plain import json_text
from distreward.hub.secrets import MAX_BINARY_BYTES, check_no_secrets, find_secrets, refuse_secrets, scrub

HEX = "0123456789abcdef" * 2 + "01234567"
PLANTED = {
    "Hugging Face token": "hf_" + "AbCdEfGh" * 4,
    "OpenAI or Anthropic key": "sk-proj-" + "AbCd1234" * 5,
    "Weights & Biases key": "wandb_v1_" + "AbCd1234" * 4,
    "GitHub token": "ghp_" + "AbCd1234" * 5,
    "AWS key": "AKIA" + "ABCD1234" * 2,
    "Google key": "AIza" + "AbCd123" * 5,
    "private key": "-----BEGIN OPENSSH PRIVATE KEY-----",
    "bearer token": "Bearer " + "AbCd1234" * 4,
    "home folder": "/home/ann/labels.jsonl",
}


@pytest.fixture
def ann(monkeypatch):
    """A user and a machine with names of their own."""
    monkeypatch.setattr("getpass.getuser", lambda: "annsmith")
    monkeypatch.setattr("socket.gethostname", lambda: "gpu-node-17.lab.example")
    monkeypatch.setattr("pathlib.Path.home", lambda: __import__("pathlib").Path("/srv/people/annsmith"))


SUPERUSER = "/" + "root"


@pytest.mark.parametrize("kind", ["hf_oauth_", "hf_jwt_", "hf_oauth__refresh_"])
@pytest.mark.parametrize("value", ["AbCdEfGh" * 4, "eyJhbGci." + "AbCdEfGh-_" * 3 + ".AbCd-_1234"])
def test_tokens_of_a_browser_login_and_of_a_workflow_are_found_whole(kind, value):
    assert find_secrets(f"with {kind}{value}") == ["Hugging Face token"]
    assert scrub(f'"{kind}{value}", "x"') == '"<token>", "x"'


def test_the_token_of_the_stored_login_is_found_whatever_it_looks_like(tmp_path, monkeypatch):
    def no_network(*_):
        raise AssertionError("network")

    monkeypatch.setattr("socket.socket.connect", no_network)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "token"))
    assert find_secrets("ran with plainlookingword") == []
    (tmp_path / "token").write_text("plainlookingword\n")
    assert find_secrets("ran with plainlookingword") == ["token of `hf auth login`"]
    assert scrub("ran with plainlookingword") == "ran with <token>"


@pytest.mark.parametrize("what", PLANTED)
@pytest.mark.parametrize("around", ["{}", '"x": "{}", "y": 1', "see {} there", "a={}\nb"])
def test_planted_secrets_are_found_and_gone(what, around):
    text = around.format(PLANTED[what])
    assert what in find_secrets(text)
    clean = scrub(text)
    assert find_secrets(clean) == []
    before, after = around.split("{}")
    assert clean.startswith(before) and clean.endswith(after)  # nothing else is touched


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (f"WANDB_API_KEY={HEX}", "WANDB_API_KEY=<token>"),
        ("https://ann:hunter2@git.example/x", "https://<token>@git.example/x"),
        ('{"hub_token": "abcDEF123456xyz"}', '{"hub_token": "<token>"}'),
        (r'"C:\\Users\\ann\\out"', r'"~\\out"'),
        ("file:///Users/ann/out", "file://~/out"),
        (f"{SUPERUSER}/x and D:/Users/ann", "~/x and ~"),
    ],
)
def test_what_is_left(text, clean):
    assert scrub(text) == clean
    assert find_secrets(text) and not find_secrets(clean)


@pytest.mark.parametrize(
    "text",
    [
        f'"_commit_hash": "{HEX}"',
        "https://example.org/home/page and ./home/ann and models/home/x",
        "hf_hub_download(...) sk-learn /home /root",
        "hf_hub_download_with_a_very_long_name_behind_it() hf_oauth_refresh_token_if_needed hf_oauth: true",
        '"eos_token": "</s>", "num_tokens": 123456789012, "hub_token": null, "api_key": OPENAI_API_KEY',
        'fingerprint "2cedbc401c706f0e"',
    ],
)
def test_what_only_looks_like_a_secret_stays(text):
    assert find_secrets(text) == []
    assert scrub(text) == text


def test_names_of_user_and_machine(ann):
    assert find_secrets("trained by annsmith on gpu-node-17") == ["host name", "user name"]
    assert scrub("by annsmith on gpu-node-17.lab.example, gpu-node-17") == "by <user> on <host>, <host>"
    assert scrub("/scratch/annsmith/out and /srv/people/annsmith/x") == "/scratch/<user>/out and ~/x"
    # the owner of a public repository, and longer words
    for public in (
        "annsmith/my-model",
        "https://huggingface.co/datasets/annsmith/labels",
        "annsmithson",
        "my-annsmith",
    ):
        assert find_secrets(public) == [], public


@pytest.mark.parametrize("name", ["root", "ubuntu", "ann", "runner"])
def test_a_name_that_everybody_has_says_nothing(monkeypatch, name):
    monkeypatch.setattr("getpass.getuser", lambda: name)
    monkeypatch.setattr("socket.gethostname", lambda: name)
    assert find_secrets(f"{name} ran it on {name}") == []


def test_values_of_the_environment(monkeypatch):
    monkeypatch.setenv("LAB_API_KEY", "plainlookingword")
    monkeypatch.setenv("SHORT_TOKEN", "abc")
    assert find_secrets("key plainlookingword, abc") == ["value of LAB_API_KEY"]
    assert scrub("key plainlookingword, abc") == "key <token>, abc"


def test_scrubbed_json_is_still_json(ann):
    planted = {name: [value, f"x {value} y"] for name, value in PLANTED.items()}
    planted |= {"hub_token": "abcDEF123456xyz", "path": "C:\\Users\\ann\\x", "host": "gpu-node-17"}
    planted |= {"wandb_id": HEX, "login": {"password": ["abcDEF123456xyz"], "secret": 123456789012345}}
    text = json_text(planted)
    assert find_secrets(text) == []
    found = json.loads(text)
    assert set(found) == set(planted)
    assert (found["hub_token"], found["path"], found["host"]) == ("<token>", "~\\x", "<host>")


@pytest.mark.parametrize(
    ("value", "clean"),
    [
        ('say "/home/ann" x', 'say "~" x'),  # its quotes are escaped in JSON
        ("in /home/ann\nnext line", "in ~\nnext line"),
        ("in /home/ann\\", "in ~\\"),
        ('{"a": "C:\\\\Users\\\\ann\\\\x"}', '{"a": "~\\\\x"}'),  # JSON within JSON
        ("tab\t/Users/ann\tafter", "tab\t~\tafter"),
    ],
)
def test_scrubbing_leaves_the_text_around_it_as_it_was(ann, value, clean):
    assert json.loads(json_text({"a": value, "b": [value], value: 1})) == {"a": clean, "b": [clean], clean: 1}


def test_a_folder_is_searched_and_the_secret_not_repeated(tmp_path, ann):
    (tmp_path / "README.md").write_text("clean")
    (tmp_path / "sub").mkdir()
    (tmp_path / "tokenizer.json").write_text('{"annsmith": 17}')  # a vocabulary
    (tmp_path / "model.safetensors").write_bytes(PLANTED["Hugging Face token"].encode())
    check_no_secrets(tmp_path)
    (tmp_path / "sub" / "args.bin").write_bytes(b"\x80\x02\xff" + PLANTED["Hugging Face token"].encode() + b"\xff")
    with pytest.raises(InputError, match=re.escape("sub/args.bin: holds a Hugging Face token, which")) as caught:
        check_no_secrets(tmp_path)
    assert PLANTED["Hugging Face token"] not in str(caught.value)
    check_no_secrets(tmp_path, files=["README.md"])
    with pytest.raises(InputError, match=r"args.bin: holds"):
        check_no_secrets(tmp_path / "sub" / "args.bin")
    torch.save(TrainingArguments("out", hub_token="hf_" + "a" * 62, report_to="none"), tmp_path / "sub" / "args.bin")
    with pytest.raises(InputError, match="args.bin: holds a Hugging Face token"):  # its length is that of the letter A
        check_no_secrets(tmp_path)
    (tmp_path / "sub" / "args.bin").unlink()
    (tmp_path / "events.1700000000.gpu-node-17.0").write_bytes(b"")
    with pytest.raises(InputError, match="holds a host name in its name"):
        check_no_secrets(tmp_path)


@pytest.mark.parametrize("name", ["runs/Sep01_12-00-00_gpu-node-17/x.txt", "Sep01_12-00-00_gpu-node-17_lr1/x.txt"])
def test_the_folders_of_a_file_are_searched_too(tmp_path, ann, name):
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_text("")
    with pytest.raises(InputError, match="holds a host name in its name") as caught:
        check_no_secrets(tmp_path)
    assert "gpu-node-17" not in str(caught.value) and "<host>" in str(caught.value)


@pytest.mark.parametrize("name", ["annsmith/x.txt", "runs/annsmith/x.txt", "runs/annsmith"])
def test_a_folder_in_a_repository_is_no_owner_of_one(ann, name):
    with pytest.raises(InputError, match="holds a user name in its name"):
        refuse_secrets({name: b""})
    refuse_secrets({"root/home/x.txt": b"", "home/x/y": b""})


def test_a_machine_named_like_a_word_is_not_found_in_longer_ones(monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "reward")
    assert find_secrets("mean_reward reward_head my-reward") == []
    assert find_secrets("Sep01_12-00-00_reward") == find_secrets("on reward") == ["host name"]


def test_contents_that_are_no_files_are_searched(ann):
    with pytest.raises(InputError, match="README.md, line 2: holds a home folder"):
        refuse_secrets({"README.md": b"a\n/home/ann/x"})


def test_what_follows_an_escape_in_json_is_found():
    for planted in (PLANTED["Hugging Face token"], PLANTED["AWS key"]):
        with pytest.raises(InputError, match=r"results.json, line 1: holds"):
            refuse_secrets({"results.json": json.dumps({"log": f"line\n{planted}"}).encode()})
    refuse_secrets({"results.json": json.dumps({"log": "a\\nhf_" + "a" * 10}).encode()})


def test_a_text_is_searched_whole_and_of_a_binary_file_no_more_than_could_be_settings(tmp_path, monkeypatch):
    token = PLANTED["Hugging Face token"].encode()
    weights, large, late, latin = (tmp_path / name for name in ("pytorch_model-1.bin", "state.bin", "a.txt", "b.txt"))
    weights.write_bytes(b"\0" + token)
    large.write_bytes(b"\0" * MAX_BINARY_BYTES + token)
    n_read = []
    monkeypatch.setattr("distreward.hub.secrets._found", lambda text: n_read.append(len(text)) or [])
    refuse_secrets({path.name: path for path in (weights, large)})
    assert max(n_read) < 100  # names only
    monkeypatch.undo()
    late.write_bytes(b"a \n" * (MAX_BINARY_BYTES // 2) + token)
    latin.write_bytes(b"\xe9 \n" * (MAX_BINARY_BYTES // 2) + token)
    for path in (late, latin):
        with pytest.raises(
            InputError, match=f"{path.name}, line {MAX_BINARY_BYTES // 2 + 1}: holds a Hugging Face token"
        ):
            check_no_secrets(path)
