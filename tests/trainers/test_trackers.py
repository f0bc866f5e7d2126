"""What training logs reaches the trackers: a training run of two steps each, read back from the tracker's own files."""

import re
import sqlite3
from importlib.util import find_spec
from pathlib import Path

import pytest

from distreward.modeling import AutoRewardModel
from distreward.trainers import DistributionalRewardConfig, MeanVarianceKLRewardTrainer

LOGGED = {
    "train/loss", "train/accuracy", "train/mean_std", "train/predicted_diverging", "train/log_loss",
    "eval/loss", "eval/preference_accuracy", "eval/mean_std", "eval/predicted_diverging", "eval/log_loss",
    "eval/level_ece", "eval/diverging_id_auroc", "eval/gap_auroc", "eval/lambda",
}  # fmt: skip
"""docs/training-logs.md: what a mean-variance head logs."""


@pytest.fixture
def train(tmp_path, llama_config, tokenizer, pairs):
    """Two steps and an evaluation of a tiny model, reported to one tracker; returns the lines the trainer itself keeps."""

    def run(tracker: str, **options) -> list[dict]:
        args = DistributionalRewardConfig(
            tmp_path / "out",
            report_to=tracker,
            max_steps=2,
            logging_steps=1,
            eval_strategy="steps",
            eval_steps=2,
            save_strategy="no",
            bf16=False,
            gradient_checkpointing=False,
            use_cpu=True,
            disable_tqdm=True,
            **options,
        )
        model = AutoRewardModel.from_config(llama_config, "mean_variance")
        trainer = MeanVarianceKLRewardTrainer(
            model, args, train_dataset=pairs, eval_dataset=pairs, processing_class=tokenizer
        )
        trainer.train()
        return trainer.state.log_history

    return run


def test_tensorboard(train, tmp_path, monkeypatch):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", str(tmp_path / "events"))
    history = train("tensorboard")
    [file] = (tmp_path / "events").rglob("events.out.tfevents.*")
    events = EventAccumulator(str(file)).Reload()
    assert set(events.Tags()["scalars"]) >= LOGGED
    for key in ("mean_std", "predicted_diverging", "log_loss"):
        kept = [line[key] for line in history if key in line]
        assert len(kept) == 2
        assert [event.value for event in events.Scalars(f"train/{key}")] == pytest.approx(kept, rel=1e-6)
    [auroc] = events.Scalars("eval/diverging_id_auroc")
    assert auroc.step == 2 and 0 <= auroc.value <= 1
    page = (Path(__file__).parents[2] / "docs" / "training-logs.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"`([a-z_]+)`", page))
    of_trl = re.compile("step|total_flos|train_|eval_(num_tokens|samples|steps)")
    logged = {key for line in history for key in line if not of_trl.match(key)}
    assert {
        key.replace("eval_min_", "min_").replace("eval_mean_r", "mean_r").replace("eval_max_", "max_") for key in logged
    } <= documented


@pytest.mark.skipif(find_spec("wandb") is None, reason="needs the `trackers` extra")
def test_wandb_offline(train, tmp_path, monkeypatch):
    import wandb

    for name, value in {"WANDB_MODE": "offline", "WANDB_DIR": str(tmp_path), "WANDB_SILENT": "true"}.items():
        monkeypatch.setenv(name, value)
    train("wandb")
    summary = dict(wandb.run.summary)
    wandb.finish()
    assert set(summary) >= LOGGED
    assert list(tmp_path.rglob("*.wandb"))


@pytest.mark.skipif(find_spec("trackio") is None, reason="needs the `trackers` extra")
def test_trackio(train, tmp_path, monkeypatch):
    for module in ("utils", "sqlite_storage"):  # they read TRACKIO_DIR when imported, which may have happened
        monkeypatch.setattr(f"trackio.{module}.TRACKIO_DIR", tmp_path / "trackio")
    train("trackio", project="rewards")
    [file] = (tmp_path / "trackio").rglob("rewards.db")
    with sqlite3.connect(file) as db:
        text = " ".join(str(row) for row in db.execute("select * from metrics"))
    assert all(name in text for name in LOGGED)
