"""What every metric asks of its arrays. Each check names the row that is wrong and says how to mend it."""

from collections.abc import Sequence

import numpy as np

from distreward.data.agreement import level_counts
from distreward.errors import InputError
from distreward.levels import LEVELS, N_LEVELS

SUM_TOLERANCE = 1e-3  # rows of probabilities out of a bfloat16 or float16 softmax miss 1 by about this much


def as_vector(values: Sequence[float], name: str, n_rows: int | None = None) -> np.ndarray:
    """Take one finite number per pair.

    Args:
        values: array-like [N].
        name: what the caller calls it, for the message.
        n_rows: the wanted N; None takes any.

    Returns:
        float64 array [N].

    Raises:
        InputError: another shape, or a value that is not finite (the message says how many and the first row).

    >>> as_vector([1, 2], "scores")
    array([1., 2.])
    """
    vector = np.asarray(values, dtype=np.float64)
    if vector.ndim != 1 or (n_rows is not None and len(vector) != n_rows):
        wanted = "[N]" if n_rows is None else f"[{n_rows}]"
        raise InputError(f"`{name}` has shape {vector.shape}, wanted {wanted}: pass one number per pair.")
    broken = np.flatnonzero(~np.isfinite(vector))
    if len(broken):
        raise InputError(
            f"`{name}` holds {len(broken)} values of {len(vector)} that are not finite, the first at row {broken[0]} "
            f"({vector[broken[0]]}), wanted finite numbers: leave those pairs out or mend the model's output."
        )
    return vector


def is_defined(value: float | None) -> bool:
    """Whether a number of an estimate says anything: not nan, nor the null that JSON has in its place.

    >>> is_defined(0.0), is_defined(float("nan")), is_defined(None)
    (True, False, False)
    """
    return value is not None and bool(np.isfinite(value))


def as_counts(counts: np.ndarray, n_rows: int | None = None) -> np.ndarray:
    """Take the annotators per level of every pair.

    Args:
        counts: array-like [N, 5] of whole numbers >= 0, ascending levels (`agreement.level_counts`).
        n_rows: the wanted N; None takes any.

    Returns:
        int64 array [N, 5].

    Raises:
        InputError: another shape, a negative count, or a share where a count was wanted.

    >>> as_counts([[0, 1, 0, 0, 2]])
    array([[0, 1, 0, 0, 2]])
    """
    table = np.asarray(counts)
    if table.ndim != 2 or table.shape[1] != N_LEVELS or (n_rows is not None and len(table) != n_rows):
        wanted = f"[{'N' if n_rows is None else n_rows}, {N_LEVELS}]"
        raise InputError(f"`counts` has shape {table.shape}, wanted {wanted}: pass level_counts(preferences).")
    broken = np.flatnonzero(((table < 0) | (table != np.floor(table))).any(1))
    if len(broken):
        raise InputError(
            f"`counts` row {broken[0]} is {table[broken[0]].tolist()}, wanted whole numbers >= 0: "
            "pass level_counts(preferences), not shares."
        )
    return table.astype(np.int64)


def as_probs(probs: np.ndarray, name: str, n_rows: int | None = None) -> np.ndarray:
    """Take distributions over five values and renormalise them in float64.

    Args:
        probs: array-like [..., 5], entries >= 0, rows summing to 1 within 1e-3.
        name: what the caller calls it, for the message.
        n_rows: where given, the wanted shape is [n_rows, 5].

    Returns:
        float64 array [..., 5], rows summing to 1 to float64 precision.

    Raises:
        InputError: another shape, a negative or non-finite entry, or a row that does not sum to 1.

    >>> as_probs([0.2, 0.2, 0.2, 0.2, 0.2004], "level_probs").sum().round(12)
    np.float64(1.0)
    """
    table = np.asarray(probs, dtype=np.float64)
    if table.ndim < 1 or table.shape[-1] != N_LEVELS or (n_rows is not None and table.shape != (n_rows, N_LEVELS)):
        wanted = f"[..., {N_LEVELS}]" if n_rows is None else f"[{n_rows}, {N_LEVELS}]"
        raise InputError(f"`{name}` has shape {table.shape}, wanted {wanted}: pass one distribution per row.")
    sums = table.sum(-1)
    # written so that a NaN counts as broken: every comparison with NaN is False
    broken = np.flatnonzero(~((np.abs(sums - 1) <= SUM_TOLERANCE) & (table >= 0).all(-1)).reshape(-1))
    if len(broken):
        row = table.reshape(-1, N_LEVELS)[broken[0]]
        raise InputError(
            f"`{name}` row {broken[0]} is {row.tolist()} with sum {row.sum():.6g}, wanted entries >= 0 that sum to 1 "
            f"within {SUM_TOLERANCE}: pass probabilities, not logits or counts."
        )
    return table / sums[..., None]


def reference_counts(references: Sequence[Sequence[int]]) -> np.ndarray:
    """Count the labels of each pair, as the `evaluate` modules receive them.

    Args:
        references: N lists of levels in -2..2, one label per annotator.

    Returns:
        int64 array [N, 5], ascending levels.

    Raises:
        InputError: a label is not one of the five levels (the message names its row).

    >>> reference_counts([[2, -1, -1]])
    array([[0, 2, 0, 0, 1]])
    """
    for row, labels in enumerate(references):
        for label in labels:
            if label not in LEVELS:
                raise InputError(
                    f"`references` row {row} holds the label {label}, wanted one of {LEVELS}: "
                    "map the labels to preference levels, positive where A is preferred."
                )
    return level_counts(references)
