import math
import pickle

import pytest
import torch

from distreward import RewardCallable
from distreward.errors import InputError
from distreward.modeling import AutoRewardModel
from distreward.rlhf import REWARDS
from distreward.rlhf.callables import read_conversation, text_of
from distreward.scoring import RewardScorer

PROMPTS = [[{"role": "user", "content": f"Name a colour, number {index % 2}."}] for index in range(4)]
TEXTS = ["Red.", "", "I cannot say. " * 3, "Green, why?"]
COMPLETIONS = [[{"role": "assistant", "content": text}] for text in TEXTS]


@pytest.fixture
def checkpoint(tmp_path, llama_config, tokenizer):
    def save(head: str = "mean_variance") -> str:
        torch.manual_seed(0)
        llama_config.initializer_range = 0.3
        AutoRewardModel.from_config(llama_config, head).save_pretrained(tmp_path / "helpful")
        tokenizer.save_pretrained(tmp_path / "helpful")
        return str(tmp_path / "helpful")

    return save


@pytest.mark.parametrize("head", ["scalar", "mean_variance", "likert"])
def test_the_reward_is_what_the_scorer_says(head, checkpoint):
    path = checkpoint(head)
    reward = RewardCallable(path)
    rewards = reward(
        prompts=PROMPTS, completions=COMPLETIONS, completion_ids=[[1]] * 4, trainer_state=None, colour=["x"] * 4
    )
    expected = RewardScorer.from_pretrained(path).score(PROMPTS, TEXTS)[:, 0]
    assert all(isinstance(value, float) for value in rewards)
    assert rewards == pytest.approx(expected.tolist(), abs=1e-6)
    assert max(rewards) - min(rewards) > 0.01
    # texts in the place of messages: the same conversation
    plain = reward(prompts=[prompt[0]["content"] for prompt in PROMPTS], completions=TEXTS)
    assert plain == pytest.approx(rewards, abs=1e-6)
    # rewards belong to their completions, whatever stands beside them
    turned = reward(prompts=PROMPTS[::-1], completions=COMPLETIONS[::-1])
    assert turned[::-1] == pytest.approx(rewards, abs=1e-5)


def test_it_has_a_name_and_goes_through_pickle_without_its_model(checkpoint):
    path = checkpoint()
    reward = RewardCallable(path + "/", max_length=100)
    assert reward.__name__ == "helpful_mean" and RewardCallable(path, name="colours").__name__ == "colours"
    assert reward._scorer is None  # opened at the first call only
    rewards = reward(prompts=PROMPTS, completions=COMPLETIONS)
    sent = pickle.dumps(reward)
    assert len(sent) < 1000 and reward._scorer is not None
    arrived = pickle.loads(sent)
    assert arrived._scorer is None and arrived.__name__ == reward.__name__ and arrived.scorer.max_length == 100
    assert arrived(prompts=PROMPTS, completions=COMPLETIONS) == pytest.approx(rewards, abs=1e-6)


@pytest.mark.parametrize("head", ["scalar", "mean_variance"])
def test_disagreement_goes_into_the_logs_where_the_model_knows_it(head, checkpoint):
    path = checkpoint(head)
    columns, metrics = {}, {}
    reward = RewardCallable(path)
    reward(PROMPTS, COMPLETIONS, log_extra=columns.__setitem__, log_metric=metrics.__setitem__)
    if head == "scalar":
        assert columns == {} and metrics == {}
        return
    std = RewardScorer.from_pretrained(path).score(PROMPTS, TEXTS)[:, 1]
    assert columns == {"helpful_mean/annotator_std": pytest.approx(std.tolist(), abs=1e-6)}
    assert metrics == {"rewards/helpful_mean/annotator_std": pytest.approx(std.mean(), abs=1e-6)}


def test_a_completion_of_several_turns_is_judged_by_its_last_answer(checkpoint):
    path = checkpoint()
    turns = [
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "tool", "content": "42"},
        {"role": "assistant", "content": [{"type": "text", "text": "It is "}, {"type": "text", "text": "42."}]},
    ]
    cut = turns[:2]
    rewards = RewardCallable(path)(PROMPTS[:3], [turns, cut, COMPLETIONS[0]])
    [expected] = RewardScorer.from_pretrained(path).score([PROMPTS[0] + turns[:2]], ["It is 42."])[:, 0]
    assert rewards[0] == pytest.approx(expected, abs=1e-5)
    assert rewards[1] is None and rewards[2] is not None  # TRL leaves None out of the reward
    assert RewardCallable(path)(PROMPTS[:1], [cut]) == [None]
    assert RewardCallable(path)([], []) == []


def test_conversations_by_hand():
    user, answer = {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}
    assert read_conversation("Hi", "Hello.") == ([user], "Hello.")
    assert read_conversation([user], [answer]) == ([user], "Hello.")
    assert read_conversation([user], [answer, user, answer]) == ([user, answer, user], "Hello.")
    assert read_conversation([user], [answer, user]) is None and read_conversation([user], []) is None
    assert text_of({"role": "assistant"}) == "" and text_of({"role": "assistant", "content": None}) == ""
    with pytest.raises(InputError, match="type 'image'"):
        text_of({"role": "assistant", "content": [{"type": "image"}]})


def test_mistakes_are_named(checkpoint, tmp_path, monkeypatch):
    with pytest.raises(InputError, match="did you mean 'mean'"):
        RewardCallable("anything", reward="meann")
    with pytest.raises(InputError, match="no such model directory"):
        RewardCallable(str(tmp_path / "nothing"))(PROMPTS, COMPLETIONS)
    with pytest.raises(ValueError):
        RewardCallable(checkpoint())(PROMPTS, COMPLETIONS[:2])
    row = REWARDS["mean"]
    monkeypatch.setitem(REWARDS, "safe", type(row)(("likert",), row.read))
    with pytest.raises(InputError, match="'mean_variance' head cannot give the reward 'safe'"):
        RewardCallable(checkpoint(), reward="safe")(PROMPTS, COMPLETIONS)
    assert not math.isnan(RewardCallable(checkpoint())(PROMPTS, COMPLETIONS)[0])
