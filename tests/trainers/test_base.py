import copy
import json
import logging
import math
from pathlib import Path

import pytest
import torch
from datasets import Dataset
from torch.testing import assert_close
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from distreward.errors import InputError
from distreward.modeling import REWARD_HEADS, AutoRewardModel
from distreward.trainers import OBJECTIVES, DistributionalRewardConfig, MeanVarianceKLRewardTrainer
from distreward.trainers.card import split_facts
from tests.conftest import make_tokenizer


def settings(folder, **options) -> DistributionalRewardConfig:
    defaults = {
        "report_to": "none",
        "bf16": False,
        "gradient_checkpointing": False,
        "use_cpu": True,
        "disable_tqdm": True,
        "save_strategy": "no",
        "per_device_train_batch_size": 3,
        "num_train_epochs": 1,
    }
    return DistributionalRewardConfig(folder, **{**defaults, **options})


@pytest.fixture
def make_model(llama_config):
    def make(reward_head: str):
        torch.manual_seed(2)
        llama_config.initializer_range = 0.5  # rewards that differ from response to response
        return AutoRewardModel.from_config(copy.deepcopy(llama_config), reward_head)

    return make


@pytest.fixture
def make_trainer(tmp_path, make_model, tokenizer, pairs):
    """A trainer over the twelve pairs, in a folder of its own."""

    def make(
        objective="mean_variance_kl", train=pairs, evaluated=None, model=None, processing_class=tokenizer, **options
    ):
        kind = OBJECTIVES[objective]
        more = {name: options.pop(name) for name in ("callbacks", "peft_config", "compute_metrics") if name in options}
        return kind(
            model or make_model(kind.reward_head),
            settings(tmp_path / "out", **options),
            train_dataset=train,
            eval_dataset=evaluated,
            processing_class=processing_class,
            **more,
        )

    return make


def config_of(folder: Path) -> dict:
    return json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))


# --- refusals


@pytest.mark.parametrize(
    ("objective", "head"),
    [
        ("mean_variance_kl", "scalar"),
        ("mean_variance_nll", "likert"),
        ("bradley_terry", "mean_variance"),
        ("mse", "likert"),
    ],
)
def test_a_model_with_another_head_is_refused(make_trainer, make_model, objective, head):
    wanted = OBJECTIVES[objective].reward_head
    with pytest.raises(
        InputError, match=f"trains a '{wanted}' head, but the model has a '{head}' one: pass the model's name"
    ):
        make_trainer(objective, model=make_model(head))


def test_a_stock_model_is_no_distributional_one(make_trainer, llama_config):
    llama_config.num_labels = 1
    stock = AutoModelForSequenceClassification.from_config(llama_config)
    with pytest.raises(InputError, match="trains a 'likert' head, but the model has a 'scalar' one"):
        make_trainer("likert_kl", model=stock)


@pytest.mark.parametrize("data", ["schema", "chosen and rejected"])
def test_an_empty_data_set_is_refused(make_trainer, pairs, data):
    plain = Dataset.from_list([{"prompt": "Name a colour. ", "chosen": "Red.", "rejected": "No."}])
    full = pairs if data == "schema" else plain
    with pytest.raises(InputError, match="the train data set is empty"):
        make_trainer("bradley_terry", train=full.select([]))
    with pytest.raises(InputError, match="the eval data set is empty"):
        make_trainer("bradley_terry", train=full, evaluated=full.select([]))


def test_a_data_set_of_which_nothing_is_left_is_refused(make_trainer, pairs):
    with pytest.raises(InputError, match="all 12 pairs of the train set are longer than max_length=8 tokens"):
        make_trainer(max_length=8)
    with pytest.raises(InputError, match="no pair of the train set has `preferences`"):
        make_trainer("mean_variance_nll", train=pairs.select([3, 9]))  # ties only


# --- evaluation


def test_the_default_schedule(make_trainer, pairs, tmp_path):
    trainer = make_trainer(evaluated=pairs, num_train_epochs=2, save_strategy="steps", learning_rate=0.03)
    trainer.train()  # 4 steps an epoch: one evaluation per step
    evaluated = {line["step"]: line for line in trainer.state.log_history if "eval_loss" in line}
    assert list(evaluated) == [1, 2, 3, 4, 5, 6, 7, 8]
    best = min(evaluated, key=lambda step: evaluated[step]["eval_loss"])
    assert trainer.state.best_global_step == best
    assert trainer.evaluate()["eval_loss"] == pytest.approx(evaluated[best]["eval_loss"], rel=1e-5)
    assert [folder.name for folder in (tmp_path / "out").glob("checkpoint-*")] == [f"checkpoint-{best}"]


def test_the_users_own_schedule_stays(make_trainer, pairs):
    trainer = make_trainer(evaluated=pairs, eval_strategy="steps", eval_steps=3, num_train_epochs=2)
    trainer.train()
    assert [line["step"] for line in trainer.state.log_history if "eval_loss" in line] == [3, 6, 8]  # and the last step
    assert trainer.state.best_model_checkpoint is None


def test_lambda_comes_back_with_the_best_checkpoint(make_trainer, pairs, tmp_path):
    # Chosen by the largest lambda itself, so the best checkpoint is known and seldom the last one.
    trainer = make_trainer(
        evaluated=pairs,
        num_train_epochs=2,
        save_strategy="steps",
        learning_rate=0.03,
        metric_for_best_model="eval_lambda",
        greater_is_better=True,
        save_total_limit=20,
    )
    trainer.train()
    lambdas = {line["step"]: line["eval_lambda"] for line in trainer.state.log_history if "eval_lambda" in line}
    best = max(lambdas, key=lambda step: lambdas[step])  # the first of equals, as the host decides
    assert len(set(lambdas.values())) > 1 and lambdas[best] != lambdas[8]
    for step, value in lambdas.items():
        assert config_of(tmp_path / "out" / f"checkpoint-{step}")["reward_head"]["lambda"] == value
    assert trainer.model.config.reward_head["lambda"] == lambdas[best]
    trainer.save_model(tmp_path / "saved")
    assert config_of(tmp_path / "saved")["reward_head"]["lambda"] == lambdas[best]
    # and so do the numbers the card will name: all those of the evaluation at that step, and no later ones
    of_best = next(line for line in trainer.state.log_history if line["step"] == best and "eval_lambda" in line)
    trainer.create_model_card()
    facts = json.loads((tmp_path / "out" / "training_facts.json").read_text(encoding="utf-8"))
    assert facts["development"] == {name: value for name, value in of_best.items() if name != "step"}
    again = trainer.evaluate()
    assert {name: again[name] for name in ("eval_loss", "eval_margin", "eval_log_loss")} == pytest.approx(
        {name: of_best[name] for name in ("eval_loss", "eval_margin", "eval_log_loss")}, rel=1e-5
    )
    assert trainer.development is again  # what was measured last on these weights counts


def test_tokens_are_counted_once(make_trainer, pairs):
    trainer = make_trainer(num_train_epochs=2, logging_steps=2)
    trainer.train()
    tokens = sum(len(row[side]) for row in trainer.train_dataset for side in ("chosen_ids", "rejected_ids"))
    logged = [line["num_tokens"] for line in trainer.state.log_history if "num_tokens" in line]
    assert len(logged) == 4 and logged[1] == tokens and logged[3] == 2 * tokens


def test_the_card_names_the_data_that_the_trainer_was_given(make_trainer, pairs, monkeypatch):
    trainer = make_trainer()
    monkeypatch.setattr(
        "distreward.trainers.card.data_facts", lambda _: pytest.fail("a scan of data nobody asks about")
    )
    trainer.evaluate(pairs.select(range(4)))  # a test set, say
    assert list(split_facts(trainer, None)) == ["train"]


def test_the_card_names_several_development_sets(make_trainer, pairs):
    # one of them under a name that the training data has taken
    sets = {"train": pairs.select(range(2)), "hard": pairs.select(range(5))}
    found = split_facts(make_trainer("mean_variance_nll", evaluated=sets), None)
    assert {name: (facts["rows"], facts["rows_used"]) for name, facts in found.items()} == {
        "train": (12, 10),
        "hard": (5, 4),
    }


# --- what is saved


@pytest.mark.parametrize("objective", ["bradley_terry", "mean_variance_kl", "likert_kl"])
def test_the_saved_folder_opens_as_a_stock_model(make_trainer, tmp_path, objective, tokenizer):
    trainer = make_trainer(objective, learning_rate=0.01, max_steps=2, packing="off")
    trainer.train()
    trainer.save_model(tmp_path / "saved")
    model = trainer.model.eval()
    head = REWARD_HEADS[trainer.reward_head]

    stock = AutoModelForSequenceClassification.from_pretrained(tmp_path / "saved").eval()
    assert stock.config.id2label == dict(enumerate(head.output_names)) and model.config.num_labels == 1
    saved = config_of(tmp_path / "saved")
    assert saved["reward_head"]["objective"] == objective and saved["problem_type"] == "regression"

    batch = trainer.data_collator([trainer.train_dataset[row] for row in (0, 1, 2)])
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
    with torch.no_grad():
        raw, output = stock(**inputs).logits, model(**inputs)
        reopened = AutoRewardModel.from_pretrained(str(tmp_path / "saved")).eval()(**inputs)
    assert_close(head.read(raw, saved["reward_head"]).mean, output.mean, rtol=0, atol=1e-6)
    if objective == "mean_variance_kl":
        assert_close(raw[:, 0], output.mean, rtol=0, atol=1e-6)
        assert_close(raw[:, 1].abs() + 0.1, output.std, rtol=0, atol=1e-6)
    if objective == "likert_kl":
        assert_close(raw, output.level_logits, rtol=0, atol=1e-6)
    assert_close(reopened.mean, output.mean, rtol=0, atol=1e-6)
    saved_tokenizer = AutoTokenizer.from_pretrained(tmp_path / "saved")
    assert saved_tokenizer.pad_token_id == stock.config.pad_token_id == 0
    assert saved_tokenizer.chat_template == tokenizer.chat_template


def test_the_entry_records_how_the_model_was_trained(make_trainer):
    trainer = make_trainer(eta=0.5, cdf="tanh", level_smoothing=0.01, min_std=0.2)
    assert trainer.model.config.reward_head == {
        "type": "mean_variance",
        "activation": "abs",
        "min_std": 0.2,
        "cdf": "tanh",
        "level_smoothing": 0.01,
        "objective": "mean_variance_kl",
        "eta": 0.5,
    }
    row = torch.tensor([[5, 6]])
    assert float(trainer.model(input_ids=row).std[0].detach()) >= 0.2


# --- models and tokenizers


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_model_given_by_name_gets_the_objectives_head(make_trainer, base_model, objective):
    trainer = make_trainer(objective, model=str(base_model), processing_class=None, max_steps=2, logging_steps=1)
    assert trainer.model.config.reward_head["type"] == trainer.reward_head
    assert trainer.model.config.num_labels == 1 and trainer.model.dtype == torch.float32
    trainer.train()
    assert all(math.isfinite(line["loss"]) for line in trainer.state.log_history if "loss" in line)


def test_a_reward_model_goes_on_training(make_trainer, tmp_path):
    first = make_trainer("likert_kl", max_steps=1)
    first.train()
    first.save_model(tmp_path / "saved")
    second = make_trainer("likert_kl", model=str(tmp_path / "saved"), max_steps=1)
    assert torch.equal(second.model.score.weight, first.model.score.weight)


def test_an_encoder_trains_too(make_trainer, bert_config, pairs):
    model = AutoRewardModel.from_config(bert_config, "mean_variance")
    trainer = make_trainer(model=model, evaluated=pairs, max_steps=2, max_length=128)
    trainer.train()
    assert math.isfinite(trainer.evaluate()["eval_loss"])


def test_a_pad_token_that_is_the_eos_token_is_replaced(make_trainer, tmp_path, caplog):
    tokenizer = make_tokenizer(pad=False)
    tokenizer.pad_token = tokenizer.eos_token
    trainer = make_trainer(processing_class=tokenizer, max_steps=1, packing="off")
    assert "uses its EOS token as pad token" in caplog.text and "as pad token" in caplog.text
    pad = trainer.processing_class.pad_token_id
    assert pad != tokenizer.eos_token_id and trainer.model.config.pad_token_id == pad
    assert trainer.data_collator.pad_token_id == pad
    trainer.save_model(tmp_path / "saved")

    batch = trainer.data_collator([trainer.train_dataset[row] for row in (0, 1)])  # both end in EOS, one is padded
    assert (batch["input_ids"] == pad).any()
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
    stock = AutoModelForSequenceClassification.from_pretrained(tmp_path / "saved").eval()
    with torch.no_grad():
        assert_close(stock(**inputs).logits[:, 0], trainer.model.eval()(**inputs).mean, rtol=0, atol=1e-6)


def test_a_pad_token_the_user_names_is_kept(make_trainer):
    trainer = make_trainer(pad_token="<unk>")
    assert trainer.processing_class.pad_token == "<unk>" and trainer.data_collator.pad_token_id == 3


def test_the_trainer_says_little(make_trainer, caplog):
    with caplog.at_level(logging.WARNING, logger="distreward"):
        make_trainer()
    assert [record for record in caplog.records if record.name == "distreward"] == []


def test_its_models_are_tagged(make_trainer):
    assert {"distreward", "reward-trainer", "trl"} <= set(make_trainer().model.model_tags)
    assert MeanVarianceKLRewardTrainer._name == "Reward"
