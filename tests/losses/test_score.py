import math

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from distreward.losses import likert_kl_loss, mse_loss


def test_mse_by_hand():
    # A: (3 - 5)^2 = 4, B: (4 - 4)^2 = 0, mean 2. With variances 0.5 and 1: (4.5 + 1) / 2 = 2.75
    three, four, five = (torch.tensor([x]) for x in (3.0, 4.0, 5.0))
    assert_close(mse_loss(three, four, five, four), torch.tensor([2.0]))
    assert_close(mse_loss(three, four, five, four, torch.tensor([0.5]), torch.tensor([1.0])), torch.tensor([2.75]))


def test_mse_is_the_mean_over_annotators():
    # mean_k (r - s_k)^2 for lists of unequal length, against mean and population variance
    scores_a, scores_b, r_a, r_b = [1.0, 4.0, 5.0], [2.0, 2.5], 3.3, 1.7
    expected = (np.mean([(r_a - s) ** 2 for s in scores_a]) + np.mean([(r_b - s) ** 2 for s in scores_b])) / 2
    numbers = (r_a, r_b, np.mean(scores_a), np.mean(scores_b), np.var(scores_a), np.var(scores_b))
    loss = mse_loss(*(torch.tensor([x], dtype=torch.float32) for x in numbers))
    assert loss.item() == pytest.approx(expected, rel=1e-6)


def test_mse_gradient_in_closed_form():
    # d/dr_a of ((r_a - s_a)^2 + (r_b - s_b)^2) / 2 = r_a - s_a; the variance does not enter
    r_a, r_b = torch.tensor([3.0, 1.0], requires_grad=True), torch.tensor([2.0, 5.0], requires_grad=True)
    s_a, s_b = torch.tensor([4.5, 1.0]), torch.tensor([1.0, 4.0])
    mse_loss(r_a, r_b, s_a, s_b, torch.tensor([9.0, 9.0]), 7.0).sum().backward()
    assert_close(r_a.grad, torch.tensor([-1.5, 0.0]))
    assert_close(r_b.grad, torch.tensor([1.0, 1.0]))


def test_mse_of_the_unscored_is_not_a_number():
    one = torch.ones(1)
    assert mse_loss(one, one, torch.tensor([math.nan]), one).isnan().all()


def test_likert_by_hand():
    # logits ln(1, 2, 3, 4, 10): probabilities .05, .1, .15, .2, .5
    # A: target half 4, half 5: .5 ln(.5 / .2) + .5 ln(.5 / .5) = .45815.  B: all 5: ln(1 / .5) = .69315.  Mean .57565
    logits = torch.tensor([[1.0, 2.0, 3.0, 4.0, 10.0]]).log()
    target_a, target_b = torch.tensor([[0, 0, 0, 0.5, 0.5]]), torch.tensor([[0, 0, 0, 0, 1.0]])
    assert_close(likert_kl_loss(logits, logits, target_a, target_b), torch.tensor([0.57565]), rtol=0, atol=1e-5)
    # a constant on all logits changes nothing
    assert_close(
        likert_kl_loss(logits + 50, logits - 50, target_a, target_b), torch.tensor([0.57565]), rtol=0, atol=1e-4
    )


def test_likert_is_zero_where_the_target_is_the_prediction():
    logits = torch.randn(20, 5, generator=torch.Generator().manual_seed(0)) * 4
    target = torch.softmax(logits, -1)
    assert_close(likert_kl_loss(logits, logits, target, target), torch.zeros(20), rtol=0, atol=1e-6)
    assert (likert_kl_loss(-logits, logits, target, target) > 0.01).all()


def test_likert_gradient_in_closed_form():
    # d/dlogits of KL(t || softmax) = softmax - t, halved by the mean over the two responses
    generator = torch.Generator().manual_seed(0)
    logits_a, logits_b = (torch.randn(6, 5, generator=generator).requires_grad_() for _ in range(2))
    target_a, target_b = (torch.softmax(torch.randn(6, 5, generator=generator) * 3, -1) for _ in range(2))
    likert_kl_loss(logits_a, logits_b, target_a, target_b).sum().backward()
    assert_close(logits_a.grad, ((torch.softmax(logits_a, -1) - target_a) / 2).detach())
    assert_close(logits_b.grad, ((torch.softmax(logits_b, -1) - target_b) / 2).detach())


def test_likert_stays_finite_where_the_model_is_certain_and_wrong():
    logits = torch.tensor([[1e4, 0, 0, 0, 0]], requires_grad=True)
    target = torch.tensor([[0, 0, 0, 0, 1.0]])
    loss = likert_kl_loss(logits, logits, target, target)
    assert_close(loss, torch.tensor([1e4]))
    loss.sum().backward()
    assert torch.isfinite(logits.grad).all()


def test_likert_refuses_scores_in_place_of_shares():
    logits, target = torch.zeros(2, 5), torch.full((2, 5), 0.2)
    for wrong in (torch.tensor([4.0, 5.0]), torch.full((3, 5), 0.2)):
        with pytest.raises(ValueError, match="`target_a`.*pass rating shares, not scores"):
            likert_kl_loss(logits, logits, wrong, target)
        with pytest.raises(ValueError, match="`target_b`"):
            likert_kl_loss(logits, logits, target, wrong)
