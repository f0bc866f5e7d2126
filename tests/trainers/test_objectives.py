"""Training on all labels of a pair at once equals training on one row per annotator, in loss and in gradient."""

import copy
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from datasets import Dataset
from torch.testing import assert_close
from transformers import TrainerCallback

from distreward.data.schema import features
from distreward.modeling import REWARD_HEADS, AutoRewardModel, RewardOutput, reward_head_entry
from distreward.trainers import OBJECTIVES, DistributionalRewardConfig
from distreward.trainers.opening import record_objective

# One list per pair; numbers of annotators differ. Every row says (level, score of A, score of B).
LABELS = [
    [(2, 5, 1), (2, 4, 2), (1, 4, 3)],
    [(-2, 1, 5), (1, 4, 3)],
    [(0, 3, 3)],
    [(2, 5, 2), (-2, 2, 5), (0, 3, 3), (0, 2, 2)],
    [(-1, 2, 3), (-1, 2, 4), (0, 4, 4)],
    [(0, 1, 1), (0, 5, 5)],
    [(1, 3, 2)],
]


def rows_of(labels: list[list[tuple[int, float, float]]], numbers: list[int], strength_known: bool = True) -> Dataset:
    """Pair `numbers[i]` with the annotators `labels[i]`."""
    rows = [
        {
            "id": f"{number}-{index}",
            "prompt": [{"role": "user", "content": f"Name a colour, number {number}."}],
            "response_a": "Red. " * (1 + number % 3),
            "response_b": "I cannot say. " * (1 + number % 2),
            "preferences": [level for level, _, _ in annotators],
            "scores_a": [float(score) for _, score, _ in annotators],
            "scores_b": [float(score) for _, _, score in annotators],
            "annotator_ids": [],
            "strength_known": strength_known,
            "source": "",
            "meta": "{}",
            "margin": None,
        }
        for index, (number, annotators) in enumerate(zip(numbers, labels, strict=True))
    ]
    return Dataset.from_list(rows, features=features())


def all_labels() -> Dataset:
    return rows_of(LABELS, list(range(len(LABELS))))


def one_row_per_annotator() -> Dataset:
    single = [([label], number) for number, annotators in enumerate(LABELS) for label in annotators]
    return rows_of([labels for labels, _ in single], [number for _, number in single])


class KeepGradients(TrainerCallback):
    """A copy of every parameter's gradient as the optimiser sees it."""

    def on_pre_optimizer_step(self, args, state, control, model=None, **kwargs):
        self.gradients = {name: value.grad.clone() for name, value in model.named_parameters()}


def one_step(folder, objective, model, tokenizer, dataset, batch_size, **options):
    """Loss and gradients of one optimiser step over the whole data set, in micro-batches of `batch_size`."""
    gradients = KeepGradients()
    args = DistributionalRewardConfig(
        folder,
        report_to="none",
        bf16=False,
        gradient_checkpointing=False,
        use_cpu=True,
        disable_tqdm=True,
        save_strategy="no",
        logging_steps=1,
        num_train_epochs=1,
        max_grad_norm=0,
        per_device_train_batch_size=batch_size,
        gradient_accumulation_steps=100,
        **options,
    )
    trainer = OBJECTIVES[objective](
        copy.deepcopy(model), args, train_dataset=dataset, processing_class=tokenizer, callbacks=[gradients]
    )
    trainer.train()
    assert trainer.state.global_step == 1
    return trainer.state.log_history[0]["loss"], gradients.gradients


@pytest.fixture
def make_model(llama_config):
    def make(objective: str):
        torch.manual_seed(1)
        llama_config.initializer_range = 0.5  # rewards far enough apart for the loss to bend
        return AutoRewardModel.from_config(llama_config, OBJECTIVES[objective].reward_head)

    return make


def assert_same_gradients(gradients, wanted):
    """Equal to float32's precision, measured against the largest entry of each parameter's gradient."""
    assert gradients.keys() == wanted.keys()
    for name, gradient in gradients.items():
        assert_close(gradient, wanted[name], rtol=2e-4, atol=1e-5 * float(wanted[name].abs().max()), msg=name)


def entropy(values: list[int]) -> float:
    """-sum p log p of the shares of the values, in nats."""
    shares = torch.tensor([values.count(value) / len(values) for value in set(values)])
    return float(-(shares * shares.log()).sum())


def constant_of(objective: str) -> float:
    """What the loss with one row per annotator exceeds the loss on all labels by; it holds no parameter.

    A mean over annotators of -log p(label) is the cross-entropy H(target, p) = KL(target || p) + H(target). A single label's
    target has entropy 0, so one row per annotator gives the cross-entropy itself, and all labels at once the KL: the
    difference is the targets' entropy, each pair counted as often as it has labels. The Likert loss averages A and B.
    """
    n_labels = sum(map(len, LABELS))
    if objective in ("mean_variance_kl", "taste_factors_kl"):
        return sum(len(pair) * entropy([level for level, _, _ in pair]) for pair in LABELS) / n_labels
    if objective == "likert_kl":
        both = [(entropy([a for _, a, _ in pair]) + entropy([b for _, _, b in pair])) / 2 for pair in LABELS]
        return sum(len(pair) * value for pair, value in zip(LABELS, both, strict=True)) / n_labels
    return 0.0


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_all_labels_equal_one_row_per_annotator(tmp_path, objective, make_model, tokenizer):
    # 7 pairs in micro-batches of 2 2 2 1; 16 labels in 5 5 5 1. `decisive_votes` leaves the ties out of both.
    model = make_model(objective)
    loss, gradients = one_step(tmp_path, objective, model, tokenizer, all_labels(), 2)
    expanded_loss, expanded = one_step(tmp_path, objective, model, tokenizer, one_row_per_annotator(), 5)
    assert expanded_loss - loss == pytest.approx(constant_of(objective), abs=2e-5)
    assert gradients.keys() == expanded.keys() == dict(model.named_parameters()).keys()
    assert all(gradient.abs().max() > 0 for gradient in gradients.values())
    assert_same_gradients(gradients, expanded)


def test_all_votes_without_strength_equal_one_row_per_annotator(tmp_path, make_model, tokenizer):
    votes = [[(2 * ((level > 0) - (level < 0)), a, b) for level, a, b in pair] for pair in LABELS]
    single = [([vote], number) for number, pair in enumerate(votes) for vote in pair]
    together = rows_of(votes, list(range(len(votes))), strength_known=False)
    apart = rows_of([labels for labels, _ in single], [number for _, number in single], strength_known=False)
    model, sides = make_model("mean_variance_kl"), {"unknown_strength": "sides"}
    loss, gradients = one_step(tmp_path, "mean_variance_kl", model, tokenizer, together, 2, **sides)
    expanded_loss, expanded = one_step(tmp_path, "mean_variance_kl", model, tokenizer, apart, 5, **sides)
    constant = sum(len(pair) * entropy([vote for vote, _, _ in pair]) for pair in votes) / sum(map(len, votes))
    assert expanded_loss - loss == pytest.approx(constant, abs=2e-5)
    assert_same_gradients(gradients, expanded)
    # as significant preferences they are what they would be in data whose labels have a strength
    significant = one_step(tmp_path, "mean_variance_kl", model, tokenizer, together, 2)
    known = rows_of(votes, list(range(len(votes))))
    assert (
        significant[0] == one_step(tmp_path, "mean_variance_kl", model, tokenizer, known, 2, **sides)[0] > loss + 0.01
    )


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_cut_into_micro_batches_does_not_matter(tmp_path, objective, make_model, tokenizer):
    model = make_model(objective)
    whole = one_step(tmp_path, objective, model, tokenizer, all_labels(), 7)
    loss, gradients = one_step(tmp_path, objective, model, tokenizer, all_labels(), 3)
    assert loss == pytest.approx(whole[0], rel=1e-5)
    assert_same_gradients(gradients, whole[1])


def test_a_pair_weighs_by_its_number_of_labels(tmp_path, make_model, tokenizer):
    # pairs 0, 2 and 3 have 3, 1 and 4 votes: the loss is (3 l0 + 1 l2 + 4 l3) / 8
    model = make_model("bradley_terry")
    together, _ = one_step(tmp_path, "bradley_terry", model, tokenizer, all_labels().select([0, 2, 3]), 2)
    three, one, four = (
        one_step(tmp_path, "bradley_terry", model, tokenizer, all_labels().select([number]), 1)[0]
        for number in (0, 2, 3)
    )
    assert together == pytest.approx((3 * three + one + 4 * four) / 8, rel=1e-5)


def test_majority_trains_on_one_label_per_pair(tmp_path, make_model, tokenizer):
    # majorities: 2 2 1 -> 2.   -2 1 -> none.   0 -> 0.   2 -2 0 0 -> none (two ties of four).   -1 -1 0 -> -1.   0 0 -> 0.
    # 1 -> 1. So five rows remain, one label each.
    model = make_model("mean_variance_kl")
    loss, gradients = one_step(
        tmp_path, "mean_variance_kl", model, tokenizer, all_labels(), 3, label_aggregation="majority"
    )
    by_hand = rows_of([[(2, 3, 3)], [(0, 3, 3)], [(-1, 3, 3)], [(0, 3, 3)], [(1, 3, 3)]], [0, 2, 4, 5, 6])
    wanted_loss, wanted = one_step(tmp_path, "mean_variance_kl", model, tokenizer, by_hand, 5)
    assert loss == pytest.approx(wanted_loss, rel=1e-5)
    assert_same_gradients(gradients, wanted)


def test_majority_of_scores(tmp_path, make_model, tokenizer):
    # the most common score; equally common ones give their mean: 5 4 4 -> 4; 1 2 3 -> 2
    model = make_model("mse")
    given = rows_of([[(1, 5, 1), (1, 4, 2), (1, 4, 3)]], [0])
    loss, _ = one_step(tmp_path, "mse", model, tokenizer, given, 1, label_aggregation="majority")
    wanted, _ = one_step(tmp_path, "mse", model, tokenizer, rows_of([[(1, 4, 2)]], [0]), 1)
    assert loss == pytest.approx(wanted, rel=1e-6)


# --- what each objective makes of a label, on outputs given by hand


def pair_loss(objective: str, batch: dict, **outputs):
    """`pair_loss` of an objective without a trainer around it."""
    trainer = object.__new__(OBJECTIVES[objective])
    options = {name: outputs.pop(name) for name in ("eta", "unknown_strength") if name in outputs}
    trainer.args = DistributionalRewardConfig("out", report_to="none", bf16=False, use_cpu=True, **options)
    a, b = (RewardOutput(**{name: value[side] for name, value in outputs.items()}) for side in (0, 1))
    return trainer.pair_loss(a, b, batch)


def test_bradley_terry_counts_a_tie_as_half_a_vote():
    # d = ln 3, votes A tie -> p = 3/4: -(3/4 ln 3/4 + 1/4 ln 1/4) = 0.56234
    outputs = {"mean": torch.tensor([[3.0], [1.0]]).log()}
    loss = pair_loss("bradley_terry", {"level_counts": torch.tensor([[0.0, 0, 1, 1, 0]])}, **outputs)
    assert_close(loss, torch.tensor([0.56234]), atol=1e-5, rtol=0)


def test_bradley_terry_reads_a_margin():
    outputs = {"mean": torch.tensor([[2.0], [0.0]])}
    counts = torch.tensor([[0.0, 0, 0, 0, 1]])
    loss = pair_loss("bradley_terry", {"level_counts": counts, "margin": torch.tensor([1.5])}, **outputs)
    assert_close(loss, -torch.nn.functional.logsigmoid(torch.tensor([2.0 - 1.5])))


def test_mean_variance_nll_ignores_ties():
    outputs = {"mean": torch.tensor([[0.7], [0.2]]), "std": torch.tensor([[0.5], [0.4]])}
    with_ties, without = (
        pair_loss("mean_variance_nll", {"level_counts": torch.tensor([[1.0, 0, ties, 2, 0]])}, **outputs)
        for ties in (5.0, 0.0)
    )
    assert_close(with_ties, without)


def test_rho_is_the_share_of_ties_times_eta():
    # stds 0.5 and 0.4; half of the annotators say tie. eta 0: variance 0.25 + 0.16. eta 1: 0.41 - 2 * 0.5 * 0.2 = 0.21.
    # Both give the same loss as uncorrelated stds with that variance: sqrt(0.21) and (nearly) nothing.
    counts = {"level_counts": torch.tensor([[0.0, 0, 2, 1, 1]])}
    mean = torch.tensor([[0.7], [0.2]])
    correlated = pair_loss("mean_variance_kl", counts, mean=mean, std=torch.tensor([[0.5], [0.4]]), eta=1.0)
    narrower = pair_loss("mean_variance_kl", counts, mean=mean, std=torch.tensor([[0.21**0.5], [1e-6]]))
    uncorrelated = pair_loss("mean_variance_kl", counts, mean=mean, std=torch.tensor([[0.5], [0.4]]))
    assert_close(correlated, narrower, rtol=1e-5, atol=1e-6)
    assert abs(float(correlated - uncorrelated)) > 1e-3


def test_shared_tastes_are_a_correlation_predicted_from_the_pair():
    # total stds 1 and 0.8, f_A.f_B = 0.6 * 0.5 = 0.3: variance 1 + 0.64 - 0.6 = 1.04, as of uncorrelated stds sqrt(0.52)
    counts, mean = {"level_counts": torch.tensor([[0.0, 0, 2, 1, 1]])}, torch.tensor([[0.7], [0.2]])
    factors = torch.tensor([[[0.6, 0, 0, 0.0]], [[0.5, 0, 0, 0]]])
    shared = pair_loss("taste_factors_kl", counts, mean=mean, std=torch.tensor([[1.0], [0.8]]), factors=factors)
    plain = pair_loss("mean_variance_kl", counts, mean=mean, std=torch.tensor([[0.52**0.5], [0.52**0.5]]))
    assert_close(shared, plain, rtol=1e-5, atol=1e-6)


def test_votes_of_chosen_rejected_data_have_no_strength():
    # without `strength_known` in the batch: P(A) of even rewards with stds 0.6 and 0.8, logistic, smoothed
    outputs = {"mean": torch.zeros(2, 1), "std": torch.tensor([[0.6], [0.8]]), "unknown_strength": "sides"}
    loss = pair_loss("mean_variance_kl", {"level_counts": torch.tensor([[0.0, 0, 0, 0, 1]])}, **outputs)
    assert_close(loss, -torch.log((torch.sigmoid(torch.tensor([-0.5])) + 0.1) / 1.25))


def test_likert_and_mse_read_the_scores():
    batch = {
        "level_counts": torch.zeros(1, 5),
        "score_mean": torch.tensor([[4.0, 2.0]]),
        "score_var": torch.tensor([[1.0, 0.5]]),
        "rating_shares": torch.tensor([[[0.0, 0, 0, 1, 0], [0, 1, 0, 0, 0]]]),
    }
    # ((3 - 4)^2 + 1 + (2 - 2)^2 + 0.5) / 2
    assert_close(pair_loss("mse", batch, mean=torch.tensor([[3.0], [2.0]])), torch.tensor([1.25]))
    # flat logits: ln 5 on both sides
    flat = pair_loss("likert_kl", batch, level_logits=torch.zeros(2, 1, 5))
    assert_close(flat, torch.tensor([5.0]).log())


CHANGED = {"eta": 1.0, "cdf": "normal", "level_smoothing": 0.2, "unknown_strength": "sides", "min_std": 0.7}


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_an_objective_reads_its_own_settings_and_no_other(objective):
    kind = OBJECTIVES[objective]
    raw = torch.randn(2, 4, len(REWARD_HEADS[kind.reward_head].output_names), generator=torch.manual_seed(3))
    shares = torch.full((4, 2, 5), 0.2)
    counts = torch.tensor([[2.0, 0, 1, 0, 2], [1, 0, 2, 0, 0], [0, 0, 1, 0, 3], [1, 0, 0, 0, 1]])
    scores = {"score_mean": torch.full((4, 2), 3.0), "score_var": torch.ones(4, 2), "rating_shares": shares}

    def loss(**settings) -> torch.Tensor:
        trainer = object.__new__(kind)
        trainer.args = DistributionalRewardConfig("out", report_to="none", bf16=False, use_cpu=True, **settings)
        entry = reward_head_entry(kind.reward_head)
        record_objective(trainer, SimpleNamespace(config=SimpleNamespace(reward_head=entry)), trainer.args)
        a, b = (REWARD_HEADS[kind.reward_head].read(side, entry) for side in raw)
        return trainer.pair_loss(a, b, {"level_counts": counts, "strength_known": torch.zeros(4), **scores})

    assert set(CHANGED) == {name for trainer in OBJECTIVES.values() for name in trainer.own_settings}
    default = loss()
    read = {name for name, value in CHANGED.items() if not torch.equal(loss(**{name: value}), default)}
    assert read == set(kind.own_settings)


@pytest.mark.parametrize("setting", CHANGED)
def test_help_and_docs_say_whose_settings_they_are(setting):
    readers = [name for name, trainer in OBJECTIVES.items() if setting in trainer.own_settings]
    text = DistributionalRewardConfig.__dataclass_fields__[setting].metadata["help"]
    assert text.startswith(f"{', '.join(readers)} only: ")
    page = (Path(__file__).parents[2] / "docs" / "training.md").read_text(encoding="utf-8")
    assert f"| `{setting}` | {', '.join(f'`{name}`' for name in readers)} |" in page


def test_the_table_names_every_objective():
    assert {name: trainer.reward_head for name, trainer in OBJECTIVES.items()} == {
        "bradley_terry": "scalar",
        "mse": "scalar",
        "mean_variance_kl": "mean_variance",
        "taste_factors_kl": "taste_factors",
        "mean_variance_nll": "mean_variance",
        "likert_kl": "likert",
    }
    for trainer in OBJECTIVES.values():
        assert trainer.__bases__[0].__name__ == "DistributionalRewardTrainer" and trainer.__doc__
