"""`evaluate` module; the mathematics is in `distreward.metrics.functional.level_calibration`."""

import datasets
import evaluate

from distreward.metrics.bootstrap import flatten_estimate
from distreward.metrics.checks import reference_counts
from distreward.metrics.functional import level_calibration

_DESCRIPTION = """
How well predicted distributions over the five preference levels match the annotators' labels: Brier score, expected
calibration error, Jensen-Shannon distance and Wasserstein distance. Lower is better.
"""

_KWARGS_DESCRIPTION = """
Args:
    predictions (list of lists of 5 floats): predicted distribution over the levels -2..2, one per pair.
    references (list of lists of int): every annotator's preference level of the pair, -2 (B significantly) to 2 (A).
    n_bins (int): equal-width bins per level of the calibration error, default 10.
    groups (list of str, optional): prompt of each pair; the bootstrap then draws prompts. Default: each pair by itself.
    n_bootstrap (int): bootstrap draws, default 1000; 0 gives nan intervals.
    seed (int): of the draws, default 0.
    confidence (float): of the intervals, default 0.95.

Returns:
    dict: `brier` (0..2), `ece` (0..1), `jensen_shannon` (0..1) and `wasserstein` (0..4), each with
    `_ci_low`, `_ci_high` and `_n`.

Examples:

    >>> from distreward.metrics.loading import load_metric
    >>> metric = load_metric("level_calibration")
    >>> result = metric.compute(predictions=[[0, 0, 0, 0.5, 0.5]], references=[[1, 2]], n_bootstrap=0)
    >>> result["brier"], result["wasserstein"], result["brier_n"]
    (0.5, 0.0, 2)
"""

_CITATION = """
@misc{zhang2024diverging,
  title  = {Diverging Preferences: When do Annotators Disagree and do Models Know?},
  author = {Zhang, Michael JQ and others},
  year   = {2024},
  eprint = {2410.14632},
  archivePrefix = {arXiv}
}
"""


@evaluate.utils.file_utils.add_start_docstrings(_DESCRIPTION, _KWARGS_DESCRIPTION)
class LevelCalibration(evaluate.Metric):
    def _info(self):
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=_KWARGS_DESCRIPTION,
            features=datasets.Features(
                {
                    "predictions": datasets.Sequence(datasets.Value("float64")),
                    "references": datasets.Sequence(datasets.Value("int64")),
                }
            ),
        )

    def _compute(
        self,
        predictions,
        references,
        n_bins=10,
        groups=None,
        n_bootstrap=1000,
        seed=0,
        confidence=0.95,
    ):
        counts = reference_counts(references)
        result = level_calibration(predictions, counts, n_bins, groups, n_bootstrap, seed, confidence)
        flat = {}
        for name, estimate in result.items():
            flat |= flatten_estimate(name, estimate)
        return flat
