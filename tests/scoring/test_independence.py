"""A response's reward is its own: not its batch's, its neighbours', its place's or the padding's."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from distreward.data.encoding import encode_response
from distreward.modeling import AutoRewardModel
from distreward.scoring import RewardScorer
from tests.conftest import architectures

BACKBONES = tuple(architectures())
# 2 to 130 tokens: shorter and much longer than the sliding windows of 16
RESPONSES = ["", "Red.", "Blue, and why not green? " * 5, "I cannot say.", "Red.", "A joke about colours, then. " * 3]
PROMPTS = [[{"role": "user", "content": f"Name a colour, number {index % 3}."}] for index in range(len(RESPONSES))]
TOLERANCE = 1e-5  # float32


@pytest.fixture
def make_scorer(tokenizer):
    def make(backbone: str) -> RewardScorer:
        torch.manual_seed(0)
        return RewardScorer(AutoRewardModel.from_config(architectures()[backbone], "mean_variance"), tokenizer)

    return make


def encoded(scorer: RewardScorer) -> list[list[int]]:
    return [encode_response(scorer.tokenizer, *row)[0] for row in zip(PROMPTS, RESPONSES, strict=True)]


def padded(rows: list[list[int]], side: str, extra: int = 0, fill: int = 0) -> dict[str, torch.Tensor]:
    """[B, longest + extra] ids and mask."""
    width = max(map(len, rows)) + extra
    ids, mask = [], []
    for row in rows:
        free = width - len(row)
        ids.append([fill] * free + row if side == "left" else row + [fill] * free)
        mask.append([0] * free + [1] * len(row) if side == "left" else [1] * len(row) + [0] * free)
    return {"input_ids": torch.tensor(ids), "attention_mask": torch.tensor(mask)}


def rewards(scorer: RewardScorer, batch: dict[str, torch.Tensor]) -> np.ndarray:
    with torch.no_grad():
        out = scorer.model(**batch)
    return torch.stack([out.mean, out.std], dim=-1).double().numpy()


@pytest.mark.parametrize("backbone", BACKBONES)
def test_a_response_alone_and_in_company(backbone, make_scorer):
    scorer = make_scorer(backbone)
    rows = encoded(scorer)
    alone = np.concatenate([rewards(scorer, {"input_ids": torch.tensor([row])}) for row in rows])  # no padding at all
    assert np.ptp(alone[:, 0]) > 0.1  # or nothing could be told apart
    for side in ("left", "right"):
        assert_allclose(rewards(scorer, padded(rows, side)), alone, rtol=0, atol=TOLERANCE)
        assert_allclose(rewards(scorer, padded(rows, side, extra=9)), alone, rtol=0, atol=TOLERANCE)
        # what stands under the mask is nobody's business, an EOS included
        assert_allclose(rewards(scorer, padded(rows, side, fill=2)), alone, rtol=0, atol=TOLERANCE)
        order = [3, 0, 5, 4, 1, 2]
        turned = rewards(scorer, padded([rows[index] for index in order], side))
        assert_allclose(turned, alone[order], rtol=0, atol=TOLERANCE)
        for size in (1, 2, 4):
            parts = [rewards(scorer, padded(rows[start : start + size], side)) for start in range(0, len(rows), size)]
            assert_allclose(np.concatenate(parts), alone, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_the_scorers_batches_change_nothing(backbone, make_scorer):
    scorer = make_scorer(backbone)
    alone = np.concatenate([rewards(scorer, {"input_ids": torch.tensor([row])}) for row in encoded(scorer)])
    for batch_tokens in (1, 300, 100_000):
        scorer.batch_tokens = batch_tokens
        assert_allclose(scorer.score(PROMPTS, RESPONSES)[:, :2], alone, rtol=0, atol=TOLERANCE)
    turned = scorer.score(PROMPTS[::-1], RESPONSES[::-1])[:, :2]
    assert_allclose(turned[::-1], alone, rtol=0, atol=TOLERANCE)
    scorer.tokenizer.padding_side = "left"
    assert_allclose(scorer.score(PROMPTS, RESPONSES)[:, :2], alone, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("backbone", ["Llama", "Mistral", "GPT2", "Bert"])
def test_gradients_are_a_responses_own_too(backbone, make_scorer):
    """d reward / d embeddings is the same alone and in a left-padded batch: neighbours get none of it."""
    scorer = make_scorer(backbone)
    rows = encoded(scorer)[:3]

    def gradient(batch, row):
        scorer.model.zero_grad()
        scorer.model(**batch).mean[row].backward()
        return scorer.model.get_input_embeddings().weight.grad.numpy().copy()

    for row in range(3):
        alone = gradient({"input_ids": torch.tensor([rows[row]])}, 0)
        assert np.abs(alone).max() > 0.1
        assert_allclose(gradient(padded(rows, "left"), row), alone, rtol=0, atol=2e-5)
