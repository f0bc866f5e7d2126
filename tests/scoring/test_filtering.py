"""Which pairs diverge and what becomes of them, by hand; `soft` against DPO's label-smoothed loss."""

import numpy as np
import pytest
import torch
from torch.nn.functional import logsigmoid

from distreward.errors import InputError
from distreward.modeling import reward_head_entry
from distreward.scoring import PairPredictions
from distreward.scoring.filtering import (
    DIVERGES,
    NO_DIRECTION,
    THINNED,
    PairLabels,
    diverging_by_model,
    diverging_by_people,
    filter_pairs,
    labels_of_model,
    labels_of_people,
    trl_rows,
)

PREFERENCES = [[2, 2, -2], [1, 1, 0], [-1, -2], [2, -2], [0, 0], [2, -1], []]
NONE = [[]] * len(PREFERENCES)


def people() -> PairLabels:
    scores_a, scores_b = [list(NONE) for _ in range(2)]
    scores_a[6], scores_b[6] = [2.0, 2.0], [4.0, 3.0]
    return labels_of_people(PREFERENCES, scores_a, scores_b)


def test_votes_by_hand():
    labels = people()
    # 2/3; two votes and half a tie of three; 0; even; two half votes; even; scores: B
    assert labels.share_a == pytest.approx([2 / 3, 2.5 / 3, 0, 0.5, 0.5, 0.5, 0])
    assert labels.level == pytest.approx([2 / 3, 2 / 3, -1.5, 0, 0, 0.5, -1.5])
    # [2, -1]: even votes, and A's is the stronger one
    assert labels.sign.tolist() == [1, 1, -1, 0, 0, 1, -1]


def test_diverging_by_people():
    assert diverging_by_people(PREFERENCES).tolist() == [True, False, False, True, False, True, False]
    substantial = diverging_by_people(PREFERENCES, "diverging_substantial")
    assert substantial.tolist() == [True, False, False, True, False, False, False]
    with pytest.raises(InputError, match="--category other"):
        diverging_by_people(PREFERENCES, "other")


def test_diverging_by_model():
    chances = np.array([0.2, 0.5, 0.9, 0.5])
    assert diverging_by_model(chances, threshold=0.5).tolist() == [False, True, True, True]
    assert diverging_by_model(chances, top=0.5).tolist() == [False, True, True, False]
    assert diverging_by_model(chances, top=0).tolist() == [False] * 4


def test_labels_of_a_model_are_its_votes_and_gap():
    head = reward_head_entry("mean_variance")
    predicted = PairPredictions(np.array([1.0, 0.0]), np.array([0.0, 0.0]), head, np.ones(2), np.ones(2))
    labels = labels_of_model(predicted)
    assert labels.share_a[0] > 0.5 and labels.share_a[1] == pytest.approx(0.5)
    assert labels.level.tolist() == [1.0, 0.0] and labels.sign.tolist() == [1, 0]
    with pytest.raises(InputError, match="a scalar head predicts no votes"):
        labels_of_model(PairPredictions(np.zeros(1), np.zeros(1), {"type": "scalar"}))


IDS = [f"p{i}" for i in range(len(PREFERENCES))]


def test_mark_and_drop():
    diverging = diverging_by_people(PREFERENCES)
    marked = filter_pairs(IDS, people(), diverging, "mark")
    assert marked.reason.tolist() == ["", "", "", NO_DIRECTION, NO_DIRECTION, "", ""]
    assert marked.n_chosen_a.tolist() == [1, 1, 0, 0, 0, 1, 0] and marked.n_chosen_b.tolist() == [0, 0, 1, 0, 0, 0, 1]
    assert marked.weight.tolist() == [1] * 7
    dropped = filter_pairs(IDS, people(), diverging, "drop")
    # [2, -2] is even and diverges, and it is for diverging that `drop` was asked
    assert dropped.reason.tolist() == [DIVERGES, "", "", DIVERGES, NO_DIRECTION, DIVERGES, ""]
    assert (dropped.n_chosen_a + dropped.n_chosen_b).tolist() == [0, 1, 1, 0, 0, 0, 1]


def test_weight_and_thin():
    diverging = diverging_by_people(PREFERENCES)
    weighted = filter_pairs(IDS, people(), diverging, "weight", weight=0.25)
    assert weighted.weight.tolist() == [0.25, 1, 1, 0.25, 1, 0.25, 1] and (weighted.reason == "").sum() == 5
    ids = [f"q{i}" for i in range(4000)]
    labels = PairLabels(np.full(4000, 0.75), np.ones(4000))
    thinned = filter_pairs(ids, labels, np.arange(4000) % 2 == 0, "thin", weight=0.25)
    assert set(thinned.reason[::2]) == {"", THINNED} and set(thinned.reason[1::2]) == {""}
    # 2,000 diverging pairs, each stays with 1/4: standard deviation sqrt(2000 * 3 / 16) = 19
    assert abs((thinned.reason[::2] == "").sum() - 500) < 80
    order = np.random.default_rng(0).permutation(4000)
    again = filter_pairs([ids[i] for i in order], labels, order % 2 == 0, "thin", weight=0.25)
    assert (again.reason == thinned.reason[order]).all()
    other = filter_pairs(ids, labels, np.arange(4000) % 2 == 0, "thin", weight=0.25, seed=1)
    assert (other.reason != thinned.reason).any()


def test_soft_by_hand():
    found = filter_pairs(IDS, people(), diverging_by_people(PREFERENCES), "soft", copies=4)
    # 2/3 of 4 is 2.67: 3; agreed pairs all one way; ties and even votes two and two
    assert found.n_chosen_a.tolist() == [3, 4, 0, 2, 2, 2, 0]
    assert (found.n_chosen_a + found.n_chosen_b).tolist() == [4] * 7 and not any(found.reason)


@pytest.mark.parametrize("share", [0.5, 0.75, 1.0])
def test_soft_rows_have_the_loss_of_label_smoothing(share):
    labels = PairLabels(np.array([share]), np.array([1.0]))
    found = filter_pairs(["p"], labels, np.array([True]), "soft", copies=4)
    beta, margin = 0.1, torch.tensor(1.7, requires_grad=True)  # log ratio of A minus that of B
    rows = [logsigmoid(beta * margin)] * found.n_chosen_a[0] + [logsigmoid(-beta * margin)] * found.n_chosen_b[0]
    loss = -torch.stack(rows).mean()
    epsilon = 1 - share  # TRL's `label_smoothing`
    smoothed = -logsigmoid(beta * margin) * (1 - epsilon) - logsigmoid(-beta * margin) * epsilon
    assert loss.item() == pytest.approx(smoothed.item())
    gradients = [torch.autograd.grad(value, margin, retain_graph=True)[0].item() for value in (loss, smoothed)]
    assert gradients[0] == pytest.approx(gradients[1])


def test_swapping_a_and_b_swaps_the_rows():
    labels, diverging = people(), diverging_by_people(PREFERENCES)
    swapped = PairLabels(1 - labels.share_a, -labels.level)
    for action in ("mark", "drop", "weight", "thin"):
        one, other = filter_pairs(IDS, labels, diverging, action), filter_pairs(IDS, swapped, diverging, action)
        assert one.n_chosen_a.tolist() == other.n_chosen_b.tolist() and one.reason.tolist() == other.reason.tolist()


def test_rows_for_trl():
    pair = {"id": "p0", "prompt": [{"role": "user", "content": "Hi"}], "response_a": "Yes.", "response_b": "No."}
    labels = PairLabels(np.array([0.25]), np.array([-1.0]))
    found = filter_pairs(["p0"], labels, np.array([True]), "soft", copies=4)
    rows = list(trl_rows([pair], found, {"diverging": np.array([True]), "chance": np.array([np.nan])}))
    assert [row["id"] for row in rows] == ["p0", "p0#2", "p0#3", "p0#4"]
    assert [row["chosen"][0]["content"] for row in rows] == ["Yes.", "No.", "No.", "No."]
    assert rows[0]["diverging"] is True and rows[0]["chance"] is None and "margin" not in rows[0]
    marked = filter_pairs(["p0"], labels, np.array([True]), "mark")
    (row,) = trl_rows([pair], marked, {}, margin_a=np.array([-1.5]))
    assert row["margin"] == 1.5 and row["rejected"] == [{"role": "assistant", "content": "Yes."}]


@pytest.mark.parametrize(
    ("option", "message"), [({"weight": 1.5}, "--weight is 1.5"), ({"copies": 1}, "--copies is 1")]
)
def test_values_outside_their_range(option, message):
    with pytest.raises(InputError, match=message):
        filter_pairs(IDS, people(), diverging_by_people(PREFERENCES), "soft", **option)
