import numpy as np
import pytest
from numpy.testing import assert_allclose

from distreward.errors import InputError
from distreward.modeling import REWARD_HEADS
from distreward.rlhf import REWARDS
from distreward.rlhf.rewards import find_reward

SCORES = np.array([[2.0, 0.5, 0.1, 0.2, 0.4, 0.2, 0.1], [3.0, 1.0, 0.0, 0.3, 0.4, 0.3, 0.0]])


def test_the_mean_by_hand():
    assert REWARDS["mean"].read(SCORES).tolist() == [2.0, 3.0]


@pytest.mark.parametrize("name", REWARDS)
def test_every_row_gives_one_number_per_response_whatever_the_others_are(name):
    reward = REWARDS[name]
    assert set(reward.heads) <= set(REWARD_HEADS) and reward.heads
    rewards = reward.read(SCORES)
    assert rewards.shape == (2,) and np.isfinite(rewards).all()
    assert_allclose(reward.read(SCORES[::-1]), rewards[::-1])


def test_an_unknown_reward_names_the_nearest():
    with pytest.raises(InputError, match="unknown reward 'meen'; did you mean 'mean'"):
        find_reward("meen")
