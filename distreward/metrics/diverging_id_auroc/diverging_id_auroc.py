"""`evaluate` module; the mathematics is in `distreward.metrics.functional.diverging_id_auroc`."""

import datasets
import evaluate

from distreward.metrics.bootstrap import flatten_estimate
from distreward.metrics.checks import reference_counts
from distreward.metrics.functional import diverging_id_auroc

_DESCRIPTION = """
AUROC of telling pairs whose annotators diverge from the other pairs by a divergence score, for two choices of the
positive and three choices of the negative class.
"""

_KWARGS_DESCRIPTION = """
Args:
    predictions (list of float): divergence score, HIGHER = annotators more likely to diverge, one per pair.
    references (list of lists of int): every annotator's preference level of the pair, -2 (B significantly) to 2 (A).
    groups (list of str, optional): prompt of each pair; the bootstrap then draws prompts. Default: each pair by itself.
    n_bootstrap (int): bootstrap draws, default 1000; 0 gives nan intervals.
    seed (int): of the draws, default 0.
    confidence (float): of the intervals, default 0.95.

Returns:
    dict: `diverging_id_auroc` (diverging against the rest) with `_ci_low`, `_ci_high` and `_n`, and for each cell of
    the grid `<positive>_vs_<negative>` with `_ci_low`, `_ci_high`, `_n`, `_n_positive` and `_n_negative`; positive is
    one of diverging, diverging_substantial, negative one of high_agreement_preference, high_agreement, rest. All
    AUROCs lie in 0..1.

Examples:

    >>> from distreward.metrics.loading import load_metric
    >>> metric = load_metric("diverging_id_auroc")
    >>> labels = [[2, -1], [2, -2], [1, 1], [0, 0]]
    >>> result = metric.compute(predictions=[0.5, 0.9, 0.2, 0.7], references=labels, n_bootstrap=0)
    >>> result["diverging_id_auroc"], result["diverging_vs_high_agreement_preference"]  # 3 of 4; 2 of 2
    (0.75, 1.0)
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
class DivergingIdAuroc(evaluate.Metric):
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
        result = diverging_id_auroc(predictions, counts, groups, n_bootstrap, seed, confidence)
        flat = flatten_estimate("diverging_id_auroc", result["headline"])
        for positive, row in result["grid"].items():
            for negative, estimate in row.items():
                flat |= flatten_estimate(f"{positive}_vs_{negative}", estimate)
        return flat
