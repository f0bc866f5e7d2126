"""Two steps of `trl.GRPOTrainer` and `trl.RLOOTrainer` with every form of reward model they take."""

import pytest
import torch
from datasets import Dataset
from transformers import LlamaForCausalLM
from trl import GRPOConfig, GRPOTrainer, RLOOConfig, RLOOTrainer

from distreward import RewardCallable, export_scalar
from distreward.modeling import AutoRewardModel
from distreward.scoring import RewardScorer

TRAINERS = {"grpo": (GRPOTrainer, GRPOConfig), "rloo": (RLOOTrainer, RLOOConfig)}


@pytest.fixture
def policy(llama_config, tokenizer, tmp_path) -> str:
    """The folder of a tiny policy that says something else every time."""
    torch.manual_seed(1)
    LlamaForCausalLM(llama_config).save_pretrained(tmp_path / "start")
    tokenizer.save_pretrained(tmp_path / "start")
    return str(tmp_path / "start")


@pytest.fixture
def reward_path(tmp_path, llama_config, tokenizer):
    """A function that saves a reward model with the head asked for."""

    def save(head: str) -> str:
        torch.manual_seed(0)
        llama_config.initializer_range = 0.3
        AutoRewardModel.from_config(llama_config, head).save_pretrained(tmp_path / "reward")
        tokenizer.save_pretrained(tmp_path / "reward")
        return str(tmp_path / "reward")

    return save


def train(trainer: str, reward_funcs, policy, tokenizer, tmp_path, **options):
    """The trainer after two steps, and every (prompt, completion, reward) it saw."""
    trainer_class, config_class = TRAINERS[trainer]
    args = config_class(
        output_dir=str(tmp_path / "policy"),
        max_steps=2,
        per_device_train_batch_size=4,
        num_generations=4,
        max_completion_length=12,
        logging_steps=1,
        report_to="none",
        use_cpu=True,
        bf16=False,  # TRL's default, bf16, would run the reward model under autocast too
        log_completions=True,
        disable_tqdm=True,
        **options,
    )
    prompts = [[{"role": "user", "content": f"Name a colour, number {index}."}] for index in range(4)]
    made = trainer_class(
        model=policy,
        reward_funcs=reward_funcs,
        args=args,
        train_dataset=Dataset.from_dict({"prompt": prompts, "note": ["a", "b", "c", "d"]}),
        processing_class=tokenizer,
    )
    seen = []
    calculate = made._calculate_rewards

    def watched(inputs, prompts, completions, completion_ids):
        rewards = calculate(inputs, prompts, completions, completion_ids)
        seen.extend(zip(prompts, completions, rewards[:, 0].tolist(), strict=True))
        return rewards

    made._calculate_rewards = watched
    made.train()
    assert made.state.global_step == 2
    return made, seen


def assert_rewards_are_the_scorers(seen, path) -> None:
    assert len(seen) == 8
    texts = [completion[0]["content"] for _, completion, _ in seen]
    scores = RewardScorer.from_pretrained(path).score([prompt for prompt, _, _ in seen], texts)
    rewards = [reward for _, _, reward in seen]
    assert rewards == pytest.approx(scores[:, 0].tolist(), abs=1e-5)
    assert max(rewards) - min(rewards) > 1e-2


@pytest.mark.parametrize("trainer", TRAINERS)
@pytest.mark.parametrize("head", ["scalar", "mean_variance", "likert"])
def test_a_reward_model_object(trainer, head, policy, reward_path, tokenizer, tmp_path):
    path = reward_path(head)
    model = AutoRewardModel.from_pretrained(path)
    made, seen = train(trainer, model, policy, tokenizer, tmp_path)
    assert_rewards_are_the_scorers(seen, path)
    assert made.reward_func_names == ["reward"]  # the checkpoint's folder


@pytest.mark.parametrize("trainer", TRAINERS)
def test_the_reward_callable(trainer, policy, reward_path, tokenizer, tmp_path):
    path = reward_path("likert")
    reward = RewardCallable(path)
    made, seen = train(trainer, [reward], policy, tokenizer, tmp_path)
    assert_rewards_are_the_scorers(seen, path)
    last = made.state.log_history[-2]
    assert last["rewards/reward_mean/mean"] == pytest.approx(sum(row[2] for row in seen[4:]) / 4, abs=1e-5)
    assert last["rewards/reward_mean/annotator_std"] > 0
    assert len(made._logs["extra"]["reward_mean/annotator_std"]) > 0


@pytest.mark.parametrize("trainer", TRAINERS)
def test_an_exported_checkpoint_by_its_path(trainer, policy, reward_path, tokenizer, tmp_path):
    path = reward_path("mean_variance")
    exported = str(export_scalar(path, tmp_path / "exported"))
    _, seen = train(trainer, exported, policy, tokenizer, tmp_path)
    assert_rewards_are_the_scorers(seen, path)


@pytest.mark.parametrize("trainer", TRAINERS)
def test_without_the_export_a_path_does_not_open(trainer, policy, reward_path, tokenizer, tmp_path):
    """What the export is for: these trainers ask for `num_labels=1`, and a size mismatch is all they can say."""
    with pytest.raises(RuntimeError, match="mismatch"):
        train(trainer, reward_path("mean_variance"), policy, tokenizer, tmp_path)
