"""`evaluate` module; the mathematics is in `distreward.metrics.functional.preference_accuracy`."""

import datasets
import evaluate

from distreward.metrics.bootstrap import flatten_estimate
from distreward.metrics.checks import reference_counts
from distreward.metrics.functional import preference_accuracy

_DESCRIPTION = """
Share of all annotators' choices between two responses that a reward model agrees with. A tie label is no choice;
a reward gap of exactly 0 counts 1/2.
"""

_KWARGS_DESCRIPTION = """
Args:
    predictions (list of float): reward of A minus reward of B, one per pair.
    references (list of lists of int): every annotator's preference level of the pair, -2 (B significantly) to 2 (A).
    groups (list of str, optional): prompt of each pair; the bootstrap then draws prompts. Default: each pair by itself.
    n_bootstrap (int): bootstrap draws, default 1000; 0 gives nan intervals.
    seed (int): of the draws, default 0.
    confidence (float): of the intervals, default 0.95.

Returns:
    dict: `preference_accuracy` in 0..1, `preference_accuracy_ci_low`, `preference_accuracy_ci_high` and
    `preference_accuracy_n`, the number of choices.

Examples:

    >>> from distreward.metrics.loading import load_metric
    >>> metric = load_metric("preference_accuracy")
    >>> result = metric.compute(predictions=[1.0, -0.5], references=[[2, 1, 1, -2], [-1, 0]], n_bootstrap=0)
    >>> result["preference_accuracy"], result["preference_accuracy_n"]  # 3 of 4 and 1 of 1
    (0.8, 5)
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
class PreferenceAccuracy(evaluate.Metric):
    def _info(self):
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=_KWARGS_DESCRIPTION,
            features=datasets.Features(
                {
                    "predictions": datasets.Value("float64"),
                    "references": datasets.Sequence(datasets.Value("int64")),
                }
            ),
        )

    def _compute(
        self,
        predictions,
        references,
        groups=None,
        n_bootstrap=1000,
        seed=0,
        confidence=0.95,
    ):
        counts = reference_counts(references)
        estimate = preference_accuracy(predictions, counts, groups, n_bootstrap, seed, confidence)
        return flatten_estimate("preference_accuracy", estimate)
