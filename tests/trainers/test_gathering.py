import numpy as np
import pytest
import torch
from datasets import Dataset
from transformers import AutoModelForSequenceClassification
from trl import RewardConfig, RewardTrainer

from distreward.trainers import BradleyTerryRewardTrainer
from distreward.trainers.gathering import PairGather

PAIRS = Dataset.from_list(
    [{"chosen_ids": [1, *[5] * n, 2], "rejected_ids": [1, *[6] * (9 - n), 2]} for n in range(1, 8)]
)


def test_two_processes_by_hand():
    # Batches of two pairs on each of two processes; five pairs are left, so the last global batch of four is cut to one.
    # This process has pairs 0 1, the other 2 3; A's rows hold the pair's number, B's its negative.
    other = torch.tensor([[2.0, -2.0], [3.0, -3.0]]).unsqueeze(-1)
    mine = torch.tensor([[0.0], [1.0], [-0.0], [-1.0]])

    whole = PairGather(lambda pairs: torch.cat([pairs, other]))
    whole.begin_batch(2)
    whole(torch.zeros(2, 2, 1))  # the loss
    assert whole(mine).flatten().tolist() == [0, 1, 0, -1, 2, 3, -2, -3]  # the host's order: A A B B of each process

    last = PairGather(lambda pairs: torch.cat([pairs, other])[:1])
    last.begin_batch(2)
    last(torch.zeros(2, 2, 1))
    assert last(mine).flatten().tolist() == [0, 0]


def test_what_is_not_one_row_per_response_is_left_to_the_host():
    gather = PairGather(lambda rows: rows[:1])
    gather.begin_batch(2)
    gather(torch.zeros(2))
    margins, total = gather((torch.tensor([3.0, 4.0]), torch.tensor([7.0])))
    assert margins.tolist() == [3] and total.tolist() == [7]


@pytest.fixture
def make_trainer(tmp_path, llama_config, tokenizer):
    torch.manual_seed(0)
    llama_config.initializer_range, llama_config.num_labels = 0.3, 1
    model = AutoModelForSequenceClassification.from_config(llama_config)

    def make(kind=BradleyTerryRewardTrainer, **options):
        functions = {
            name: options.pop(name) for name in ("compute_metrics", "preprocess_logits_for_metrics") if name in options
        }
        args = RewardConfig(
            tmp_path,
            report_to="none",
            bf16=False,
            use_cpu=True,
            disable_tqdm=True,
            per_device_eval_batch_size=3,
            **options,
        )
        return kind(model, args, train_dataset=PAIRS, eval_dataset=PAIRS, processing_class=tokenizer, **functions)

    return make


@torch.no_grad()
def rewards(trainer) -> tuple[np.ndarray, np.ndarray]:
    """[7], [7]: the rewards of both sides of every pair, each computed alone."""
    alone = [
        [float(trainer.model.eval()(input_ids=torch.tensor([row[side]])).logits) for row in PAIRS]
        for side in ("chosen_ids", "rejected_ids")
    ]
    return np.array(alone[0]), np.array(alone[1])


def in_batches(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.concatenate([np.concatenate([a[i : i + 3], b[i : i + 3]]) for i in (0, 3, 6)])


def test_the_last_batch_keeps_both_sides(make_trainer):
    # Seven pairs in batches of three: [A0 A1 A2 B0 B1 B2], [A3 A4 A5 B3 B4 B5], [A6 B6]. The host loses B6.
    seen = []
    make = {"compute_metrics": lambda prediction: seen.append(prediction) or {}}
    for kind in (BradleyTerryRewardTrainer, RewardTrainer):
        make_trainer(kind, **make).evaluate()
    mine, host = (prediction.predictions for prediction in seen)
    assert mine.shape == (14, 1) and host.shape == (13, 1)
    np.testing.assert_allclose(mine[:13], host, atol=1e-6)
    trainer = make_trainer()
    np.testing.assert_allclose(mine[:, 0], in_batches(*rewards(trainer)), atol=1e-6)
    np.testing.assert_array_equal(trainer.predict(trainer.eval_dataset).predictions, mine)


def test_what_the_user_makes_of_the_logits_is_whole_too(make_trainer):
    def both(logits, labels):
        a, b = logits[:, 0].chunk(2)
        return {"doubled": 2 * logits, "gap": a - b}

    trainer = make_trainer(preprocess_logits_for_metrics=both)
    a, b = rewards(trainer)
    found = trainer.predict(trainer.eval_dataset).predictions
    np.testing.assert_allclose(found["doubled"][:, 0], 2 * in_batches(a, b), atol=2e-6)
    np.testing.assert_allclose(found["gap"], a - b, atol=2e-6)


def test_inputs_and_losses_match_the_predictions(make_trainer):
    seen = []
    make_trainer(
        compute_metrics=lambda prediction: seen.append(prediction) or {}, include_for_metrics=["inputs", "loss"]
    ).evaluate()
    wanted = in_batches(*(np.array([len(row[side]) for row in PAIRS]) for side in ("chosen_ids", "rejected_ids")))
    np.testing.assert_array_equal((seen[0].inputs > 0).sum(1), wanted)  # lengths without padding (token 0)
    assert seen[0].losses.shape == (7,)  # the mean of its batch for each pair
