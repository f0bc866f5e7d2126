"""Agreement with people and its ceiling, by hand and by brute force."""

from collections import Counter

import numpy as np
import pytest

from distreward.judge.audit import judged_pairs
from distreward.judge.audit.agreement import majority_agreement
from distreward.judge.verdicts import PairVerdict, combine_orders
from tests.judge.audit.made_up import rows_and_verdicts
from tests.judge.rows import pair


def agreement(labels: list[list[int]], levels: list[int]) -> dict:
    pairs = [pair(f"p{i}", one) for i, one in enumerate(labels)]
    verdicts = [PairVerdict(f"p{i}", "one", level, "unknown") for i, level in enumerate(levels)]
    return majority_agreement(judged_pairs(pairs, verdicts)["one"], 0, 0)


def test_agreement_by_hand():
    # majorities: A (2 of 3), tie (2 of 2), none (1 : 1), A; one annotator is no majority. Judge: A, B, A, tie, A
    found = agreement([[2, 1, -1], [0, 0], [2, -2], [1, 2], [2]], [1, -2, 2, 0, 2])
    assert (found["agreement_with_majority"]["value"], found["agreement_with_majority"]["n"]) == (
        pytest.approx(1 / 3),
        3,
    )
    assert (found["agreement_decisive"]["value"], found["agreement_decisive"]["n"]) == (1.0, 1)


def test_the_ceiling_leaves_one_out():
    # [A A B]: leaving an A out leaves A and B, no majority; leaving B out leaves A A: the left-out B is wrong. 0 of 1.
    # [A A A]: three times right. Together 3 of 4. The judge says A on the first, tie on the second: 1 of 4.
    found = agreement([[2, 2, -2], [2, 1, 2]], [2, 0])["leave_one_out"]
    assert found["people"]["value"] == 0.75 and found["judge"]["value"] == 0.25
    assert found["difference"]["value"] == -0.5 and found["people"]["n"] == 2
    # two annotators: each against the other one
    two = agreement([[2, 1], [2, -2], [0, 1]], [2, 2, 0])["leave_one_out"]
    assert two["people"]["value"] == pytest.approx(2 / 6)
    assert two["judge"]["value"] == pytest.approx((2 + 1 + 1) / 6)


def test_the_ceiling_is_the_chance_that_a_person_agrees():
    """Three annotators who say A with chance q: given two that agree, the third does with q^3 + r^3 over q^2 + r^2."""
    q = 0.8
    rng = np.random.default_rng(0)
    labels = np.where(rng.random((4000, 3)) < q, 2, -2).tolist()
    found = agreement(labels, [2] * 4000)["leave_one_out"]
    expected = (q**3 + (1 - q) ** 3) / (q**2 + (1 - q) ** 2)  # 0.765
    assert found["people"]["value"] == pytest.approx(expected, abs=0.015)


def test_agreement_is_that_of_a_brute_force_count():
    pairs, verdicts = rows_and_verdicts(n=120, seed=2)
    found = majority_agreement(judged_pairs(pairs, verdicts)["one"], 0, 0)
    combined = combine_orders(verdicts)

    def majority(signs):
        winner, votes = Counter(signs).most_common(1)[0]
        return winner if 2 * votes > len(signs) else None

    with_majority, people, judge = [], [], []
    for row in pairs:
        level = combined.get(("one", row["id"]))
        signs = [int(np.sign(x)) for x in row["preferences"]]
        if level is None or len(signs) < 2:
            continue
        verdict = int(np.sign(level))
        if majority(signs) is not None:
            with_majority.append(verdict == majority(signs))
        for i in range(len(signs)):
            of_others = majority(signs[:i] + signs[i + 1 :])
            if of_others is not None:
                people.append(signs[i] == of_others)
                judge.append(verdict == of_others)
    assert found["agreement_with_majority"]["value"] == pytest.approx(np.mean(with_majority))
    assert found["leave_one_out"]["people"]["value"] == pytest.approx(np.mean(people))
    assert found["leave_one_out"]["judge"]["value"] == pytest.approx(np.mean(judge))


def test_nothing_to_compare_with():
    found = agreement([[2], [1]], [2, 2])
    assert found["agreement_with_majority"]["n"] == 0 and np.isnan(found["leave_one_out"]["people"]["value"])
