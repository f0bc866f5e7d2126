"""Reliability: of the pairs for which a model says 30 %, does it happen on 30 %?

Pairs are put into bins of the predicted probability, as many in each; all runs of a row are taken together, and so are the
two responses (significantly better, whichever of them it is). Intervals are over prompts and seeds.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from distreward.experiments.collected import ModelRun
from distreward.experiments.labelled import LabelledPairs
from distreward.metrics.bootstrap import interval
from distreward.metrics.repeated import DRAWS_AT_ONCE, Draws
from distreward.scoring import PairPredictions
from distreward.scoring.predictions import own_annotators

N_BINS = 10

LEVEL_GROUPS = {"significant": ((0,), (4,)), "slight": ((1,), (3,)), "tie": ((2,),)}
"""Columns of the level distribution that are shown together: the sides of a pair are interchangeable."""

SIDE_GROUPS = {"preferred": ((0, 1), (3, 4)), "tie": ((2,),)}
"""The same for data that only say A, tie or B: a side's slight and significant mass belong together."""


def reliability_of_row(runs: Sequence[ModelRun], labels: LabelledPairs) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """The bins of a row.

    Returns:
        `as_trained` and `calibrated` -> `significant`, `slight`, `tie` (without slight labels in the data: `preferred`, `tie`)
        and `diverging` -> bins (`equal_count_bins`). `diverging` takes pairs of two or more annotators, each at its own
        number of them. What gives no level probabilities is left out.
    """
    found = {}
    for kind, predictions in (
        ("as_trained", [run.predicted for run in runs]),
        ("calibrated", [run.calibrated for run in runs]),
    ):
        given = [
            (run, predicted)
            for run, predicted in zip(runs, predictions, strict=True)
            if predicted is not None and predicted.level_probs() is not None
        ]
        if given:
            found[kind] = _lines(given, labels)
    return found


def _lines(given: Sequence[tuple[ModelRun, PairPredictions]], labels: LabelledPairs) -> dict[str, list[dict[str, Any]]]:
    seeds = [run.seed for run, _ in given]
    found = {}
    for name, sides in (LEVEL_GROUPS if labels.has_slight else SIDE_GROUPS).items():
        cases = [_level_cases(run, predicted, labels, sides) for run, predicted in given]
        found[name] = equal_count_bins(cases, seeds, labels.draws)
    cases = [_diverging_cases(run, predicted, labels) for run, predicted in given]
    return found | {"diverging": equal_count_bins(cases, seeds, labels.draws)}


def _level_cases(
    run: ModelRun, predicted: PairPredictions, labels: LabelledPairs, sides: Sequence[tuple[int, ...]]
) -> dict[str, np.ndarray]:
    """A case per pair and side: predicted probability, labels that say so, labels in all."""
    probs, counts = predicted.level_probs(), labels.counts[run.pairs]
    return {
        "pairs": np.tile(run.pairs, len(sides)),
        "predicted": np.concatenate([probs[:, side].sum(1) for side in sides]),
        "hits": np.concatenate([counts[:, side].sum(1) for side in sides]).astype(np.float64),
        "trials": np.tile(counts.sum(1), len(sides)).astype(np.float64),
    }


def _diverging_cases(run: ModelRun, predicted: PairPredictions, labels: LabelledPairs) -> dict[str, np.ndarray]:
    keep = labels.several[run.pairs]
    pairs = run.pairs[keep]
    return {
        "pairs": pairs,
        "predicted": predicted.diverging_probability(own_annotators(labels.counts[run.pairs]))[keep],
        "hits": labels.masks["diverging"][pairs].astype(np.float64),
        "trials": np.ones(len(pairs)),
    }


def equal_count_bins(
    cases: Sequence[dict[str, np.ndarray]], seeds: Sequence[int], draws: Draws, n_bins: int = N_BINS
) -> list[dict[str, Any]]:
    """Observed shares by predicted probability.

    Args:
        cases: per run, arrays of C cases: `pairs` (positions), `predicted` in 0..1, `hits` and `trials`.
        seeds: per run.
        draws: of the pairs.
        n_bins: bins, with about as many cases each; fewer where many predictions are equal.

    Returns:
        The bins that hold a trial, by ascending prediction, each with `predicted` (mean probability), `value` (observed share),
        `ci_low`, `ci_high` and `n` (trials, over all runs).
    """
    names = sorted(set(seeds))
    times = draws.times(names)
    whole = np.concatenate([case["predicted"] for case in cases])
    edges = np.unique(np.quantile(whole, np.linspace(0, 1, n_bins + 1)))[1:-1] if len(whole) else np.empty(0)
    n = len(edges) + 1
    sums = np.zeros((3, len(draws.weights), n))  # hits, trials, predicted * trials
    size = np.zeros(n)
    for case, seed in zip(cases, seeds, strict=True):
        inside = np.searchsorted(edges, case["predicted"], side="right")[:, None] == np.arange(n)  # [C, bins]
        size += case["trials"] @ inside
        often = times[:, [names.index(seed)]]
        table = np.concatenate([inside * case["hits"][:, None], inside * case["trials"][:, None]], axis=1)
        for start in range(0, len(often), DRAWS_AT_ONCE):
            rows = slice(start, start + DRAWS_AT_ONCE)
            found = draws.weights[rows][:, case["pairs"]].astype(np.float64) @ table * often[rows]
            sums[0, rows] += found[:, :n]
            sums[1, rows] += found[:, n:]
        sums[2, 0] += (case["predicted"] * case["trials"]) @ inside
    shares = np.divide(sums[0], sums[1], out=np.full_like(sums[0], np.nan), where=sums[1] > 0)
    found = []
    for bin_number in np.flatnonzero(sums[1, 0] > 0):
        low, high = interval(shares[1:, bin_number]) if len(shares) > 1 else (np.nan, np.nan)
        found.append(
            {
                "predicted": float(sums[2, 0, bin_number] / sums[1, 0, bin_number]),
                "value": float(shares[0, bin_number]),
                "ci_low": low,
                "ci_high": high,
                "n": int(size[bin_number]),
            }
        )
    return found
