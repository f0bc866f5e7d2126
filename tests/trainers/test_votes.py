import pytest
import torch
from torch.testing import assert_close

from distreward.trainers.votes import level_shares, one_vote_for_a, share_preferring_a


@pytest.fixture
def counts():
    """[200, 5] counts of 0 to 4 annotators per level; some pairs have none at all."""
    torch.manual_seed(0)
    return torch.randint(0, 5, (200, 5)).float() * (torch.rand(200, 1) > 0.1)


def test_level_shares_by_hand():
    # 4 annotators, 1 at level -1 and 3 at level 2 -> 1/4 and 3/4; nobody -> zeros, not nan.
    given = torch.tensor([[0.0, 1, 0, 0, 3], [0, 0, 0, 0, 0]])
    assert_close(level_shares(given), torch.tensor([[0, 0.25, 0, 0, 0.75], [0, 0, 0, 0, 0]]))


def test_level_shares_sum_to_one(counts):
    assert_close(level_shares(counts).sum(1), (counts.sum(1) > 0).float())


@pytest.mark.parametrize(
    ("levels", "with_ties", "without_ties"),
    [
        ([0, 0, 0, 0, 1], 1.0, 1.0),
        ([0, 1, 0, 0, 0], 0.0, 0.0),
        ([1, 0, 0, 1, 1], 2 / 3, 2 / 3),  # strength does not count: 2 votes of 3
        ([0, 0, 1, 0, 1], 3 / 4, 1.0),  # (1 + 1/2) / 2, or 1 of 1
        ([0, 1, 2, 0, 1], 1 / 2, 1 / 2),  # (1 + 2/2) / 4, or 1 of 2
        ([0, 0, 3, 0, 0], 1 / 2, 1 / 2),  # ties only: no decisive vote at all
        ([0, 0, 0, 0, 0], 1 / 2, 1 / 2),
    ],
)
def test_share_preferring_a_by_hand(levels, with_ties, without_ties):
    given = torch.tensor([levels], dtype=torch.float32)
    assert_close(share_preferring_a(given), torch.tensor([with_ties]))
    assert_close(share_preferring_a(given, ties=False), torch.tensor([without_ties]))


@pytest.mark.parametrize("ties", [True, False])
def test_swapping_the_sides_swaps_the_share(counts, ties):
    assert_close(share_preferring_a(counts, ties) + share_preferring_a(counts.flip(1), ties), torch.ones(200))


def test_one_vote_for_a():
    counts = one_vote_for_a(torch.zeros(3))
    assert counts.tolist() == [[0, 0, 0, 0, 1]] * 3
    assert share_preferring_a(counts).tolist() == [1.0] * 3
