"""Frozen-backbone training: features once, the same gradients as training the head on the texts, a stock checkpoint."""

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification

from distreward.errors import InputError
from distreward.modeling import AutoRewardModel
from distreward.modeling.features import head_modules
from distreward.scoring import RewardScorer
from distreward.scoring import features as frozen
from distreward.scoring.features import backbone_key
from distreward.trainers import DistributionalRewardConfig, MeanVarianceKLRewardTrainer


def config(path, **changes):
    fixed = {"report_to": "none", "bf16": False, "gradient_checkpointing": False, "use_cpu": True, "disable_tqdm": True}
    return DistributionalRewardConfig(str(path), **{**fixed, "max_steps": 3, "learning_rate": 1e-2, **changes})


def train(base_model, pairs, path, **changes):
    trainer = MeanVarianceKLRewardTrainer(str(base_model), args=config(path, **changes), train_dataset=pairs)
    trainer.train()
    return trainer


def test_equals_training_the_head_with_the_backbone_running(base_model, pairs, tmp_path):
    features = train(base_model, pairs, tmp_path / "frozen", freeze_backbone=True)
    trainer = MeanVarianceKLRewardTrainer(
        str(base_model), args=config(tmp_path / "whole"), train_dataset=pairs
    )  # the same seed makes the same new head
    for name, parameter in trainer.model.named_parameters():
        parameter.requires_grad = name.startswith("score")
    trainer.train()
    torch.testing.assert_close(features.model.score.weight, trainer.model.score.weight, atol=1e-6, rtol=1e-5)


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
    monkeypatch.setattr("distreward.scoring.features.KEPT_AT_ONCE", 3)
    first = train(base_model, pairs, tmp_path / "a", freeze_backbone=True, feature_cache_dir=str(cache))
    (store,) = cache.glob("features-*")
    kept = [np.load(file).shape for file in store.glob("*.features.npy")]
    # 12 prompts, each with a response of its own on both sides: 24 texts, three to a shard
    assert kept == [(3, 16)] * 8
    real = frozen.run_in_batches
    monkeypatch.setattr(frozen, "run_in_batches", lambda *a, **k: pytest.fail("computed again"))
    again = train(base_model, pairs, tmp_path / "b", freeze_backbone=True, feature_cache_dir=str(cache))
    torch.testing.assert_close(first.model.score.weight, again.model.score.weight, rtol=0, atol=0)
    # other pairs of the same texts need nothing new; of a longer set, only the new texts are computed
    train(base_model, pairs.select([3, 1]), tmp_path / "c", freeze_backbone=True, feature_cache_dir=str(cache))
    computed = []
    monkeypatch.setattr(frozen, "run_in_batches", lambda rows, *a, **k: computed.extend(rows) or real(rows, *a, **k))
    changed = pairs.map(lambda row, number: {"response_a": "New."} if number == 5 else row, with_indices=True)
    train(base_model, changed, tmp_path / "d", freeze_backbone=True, feature_cache_dir=str(cache))
    assert len(computed) == 1


def test_the_backbones_key_leaves_the_head_out(llama_config, bert_config):
    for config_of, weight in ((llama_config, "model.norm.weight"), (bert_config, "bert.embeddings.LayerNorm.weight")):
        model = AutoRewardModel.from_config(config_of, reward_head="scalar")
        key = backbone_key(model)
        for module in head_modules(model):
            for parameter in module.parameters():
                parameter.data += 1
        assert backbone_key(model) == key
        model.get_parameter(weight).data += 1
        assert backbone_key(model) != key


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
