"""Pooled features of a frozen backbone as columns of the data set, so that only the head is trained."""

import numpy as np
import pyarrow as pa
from datasets import Dataset, IterableDataset, Sequence, Value
from transformers import PreTrainedModel

from distreward.data.collator import FEATURE_COLUMNS
from distreward.errors import InputError
from distreward.scoring.features import features_of


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
    features = features_of(rows, model, pad_token_id, cache_dir, progress)
    feature = Sequence(Value("float32"), length=features.shape[1])
    for name, side in zip(FEATURE_COLUMNS, np.split(features, 2), strict=True):
        column = pa.FixedSizeListArray.from_arrays(pa.array(side.ravel(), pa.float32()), features.shape[1])
        dataset = dataset.add_column(name, column, feature=feature)
    # as arrays: lists of hundreds of numbers would take longer to make than a step of the head
    return dataset.with_format("numpy", columns=list(FEATURE_COLUMNS), output_all_columns=True)
