import math

import numpy as np
import pytest
import torch
from accelerate import Accelerator

from distreward.levels import LEVELS
from distreward.trainers.running import RunningPairMetrics


@pytest.fixture
def accelerator():
    return Accelerator(cpu=True)


def brute_force(reward_a: np.ndarray, reward_b: np.ndarray, counts: np.ndarray, n_tokens: int) -> dict[str, float]:
    """The same numbers, one annotator's choice at a time."""
    right, choices = 0.0, 0
    for a, b, row in zip(reward_a, reward_b, counts, strict=True):
        for level, n in zip(LEVELS, row, strict=True):
            if level == 0:
                continue
            right += n * (0.5 if a == b else float((a > b) == (level > 0)))
            choices += n
    rewards = np.concatenate([reward_a, reward_b])
    return {
        "num_tokens": n_tokens,
        "min_reward": rewards.min(),
        "mean_reward": rewards.mean(),
        "max_reward": rewards.max(),
        "accuracy": right / choices,
        "margin": (reward_a - reward_b).mean(),
    }


def some_batch(rng: np.random.Generator, n: int):
    """Rewards of n pairs (every fourth pair equal) and their annotators per level."""
    reward_a, reward_b = rng.normal(size=(2, n)).astype(np.float32)
    reward_b[::4] = reward_a[::4]
    return reward_a, reward_b, rng.integers(0, 4, (n, 5)).astype(np.float32)


def test_by_hand(accelerator):
    # gap 2: labels 2 1 -1 0 -> 2 of 3.   gap -1: labels -2 1 -> 1 of 2.   gap 0: label 1 -> 1/2 of 1.   3.5 of 6.
    running = RunningPairMetrics()
    counts = torch.tensor([[0.0, 1, 1, 1, 1], [1, 0, 0, 1, 0], [0, 0, 0, 1, 0]])
    running.update(
        torch.tensor([3.0, 0.0, 1.0]), torch.tensor([1.0, 1.0, 1.0]), counts, torch.tensor([10, 20, 10]), torch.ones(3)
    )
    assert running.read(accelerator) == {
        "num_tokens": 40,
        "min_reward": 0.0,
        "mean_reward": pytest.approx(7 / 6),
        "max_reward": 3.0,
        "accuracy": pytest.approx(3.5 / 6),
        "margin": pytest.approx((2 - 1 + 0) / 3),
    }


def test_pairs_without_weight_are_not_there(accelerator):
    running, rng = RunningPairMetrics(), np.random.default_rng(2)
    batch = some_batch(rng, 6)
    weight = torch.tensor([3.0, 0, 1, 2, 0, 1])
    running.update(*map(torch.from_numpy, batch), torch.arange(6), weight)
    running.update(torch.tensor([9.0]), torch.tensor([-9.0]), torch.ones(1, 5), torch.ones(1), torch.zeros(1))
    kept = [values[weight.numpy() > 0] for values in batch]
    assert running.read(accelerator) == pytest.approx(brute_force(*kept, n_tokens=0 + 2 + 3 + 5), rel=1e-6)


def test_two_batches_of_different_size_count_by_pair(accelerator):
    rng = np.random.default_rng(0)
    batches = [some_batch(rng, 3), some_batch(rng, 17)]
    running = RunningPairMetrics()
    for index, batch in enumerate(batches):
        n = len(batch[0])
        running.update(*map(torch.from_numpy, batch), torch.full((n,), 10 + index), torch.ones(n))
    together = [np.concatenate(parts) for parts in zip(*batches, strict=True)]
    assert running.read(accelerator) == pytest.approx(brute_force(*together, n_tokens=3 * 10 + 17 * 11), rel=1e-6)


def test_reading_starts_anew(accelerator):
    running = RunningPairMetrics()
    assert running.read(accelerator) == {}
    rng = np.random.default_rng(1)
    running.update(*map(torch.from_numpy, some_batch(rng, 5)), torch.ones(5), torch.ones(5))
    running.read(accelerator)
    assert running.read(accelerator) == {}
    second = some_batch(rng, 6)
    running.update(*map(torch.from_numpy, second), torch.full((6,), 2), torch.ones(6))
    assert running.read(accelerator) == pytest.approx(brute_force(*second, n_tokens=12), rel=1e-6)


def test_ties_only_leave_the_accuracy_undefined(accelerator):
    running = RunningPairMetrics()
    running.update(torch.ones(1), torch.zeros(1), torch.tensor([[0.0, 0, 3, 0, 0]]), torch.ones(1), torch.ones(1))
    metrics = running.read(accelerator)
    assert math.isnan(metrics.pop("accuracy"))
    assert metrics == {"num_tokens": 1, "min_reward": 0, "mean_reward": 0.5, "max_reward": 1, "margin": 1}


def test_nothing_it_keeps_holds_the_graph(accelerator):
    reward = torch.ones(2, requires_grad=True)
    running = RunningPairMetrics()
    running.update(reward * 2, reward, torch.ones(2, 5), torch.ones(2), torch.ones(2))
    assert not running._sums.requires_grad and not running._extremes.requires_grad
