import copy
import json
import logging
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from datasets import Dataset
from sklearn.metrics import roc_auc_score

from distreward.data.agreement import level_counts
from distreward.data.encoding import encode_response
from distreward.losses import mean_variance_kl_loss
from distreward.metrics.divergence import tune_lambda
from distreward.modeling import REWARD_HEADS, AutoRewardModel, RewardOutput, reward_head_entry
from distreward.modeling.heads import CALIBRATIONS
from distreward.scoring.calibration import fit_calibration
from distreward.scoring.level_calibration import fit_level_calibration
from distreward.scoring.predictions import PairPredictions, output_columns
from distreward.trainers import OBJECTIVES, DistributionalRewardConfig
from distreward.trainers.development import DevelopmentRecords
from distreward.trainers.running import RunningDistributions

PREFERENCES = [[2, 2, 1], [2, -2, 1], [0, 0, 1], [-1, -2, -1], [2, -1, -1], [1, 0, 1], [], [2]]


def record(head: dict, gap: torch.Tensor, std=None, logits=None, batches=((0, 3), (3, 8)), weight=None, loss=None):
    """Records of eight pairs with rewards `gap` and 0, added in batches of unequal size."""
    counts = torch.from_numpy(level_counts(PREFERENCES)).float()
    weight = counts.sum(1) if weight is None else weight
    loss = torch.zeros(8) if loss is None else loss
    a = RewardOutput(mean=gap, std=std, level_logits=logits)
    b = RewardOutput(mean=torch.zeros(8), std=std, level_logits=None if logits is None else logits.flip(1))
    records, accelerator = DevelopmentRecords(), Accelerator(cpu=True)
    for start, end in batches:
        sides = [
            RewardOutput(**{name: value[start:end] for name, value in side.items() if value is not None})
            for side in (a, b)
        ]
        known = torch.ones(end - start)
        records.add(accelerator, *sides, counts[start:end], weight[start:end], loss[start:end], known)
    return records, counts.numpy().astype(int), head


@pytest.fixture
def gap():
    torch.manual_seed(0)
    return torch.randn(8)


def test_loss_is_the_mean_over_labels(gap):
    # weights 3 3 3 3 3 3 0 1 of losses 1 .. 8: 3 (1 + .. + 6) + 0 + 8 = 71 over 19 labels
    records, _, head = record(reward_head_entry("scalar"), gap, loss=torch.arange(1.0, 9.0))
    assert records.metrics(head, tune=False)["loss"] == pytest.approx(71 / 19)


def test_scalar_head_by_hand():
    # Choices the sign agrees with: 2 2 1 | gap 1: 3 of 3.  2 -2 1 | gap -1: 1 of 3.  0 0 1 | gap 0: 1/2 of 1.
    # -1 -2 -1 | gap -3: 3 of 3.  2 -1 -1 | gap 0.1: 1 of 3.  1 0 1 | gap -2: 0 of 2.  none.  2 | gap 1: 1 of 1.
    # 9.5 of 16. Diverging: rows 1 and 4; others with two or more annotators: rows 0 2 3 5.
    # -|gap|: diverging -1, -0.1 against -1, 0, -3, -2: -1 beats -3 -2 and ties -1 (2.5), -0.1 beats -1 -3 -2 (3): 5.5 / 8.
    gap = torch.tensor([1.0, -1.0, 0.0, -3.0, 0.1, -2.0, 5.0, 1.0])
    records, _, head = record(reward_head_entry("scalar"), gap)
    metrics = records.metrics(head, tune=True)
    assert metrics == {
        "loss": 0.0,
        "preference_accuracy": pytest.approx(9.5 / 16),
        "diverging_id_auroc": pytest.approx(5.5 / 8),
        "gap_auroc": pytest.approx(5.5 / 8),
    }
    assert "lambda" not in head


def test_batches_do_not_matter(gap):
    std = torch.rand(8) + 0.1
    one, _, head = record(reward_head_entry("mean_variance"), gap, std, batches=[(0, 8)])
    several, _, same_head = record(reward_head_entry("mean_variance"), gap, std, batches=[(0, 1), (1, 2), (2, 8)])
    assert one.metrics(head, tune=True) == several.metrics(same_head, tune=True)


def test_tuning_sets_lambda_and_only_tuning(gap):
    std = torch.rand(8) + 0.1
    records, counts, head = record(reward_head_entry("mean_variance"), gap, std)
    assert math.isnan(records.metrics(head, tune=False)["lambda"]) and "lambda" not in head
    metrics = records.metrics(head, tune=True)
    moments = [x.double().numpy() for x in (gap, std, torch.zeros(8), std)]
    assert head["lambda"] == metrics["lambda"] == tune_lambda(*moments, counts)[0]

    head["lambda"] = 0.25
    metrics = records.metrics(head, tune=False)
    assert metrics["lambda"] == head["lambda"] == 0.25
    # the paper's score under that lambda, over pairs with two or more annotators
    score = -(np.abs(moments[0]) - 0.25 * 2 * moments[1])
    diverging = np.isin(np.arange(8), [1, 4])
    several = counts.sum(1) >= 2
    assert metrics["diverging_id_auroc"] == pytest.approx(roc_auc_score(diverging[several], score[several]))


def test_likert_head(gap):
    logits = torch.randn(8, 5)
    records, counts, head = record(reward_head_entry("likert"), gap, torch.rand(8) + 0.1, logits)
    metrics = records.metrics(head, tune=True)
    probs = torch.softmax(logits, -1).double().numpy()
    score = probs[:, 0] * probs[:, 4]  # B holds the mirrored ratings, so both responses have the same P(1) P(5)
    several, diverging = counts.sum(1) >= 2, np.isin(np.arange(8), [1, 4])
    assert metrics["diverging_id_auroc"] == pytest.approx(roc_auc_score(diverging[several], score[several]))
    assert set(metrics) == {
        "loss",
        "preference_accuracy",
        "diverging_id_auroc",
        "gap_auroc",
        "diverging_probability_auroc",
        "log_loss",
        "level_ece",
        "mean_std",
        "predicted_diverging",
    }
    # the difference of two independent ratings: P(level) summed over the 25 pairs of ratings
    level_probs = np.zeros((8, 5))
    for a in range(5):
        for b in range(5):
            level_probs[:, np.clip(a - b, -2, 2) + 2] += probs[:, a] * probs[:, 4 - b]
    assert metrics["log_loss"] == pytest.approx(-(counts * np.log(level_probs)).sum() / counts.sum())


def test_no_auroc_without_two_classes(gap, recwarn):
    counts = torch.tensor([[0.0, 0, 0, 0, 2], [0, 0, 0, 0, 1]])
    records = DevelopmentRecords()
    a, b = RewardOutput(mean=gap[:2]), RewardOutput(mean=gap[2:4])
    records.add(Accelerator(cpu=True), a, b, counts, counts.sum(1), torch.zeros(2))
    assert set(records.metrics(reward_head_entry("scalar"), tune=True)) == {"loss", "preference_accuracy"}
    assert not [warning for warning in recwarn if "nan" in str(warning.message)]


def test_no_accuracy_without_a_choice(gap):
    counts = torch.tensor([[0.0, 0, 3, 0, 0]] * 2)
    records = DevelopmentRecords()
    records.add(
        Accelerator(cpu=True),
        RewardOutput(mean=gap[:2]),
        RewardOutput(mean=gap[2:4]),
        counts,
        torch.ones(2),
        torch.ones(2),
    )
    assert records.metrics(reward_head_entry("scalar"), tune=True) == {"loss": 1.0}


@pytest.mark.parametrize("head", ["scalar", "mean_variance"])
def test_a_model_that_has_gone_astray_has_a_loss_and_nothing_else(head, gap):
    std = None if head == "scalar" else torch.ones(8)
    loss = torch.full((8,), float("nan"))
    records, _, entry = record(reward_head_entry(head), gap * float("nan"), std, loss=loss)
    metrics = records.metrics(entry, tune=True)
    assert set(metrics) == {"loss"} and math.isnan(metrics["loss"])


def test_what_the_log_says_of_a_distribution_by_hand():
    """Two pairs of equal means: stds of 3 each make four people diverge, stds of 0.1 make everybody tie."""
    gap, std = torch.zeros(8), torch.tensor([3.0] * 6 + [0.1] * 2)
    head = reward_head_entry("mean_variance", level_smoothing=0.0)
    records, counts, head = record(head, gap, std)
    metrics = records.metrics(head, tune=False)
    assert metrics["mean_std"] == pytest.approx((6 * 3 + 2 * 0.1) / 8)
    assert metrics["predicted_diverging"] == 6 / 8
    # std of the difference 3 sqrt 2: P(beyond 1.5) = 1 / (1 + e^(1.5 / 4.2426)) = .41252, P(beyond 0.5) = .47058, and so
    # .05806 slight, .05884 tie. Of the 18 labels of the first six pairs 6 are significant, 9 slight, 3 ties. The last
    # pair's one label is a 2, beyond 1.5 with std 0.14142: 1 / (1 + e^10.6066) = 2.4752e-5.
    wanted = -(6 * math.log(0.41252) + 9 * math.log(0.05806) + 3 * math.log(0.05884) + math.log(2.4752e-5)) / 19
    assert metrics["log_loss"] == pytest.approx(wanted, rel=1e-3)


def test_cleared_records_give_nothing(gap):
    records, _, head = record(reward_head_entry("scalar"), gap)
    records.clear()
    assert records.metrics(head, tune=True) == {}


# --- calibration


def many(head: dict, strength_known=1.0, n=60, echo=1):
    """Records of a model that is far too sure of random labels; each is given by `echo` of four annotators."""
    generator = torch.Generator().manual_seed(0)
    counts = (
        torch.from_numpy(np.random.default_rng(0).multinomial(4 // echo, [0.3, 0.1, 0.2, 0.1, 0.3], size=n)).float()
        * echo
    )
    if strength_known != 1.0:
        counts = torch.stack(
            [counts[:, :2].sum(1), 0 * counts[:, 0], counts[:, 2], 0 * counts[:, 0], counts[:, 3:].sum(1)], 1
        )
    std = None if head["type"] == "scalar" else torch.full((n,), 0.2)
    a = RewardOutput(mean=3 * torch.randn(n, generator=generator), std=std)
    records = DevelopmentRecords()
    known = None if strength_known is None else torch.full((n,), strength_known)
    b = RewardOutput(mean=torch.zeros(n), std=std)
    records.add(Accelerator(cpu=True), a, b, counts, counts.sum(1), torch.zeros(n), known)
    columns = [output_columns(side) for side in (a, b)]
    return records, PairPredictions.from_columns(torch.cat(columns, 1).double().numpy(), head), counts.numpy()


@pytest.mark.parametrize("kind", ["scalar", "mean_variance"])
def test_calibrating_sets_the_entry_that_the_fit_gives(kind):
    head = reward_head_entry(kind)
    records, predicted, counts = many(head)
    wanted = fit_level_calibration(predicted, counts).calibration
    assert "calibration" not in head and wanted is not None
    plain = records.metrics(head, tune=True)
    assert "calibration" not in head and ("log_loss" in plain) == (kind == "mean_variance")
    assert "calibration" not in head and not records.metrics(head, tune=False, calibrate=True).keys() - plain.keys()

    metrics = records.metrics(head, tune=True, calibrate=True)
    assert head["calibration"] == wanted == records.calibrations.levels.calibration
    both = fit_calibration(predicted, counts).kept
    assert {name: head[name] for name in CALIBRATIONS if name in head} == both
    assert metrics["log_loss"] == pytest.approx(wanted["log_loss"])
    if kind == "mean_variance":
        assert metrics["log_loss_uncalibrated"] == pytest.approx(plain["log_loss"]) and wanted["std_scale"] > 2
    assert metrics["diverging_id_auroc"] == plain["diverging_id_auroc"] and "diverging_probability_auroc" in metrics


@pytest.mark.parametrize("kind", ["scalar", "mean_variance"])
def test_the_chance_to_diverge_is_calibrated_where_annotators_echo_each_other(kind):
    head = reward_head_entry(kind)
    records, predicted, counts = many(head, n=200, echo=2)
    metrics = records.metrics(head, tune=True, calibrate=True)
    assert head["divergence_calibration"] == fit_calibration(predicted, counts).kept["divergence_calibration"]
    assert metrics["predicted_diverging"] < 0.5  # two opinions instead of four
    records.metrics(head, tune=True, calibrate=False)
    assert "divergence_calibration" in head  # not fitted anew, not taken away


def test_chosen_and_rejected_answers_have_no_distribution_to_calibrate_on():
    head = reward_head_entry("mean_variance")
    metrics = many(head, strength_known=None)[0].metrics(head, tune=True, calibrate=True)
    assert "calibration" not in head and "log_loss" not in metrics


def test_labels_without_strength_are_known_as_such():
    head = reward_head_entry("mean_variance")
    many(head, strength_known=0.0)[0].metrics(head, tune=True, calibrate=True)
    assert head["calibration"]["slight"] - head["calibration"]["tie"] == pytest.approx(1)


def test_news_of_the_calibration_are_told_once(gap, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("distreward"), "propagate", True)  # the command line turns it off
    caplog.set_level("INFO", logger="distreward")
    head = reward_head_entry("scalar")
    small, _, _ = record(head, gap)
    for _ in range(2):
        small.metrics(head, tune=True, calibrate=True)
    told = "not calibrated: too few development labels to fit it (19 labels, wanted 50"
    # once, though where the command line ran before, pytest's handler sits on the logger and on the root
    assert len({id(entry) for entry in caplog.records if told in entry.getMessage()}) == 1
    assert small.calibrations.levels.calibration is None and "calibration" not in head
    many(head)[0].metrics(head, tune=True, calibrate=True)
    assert "calibrated on 240 labels of 60 development pairs: log loss" in caplog.text


# --- the page that lists the metrics


def columns_of_head(kind: str) -> tuple[RewardOutput, RewardOutput]:
    """Outputs of any head for sixty pairs, too far apart for random labels."""
    generator = torch.Generator().manual_seed(0)
    raw = torch.randn(2, 60, len(REWARD_HEADS[kind].output_names), generator=generator)
    raw[..., 0] *= 3
    return tuple(REWARD_HEADS[kind].read(side, reward_head_entry(kind)) for side in raw)


@pytest.mark.parametrize("kind", REWARD_HEADS)
def test_the_page_says_which_heads_log_what(kind):
    page = (Path(__file__).parents[2] / "docs" / "training-logs.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("| ")]
    counts = torch.from_numpy(np.random.default_rng(0).multinomial(4, [0.3, 0.1, 0.2, 0.1, 0.3], size=60)).float()
    labels = {"level_counts": counts, "strength_known": torch.ones(60)}
    (a, b), accelerator = columns_of_head(kind), Accelerator(cpu=True)
    running = RunningDistributions()
    running.update(a, b, labels, torch.ones(60), reward_head_entry(kind))
    logged = {name: False for name in running.read(accelerator)}  # whether it takes a calibration
    for calibrate in (True, False):
        records = DevelopmentRecords()
        records.add(accelerator, a, b, counts, counts.sum(1), torch.zeros(60), torch.ones(60))
        metrics = records.metrics(reward_head_entry(kind), tune=True, calibrate=calibrate)
        logged |= {f"eval_{name}": calibrate for name in metrics}
    assert logged["eval_loss"] is False and logged.get("eval_level_ece") is (kind == "scalar")
    for training, evaluation, _, heads in rows[1:]:
        named = kind in re.findall("`([a-z_]+)`", heads.partition(";")[0]) or heads == "all"
        for name in re.findall("`([a-z_]+)`", f"{training} {evaluation}"):
            if not re.fullmatch("(eval_)?(log_loss.*|level_ece|mean_std|lambda|predicted_diverging|.*_auroc)", name):
                continue
            if name == "eval_log_loss_uncalibrated":
                assert (name in logged) == named, name
            elif name.startswith("eval_") and f"calibrated `{kind}`" in heads:
                assert logged[name] is True, name
            else:
                assert (logged.get(name) is False) == named, name


# --- in the trainer


@pytest.fixture
def make_trainer(tmp_path, llama_config, tokenizer, pairs):
    """A trainer over the twelve pairs, with a new tiny model."""
    quiet = {"report_to": "none", "bf16": False, "gradient_checkpointing": False, "use_cpu": True, "disable_tqdm": True}

    def make(objective="mean_variance_kl", train=pairs, evaluated=None, processing_class=tokenizer, **options):
        torch.manual_seed(2)
        config = copy.deepcopy(llama_config)
        config.initializer_range = 0.5  # rewards that differ from response to response
        model = AutoRewardModel.from_config(config, OBJECTIVES[objective].reward_head)
        args = DistributionalRewardConfig(tmp_path / "out", **quiet, **{"num_train_epochs": 1, **options})
        return OBJECTIVES[objective](
            model, args, train_dataset=train, eval_dataset=evaluated, processing_class=processing_class
        )

    return make


def brute_force(model, tokenizer, dataset, entry: dict) -> dict[str, float]:
    """The evaluation's numbers from one forward per response and one annotator at a time."""
    columns = {"a": [], "b": []}
    with torch.no_grad():
        for row in dataset:
            for side in columns:
                ids, _ = encode_response(tokenizer, row["prompt"], row[f"response_{side}"])
                output = model(input_ids=torch.tensor([ids]), attention_mask=torch.ones(1, len(ids)))
                columns[side].append(torch.cat([output.mean, output.std]))
    (mean_a, std_a), (mean_b, std_b) = (torch.stack(columns[side]).T for side in "ab")
    counts = level_counts(dataset["preferences"][:])
    n_labels = counts.sum(1)
    target = torch.from_numpy(counts / n_labels[:, None]).float()
    loss = mean_variance_kl_loss(mean_a, std_a, mean_b, std_b, target).numpy()
    gap = (mean_a - mean_b).numpy()
    choices = [
        float((gap[row] > 0) == (level > 0))
        for row, levels in enumerate(dataset["preferences"][:])
        for level in levels
        if level
    ]
    diverging = [min(levels) < 0 < max(levels) and max(map(abs, levels)) == 2 for levels in dataset["preferences"][:]]
    score = -(np.abs(gap) - entry["lambda"] * (std_a + std_b).numpy())
    rewards = torch.cat([mean_a, mean_b])
    return {
        "eval_loss": float((loss * n_labels).sum() / n_labels.sum()),
        "eval_preference_accuracy": float(np.mean(choices)),
        "eval_accuracy": float(np.mean(choices)),
        "eval_margin": float(gap.mean()),
        "eval_min_reward": float(rewards.min()),
        "eval_mean_reward": float(rewards.mean()),
        "eval_max_reward": float(rewards.max()),
        "eval_diverging_id_auroc": roc_auc_score(diverging, score),
        "eval_gap_auroc": roc_auc_score(diverging, -np.abs(gap)),
        "eval_lambda": entry["lambda"],
    }


def test_evaluation_is_exact_over_unequal_batches(make_trainer, pairs, tokenizer):
    rows = [{**row, "scores_a": [], "scores_b": [], "annotator_ids": []} for row in pairs]
    for index, row in enumerate(rows):  # two to four annotators
        row["preferences"] = [*row["preferences"], -1][: 2 + index % 3]
    data = Dataset.from_list(rows, features=pairs.features)
    trainer = make_trainer(evaluated=data, per_device_eval_batch_size=5)  # 5 5 2
    metrics = trainer.evaluate()
    wanted = brute_force(trainer.model, tokenizer, data, trainer.model.config.reward_head)
    assert {name: metrics[name] for name in wanted} == pytest.approx(wanted, rel=1e-4, abs=1e-6)
    again = trainer.evaluate()
    assert {name: again[name] for name in wanted} == pytest.approx(wanted, rel=1e-4, abs=1e-6)


def test_lambda_is_chosen_on_the_development_set_only(make_trainer, pairs):
    trainer = make_trainer(evaluated=pairs)
    entry = trainer.model.config.reward_head
    metrics = trainer.evaluate()
    tuned = entry["lambda"]
    assert metrics["eval_lambda"] == tuned and metrics["eval_loss"] > 0

    entry["lambda"] = 0.123  # not on the grid: any choice would replace it
    test = trainer.evaluate(pairs)
    assert entry["lambda"] == test["eval_lambda"] == 0.123
    trainer.evaluate({"one": pairs, "two": pairs})
    assert entry["lambda"] == 0.123
    trainer.evaluate()
    assert entry["lambda"] == tuned


def test_predicting_does_not_choose_lambda(make_trainer, pairs):
    trainer = make_trainer(evaluated=pairs, per_device_eval_batch_size=6)
    trainer.evaluate()
    entry = trainer.model.config.reward_head
    entry["lambda"] = 0.123
    prediction = trainer.predict(trainer.eval_dataset)
    assert entry["lambda"] == 0.123 == prediction.metrics["test_lambda"]
    assert prediction.predictions.shape == (24, 1)


def test_the_first_of_several_sets_is_the_development_set(make_trainer, pairs, tmp_path):
    sets = {"first": pairs, "second": pairs.select(range(6))}
    alone = make_trainer(evaluated=pairs).evaluate()
    trainer = make_trainer(evaluated=sets, per_device_train_batch_size=3)
    metrics = trainer.evaluate()
    assert trainer.model.config.reward_head["lambda"] == alone["eval_lambda"]
    assert metrics["eval_first_lambda"] == metrics["eval_second_lambda"] == alone["eval_lambda"]
    assert metrics["eval_first_loss"] == pytest.approx(alone["eval_loss"])

    trainer.train()  # the default schedule: four evaluations, the best by the first set
    logged = [line["eval_first_loss"] for line in trainer.state.log_history if "eval_first_loss" in line]
    assert len(logged) == 4 and trainer.state.best_metric == min(logged) == trainer.development["eval_first_loss"]
    best = [line for line in trainer.state.log_history if line["step"] == trainer.state.best_global_step]
    assert trainer.development["eval_second_loss"] == next(
        line["eval_second_loss"] for line in best if "eval_second_loss" in line
    )


@pytest.fixture
def more_pairs(pairs):
    """Thirty-six pairs of three labels: enough for a calibration."""
    rows = [{**row, "id": f"{row['id']}-{copied}"} for copied in range(3) for row in pairs]
    return Dataset.from_list(rows, features=pairs.features)


def test_the_calibration_travels_in_the_checkpoint(make_trainer, more_pairs, pairs, tmp_path):
    trainer = make_trainer(evaluated=more_pairs)
    entry = trainer.model.config.reward_head
    metrics = trainer.evaluate()
    assert metrics["eval_log_loss"] == pytest.approx(entry["calibration"]["log_loss"], rel=1e-5)
    assert metrics["eval_log_loss"] < metrics["eval_log_loss_uncalibrated"]
    fitted = dict(entry["calibration"])
    trainer.evaluate(pairs)
    trainer.predict(trainer.eval_dataset)
    assert entry["calibration"] == fitted  # only the development set decides
    trainer.save_model(tmp_path / "saved")
    assert json.loads((tmp_path / "saved" / "config.json").read_text())["reward_head"]["calibration"] == fitted
    assert AutoRewardModel.from_pretrained(tmp_path / "saved").config.reward_head["calibration"] == fitted


@pytest.mark.parametrize("options", [{"calibrate": False}, {"label_aggregation": "majority"}])
def test_no_calibration_where_it_is_not_wanted(make_trainer, more_pairs, options):
    trainer = make_trainer(evaluated=more_pairs, **options)
    trainer.evaluate()
    assert "calibration" not in trainer.model.config.reward_head


def test_the_best_weights_come_with_their_own_calibration(make_trainer, more_pairs):
    trainer = make_trainer(evaluated=more_pairs, per_device_train_batch_size=3, learning_rate=3e-2)
    entry = trainer.model.config.reward_head
    entry["calibration"] = {"std_scale": 9.0, "tie": 1.0, "slight": 2.0}  # of other weights
    entry["divergence_calibration"] = {"gap_scale": 0.0, "slope": 9.0, "intercept": 9.0}
    trainer.train()
    best = json.loads((Path(trainer.state.best_model_checkpoint) / "config.json").read_text())["reward_head"]
    assert entry.get("calibration") == best.get("calibration") != {"std_scale": 9.0, "tie": 1.0, "slight": 2.0}
    assert entry.get("divergence_calibration") == best.get("divergence_calibration")
    kept = entry.get("calibration")
    trainer.evaluate()
    assert entry.get("calibration") == pytest.approx(kept)


def test_a_set_without_diverging_pairs_leaves_lambda_alone(make_trainer, pairs):
    trainer = make_trainer(evaluated=pairs.select([0, 1, 3, 4]))  # 2 2 1, -2 -1 -2, 0 0 0, 1 0 1
    metrics = trainer.evaluate()
    assert "lambda" not in trainer.model.config.reward_head
    assert "eval_diverging_id_auroc" not in metrics and metrics["eval_preference_accuracy"] >= 0
