import logging

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from transformers import GPT2Config, LlamaForSequenceClassification, RobertaConfig

from distreward.data.encoding import encode_response
from distreward.errors import InputError
from distreward.modeling import AutoRewardModel
from distreward.scoring import RewardScorer
from distreward.trainers.preparation import with_tokens

HEADS = ("scalar", "mean_variance", "taste_factors", "likert")
RESPONSES = ["Red.", "I cannot say.", "", "Blue, and why not green? " * 4, "Red.", "A joke about colours, then. " * 2]
PROMPTS = [[{"role": "user", "content": f"Name a colour, number {index % 3}."}] for index in range(len(RESPONSES))]


@pytest.fixture
def make_scorer(llama_config, bert_config, tokenizer):
    def make(head="mean_variance", backbone="llama", **options) -> RewardScorer:
        torch.manual_seed(0)
        config = {"llama": llama_config, "bert": bert_config}[backbone]
        config.initializer_range = 0.5  # rewards that clearly differ; at 0.02 a mix-up of rows might not show
        return RewardScorer(AutoRewardModel.from_config(config, head), tokenizer, **options)

    return make


@pytest.mark.parametrize("backbone", ["llama", "bert"])
@pytest.mark.parametrize("head", HEADS)
def test_every_row_is_the_reward_of_its_response(make_scorer, head, backbone):
    scorer = make_scorer(head, backbone)
    scores = scorer.score(PROMPTS, RESPONSES)
    assert scores.shape == (6, 11) and scores.dtype == np.float64
    for row, (prompt, response) in enumerate(zip(PROMPTS, RESPONSES, strict=True)):
        ids = torch.tensor([encode_response(scorer.tokenizer, prompt, response)[0]])
        with torch.no_grad():
            out = scorer.model(input_ids=ids, attention_mask=torch.ones_like(ids))
        assert scores[row, 0] == pytest.approx(out.mean.item(), abs=1e-5)
        if head == "scalar":
            assert np.isnan(scores[row, 1:]).all()
        else:
            assert scores[row, 1] == pytest.approx(out.std.item(), abs=1e-5)
        if head == "likert":
            assert_allclose(scores[row, 2:7], out.level_logits.softmax(-1)[0], atol=1e-5)
            assert scores[row, 2:7] @ np.arange(1, 6) == pytest.approx(scores[row, 0], abs=1e-5)
        else:
            assert np.isnan(scores[row, 2:7]).all()
        if head == "taste_factors":
            assert_allclose(scores[row, 7:], out.factors[0], atol=1e-5)
        else:
            assert np.isnan(scores[row, 7:]).all()
    assert np.ptp(scores[:, 0]) > 0.01  # or a mix-up of rows would not show


@pytest.mark.parametrize("backbone", ["llama", "bert"])
def test_a_store_of_features_gives_the_same_scores(make_scorer, backbone, tmp_path, monkeypatch):
    expected = make_scorer(backbone=backbone).score(PROMPTS, RESPONSES)
    scorer = make_scorer(backbone=backbone, feature_cache_dir=str(tmp_path / "features"))
    assert_allclose(scorer.score(PROMPTS, RESPONSES), expected, atol=1e-5)
    # another head over the same backbone, without running the backbone
    monkeypatch.setattr("distreward.scoring.features.run_in_batches", lambda *a, **k: pytest.fail("computed again"))
    other = make_scorer("likert", backbone, feature_cache_dir=str(tmp_path / "features"))
    assert_allclose(other.score(PROMPTS, RESPONSES)[:, 2:7].sum(1), 1.0, atol=1e-5)


@pytest.mark.parametrize("backbone", ["llama", "bert"])
@pytest.mark.parametrize("batch_tokens", [1, 200, 100_000])
def test_batch_size_and_neighbours_change_nothing(make_scorer, backbone, batch_tokens):
    scorer = make_scorer(backbone=backbone)
    scores = scorer.score(PROMPTS, RESPONSES)[:, :2]
    scorer.batch_tokens = batch_tokens
    assert_allclose(scorer.score(PROMPTS, RESPONSES)[:, :2], scores, atol=1e-5)
    order = [3, 0, 5, 4, 1, 2]
    turned = scorer.score([PROMPTS[i] for i in order], [RESPONSES[i] for i in order])
    assert_allclose(turned[:, :2], scores[order], atol=1e-5)
    assert_allclose(scorer.score(PROMPTS[1:2], RESPONSES[1:2])[:, :2], scores[1:2], atol=1e-5)


def test_nothing_to_score(make_scorer):
    assert make_scorer().score([], []).shape == (0, 11)
    with pytest.raises(ValueError):
        make_scorer().score(PROMPTS, RESPONSES[:2])


@pytest.mark.parametrize("head", HEADS)
def test_pairs_are_split_right(make_scorer, head, pairs):
    scorer = make_scorer(head)
    predictions = scorer.score_pairs(pairs)
    side_a = scorer.score(pairs["prompt"][:], pairs["response_a"][:])
    side_b = scorer.score(pairs["prompt"][:], pairs["response_b"][:])
    assert_allclose(predictions.mean_a, side_a[:, 0], atol=1e-5)
    assert_allclose(predictions.mean_b, side_b[:, 0], atol=1e-5)
    assert not np.allclose(predictions.mean_a, predictions.mean_b, atol=1e-3)
    assert (predictions.std_a is None) == (head == "scalar")
    assert (predictions.rating_probs_a is None) == (head != "likert")
    if head != "scalar":
        assert_allclose(predictions.std_b, side_b[:, 1], atol=1e-5)
    if head == "likert":
        assert_allclose(predictions.rating_probs_a, side_a[:, 2:7], atol=1e-5)
    if head == "taste_factors":
        assert_allclose(predictions.factors_b, side_b[:, 7:], atol=1e-5)
    assert predictions.reward_head == scorer.reward_head
    predictions.reward_head["lambda"] = 9.0  # one's own copy
    assert "lambda" not in scorer.reward_head


def test_tokens_that_pairs_carry_are_taken(make_scorer, pairs, monkeypatch):
    scorer = make_scorer()
    expected = scorer.score_pairs(pairs).to_columns()
    tokens = with_tokens(pairs, scorer.tokenizer)
    monkeypatch.setattr("distreward.scoring.scorer.encode_response", None)  # a call would fail
    assert_allclose(scorer.score_pairs(tokens).to_columns(), expected, rtol=1e-6)


def test_long_responses_are_cut_and_counted(make_scorer, caplog):
    scorer = make_scorer(max_length=60)
    lengths = [len(encode_response(scorer.tokenizer, *row)[0]) for row in zip(PROMPTS, RESPONSES, strict=True)]
    n_long = sum(length > 60 for length in lengths)
    assert 0 < n_long < 6
    with caplog.at_level(logging.WARNING, logger="distreward"):
        scores = scorer.score(PROMPTS, RESPONSES)
    assert f"cut {n_long} of 6 responses to the 60 tokens" in caplog.text
    assert np.isfinite(scores[:, 0]).all()
    caplog.clear()
    scorer.score(PROMPTS[:1], ["Red."])
    assert not caplog.records


@pytest.mark.parametrize(
    ("config", "positions"),
    [
        (GPT2Config(vocab_size=264, n_embd=16, n_layer=1, n_head=2, n_positions=50, pad_token_id=0), 50),
        # rows of the position table before the first token: pad_token_id + 1
        (
            RobertaConfig(
                vocab_size=264,
                hidden_size=16,
                intermediate_size=32,
                num_hidden_layers=1,
                num_attention_heads=2,
                max_position_embeddings=51,
                pad_token_id=0,
            ),
            50,
        ),
    ],
    ids=["gpt2", "roberta"],
)
def test_a_text_longer_than_the_models_positions_is_cut_to_them(config, positions, tokenizer):
    scorer = RewardScorer(AutoRewardModel.from_config(config, "scalar"), tokenizer)
    assert scorer.max_length == positions
    assert np.isfinite(scorer.score(PROMPTS, RESPONSES)[:, 0]).all()


def test_scoring_switches_dropout_off(llama_config, tokenizer):
    llama_config.attention_dropout = 0.5
    model = AutoRewardModel.from_config(llama_config, "scalar").train()
    scorer = RewardScorer(model, tokenizer)
    assert_allclose(scorer.score(PROMPTS, RESPONSES)[:, 0], scorer.score(PROMPTS, RESPONSES)[:, 0], atol=1e-6)


def test_the_padding_side_of_the_tokenizer_does_not_matter(make_scorer):
    scorer = make_scorer()
    scores = scorer.score(PROMPTS, RESPONSES)[:, 0]
    scorer.tokenizer.padding_side = "left"
    assert_allclose(scorer.score(PROMPTS, RESPONSES)[:, 0], scores, atol=1e-6)


def test_pad_equal_to_eos_is_mended(llama_config, tokenizer):
    tokenizer.pad_token = "</s>"
    scorer = RewardScorer(AutoRewardModel.from_config(llama_config, "scalar"), tokenizer)
    assert scorer.tokenizer.pad_token_id != scorer.tokenizer.eos_token_id


def test_a_saved_model_scores_as_before(make_scorer, tmp_path):
    scorer = make_scorer("likert")
    scorer.model.save_pretrained(tmp_path)
    scorer.tokenizer.save_pretrained(tmp_path)
    opened = RewardScorer.from_pretrained(str(tmp_path))
    assert_allclose(opened.score(PROMPTS, RESPONSES), scorer.score(PROMPTS, RESPONSES), atol=1e-5)
    short = RewardScorer.from_pretrained(str(tmp_path), max_length=40, chat_template="{{ messages[-1].content }}")
    assert short.max_length == 40
    assert not np.allclose(short.score(PROMPTS, RESPONSES)[:, 0], scorer.score(PROMPTS, RESPONSES)[:, 0], atol=1e-4)


def test_a_stock_checkpoint_is_scored_too(llama_config, tokenizer, tmp_path):
    llama_config.num_labels = 1
    LlamaForSequenceClassification(llama_config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    scorer = RewardScorer.from_pretrained(str(tmp_path))
    assert scorer.reward_head == {"type": "scalar"}
    assert np.isfinite(scorer.score(PROMPTS, RESPONSES)[:, 0]).all()


def test_what_cannot_be_scored_is_refused_in_one_line(llama_config, tokenizer, tmp_path):
    model = AutoRewardModel.from_config(llama_config, "scalar")
    model.save_pretrained(tmp_path)
    with pytest.raises(InputError, match="no tokenizer; save the tokenizer beside it") as caught:
        RewardScorer.from_pretrained(str(tmp_path))
    assert "\n" not in str(caught.value)
    tokenizer.chat_template = None
    with pytest.raises(InputError, match="no chat template"):
        RewardScorer(model, tokenizer)


def test_the_bar_is_shown_only_when_asked_for(make_scorer, capsys):
    make_scorer().score(PROMPTS, RESPONSES)
    assert "Scoring" not in capsys.readouterr().err
    make_scorer(progress=True).score(PROMPTS, RESPONSES)
    assert "6/6" in capsys.readouterr().err
