"""Pooled features of a frozen backbone as columns of the data set, computed once and, where asked, kept on disk."""

import hashlib
import logging
from functools import partial
from pathlib import Path

import numpy as np
import torch
from datasets import Dataset, IterableDataset, Sequence, Value
from transformers import PreTrainedModel

from distreward.data.collator import FEATURE_COLUMNS
from distreward.errors import InputError
from distreward.modeling.features import head_modules, pooled_features
from distreward.scoring.inference import run_in_batches

logger = logging.getLogger("distreward")


def add_features(
    dataset: Dataset, model: PreTrainedModel, pad_token_id: int, cache_dir: str | None, progress: str | None
) -> Dataset:
    """Run a frozen backbone once over both responses of every encoded pair; adds `FEATURE_COLUMNS`, [H] float32 each.

    Args:
        dataset: with `chosen_ids` and `rejected_ids`.
        model: reward model on the device to compute on.
        pad_token_id: id to pad with.
        cache_dir: folder to take the features from, or to keep them in; None computes them anew.
        progress: text beside the progress bar, None for no bar.

    Raises:
        InputError: a stream, over which a single pass cannot run ahead of training.
    """
    if isinstance(dataset, IterableDataset):
        raise InputError("freeze_backbone needs a data set with a length, not a stream; load it without streaming.")
    if FEATURE_COLUMNS[0] in dataset.column_names:
        return dataset
    rows = [*dataset["chosen_ids"][:], *dataset["rejected_ids"][:]]
    file = None if cache_dir is None else Path(cache_dir) / f"features-{feature_key(model, rows)}.npy"
    if file is not None and file.is_file():
        features = np.load(file)
        logger.info("features of %d responses taken from %s", len(rows), file)
    else:
        model.eval()
        forward = partial(pooled_features, model)
        features = run_in_batches(rows, forward, pad_token_id, device=model.device, progress=progress)
        if file is not None:
            keep(file, features)
    feature = Sequence(Value("float32"), length=features.shape[1])
    for name, side in zip(FEATURE_COLUMNS, np.split(features, 2), strict=True):
        dataset = dataset.add_column(name, list(side), feature=feature)
    return dataset


def feature_key(model: PreTrainedModel, rows: list[list[int]]) -> str:
    """32 hex digits that change with any weight of the backbone (the head apart), its precision, or any token."""
    digest = hashlib.sha256(str(model.dtype).encode())
    of_head = {id(parameter) for module in head_modules(model) for parameter in module.parameters()}
    for name, parameter in model.named_parameters():
        if id(parameter) not in of_head:
            digest.update(name.encode())
            digest.update(parameter.detach().cpu().contiguous().view(torch.uint8).numpy())
    for row in rows:
        digest.update(np.asarray([len(row), *row], dtype=np.int64))
    return digest.hexdigest()[:32]


def keep(file: Path, features: np.ndarray) -> None:
    """Write the features in one piece: a run that is killed leaves no half file to be trusted later."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(".tmp.npy")
    np.save(temporary, features)
    temporary.replace(file)
