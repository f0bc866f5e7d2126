import math

import pytest
import torch
from torch.testing import assert_close

from distreward.errors import InputError
from distreward.modeling import REWARD_HEADS, reward_head_entry
from distreward.modeling.heads import MIN_STD, read_likert, read_mean_variance, read_scalar, read_taste_factors

N_OUTPUTS = {"scalar": 1, "mean_variance": 2, "taste_factors": 6, "likert": 5}


def test_scalar_is_the_reward_itself():
    out = read_scalar(torch.tensor([[2.5], [-1.0]]), reward_head_entry("scalar"))
    assert out.logits.tolist() == [[2.5], [-1.0]] and out.mean.tolist() == [2.5, -1.0]
    assert out.std is None and out.level_logits is None


def test_mean_variance_by_hand():
    # std = |raw| + 0.1: |-0.5| + 0.1 = 0.6, |0| + 0.1 = 0.1, |2| + 0.1 = 2.1
    raw = torch.tensor([[2.0, -0.5], [-3.0, 0.0], [0.0, 2.0]])
    out = read_mean_variance(raw, reward_head_entry("mean_variance"))
    assert_close(out.mean, torch.tensor([2.0, -3.0, 0.0]))
    assert_close(out.std, torch.tensor([0.6, 0.1, 2.1]))
    assert_close(out.logits, out.mean.unsqueeze(1))
    assert_close(read_mean_variance(raw, reward_head_entry("mean_variance", min_std=0.5)).std[0], torch.tensor(1.0))
    assert MIN_STD == 0.1


def test_taste_factors_by_hand():
    # own std |-0.5| + 0.1 = 0.6; with factors 0.8, 0, 0, 0: sqrt(0.36 + 0.64) = 1. Without factors: a mean-variance head
    raw = torch.tensor([[2.0, -0.5, 0.8, 0, 0, 0], [-3.0, 2.0, 0, 0, 0, 0]], requires_grad=True)
    out = read_taste_factors(raw, reward_head_entry("taste_factors"))
    assert_close(out.mean, torch.tensor([2.0, -3.0]))
    assert_close(out.std, torch.tensor([1.0, 2.1]))
    assert_close(out.factors, raw[:, 2:])
    out.std.sum().backward()
    assert_close(
        raw.grad[0], torch.tensor([0, -0.6, 0.8, 0, 0, 0])
    )  # d std / d raw std = -own / std, d / d f = f / std


def test_likert_by_hand():
    # probabilities .05, .1, .15, .2, .5: mean .05 + .2 + .45 + .8 + 2.5 = 4
    # variance .05 * 9 + .1 * 4 + .15 * 1 + .2 * 0 + .5 * 1 = 1.5
    raw = torch.tensor([[1.0, 2.0, 3.0, 4.0, 10.0]]).log()
    out = read_likert(raw, reward_head_entry("likert"))
    assert_close(out.mean, torch.tensor([4.0]))
    assert_close(out.std, torch.tensor([math.sqrt(1.5)]))
    assert_close(out.logits, torch.tensor([[4.0]]))
    assert torch.equal(out.level_logits, raw)


def test_likert_stays_on_the_scale_and_its_gradient_stays_finite():
    raw = torch.cat([torch.randn(50, 5, generator=torch.Generator().manual_seed(0)) * 10, torch.eye(5) * 1e4])
    raw.requires_grad_()
    out = read_likert(raw, reward_head_entry("likert"))
    assert ((out.mean >= 1 - 1e-5) & (out.mean <= 5 + 1e-5)).all()
    assert ((out.std >= 0) & (out.std <= 2 + 1e-5)).all()  # half the votes on 1 and half on 5: std 2
    (out.mean.sum() + out.std.sum()).backward()
    assert torch.isfinite(raw.grad).all()


@pytest.mark.parametrize("head", REWARD_HEADS)
def test_every_head_names_its_outputs_and_reads_as_many(head):
    assert len(REWARD_HEADS[head].output_names) == N_OUTPUTS[head]
    out = REWARD_HEADS[head].read(torch.randn(3, N_OUTPUTS[head]), reward_head_entry(head))
    assert out.logits.shape == (3, 1) and out.mean.shape == (3,)
    assert torch.equal(out.logits[:, 0], out.mean)
    assert (out.std is None) == (head == "scalar") and (out.level_logits is None) == (head != "likert")


def test_the_entry_holds_the_constants_the_loss_and_the_reader_use():
    assert reward_head_entry("mean_variance") == {
        "type": "mean_variance",
        "activation": "abs",
        "min_std": 0.1,
        "cdf": "logistic",
        "level_smoothing": 0.05,
    }
    assert reward_head_entry("mean_variance", cdf="normal", eta=0.5)["cdf"] == "normal"
    reward_head_entry("likert")["type"] = "changed"
    assert reward_head_entry("likert") == {"type": "likert"}  # the table is not handed out


def test_an_unknown_head_is_refused_in_one_line():
    with pytest.raises(
        InputError, match="unknown reward head 'gaussian'.*scalar, mean_variance, taste_factors, likert"
    ) as caught:
        reward_head_entry("gaussian")
    assert "\n" not in str(caught.value)
