"""Stopping a run cleanly and finding where to go on."""

import json
import logging
import re
import signal
import threading
import time
from collections.abc import Iterable
from pathlib import Path

import torch
from accelerate import PartialState
from torch import distributed
from transformers import TrainerCallback
from transformers.trainer_callback import TrainerControl, TrainerState

from distreward.modeling.adapter_files import REWARD_CONFIG
from distreward.modeling.heads import CALIBRATIONS, drop_calibrations

logger = logging.getLogger("distreward")


class StopOnSignal(TrainerCallback):
    """SIGINT and SIGTERM save a checkpoint after the running step and end training; a second one stops at once.

    Of several processes it is enough that one gets the signal: all stop after the same step. Their launcher passes on what
    the terminal has sent to everybody, so there a second signal only counts after `REPEATS` seconds.

    After `trainer.train()` returns, `interrupted` holds the signal's number, or None.
    """

    def __init__(self):
        self.interrupted: int | None = None
        self._asked: int | None = None  # of this process
        self._asked_at = 0.0
        self._question: Question | None = None  # to all processes, not answered yet
        self._previous: dict[int, object] = {}

    def on_train_begin(self, args, state: TrainerState, control: TrainerControl, **kwargs) -> None:
        if threading.current_thread() is not threading.main_thread():
            return  # Python only lets the main thread install handlers
        for number in (signal.SIGINT, signal.SIGTERM):
            self._previous[number] = signal.signal(number, self._request)

    def _request(self, number: int, frame) -> None:
        if self._asked is not None:
            if time.monotonic() - self._asked_at > REPEATS:
                self._restore()
                signal.raise_signal(number)
            return
        self._asked, self._asked_at = number, time.monotonic()
        if not several_processes():
            self._restore()
        logger.warning("%s: saving a checkpoint after this step; once more stops at once.", signal.Signals(number).name)

    def _restore(self) -> None:
        while self._previous:
            number, handler = self._previous.popitem()
            signal.signal(number, handler)

    def on_pre_optimizer_step(self, args, state: TrainerState, control: TrainerControl, **kwargs) -> None:
        if self.interrupted is None and several_processes():
            self._question = Question(self._asked)

    def on_step_end(self, args, state: TrainerState, control: TrainerControl, **kwargs) -> TrainerControl:
        self._agree()
        if self.interrupted is not None:
            control.should_save = control.should_training_stop = True
            if args.save_total_limit == 1:  # the Trainer would end by deleting every checkpoint but the best
                args.save_total_limit = 2
        return control

    def on_train_end(self, args, state: TrainerState, control: TrainerControl, **kwargs) -> None:
        self._agree()
        self._restore()
        if self._asked is not None and self.interrupted is None:  # it came too late to stop anything here
            signal.raise_signal(self._asked)

    def _agree(self) -> None:
        """What one process was asked for, all are asked for: they stop after the same step or wait for each other for ever."""
        if self.interrupted is None and several_processes():
            question, self._question = self._question or Question(self._asked), None
            self.interrupted = question.answer()
        elif self.interrupted is None:
            self.interrupted = self._asked
        if self.interrupted is not None and self._asked is None:
            self._asked, self._asked_at = self.interrupted, time.monotonic()


REPEATS = 5.0
"""Seconds; a launcher passes a signal on at once, a person presses Ctrl-C again when nothing seems to happen."""


def several_processes() -> bool:
    """Whether this process trains together with others."""
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1


class Question:
    """Which signal has any of the processes got? To be put by all of them, at the same point of their work.

    `StopOnSignal` asks before the optimiser's step and looks at the answer after it. So the device is never idle for it: the
    answer is there when the device has come to where it was asked, and the optimiser's kernels are queued behind that.
    """

    def __init__(self, own: int | None):
        device = PartialState().device
        number = torch.full((), own or 0, device=device)  # filled there: a copy of ours would wait for the device
        distributed.all_reduce(number, distributed.ReduceOp.MAX)
        self._number = number.to("cpu", non_blocking=True)
        self._arrived = None if device.type == "cpu" else torch.accelerator.current_stream(device).record_event()

    def answer(self) -> int | None:
        if self._arrived is not None:
            self._arrived.synchronize()
        return int(self._number) or None


def last_complete_checkpoint(output_dir: str | Path) -> Path | None:
    """The newest `checkpoint-<step>` under `output_dir` that was written to its end, or None.

    `trainer_state.json` is the last file the Trainer writes, so a folder in which it does not parse was cut off by a kill.
    """
    found = []
    for folder in Path(output_dir).glob("checkpoint-*"):
        step = re.fullmatch(r"checkpoint-(\d+)", folder.name)
        if step and folder.is_dir():
            found.append((int(step.group(1)), folder))
    for _, folder in sorted(found, reverse=True):
        try:
            json.loads((folder / "trainer_state.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            logger.warning("%s is incomplete (cut off while it was written); looking for an older one.", folder)
            continue
        return folder
    return None


def saved_reward_head(checkpoint: str | Path) -> dict | None:
    """The `reward_head` entry in a checkpoint's config, or None: it has none, or the checkpoint is a sharded one (no config)."""
    for name in ("config.json", REWARD_CONFIG):
        path = Path(checkpoint) / name
        if path.is_file():
            return json.loads(path.read_text(encoding="utf-8")).get("reward_head")
    return None


def own_evaluation(log_history: Iterable[dict[str, float]], step: int) -> dict[str, float]:
    """The metrics of the trainer's evaluation at a step, in one; empty where there was none.

    Of several sets each has a line of its own. What a callback evaluated at the same step stands after them and counts only
    where it has a name of its own.

    >>> own_evaluation([{"loss": 0.6, "step": 4}, {"eval_loss": 0.5, "step": 4}, {"eval_loss": 0.7, "step": 8}], step=4)
    {'eval_loss': 0.5}
    """
    lines = [line for line in log_history if line["step"] == step and any(name.startswith("eval_") for name in line)]
    return {name: value for line in reversed(lines) for name, value in line.items() if name != "step"}


TUNED = ("lambda", *CALIBRATIONS)
"""Of a `reward_head` entry: what an evaluation tunes for the weights as they are."""


class RestoresTuned:
    """Stands before the Trainer among a trainer's bases: with a checkpoint's weights comes what was tuned for them.

    With the best weights, at the end, also what was measured of them: `development`, which the model card tells of. It is
    the last evaluation of the present weights on the trainer's own set.
    """

    development: dict[str, float] = {}

    def train(self, *args, **kwargs):
        # calibrations belong to the weights as they were
        drop_calibrations(getattr(self.model.config, "reward_head", None) or {})
        return super().train(*args, **kwargs)

    def _load_best_model(self) -> None:
        super()._load_best_model()
        self._restore_tuned(self.state.best_model_checkpoint)
        self.development = own_evaluation(self.state.log_history, self.state.best_global_step)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model=None) -> None:
        super()._load_from_checkpoint(resume_from_checkpoint, model)
        self._restore_tuned(resume_from_checkpoint)

    def _restore_tuned(self, checkpoint: str) -> None:
        """With a checkpoint's weights, take back what was tuned for them; what was tuned for others goes."""
        saved = saved_reward_head(checkpoint)
        if saved is None:
            return
        entry = self.model.config.reward_head
        for name in TUNED:
            entry.pop(name, None)
            entry.update({name: saved[name]} if name in saved else {})
