import json
import os
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import distributed
from transformers import TrainerCallback
from transformers.trainer_callback import TrainerControl

from distreward.trainers import StopOnSignal, last_complete_checkpoint, resuming
from distreward.trainers.resuming import Question, RestoresTuned, saved_reward_head

# --- finding where to go on


def checkpoint(folder: Path, step: int, state: str | None) -> Path:
    made = folder / f"checkpoint-{step}"
    made.mkdir()
    (made / "model.safetensors").write_bytes(b"weights")
    if state is not None:
        (made / "trainer_state.json").write_text(state, encoding="utf-8")
    return made


def test_the_newest_complete_checkpoint_is_found(tmp_path, caplog):
    checkpoint(tmp_path, 9, "{}")
    wanted = checkpoint(tmp_path, 10, '{"global_step": 10}')  # by number: "checkpoint-9" comes last by name
    checkpoint(tmp_path, 11, '{"global_step": 1')  # cut off in the middle of the last file
    checkpoint(tmp_path, 12, "")
    checkpoint(tmp_path, 13, None)
    (tmp_path / "checkpoint-best").mkdir()
    (tmp_path / "checkpoint-99").write_text("a file")
    assert last_complete_checkpoint(tmp_path) == wanted == last_complete_checkpoint(str(tmp_path))
    for step in (11, 12, 13):
        assert f"checkpoint-{step} is incomplete" in caplog.text
    assert "checkpoint-10" not in caplog.text


def test_the_saved_entry(tmp_path):
    assert saved_reward_head(tmp_path) is None  # no config.json
    for config in ({}, {"reward_head": {"type": "scalar"}}, {"reward_head": {"lambda": 0.5}}):
        (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
        assert saved_reward_head(str(tmp_path)) == config.get("reward_head")


def test_no_checkpoint_at_all(tmp_path):
    assert last_complete_checkpoint(tmp_path) is None
    assert last_complete_checkpoint(tmp_path / "nowhere") is None
    checkpoint(tmp_path, 3, None)
    assert last_complete_checkpoint(tmp_path) is None


# --- stopping and going on: the same run in another process, interrupted, then resumed here

SCRIPT = '''
"""Twenty steps with an evaluation and a checkpoint every four; the best checkpoint is kept."""

import sys
import time
from pathlib import Path

import torch
from datasets import load_from_disk
from transformers import TrainerCallback

from distreward.trainers import DistributionalRewardConfig, MeanVarianceKLRewardTrainer, StopOnSignal

HERE = Path(__file__).parent


class Pause(TrainerCallback):
    def on_step_end(self, args, state, control, **kwargs):
        time.sleep(0.1)


def train(folder, resume=None, callbacks=()):
    """The trainer after its run into `folder`, from the beginning or from a checkpoint."""
    torch.set_num_threads(1)
    pairs = load_from_disk(HERE / "pairs")
    args = DistributionalRewardConfig(
        folder,
        report_to="none",
        bf16=False,
        gradient_checkpointing=False,
        use_cpu=True,
        disable_tqdm=True,
        per_device_train_batch_size=3,
        num_train_epochs=5,
        eval_every_epochs=1.0,
        learning_rate=0.01,
        logging_steps=1,
        eta=0.5,
    )
    trainer = MeanVarianceKLRewardTrainer(
        str(HERE / "base"), args, train_dataset=pairs, eval_dataset=pairs, callbacks=list(callbacks)
    )
    trainer.train(resume_from_checkpoint=None if resume is None else str(resume))
    return trainer


if __name__ == "__main__":  # runs in turn: importing is the slow part
    for folder in sys.argv[1:]:
        stop = StopOnSignal()
        train(folder, callbacks=[stop, Pause()])
        print("interrupted", stop.interrupted)
'''


@pytest.fixture
def script(tmp_path, base_model, pairs) -> Path:
    """`SCRIPT` beside its model and its pairs."""
    pairs.save_to_disk(tmp_path / "pairs")
    path = tmp_path / "train_some.py"
    path.write_text(SCRIPT, encoding="utf-8")
    return path


@pytest.fixture
def train(script):
    threads = torch.get_num_threads()
    yield runpy.run_path(str(script))["train"]
    torch.set_num_threads(threads)


def history(trainer) -> dict[tuple[int, str], float]:
    """Every logged loss and every evaluation, by step."""
    names = ("loss", "grad_norm", "eval_loss", "eval_lambda", "eval_diverging_id_auroc")
    return {(line["step"], name): line[name] for line in trainer.state.log_history for name in names if name in line}


def assert_same_end(resumed, whole):
    """Bit for bit: weights, every logged number on the way, the best checkpoint and its lambda."""
    wanted = whole.model.state_dict()
    assert resumed.model.state_dict().keys() == wanted.keys()
    for name, value in resumed.model.state_dict().items():
        assert torch.equal(value, wanted[name]), name
    assert history(resumed) == history(whole)
    assert resumed.state.global_step == whole.state.global_step == 20
    assert resumed.state.best_global_step == whole.state.best_global_step
    assert resumed.model.config.reward_head == whole.model.config.reward_head
    assert "lambda" in resumed.model.config.reward_head


class SignalAt(TrainerCallback):
    """Sends this process a signal in the middle of a step."""

    def __init__(self, step: int, number: int = signal.SIGTERM):
        self.step, self.number = step, number

    def on_step_begin(self, args, state, control, **kwargs):
        if state.global_step == self.step:
            os.kill(os.getpid(), self.number)


def start(script: Path, folders: list[Path]) -> subprocess.Popen:
    """The script in a process of its own, into one folder after the other."""
    paths = os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])
    return subprocess.Popen(
        [sys.executable, str(script), *map(str, folders)],
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def interrupt(process: subprocess.Popen, folders: list[Path], numbers: list[int]) -> str:
    """Send each run its signal as soon as its second checkpoint is begun; returns what the process printed."""
    deadline = time.monotonic() + 200
    for folder, number in zip(folders, numbers, strict=True):
        while not (folder / "checkpoint-8").exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(number)
    return process.communicate(timeout=60)[0]


def test_an_interrupted_run_ends_in_the_same_weights(tmp_path, script, train):
    numbers = [signal.SIGINT, signal.SIGTERM, signal.SIGKILL]
    folders = [tmp_path / number.name for number in numbers]
    process = start(script, folders)
    try:
        with ThreadPoolExecutor(1) as pool:
            printed = pool.submit(interrupt, process, folders, numbers)
            whole = train(tmp_path / "whole")
            output = printed.result()
    finally:
        process.kill()
    stops = [line for line in output.splitlines() if line.startswith("interrupted")]
    assert stops == ["interrupted 2", "interrupted 15"] and process.returncode == -signal.SIGKILL, output

    for folder, number in zip(folders, numbers, strict=True):
        found = last_complete_checkpoint(folder)
        step = json.loads((found / "trainer_state.json").read_text(encoding="utf-8"))["global_step"]
        # a signal saves the step it came in; a kill may fall into the writing of checkpoint-8
        assert (4 if number == signal.SIGKILL else 8) <= step < 20, output
        assert_same_end(train(folder, resume=found), whole)


def test_the_checkpoint_of_the_interruption_is_kept(tmp_path, train):
    # Step 6 is no evaluation's, so it is not the best checkpoint, and `save_total_limit` is 1 by default.
    stop = StopOnSignal()
    stopped = train(tmp_path / "out", callbacks=[stop, SignalAt(5)])
    assert stop.interrupted == signal.SIGTERM and stopped.state.global_step == 6
    assert stopped.state.best_global_step == 4
    assert {folder.name for folder in (tmp_path / "out").glob("checkpoint-*")} == {"checkpoint-4", "checkpoint-6"}
    assert last_complete_checkpoint(tmp_path / "out").name == "checkpoint-6"


def test_lambda_comes_back_with_the_checkpoint(tmp_path, train):
    stopped = train(tmp_path / "out", callbacks=[StopOnSignal(), SignalAt(5)])
    seen = []

    class Look(TrainerCallback):
        def on_train_begin(self, args, state, control, model=None, **kwargs):
            seen.append(model.config.reward_head.get("lambda"))
            control.should_training_stop = True

    train(tmp_path / "out", resume=tmp_path / "out" / "checkpoint-6", callbacks=[Look()])
    assert seen == [stopped.model.config.reward_head["lambda"]] and seen[0] is not None


@pytest.mark.parametrize(
    "saved",
    [
        {},
        {"lambda": 0.5},
        {"lambda": 0.5, "calibration": {"std_scale": 2.0}},
        {"divergence_calibration": {"slope": 0.5}},
    ],
)
def test_what_was_tuned_for_later_weights_goes(saved, tmp_path):
    # the checkpoint's development pairs, say, held none that diverges: its weights have no lambda
    (tmp_path / "config.json").write_text(
        json.dumps({"reward_head": {"type": "mean_variance", **saved}}), encoding="utf-8"
    )
    trainer = RestoresTuned()
    entry = {"type": "mean_variance", "min_std": 0.2, "lambda": 0.9, "calibration": {"std_scale": 3.0}}
    entry["divergence_calibration"] = {"slope": 2.0}
    trainer.model = SimpleNamespace(config=SimpleNamespace(reward_head=entry))
    trainer._restore_tuned(str(tmp_path))
    assert entry == {"type": "mean_variance", "min_std": 0.2, **saved}


def test_handlers_come_back(tmp_path, train):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    stop = StopOnSignal()
    stop.on_train_begin(None, None, None)
    assert signal.getsignal(signal.SIGTERM) == stop._request
    stop.on_train_end(None, None, None)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    assert stop.interrupted is None


def test_a_second_signal_stops_at_once(tmp_path, train):
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "out", callbacks=[StopOnSignal(), SignalAt(5, signal.SIGINT), SignalAt(5, signal.SIGINT)])
    assert signal.getsignal(signal.SIGINT) == before
    assert last_complete_checkpoint(tmp_path / "out").name == "checkpoint-4"


def test_outside_the_main_thread_no_handler_is_installed():
    stop = StopOnSignal()
    before = signal.getsignal(signal.SIGTERM)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(stop.on_train_begin, None, None, None).result()
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.fixture
def among_others(monkeypatch):
    """A `StopOnSignal` at work in one of several processes; the others' signal can be set."""
    others = SimpleNamespace(signal=None)
    monkeypatch.setattr(resuming, "several_processes", lambda: True)
    answered = lambda own: SimpleNamespace(answer=lambda signal=own or others.signal: signal)  # noqa: E731
    monkeypatch.setattr(resuming, "Question", answered)
    stop = StopOnSignal()
    stop.on_train_begin(None, None, None)
    yield stop, others
    stop._restore()


def step(stop: StopOnSignal, meanwhile: Callable[[], object] = lambda: None) -> TrainerControl:
    """A step, and what happens while the optimiser is at work."""
    stop.on_pre_optimizer_step(None, None, None)
    meanwhile()
    return stop.on_step_end(SimpleNamespace(save_total_limit=None), None, TrainerControl())


def test_a_launcher_passes_the_signal_on_once_more(among_others, monkeypatch):
    stop, _ = among_others
    for _ in range(2):  # the terminal's, then the launcher's
        os.kill(os.getpid(), signal.SIGINT)
    assert step(stop).should_save and stop.interrupted == signal.SIGINT
    monkeypatch.setattr(resuming, "REPEATS", -1.0)  # as if time had passed
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


def test_the_signal_of_another_process_stops_this_one(among_others):
    stop, others = among_others
    assert not step(stop).should_training_stop
    others.signal = signal.SIGTERM
    assert step(stop).should_training_stop and stop.interrupted == signal.SIGTERM
    os.kill(os.getpid(), signal.SIGINT)  # the launcher reaches this one while it saves
    stop.on_train_end(None, None, None)
    assert stop.interrupted == signal.SIGTERM


def test_a_signal_after_the_question_stops_all_after_the_next_step(among_others):
    stop, _ = among_others
    # the others have been told that this process was not asked to stop, and go on
    assert not step(stop, lambda: os.kill(os.getpid(), signal.SIGINT)).should_training_stop and stop.interrupted is None
    assert step(stop).should_training_stop and stop.interrupted == signal.SIGINT


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_the_question_goes_to_all_processes(device, monkeypatch):
    """A group of one process, which is all the others there are; `pytest -m processes` stops two."""
    backend = {"cpu": "gloo", "cuda": "nccl"}[device]
    monkeypatch.setattr(resuming, "PartialState", lambda: SimpleNamespace(device=torch.device(device)))
    distributed.init_process_group(backend, store=distributed.HashStore(), rank=0, world_size=1)
    try:
        distributed.all_reduce(torch.zeros(1, device=device))  # the first one sets things up
        if device == "cuda":
            torch.cuda.set_sync_debug_mode("error")  # to ask must not wait for the device
        questions = [Question(own) for own in (None, signal.SIGTERM)]
        assert [question.answer() for question in questions] == [None, signal.SIGTERM]
    finally:
        if device == "cuda":
            torch.cuda.set_sync_debug_mode("default")
        distributed.destroy_process_group()


def test_a_signal_that_comes_too_late_is_not_lost(among_others):
    stop, _ = among_others
    stop._agree = lambda: None  # all have agreed that nobody was asked; now comes the signal
    os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        stop.on_train_end(None, None, None)
