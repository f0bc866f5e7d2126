"""Frozen-backbone training: features once, the same gradients as training the head on the texts, a stock checkpoint."""

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification

from distreward.errors import InputError
from distreward.modeling import AutoRewardModel
from distreward.scoring import RewardScorer
from distreward.trainers import DistributionalRewardConfig, MeanVarianceKLRewardTrainer
from distreward.trainers.frozen import feature_key


def config(path, **changes):
    fixed = {"report_to": "none", "bf16": False, "gradient_checkpointing": False, "use_cpu": True, "disable_tqdm": True}
    return DistributionalRewardConfig(str(path), **{**fixed, "max_steps": 3, "learning_rate": 1e-2, **changes})


def train(base_model, pairs, path, **changes):
    trainer = MeanVarianceKLRewardTrainer(str(base_model), args=config(path, **changes), train_dataset=pairs)
    trainer.train()
    return trainer


def test_equals_training_the_head_with_the_backbone_running(base_model, pairs, tmp_path):
    frozen = train(base_model, pairs, tmp_path / "frozen", freeze_backbone=True)
    trainer = MeanVarianceKLRewardTrainer(
        str(base_model), args=config(tmp_path / "whole"), train_dataset=pairs
    )  # the same seed makes the same new head
    for name, parameter in trainer.model.named_parameters():
        parameter.requires_grad = name.startswith("score")
    trainer.train()
    torch.testing.assert_close(frozen.model.score.weight, trainer.model.score.weight, atol=1e-6, rtol=1e-5)


def test_backbone_stays_and_the_checkpoint_is_stock(base_model, pairs, tmp_path):
    trainer = train(base_model, pairs, tmp_path / "out", freeze_backbone=True)
    trainer.save_model()
    base = AutoRewardModel.from_pretrained(str(base_model), reward_head="mean_variance")
    torch.testing.assert_close(trainer.model.model.norm.weight, base.model.norm.weight)
    assert AutoModelForSequenceClassification.from_pretrained(tmp_path / "out").config.num_labels == 2
    features = np.concatenate([trainer.train_dataset["chosen_features"], trainer.train_dataset["rejected_features"]])
    from_features = trainer.model(pooled_features=torch.tensor(features, dtype=torch.float32)).mean.detach().numpy()
    predicted = RewardScorer.from_pretrained(str(tmp_path / "out")).score_pairs(pairs)
    np.testing.assert_allclose(np.concatenate([predicted.mean_a, predicted.mean_b]), from_features, atol=1e-5)


def test_features_are_kept_and_taken_from_disk(base_model, pairs, tmp_path, monkeypatch):
    cache = tmp_path / "features"
    first = train(base_model, pairs, tmp_path / "a", freeze_backbone=True, feature_cache_dir=str(cache))
    (kept,) = cache.glob("features-*.npy")
    monkeypatch.setattr("distreward.trainers.frozen.run_in_batches", lambda *a, **k: pytest.fail("computed again"))
    again = train(base_model, pairs, tmp_path / "b", freeze_backbone=True, feature_cache_dir=str(cache))
    torch.testing.assert_close(first.model.score.weight, again.model.score.weight)
    assert np.load(kept).shape == (2 * len(pairs), 16)


def test_key_follows_backbone_and_tokens_not_the_head(llama_config):
    model = AutoRewardModel.from_config(llama_config, reward_head="scalar")
    key = feature_key(model, [[1, 2], [3]])
    model.score.weight.data += 1
    assert feature_key(model, [[1, 2], [3]]) == key
    assert feature_key(model, [[1], [2, 3]]) != key
    model.model.norm.weight.data += 1
    assert feature_key(model, [[1, 2], [3]]) != key


def test_what_cannot_be_frozen_is_refused(base_model, pairs, tmp_path):
    from peft import LoraConfig

    with pytest.raises(InputError, match="without PEFT"):
        MeanVarianceKLRewardTrainer(
            str(base_model),
            args=config(tmp_path, freeze_backbone=True),
            train_dataset=pairs,
            peft_config=LoraConfig(task_type="SEQ_CLS"),
        )
    with pytest.raises(InputError, match="not a stream"):
        MeanVarianceKLRewardTrainer(
            str(base_model), args=config(tmp_path, freeze_backbone=True), train_dataset=pairs.to_iterable_dataset()
        )
