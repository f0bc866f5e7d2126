"""An experiment that is killed, again and again and anywhere, ends at the table of one that was left in peace."""

import json
import os
import signal
import traceback
from pathlib import Path

import numpy as np
import pytest
from transformers import Trainer

from distreward.cli.main import main
from tests.conftest import make_pairs

RESULT_KEYS = (
    "rows",
    "comparisons",
    "ensembles",
    "average_distribution",
    "strength",
    "breakdowns",
    "reliability",
    "pairs",
)


@pytest.fixture
def options(base_model, tmp_path):
    data = tmp_path / "pairs.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in make_pairs(24)))
    fixed = {
        "dataset_name": data, "model_name_or_path": base_model, "folds": 2, "eval_size": 0.25, "n_bootstrap": 20,
        "num_train_epochs": 1, "eval_every_epochs": 1, "per_device_train_batch_size": 4, "gradient_checkpointing": "false",
        "report_to": "none", "disable_tqdm": "true", "figures": "false",
    }  # fmt: skip
    words = [word for name, value in fixed.items() for word in (f"--{name}", str(value))]
    return ["experiment", *words, "--rows", "bradley_terry", "mean_variance_kl", "--seeds", "0", "--etas", "0"]


STEP = "a training step"


def killed_at(event: str, times: int, argv: list[str]) -> bool:
    """Run a command in a child that kills itself; whether it did.

    Args:
        event: `STEP`, or the name of a file that is about to be put in place.
        times: at which occurrence of the event, from 1 on.
        argv: of the command.
    """
    child = os.fork()
    if child == 0:
        left = times

        def watched(real, name_of):
            def called(*args, **kwargs):
                nonlocal left
                left -= name_of(args) == event
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*args, **kwargs)

            return called

        Path.replace = watched(Path.replace, lambda args: Path(args[1]).name)
        Trainer.training_step = watched(Trainer.training_step, lambda args: STEP)
        try:
            status = main(argv)
        except BaseException:
            traceback.print_exc()
            status = 99
        os._exit(status)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0
    return False


def test_a_run_killed_anywhere_resumes_to_the_same_table(options, tmp_path):
    peaceful, killed = tmp_path / "peaceful", tmp_path / "killed"
    assert main([*options, "--output_dir", str(peaceful)]) == 0
    # before anything is there, in the middle of a training, between the two files of a cell (the second cell's, so that one
    # is done), and before the results
    places = [("experiment.json", 1), (STEP, 2), ("cell.json", 2), ("predictions.npz", 1), ("results.json", 1)]
    for event, times in places:
        assert killed_at(event, times, [*options, "--output_dir", str(killed)]), event
    assert main([*options, "--output_dir", str(killed)]) == 0

    one, other = (json.loads((folder / "results.json").read_text()) for folder in (peaceful, killed))
    for key in RESULT_KEYS:
        assert one[key] == other[key], key
    for cell in sorted((peaceful / "cells").iterdir()):
        with np.load(cell / "predictions.npz") as a, np.load(killed / "cells" / cell.name / "predictions.npz") as b:
            assert set(a.files) == set(b.files)
            for name in a.files:
                np.testing.assert_array_equal(a[name], b[name])  # same config, same seed: the very same numbers
    assert not list(killed.rglob("*.tmp"))


def test_rendering_trains_nothing_and_says_what_is_missing(options, tmp_path, monkeypatch):
    folder = tmp_path / "out"
    argv = [*options, "--output_dir", str(folder)]
    assert killed_at("cell.json", 2, argv)
    before = {path: path.read_bytes() for path in folder.glob("cells/*/*") if path.is_file()}
    assert main([*argv, "--render_only"]) == 0
    page = (folder / "report.html").read_text()
    assert "of 4 runs are still to be made" in page
    assert before == {path: path.read_bytes() for path in folder.glob("cells/*/*") if path.is_file()}
    facts = json.loads(next(folder.glob("cells/*/cell.json")).read_text())
    assert {"data", "versions", "source", "settings", "cell", "seconds"} <= set(facts)
    assert str(tmp_path) not in page and str(tmp_path) not in json.dumps(facts)


def test_adapters_are_trained_and_scored(options, tmp_path):
    folder = tmp_path / "lora"
    lora = [
        "--rows",
        "mean_variance_kl",
        "--keep_checkpoints",
        "true",
        "--use_peft",
        "--lora_target_modules",
        "q_proj",
        "v_proj",
    ]
    assert main([*options, *lora, "--folds", "0", "--test_size", "6", "--output_dir", str(folder)]) == 0
    facts = json.loads((folder / "cells" / "mean_variance_kl-seed0-fold0-eta0" / "cell.json").read_text())
    assert facts["settings"]["use_peft"] is True and facts["settings"]["lora_target_modules"] == ["q_proj", "v_proj"]
    adapters = list(folder.rglob("adapter_model.safetensors"))
    assert adapters
