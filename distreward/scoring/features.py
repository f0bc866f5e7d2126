"""Pooled features of texts: what enters the reward head, computed once per text and, where asked, kept on disk."""

import hashlib
import logging
from functools import partial
from pathlib import Path

import numpy as np
import torch
from tqdm.auto import tqdm
from transformers import PreTrainedModel

from distreward.modeling.features import head_modules, pooled_features
from distreward.scoring.feature_store import FeatureStore, text_key
from distreward.scoring.inference import run_in_batches

logger = logging.getLogger("distreward")

KEPT_AT_ONCE = 8192
"""Responses between two writes to the store: what a run that is killed may have computed for nothing."""


def features_of(
    rows: list[list[int]], model: PreTrainedModel, pad_token_id: int, cache_dir: str | None, progress: str | None
) -> np.ndarray:
    """[N, H] float32 features of N token rows: from the store in `cache_dir` where it has them, computed where not."""
    model.eval()
    forward = partial(pooled_features, model)
    if cache_dir is None:
        return run_in_batches(rows, forward, pad_token_id, device=model.device, progress=progress)
    store = FeatureStore(Path(cache_dir) / f"features-{backbone_key(model)}")
    keys = [text_key(row) for row in rows]
    missing = store.missing(keys)
    with tqdm(total=len(missing), desc=progress, unit="response", disable=progress is None or not missing) as bar:
        for start in range(0, len(missing), KEPT_AT_ONCE):
            block = missing[start : start + KEPT_AT_ONCE]
            wanted = [rows[number] for number in block]
            made = run_in_batches(wanted, forward, pad_token_id, device=model.device, progress=bar)
            store.add([keys[number] for number in block], made)
    logger.info("features of %d responses: %d computed, the others taken from %s", len(rows), len(missing), cache_dir)
    return store.get(keys)


def backbone_key(model: PreTrainedModel) -> str:
    """32 hex digits that change with any weight of the backbone (the head apart) or its precision."""
    digest = hashlib.sha256(str(model.dtype).encode())
    of_head = {id(parameter) for module in head_modules(model) for parameter in module.parameters()}
    for name, parameter in model.named_parameters():
        if id(parameter) not in of_head:
            digest.update(name.encode())
            digest.update(parameter.detach().cpu().contiguous().view(torch.uint8).numpy())
    return digest.hexdigest()[:32]
