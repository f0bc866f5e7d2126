"""Pushing from the trainer, against a stand-in for the Hub: what arrives, and that no failure costs the model."""

import logging
import shutil
import threading
from pathlib import Path

import pytest
import torch
from peft import LoraConfig
from safetensors.torch import load_file

from distreward import AutoRewardModel, DistributionalRewardConfig, MeanVarianceKLRewardTrainer
from distreward.cli.main import main
from distreward.errors import InputError
from distreward.hub.files import select_files
from tests.hub.hub_server import READER, Commit, Fault, Repository

MODEL = {
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "README.md",
}
IDS = torch.tensor([[1, 20, 30, 40, 2]])


@pytest.fixture
def trainer_for(base_model, pairs, tmp_path):
    """A trainer of two steps that saves and pushes after each; keyword arguments change its config."""

    def build(peft_config=None, **options) -> MeanVarianceKLRewardTrainer:
        settings = {
            "max_steps": 2, "save_strategy": "steps", "save_steps": 1, "report_to": "none", "use_cpu": True, "bf16": False,
            "gradient_checkpointing": False, "disable_tqdm": True, "logging_steps": 10, "per_device_train_batch_size": 2,
            "push_to_hub": True, "hub_model_id": "ann/rewards", "hub_always_push": True,
        }  # fmt: skip
        return MeanVarianceKLRewardTrainer(
            model=str(base_model),
            args=DistributionalRewardConfig(str(tmp_path / "out"), **{**settings, **options}),
            train_dataset=pairs,
            peft_config=peft_config,
        )

    return build


def local(trainer) -> dict[str, bytes]:
    """What `distreward push` would send of the trainer's folder."""
    return {name: path.read_bytes() for name, path in select_files(trainer.args.output_dir).paths.items()}


def opened_rewards(name: str, cache: Path) -> torch.Tensor:
    with torch.no_grad():
        return AutoRewardModel.from_pretrained(name, cache_dir=str(cache)).eval()(input_ids=IDS).mean


def test_a_commit_per_checkpoint_and_one_at_the_end(hub, trainer_for, tmp_path):
    trainer = trainer_for()
    trainer.train()
    repository = hub.model("ann/rewards")
    assert repository.messages() == ["Training in progress, step 1", "Training in progress, step 2"]
    first, second = repository.branches["main"][1:]
    for commit, step in ((first, 1), (second, 2)):
        checkpoint = Path(trainer.args.output_dir, f"checkpoint-{step}", "model.safetensors")
        assert commit.files["model.safetensors"] == checkpoint.read_bytes()
        assert MODEL <= set(commit.files) and not any("optimizer" in name for name in commit.files)
    assert first.files["model.safetensors"] != second.files["model.safetensors"]
    assert not list(Path(trainer.args.output_dir).glob("_push-*"))

    info = trainer.push_to_hub(dataset_name="made/up")
    assert repository.messages()[-1] == "End of training" and info.oid == repository.branches["main"][-1].oid
    assert repository.files() == local(trainer) and set(repository.files()) >= MODEL
    torch.testing.assert_close(
        opened_rewards("ann/rewards", tmp_path / "cache"),
        opened_rewards(trainer.args.output_dir, tmp_path),
        rtol=0,
        atol=0,
    )


def test_an_adapter_and_what_is_merged_of_it(hub, trainer_for, tmp_path):
    trainer = trainer_for(LoraConfig(task_type="SEQ_CLS", r=2, target_modules=["q_proj"]))
    trainer.train()
    adapter = {"adapter_config.json", "adapter_model.safetensors", "reward_config.json", "README.md"}
    for commit in hub.model("ann/rewards").branches["main"][1:]:
        assert adapter <= set(commit.files) and "config.json" not in commit.files
        # the card, not the empty one that PEFT puts into a checkpoint
        assert commit.files["README.md"] != Path(trainer.args.output_dir, "checkpoint-1", "README.md").read_bytes()
    trainer.push_to_hub()
    assert hub.model("ann/rewards").files() == local(trainer)
    rewards = opened_rewards("ann/rewards", tmp_path / "cache")

    merged = str(tmp_path / "merged")
    assert main(["merge", "--model_name_or_path", trainer.args.output_dir, "--output_dir", merged]) == 0
    assert main(["push", merged, "--repo_id", "ann/merged"]) == 0
    assert {"config.json", "model.safetensors"} <= set(hub.model("ann/merged").files())
    torch.testing.assert_close(opened_rewards("ann/merged", tmp_path / "cache"), rewards)


def test_a_whole_checkpoint_where_the_strategy_asks_for_it(hub, trainer_for):
    trainer_for(hub_strategy="checkpoint", max_steps=1).train()
    inside = {Path(name).name for name in hub.model("ann/rewards").files() if name.startswith("last-checkpoint/")}
    assert {"model.safetensors", "optimizer.pt", "trainer_state.json"} <= inside
    assert not {"training_args.bin", "README.md"} & inside


def test_only_at_the_end_where_the_strategy_says_so(hub, trainer_for):
    trainer = trainer_for(hub_strategy="end", hub_private_repo=True, hub_revision="seed-1")
    trainer.train()
    repository = hub.model("ann/rewards")
    assert repository.private and repository.messages("seed-1") == []
    trainer.push_to_hub(commit_message="done")
    assert repository.messages("seed-1") == ["done"] and repository.files("main") == {}
    trainer.push_to_hub(revision="other", blocking=False).result()
    assert repository.files("other") == repository.files("seed-1") == local(trainer)


def test_a_push_in_progress_holds_up_no_training_and_sends_what_was_saved(hub, trainer_for):
    trainer = trainer_for(hub_always_push=False, hub_strategy="end")
    trainer.train()
    trainer.args.hub_strategy = "every_save"
    checkpoint = Path(trainer.args.output_dir, "checkpoint-1")
    weights = (checkpoint / "model.safetensors").read_bytes()
    network = threading.Event()
    trainer._repository.api.run_as_future(network.wait)  # the one thread of the uploads is busy
    trainer._push_from_checkpoint(str(checkpoint))
    trainer._push_from_checkpoint(trainer.args.output_dir + "/checkpoint-2")  # left out: the first is not through
    shutil.rmtree(checkpoint)  # as `save_total_limit` does
    assert hub.model("ann/rewards").messages() == []
    network.set()
    trainer._finish_current_push()
    assert hub.model("ann/rewards").messages() == ["Training in progress, step 2"]
    assert hub.model("ann/rewards").files()["model.safetensors"] == weights


def test_training_survives_a_failing_push(hub, trainer_for, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("distreward"), "propagate", True)  # the command line turns it off
    trainer = trainer_for()
    hub.faults = [Fault("POST", "/preupload/", 403, times=1)]
    with caplog.at_level("WARNING", logger="distreward"):
        trainer.train()
    # a set: after a test that ran the command line, pytest notes a record twice
    [warning] = {record.getMessage() for record in caplog.records if "push" in record.getMessage()}
    assert warning.startswith("training goes on, but a push during it failed: ann/rewards: ") and "\n" not in warning
    assert trainer.state.global_step == 2
    assert hub.model("ann/rewards").messages() == ["Training in progress, step 2"]
    assert not list(Path(trainer.args.output_dir).glob("_push-*"))


@pytest.mark.parametrize(
    "fault", [Fault("POST", "/commit/", 403, times=-1), Fault("PUT", "/large/", "drop_midway", times=-1)]
)
def test_a_failing_push_at_the_end_costs_nothing_and_says_what_to_do(hub, trainer_for, fault):
    trainer = trainer_for(hub_strategy="end")
    trainer.train()
    hub.faults = [fault]
    with pytest.raises(InputError) as error:
        trainer.push_to_hub()
    line = str(error.value)
    later = f"distreward push {trainer.args.output_dir} --repo_id ann/rewards"
    assert line.endswith(f"push it later: {later}") and "\n" not in line
    trained = trainer.model.score.weight.detach()
    torch.testing.assert_close(load_file(trainer.args.output_dir + "/model.safetensors")["score.weight"], trained)
    assert Path(trainer.args.output_dir, "README.md").is_file()
    hub.faults = []
    assert main(later.split()[1:]) == 0
    assert hub.model("ann/rewards").files() == local(trainer)


def test_a_trainer_that_was_not_to_push_can_be_asked_to(hub, trainer_for, monkeypatch):
    trainer = trainer_for(push_to_hub=False, save_strategy="no", hub_model_id=None)
    trainer.train()
    assert hub.requests == []
    monkeypatch.setenv("HF_TOKEN", "token-of-nobody")
    with pytest.raises(InputError, match=r"\(401\).*--repo_id USER/NAME"):
        trainer.push_to_hub()
    assert MODEL <= set(local(trainer))  # saved although there was no repository to make
    monkeypatch.undo()


def test_a_token_that_may_not_write_is_found_before_training(hub, trainer_for):
    with pytest.raises(InputError, match=r"\(403\)"):
        trainer_for(hub_token=READER)


ADAPTER = {"adapter_config.json": b"{}", "adapter_model.safetensors": b"x", "reward_config.json": b"{}"}
WHOLE = {"config.json": b"{}", "model-00001-of-00002.safetensors": b"x", "model.safetensors.index.json": b"{}"}


@pytest.mark.parametrize(("existing", "adapter"), [(ADAPTER, False), (WHOLE, True)])
def test_a_repository_of_another_kind_of_model_is_refused_before_training(hub, trainer_for, existing, adapter):
    hub.repositories["models/ann/rewards"] = Repository()
    hub.model("ann/rewards").branches["main"].append(Commit("another kind", existing))
    lora = LoraConfig(task_type="SEQ_CLS", r=2, target_modules=["q_proj"])
    with pytest.raises(InputError, match=r"ann/rewards holds a model of another kind, of which") as error:
        trainer_for(lora if adapter else None)
    line = str(error.value)
    assert all(name in line for name in existing) and "hub_model_id" in line and "\n" not in line
    assert line.endswith("--repo_id ann/rewards --replace")
    trainer_for(None if adapter else lora)  # its own kind


def test_the_message_at_the_end_names_the_repository_and_how_to_replace_what_lies_there(hub, trainer_for):
    hub.repositories["models/ann/out"] = Repository()
    hub.model("ann/out").branches["main"].append(Commit("an adapter", ADAPTER))
    trainer = trainer_for(push_to_hub=False, hub_model_id=None, save_strategy="no", max_steps=1)
    trainer.train()
    with pytest.raises(InputError, match="another kind") as error:
        trainer.push_to_hub()
    later = f"distreward push {trainer.args.output_dir} --repo_id ann/out --replace"
    assert str(error.value).endswith(f"push it later: {later}")
    assert main(later.split()[1:]) == 0
    assert hub.model("ann/out").files() == local(trainer)


def test_secrets_in_the_card_are_not_pushed(hub, trainer_for):
    trainer = trainer_for(hub_strategy="end", max_steps=1)
    trainer.train()
    trainer.create_model_card = lambda **_: Path(trainer.args.output_dir, "README.md").write_text(
        "---\nlicense: mit\n---\ntrained by /home/somebody"
    )
    with pytest.raises(InputError, match=r"README.md, line 4: holds a home folder"):
        trainer.push_to_hub()
    assert hub.model("ann/rewards").files() == {}


def test_a_push_to_a_revision_of_its_own_opens_that_one_alone(hub, trainer_for):
    trainer = trainer_for(push_to_hub=False, hub_model_id="ann/rewards", hub_revision="seed-1", max_steps=1)
    trainer.train()
    trainer.push_to_hub(revision="other")
    repository = hub.model("ann/rewards")
    assert set(repository.branches) == {"main", "other"} and repository.files("other") == local(trainer)
    trainer.push_to_hub()  # the next one goes to that of the config again
    assert repository.files("seed-1") == local(trainer) and repository.messages("other") == ["End of training"]


def test_the_train_command_pushes_once_with_its_results(hub, base_model, tmp_path, pairs, capsys, monkeypatch):
    pairs.remove_columns("margin").to_json(tmp_path / "labels.jsonl")
    out = str(tmp_path / "out")
    options = [
        "--dataset_name",
        str(tmp_path / "labels.jsonl"),
        "--model_name_or_path",
        str(base_model),
        "--max_steps",
        "1",
    ]
    options += ["--push_to_hub", "true", "--hub_model_id", "ann/rewards", "--hub_strategy", "end", "--eval_share", "0"]
    options += ["--report_to", "none", "--use_cpu", "true", "--no_gradient_checkpointing", "--disable_tqdm", "true"]
    hub.faults = [Fault("POST", "/commit/", 403)]
    assert main(["train", *options, "--output_dir", out]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("distreward train: ann/rewards: ") and error.endswith(
        f"distreward push {out} --repo_id ann/rewards"
    )
    assert hub.model("ann/rewards").messages() == [] and Path(out, "results.json").is_file()

    done = []
    for name in ("save_model", "create_model_card"):
        method = getattr(MeanVarianceKLRewardTrainer, name)
        monkeypatch.setattr(
            MeanVarianceKLRewardTrainer,
            name,
            lambda self, *args, _name=name, _method=method, **options: (
                done.append(_name) if not self.is_in_train else None,
                _method(self, *args, **options),
            )[1],
        )
    assert main(["train", *options, "--output_dir", str(tmp_path / "again")]) == 0
    assert done == ["save_model", "create_model_card"]
    repository = hub.model("ann/rewards")
    assert repository.messages() == ["End of training"]
    assert MODEL | {"results.json"} <= set(repository.files()) and "splits.json" not in repository.files()
