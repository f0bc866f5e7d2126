"""What metrics refuse: shapes, values and sums that cannot be meant."""

import numpy as np
import pytest

from distreward.metrics.checks import as_counts, as_probs, as_vector, reference_counts


def test_good_arrays_pass_unchanged():
    np.testing.assert_array_equal(as_vector([1, 2.5], "scores"), [1, 2.5])
    np.testing.assert_array_equal(as_counts([[0, 0, 1, 2, 0]]), [[0, 0, 1, 2, 0]])
    np.testing.assert_array_equal(as_probs([[0.2] * 5], "level_probs"), [[0.2] * 5])
    np.testing.assert_array_equal(reference_counts([[2, 2, -1]]), [[0, 1, 0, 0, 2]])


@pytest.mark.parametrize(
    "call",
    [
        lambda: as_vector([1.0, float("nan")], "scores"),
        lambda: as_vector([[1.0]], "scores"),
        lambda: as_vector([1.0], "scores", n_rows=2),
        lambda: as_counts([[1, 2, 3]]),
        lambda: as_counts([[0, 0, -1, 0, 0]]),
        lambda: as_probs([[0.5] * 5], "level_probs"),
        lambda: as_probs([[1.2, -0.2, 0, 0, 0]], "level_probs"),
        lambda: reference_counts([[3]]),
    ],
)
def test_what_cannot_be_meant_is_refused(call):
    with pytest.raises(ValueError):
        call()
