import itertools
import math

import numpy as np
import pytest
import torch
from accelerate import Accelerator

from distreward.data.agreement import agreement_categories
from distreward.levels import LEVELS
from distreward.losses import preference_level_probs
from distreward.modeling import RewardOutput, reward_head_entry
from distreward.trainers import running as running_module
from distreward.trainers.running import RunningDistributions, RunningPairMetrics


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


# --- what a distributional head predicts


def some_outputs(n: int, seed: int = 0):
    """Outputs of a mean-variance head for n pairs, wide and narrow ones, with their annotators per level."""
    rng = np.random.default_rng(seed)
    mean = 2 * rng.normal(size=(2, n)).astype(np.float32)
    std = rng.uniform(0.1, 1.5, size=(2, n)).astype(np.float32)
    a, b = (RewardOutput(mean=torch.from_numpy(mean[s]), std=torch.from_numpy(std[s])) for s in (0, 1))
    return a, b, torch.from_numpy(rng.integers(0, 3, (n, 5)).astype(np.float32))


def labelled(counts: torch.Tensor, known: float = 1.0) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """The labels of pairs and their weights."""
    return {"level_counts": counts, "strength_known": torch.full((len(counts),), known)}, torch.ones(len(counts))


def one_label_at_a_time(a: RewardOutput, b: RewardOutput, counts: torch.Tensor) -> dict[str, float]:
    """The same from the definitions: all 5^4 ways in which four people can answer, one pair after the other."""
    probs = preference_level_probs(a.mean, a.std, b.mean, b.std).double() + 0.05
    probs = (probs / probs.sum(1, keepdim=True)).numpy()
    drawn = list(itertools.product(range(5), repeat=4))
    diverging = np.array(["diverging" in agreement_categories([LEVELS[i] for i in four]) for four in drawn])
    chance = probs[:, np.array(drawn)].prod(2) @ diverging
    log_loss = [
        -n * math.log(p) for row, ps in zip(counts.tolist(), probs, strict=True) for n, p in zip(row, ps, strict=True)
    ]
    return {
        "mean_std": float(torch.cat([a.std, b.std]).mean()),
        "predicted_diverging": float((chance >= 0.5).mean()),
        "log_loss": sum(log_loss) / float(counts.sum()),
    }


def test_distributions_are_exact_over_pairs(accelerator):
    head, found = reward_head_entry("mean_variance"), RunningDistributions()
    a, b, counts = some_outputs(23)
    for start, end in ((0, 3), (3, 20), (20, 23)):
        sides = [RewardOutput(mean=side.mean[start:end], std=side.std[start:end]) for side in (a, b)]
        found.update(*sides, *labelled(counts[start:end]), head)
    wanted = one_label_at_a_time(a, b, counts)
    assert 0 < wanted["predicted_diverging"] < 1
    assert found.read(accelerator) == pytest.approx(wanted, rel=1e-5)
    assert found.read(accelerator) == {}  # reading starts anew


def test_adding_up_early_changes_nothing(accelerator, monkeypatch):
    head, (a, b, counts) = reward_head_entry("mean_variance"), some_outputs(23)
    kept, added = RunningDistributions(), RunningDistributions()
    kept.update(a, b, *labelled(counts), head)
    assert kept._rows[0].nbytes == 23 * 116  # 11 outputs a side, 5 levels, known, weight: what MAX_KEPT_PAIRS says
    monkeypatch.setattr(running_module, "MAX_KEPT_PAIRS", 4)
    for row in range(23):
        sides = [RewardOutput(mean=side.mean[row : row + 1], std=side.std[row : row + 1]) for side in (a, b)]
        added.update(*sides, *labelled(counts[row : row + 1]), head)
        assert len(added._rows) < 4
    assert added.read(accelerator) == pytest.approx(kept.read(accelerator))


def test_fillers_calibration_and_unknown_strength(accelerator):
    head, (a, b, counts) = reward_head_entry("mean_variance"), some_outputs(9)
    real = torch.arange(9) < 7
    found = RunningDistributions()
    found.update(a, b, labelled(counts)[0], real.float(), head)
    seven = [RewardOutput(mean=side.mean[:7], std=side.std[:7]) for side in (a, b)]
    assert found.read(accelerator) == pytest.approx(one_label_at_a_time(*seven, counts[:7]), rel=1e-5)

    # a calibration belongs to the weights it was fitted for, not to those in training
    fitted = {**head, "calibration": {"std_scale": 9.0, "tie": 0.1, "slight": 5.0}}
    found.update(*seven, *labelled(counts[:7]), fitted)
    assert found.read(accelerator) == pytest.approx(one_label_at_a_time(*seven, counts[:7]), rel=1e-5)

    # one pair, even rewards of std 1, a label 2 without strength: P(A) = (1 - P(tie)) / 2 after smoothing
    one = RewardOutput(mean=torch.zeros(1), std=torch.ones(1))
    found.update(one, one, *labelled(torch.tensor([[0.0, 0, 0, 0, 1]]), known=0.0), head)
    tie = 1 - 2 / (1 + math.exp(0.5 / math.sqrt(2)))
    for_a = ((1 - tie) / 2 + 2 * 0.05) / 1.25
    assert found.read(accelerator)["log_loss"] == pytest.approx(-math.log(for_a), rel=1e-5)

    # chosen/rejected pairs have no levels to compare with
    found.update(one, one, {"level_counts": torch.tensor([[0.0, 0, 0, 0, 1]])}, torch.ones(1), head)
    assert set(found.read(accelerator)) == {"mean_std", "predicted_diverging"}


def test_a_scalar_head_says_nothing_and_nan_stays_nan(accelerator):
    a, b, counts = some_outputs(5)
    rest = labelled(counts)
    found, scalar = RunningDistributions(), reward_head_entry("scalar")
    found.update(RewardOutput(mean=a.mean), RewardOutput(mean=b.mean), *rest, scalar)
    assert found.read(accelerator) == {}
    head = reward_head_entry("mean_variance")
    found.update(RewardOutput(mean=a.mean * float("nan"), std=a.std), b, *rest, head)
    assert all(math.isnan(value) for value in found.read(accelerator).values())
    found.update(a, b, *rest, head)
    assert found.read(accelerator)["mean_std"] > 0
