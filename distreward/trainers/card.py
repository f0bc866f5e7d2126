"""What a trainer knows of its run, as a file beside the model, and the model card made of it."""

import os
import platform
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from trl.trainer.utils import get_trackio_space_url

from distreward.data.facts import data_facts
from distreward.data.sources.published import LICENCES
from distreward.hub.facts import TRAINING_FACTS, read_facts
from distreward.hub.plain import write_json
from distreward.hub.tables import SETTINGS
from distreward.hub.writing import write_card


def training_facts(trainer: Any, dataset_name: str | None = None) -> dict[str, Any]:
    """What a model card says of training, in the words of `results.json`.

    Args:
        trainer: a `DistributionalRewardTrainer`, at any point of its run.
        dataset_name: of the training data, where the caller knows it.

    Returns:
        `objective`, `reward_head`, `base_model` (name, whether a local folder, revision), `data.<split>` (`data_facts`, and
        `rows_used`: pairs left after those that are too long or teach nothing), `config`, `development` (the last
        evaluation on the trainer's own set; once the best weights are back, theirs), `steps`, `epochs`, `processes`, `machine`, `train_seconds` (None before the end), `versions`.
    """
    state, config = trainer.state, trainer.model.config
    seconds = [line["train_runtime"] for line in state.log_history if "train_runtime" in line]
    return {
        "objective": trainer.objective,
        "reward_head": getattr(config, "reward_head", None) or {"type": trainer.reward_head},
        "base_model": base_model(config),
        "data": split_facts(trainer, dataset_name),
        "config": {name: getattr(trainer.args, name) for name in (*SETTINGS, *trainer.own_settings)},
        "development": trainer.development,
        "steps": state.global_step,
        "epochs": state.epoch,
        "processes": {
            "number": trainer.accelerator.num_processes,
            "distributed_type": trainer.accelerator.distributed_type.value,
        },
        "machine": machine_facts(trainer),
        "train_seconds": seconds[-1] if seconds else None,
        "versions": {name: version(name) for name in ("distreward", "torch", "transformers", "trl")},
    }


def base_model(config: Any) -> dict[str, Any]:
    """Where the weights came from. Of a local folder only the name is told."""
    name = str(getattr(config, "_name_or_path", "") or "")
    local = Path(name).is_dir() if name else False
    found = {"name": Path(name).resolve().name if local else name or None, "local": local}
    return found | {"revision": getattr(config, "_commit_hash", None)}


def split_facts(trainer: Any, dataset_name: str | None) -> dict[str, Any]:
    """`data_facts` of what the trainer was given for training and evaluation, and what it uses of it."""
    used = by_split(trainer.train_dataset, trainer.eval_dataset)
    found = {}
    for split, given in trainer.given_data.items():
        facts = dict(given)
        if split == "train":
            facts |= {"name": dataset_name} if dataset_name else {}
            facts["licence"] = facts["licence"] or LICENCES.get(dataset_name or "")
        if isinstance(used.get(split), Dataset):
            facts["rows_used"] = used[split].num_rows
        found[split] = facts
    return found


def by_split(train_dataset: Any, eval_dataset: Any) -> dict[str, Any]:
    """A trainer's data under the names the card has for it: several development sets have their own, of which "train" is taken.

    >>> by_split("a", None), by_split("a", "b"), by_split("a", {"easy": "b", "train": "c"})
    ({'train': 'a'}, {'train': 'a', 'validation': 'b'}, {'train': 'a', 'easy': 'b'})
    """
    evaluated = eval_dataset if isinstance(eval_dataset, dict) else {"validation": eval_dataset}
    return {"train": train_dataset} | {
        name: dataset for name, dataset in evaluated.items() if dataset is not None and name != "train"
    }


def given_splits(train_dataset: Any, eval_dataset: Any) -> dict[str, dict[str, Any]]:
    """`data_facts` of each split; of a stream, of which nothing is known before it is read, an empty answer."""
    unknown = {"rows": None, "licence": None}
    return {
        name: data_facts(dataset) if isinstance(dataset, Dataset) else unknown
        for name, dataset in by_split(train_dataset, eval_dataset).items()
    }


def machine_facts(trainer: Any) -> dict[str, Any]:
    """What the run computed on; nothing that would tell which machine it was."""
    device = trainer.args.device
    on_gpu = device.type == "cuda"
    precision = next(
        (name for name, on in (("bfloat16", trainer.args.bf16), ("float16", trainer.args.fp16)) if on), None
    )
    return {
        "device": device.type,
        "name": torch.cuda.get_device_name(device) if on_gpu else cpu_name(),
        "devices": trainer.accelerator.num_processes * max(trainer.args.n_gpu, 1) if on_gpu else None,
        "cpu_cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "peak_memory_bytes": torch.cuda.max_memory_allocated(device) if on_gpu else None,
        "precision": precision or str(trainer.model.dtype).removeprefix("torch."),
        "system": f"{platform.system()} {platform.machine()}",
    }


def cpu_name() -> str | None:
    """The processor's name as Linux tells it, else what Python knows; None where neither does."""
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text(encoding="utf-8", errors="replace").splitlines() if listed.is_file() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or None


def write_trainer_card(
    trainer: Any, model_name: str | None, dataset_name: str | None, tags: str | Iterable[str] | None
) -> None:
    """Write `training_facts.json` and the card into the trainer's folder; what TRL's `create_model_card` stands for."""
    folder = Path(trainer.args.output_dir)
    write_json(folder / TRAINING_FACTS, training_facts(trainer, dataset_name))
    given = {tags} if isinstance(tags, str) else set(tags or ())
    given |= set(trainer._tag_names) | ({"hf_jobs"} if "JOB_ID" in os.environ else set())
    dashboard = get_trackio_space_url()
    if dashboard is not None:
        given = {tag for tag in given if not tag.startswith("trackio:")} | {f"trackio:{dashboard}"}
    repo_id = trainer.hub_model_id or trainer.args.hub_model_id
    ordinary = {folder.resolve().name, (repo_id or "").split("/")[-1]}
    model_name = None if model_name in ordinary else model_name
    write_card(read_facts(folder), model_name=model_name, repo_id=repo_id, tags=sorted(given))
