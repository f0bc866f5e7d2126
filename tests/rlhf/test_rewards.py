import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import quad
from scipy.stats import norm

from distreward.errors import InputError
from distreward.modeling import REWARD_HEADS, reward_head_entry
from distreward.rlhf import REWARDS
from distreward.rlhf.rewards import (
    OPTIONS,
    find_reward,
    lower_bound,
    preferred_share,
    quantile,
    resolve_options,
    worst_share,
)

NAN = [np.nan] * 5
NORMAL = np.array([[2.0, 0.5, *NAN], [3.0, 1.0, *NAN]])
RATED = np.array([[3.0, 1.0954, 0.1, 0.2, 0.4, 0.2, 0.1], [3.0, 0.7746, 0.0, 0.3, 0.4, 0.3, 0.0]])
HEADS = {"mean_variance": NORMAL, "likert": RATED}


def read(name: str, scores: np.ndarray, head: str) -> np.ndarray:
    reward = REWARDS[name]
    return (
        reward.read(scores, scores[::-1], reward_head_entry(head))
        if reward.compares
        else reward.read(scores, **reward.options)
    )


def test_the_mean_by_hand():
    assert REWARDS["mean"].read(NORMAL).tolist() == [2.0, 3.0]


def test_the_lower_bound_by_hand():
    assert_allclose(lower_bound(NORMAL, 2.0), [1.0, 1.0])


def test_quantiles_by_hand():
    assert_allclose(quantile(NORMAL, 0.5), [2.0, 3.0])
    assert_allclose(quantile(NORMAL, norm.cdf(-1.0)), [1.5, 2.0])
    # 0.1 up to 1.5, 0.3 up to 2.5: 0.2 is half of the way through rating 2's mass; 0 up to 1.5, 0.2 of 0.3 through rating 2's
    assert_allclose(quantile(RATED, 0.2), [2.0, 1.5 + 2 / 3])
    assert_allclose(quantile(RATED, 0.5), [3.0, 3.0])  # symmetric
    certain = np.array([[4.0, 0.0, 0, 0, 0, 1.0, 0]])
    assert_allclose([quantile(certain, q)[0] for q in (0.25, 0.5, 0.75)], [3.75, 4.0, 4.25])
    # probabilities that round to less than 1: the end of the last rating that has any
    assert_allclose(quantile(np.array([[2.0, 0.0, 0, 0.9999, 0, 0, 0]]), 0.99999), [2.5])


def test_the_worst_share_by_hand():
    # the lowest half of a standard normal has mean -phi(0) / 0.5 = -0.79788
    assert_allclose(worst_share(NORMAL, 0.5), [2 - 0.5 * 0.79788, 3 - 0.79788], atol=1e-5)
    # a quarter: 0.1 ones and 0.15 twos: (0.1 + 0.3) / 0.25 = 1.6; all twos: 2
    assert_allclose(worst_share(RATED, 0.25), [1.6, 2.0])


def test_the_worst_share_is_the_mean_of_the_quantiles_below_it():
    alpha = 0.3
    expected = [quad(lambda q, row=row: quantile(NORMAL[[row]], q)[0], 0, alpha)[0] / alpha for row in (0, 1)]
    assert_allclose(worst_share(NORMAL, alpha), expected, atol=1e-5)


@pytest.mark.parametrize("head", HEADS)
def test_all_people_are_the_mean_and_fewer_are_less_satisfied(head):
    scores = HEADS[head]
    assert_allclose(worst_share(scores, 1 - 1e-12), scores[:, 0], atol=1e-6)
    assert (np.diff([worst_share(scores, alpha) for alpha in (0.05, 0.2, 0.5, 0.9)], axis=0) > -1e-12).all()
    assert (np.diff([quantile(scores, q) for q in (0.05, 0.2, 0.5, 0.9)], axis=0) > 0).all()


def test_the_preferred_share_by_hand():
    # ratings 4 against 2 or 5, half each: a win and a loss; 4 against 4: a tie, half
    one = np.array([[4.0, 0.0, 0, 0, 0, 1, 0]])
    split = np.array([[3.5, 1.5, 0, 0.5, 0, 0, 0.5]])
    tied = np.array([[4.0, 0.0, 0, 0, 0, 1, 0]])
    assert_allclose(preferred_share(one, split, {"type": "likert"}), [0.5])
    assert_allclose(preferred_share(one, tied, {"type": "likert"}), [0.5])
    assert_allclose(preferred_share(one, np.array([[2.0, 0.0, 0, 1, 0, 0, 0]]), {"type": "likert"}), [1.0])
    # gap 1, std of the difference hypot(0.5, 1) = 1.118: sigmoid((1 - 0.5) / 1.118) = 0.61 and sigmoid(1.5 / 1.118) = 0.793
    # half of their sum 0.7015, smoothed (0.7015 + 0.125) / 1.25 = 0.6612
    entry = reward_head_entry("mean_variance")
    assert_allclose(preferred_share(NORMAL[1:], NORMAL[:1], entry), [0.6612], atol=2e-4)


@pytest.mark.parametrize("head", HEADS)
def test_preferences_of_the_two_sides_add_up(head):
    scores, entry = HEADS[head], reward_head_entry(head)
    there, back = preferred_share(scores, scores[::-1], entry), preferred_share(scores[::-1], scores, entry)
    assert_allclose(there + back, 1)
    assert_allclose(preferred_share(scores, scores, entry), 0.5)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("name", REWARDS)
def test_every_row_gives_one_number_per_response_whatever_the_others_are(name, head):
    reward, scores = REWARDS[name], HEADS[head]
    assert set(reward.heads) <= set(REWARD_HEADS) and head in reward.heads
    rewards = read(name, scores, head)
    assert rewards.shape == (2,) and np.isfinite(rewards).all()
    assert_allclose(read(name, scores[::-1], head), rewards[::-1])
    # what has no score has no reward, and takes none from the others
    gap = np.concatenate([scores, np.full((1, 7), np.nan)])
    if not reward.compares:
        assert_allclose(reward.read(gap, **reward.options), [*rewards, np.nan])


@pytest.mark.parametrize("name", [name for name, row in REWARDS.items() if row.options and not row.compares])
def test_of_two_responses_with_one_mean_the_agreed_one_is_rewarded(name):
    agreed_and_divisive = np.array([[3.0, 0.2, *NAN], [3.0, 2.0, *NAN]])
    rewards = REWARDS[name].read(agreed_and_divisive, **REWARDS[name].options)
    assert rewards[0] > rewards[1]


def test_an_unknown_reward_names_the_nearest():
    with pytest.raises(InputError, match=r"unknown reward 'meen' \(did you mean 'mean'"):
        find_reward("meen")


def test_options_are_filled_in_and_idle_ones_refused():
    assert resolve_options("quantile", {"q": None, "k": None}) == {"q": 0.25}
    assert resolve_options("lower_bound", {"k": 3}) == {"k": 3}
    assert all(option in OPTIONS for row in REWARDS.values() for option in row.options)
    with pytest.raises(InputError, match="`k` has no effect on the reward 'mean': it belongs to 'lower_bound'"):
        resolve_options("mean", {"k": 1.0})


@pytest.mark.parametrize(
    ("reward", "option", "value"),
    [
        ("lower_bound", "k", 0),
        ("lower_bound", "k", -1.0),
        ("lower_bound", "k", float("nan")),
        ("lower_bound", "k", "1"),
        ("quantile", "q", 1.0),
        ("quantile", "q", True),
        ("worst_share", "alpha", 0.0),
        ("worst_share", "alpha", 1),
        ("preferred", "baseline", " "),
        ("preferred", "baseline", 3),
    ],
)
def test_values_out_of_range_are_refused(reward, option, value):
    with pytest.raises(InputError, match=f"`{option}` is .*, wanted"):
        resolve_options(reward, {option: value})
