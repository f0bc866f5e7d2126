"""Load the packaged `evaluate` modules by name, without a network."""

import difflib
from pathlib import Path

import evaluate

from distreward.errors import InputError

METRICS = ("preference_accuracy", "diverging_id_auroc", "level_calibration")


def load_metric(name: str, **kwargs) -> evaluate.EvaluationModule:
    """Load one of `METRICS` as an `evaluate` module.

    Args:
        name: one of `METRICS`.
        **kwargs: passed on to `evaluate.load`, e.g. `cache_dir`, `num_process`, `keep_in_memory`.

    Returns:
        A module whose `compute(predictions=..., references=...)` returns a flat dict; its README lists the keys.

    Raises:
        InputError: another name.

    >>> METRICS[0]
    'preference_accuracy'
    """
    if name not in METRICS:
        nearest = difflib.get_close_matches(name, METRICS, n=1, cutoff=0.0)[0]
        raise InputError(f"`name` is {name!r}, wanted one of {METRICS}: did you mean {nearest!r}?")
    return evaluate.load(str(Path(__file__).parent / name), **kwargs)
