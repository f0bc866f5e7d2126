"""How often a judge agrees with people, measured against how often people agree with each other."""

from typing import Any

import numpy as np

from distreward.judge.audit.judged import JudgedPairs
from distreward.metrics.ratios import ratio_estimates


def majority_agreement(judged: JudgedPairs, n_bootstrap: int, seed: int) -> dict[str, Any]:
    """Agreement of the judge with the majority of the annotators, and the human ceiling of the same comparison.

    A verdict and a majority are A, tie or B; a majority is more than half of the annotators. Pairs with fewer than two
    annotators, or without majority, are left out.

    The ceiling leaves one annotator out at a time and compares him with the majority of the others (of one other: with
    that one). The judge is compared with the very same majorities, so that the two numbers differ in nothing but who
    answers. Every left-out annotator counts once: were it every pair, two against one, where only the odd one out faces a
    majority, would weigh as much as three who agree, and the ceiling would come out too low.

    Args:
        judged: N pairs.
        n_bootstrap, seed: of the intervals over prompts.

    Returns:
        | key | what |
        |---|---|
        | `agreement_with_majority` | share of pairs where the judge says what the majority says, 0..1 |
        | `agreement_decisive` | the same where the majority prefers a response and the judge names a winner |
        | `leave_one_out.people`, `.judge`, `.difference` | a left-out annotator, and the judge, against the majority of the others; judge minus people with its p-value |

    Source: the leave-one-out ceiling is the usual one of annotation studies; the paper has none.
    """
    signs = judged.human_signs
    n = signs.sum(1)
    says = np.eye(3, dtype=np.int64)[judged.sign + 1]  # [N, 3], columns B, tie, A
    majority = (2 * signs > n[:, None]) & (n >= 2)[:, None]
    same = (majority & (says == 1)).any(1)
    decisive = majority[:, [0, 2]].any(1) & (judged.sign != 0)

    people, judge, facing = np.zeros((3, len(n)))  # per pair: left-out annotators who face a majority, and who is right
    for column in range(3):
        others = signs - np.eye(3, dtype=np.int64)[column]
        chosen = (2 * others > (n - 1)[:, None]) & (n >= 2)[:, None]
        who = signs[:, column] * chosen.any(1)
        facing += who
        people += who * chosen[:, column]
        judge += who * (chosen & (says == 1)).any(1)

    has_majority = majority.any(1)
    estimates, (difference,) = ratio_estimates(
        np.stack([same, same & decisive, people, judge]),
        np.stack([has_majority, decisive, facing, facing]),
        judged.groups,
        n_bootstrap,
        seed,
        differences=[(3, 2)],
    )
    return {
        "agreement_with_majority": estimates[0],
        "agreement_decisive": estimates[1],
        "leave_one_out": {"people": estimates[2], "judge": estimates[3], "difference": difference},
    }
