import math
import pickle

import numpy as np
import pytest
import torch

from distreward import RewardCallable
from distreward.errors import InputError
from distreward.modeling import AutoRewardModel
from distreward.rlhf import REWARDS, Gate
from distreward.rlhf.callables import read_conversation, text_of
from distreward.rlhf.rewards import preferred_share
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


RISKY = {
    "lower_bound": {"k": 2.0},
    "quantile": {"q": 0.1},
    "worst_share": {"alpha": 0.1},
}


@pytest.mark.parametrize("head", ["mean_variance", "likert"])
@pytest.mark.parametrize("name", RISKY)
def test_risk_aware_rewards_are_their_rows_over_the_scorers_numbers(name, head, checkpoint):
    path = checkpoint(head)
    reward = pickle.loads(pickle.dumps(RewardCallable(path, name, **RISKY[name])))
    scores = RewardScorer.from_pretrained(path).score(PROMPTS, TEXTS)
    rewards = reward(PROMPTS, COMPLETIONS)
    assert rewards == pytest.approx(REWARDS[name].read(scores, **RISKY[name]).tolist(), abs=1e-5)
    assert all(low < mean for low, mean in zip(rewards, scores[:, 0], strict=True))
    with pytest.raises(InputError, match="'scalar' head cannot give the reward"):
        RewardCallable(checkpoint("scalar"), name)(PROMPTS, COMPLETIONS)


@pytest.mark.parametrize("head", ["mean_variance", "likert"])
def test_preferred_to_the_others_of_the_group(head, checkpoint):
    path = checkpoint(head)
    scorer = RewardScorer.from_pretrained(path)
    scores = scorer.score(PROMPTS, TEXTS)  # rows 0 and 2 share a prompt, and 1 and 3

    def share(one, other):
        return preferred_share(scores[[one]], scores[[other]], scorer.reward_head)[0]

    expected = [share(0, 2), share(1, 3), share(2, 0), share(3, 1)]
    assert RewardCallable(path, "preferred")(PROMPTS, COMPLETIONS) == pytest.approx(expected, abs=1e-5)
    first = RewardCallable(path, "preferred", baseline="group_first")(PROMPTS, COMPLETIONS)
    assert first == pytest.approx([0.5, 0.5, share(2, 0), share(3, 1)], abs=1e-5)
    # three of one prompt: the mean of two comparisons
    one_prompt = RewardCallable(path, "preferred")([PROMPTS[0]] * 3, [TEXTS[0], TEXTS[0], TEXTS[2]])
    assert one_prompt == pytest.approx([(0.5 + share(0, 2)) / 2] * 2 + [share(2, 0)], abs=1e-5)


def test_preferred_to_a_column_of_the_data(checkpoint):
    path = checkpoint()
    scorer = RewardScorer.from_pretrained(path)
    column = ["Blue."] * 2 + [[{"role": "assistant", "content": "Blue."}]] * 2
    scores, baseline = scorer.score(PROMPTS, TEXTS), scorer.score(PROMPTS, ["Blue."] * 4)
    reward = RewardCallable(path, "preferred", baseline="reference")
    expected = preferred_share(scores, baseline, scorer.reward_head)
    assert reward(PROMPTS, COMPLETIONS, reference=column) == pytest.approx(expected.tolist(), abs=1e-5)
    # one completion of each prompt is enough here
    assert reward(PROMPTS[:1], COMPLETIONS[:1], reference=column[:1]) == pytest.approx([expected[0]], abs=1e-5)
    with pytest.raises(InputError, match=r"no such column \(did you mean 'referense'"):
        reward(PROMPTS, COMPLETIONS, referense=column, completion_ids=[[1]] * 4)
    with pytest.raises(InputError, match="no such column; .*none besides the prompt"):
        reward(PROMPTS, COMPLETIONS, completion_ids=[[1]] * 4)
    for empty in (None, [], [{"role": "user", "content": "?"}]):
        with pytest.raises(InputError, match="'reference', completion 1: holds no answer"):
            reward(PROMPTS, COMPLETIONS, reference=[column[0], empty, *column[2:]])


def test_a_gate_drops_or_weighs_what_divides_and_says_so(checkpoint):
    path = checkpoint()
    scores = RewardScorer.from_pretrained(path).score(PROMPTS, TEXTS)
    threshold = float(np.median(scores[:, 1]))
    divisive = scores[:, 1] > threshold
    assert divisive.sum() == 2
    columns, metrics = {}, {}
    dropped = RewardCallable(path, gate=Gate(max_std=threshold))
    rewards = dropped(PROMPTS, COMPLETIONS, log_extra=columns.__setitem__, log_metric=metrics.__setitem__)
    assert [reward is None for reward in rewards] == divisive.tolist()
    assert columns["helpful_mean/gated"] == divisive.astype(float).tolist()
    assert metrics["rewards/helpful_mean/gated_share"] == 0.5
    assert "rewards/helpful_mean/diverging_probability" not in metrics
    # weighed: half of the way back to the mean of the prompt's two completions
    weighed = RewardCallable(path, gate=Gate(max_std=threshold, weight=0.5))(PROMPTS, COMPLETIONS)
    means = (scores[[0, 1, 2, 3], 0] + scores[[2, 3, 0, 1], 0]) / 2
    expected = np.where(divisive, (scores[:, 0] + means) / 2, scores[:, 0])
    assert weighed == pytest.approx(expected.tolist(), abs=1e-5)


def test_a_gate_on_whole_prompts(checkpoint):
    path = checkpoint()
    metrics = {}
    reward = RewardCallable(path, "lower_bound", gate=Gate(max_divergence=0.0))
    assert reward(PROMPTS, COMPLETIONS, log_metric=metrics.__setitem__) == [None] * 4
    assert metrics["rewards/helpful_lower_bound/gated_share"] == 1.0
    pairs = RewardScorer.from_pretrained(path).score_pairs(
        {"prompt": PROMPTS[:2], "response_a": TEXTS[:2], "response_b": TEXTS[2:]}
    )
    expected = pairs.diverging_probability(4).mean()
    assert metrics["rewards/helpful_lower_bound/diverging_probability"] == pytest.approx(expected, abs=1e-5)
    # said twice it is one response, which nobody can prefer to another: nothing is gated
    assert None not in reward(PROMPTS[:1] * 2, COMPLETIONS[:1] * 2)


def test_a_cut_completion_is_neither_gated_nor_a_sibling(checkpoint):
    path, metrics, columns = checkpoint(), {}, {}
    cut = [{"role": "assistant", "content": None}, {"role": "tool", "content": "42"}]
    prompts = [PROMPTS[0]] * 3
    log = {"log_metric": metrics.__setitem__, "log_extra": columns.__setitem__}
    gated = RewardCallable(path, gate=Gate(max_std=0.11))(prompts, [cut, *COMPLETIONS[:1], *COMPLETIONS[2:3]], **log)
    assert gated[0] is None and metrics["rewards/helpful_mean/gated_share"] in (0.5, 1.0)  # of two, not of three
    assert columns["helpful_mean/gated"][0] is None and columns["helpful_mean/annotator_std"][0] is None
    preferred = RewardCallable(path, "preferred")
    one, two, three = preferred(prompts, [cut, *COMPLETIONS[:1], *COMPLETIONS[2:3]])
    assert one is None and two + three == pytest.approx(1, abs=1e-6)
    assert preferred(prompts[:2], [cut, COMPLETIONS[0]]) == [None, None]  # nobody left to compare with


def test_options_that_cannot_work_are_named(checkpoint):
    with pytest.raises(InputError, match="`k` has no effect on the reward 'mean'"):
        RewardCallable("anything", k=1.0)
    with pytest.raises(InputError, match="predicts no disagreement, which a gate needs"):
        RewardCallable(checkpoint("scalar"), gate=Gate(max_std=1.0))(PROMPTS, COMPLETIONS)
    for options in (
        {"reward": "preferred"},
        {"reward": "preferred", "baseline": "group_first"},
        {"gate": Gate(max_divergence=0.5)},
        {"gate": Gate(max_std=0.5, weight=0.5)},
    ):
        with pytest.raises(InputError, match="a prompt with one completion"):
            RewardCallable(checkpoint(), **options)(PROMPTS[:1], COMPLETIONS[:1])
    assert len(RewardCallable(checkpoint(), gate=Gate(max_std=0.5))(PROMPTS[:1], COMPLETIONS[:1])) == 1


def test_what_occurs_twice_is_scored_once(checkpoint, monkeypatch):
    reward, seen = RewardCallable(checkpoint()), []
    score = reward.scorer.score
    monkeypatch.setattr(reward.scorer, "score", lambda p, r: seen.extend(r) or score(p, r))
    rewards = reward([PROMPTS[0]] * 3 + PROMPTS[1:2], ["Red.", "Blue.", "Red.", "Red."])
    assert sorted(seen) == ["Blue.", "Red.", "Red."]  # the last one under another prompt
    assert rewards[0] == rewards[2] != rewards[3]


def test_a_model_that_gives_nan_is_not_taken_for_a_gated_one(checkpoint):
    reward = RewardCallable(checkpoint())
    with torch.no_grad():
        reward.scorer.model.score.weight.fill_(float("nan"))
    with pytest.raises(InputError, match="gives nan for 4 of 4 completions"):
        reward(PROMPTS, COMPLETIONS)


def test_the_gate_travels_with_the_callable(checkpoint):
    reward = RewardCallable(checkpoint(), "quantile", q=0.1, gate=Gate(max_std=0.2, weight=0.5))
    arrived = pickle.loads(pickle.dumps(reward))
    assert arrived.gate == reward.gate and arrived.options == {"q": 0.1}
    assert arrived(PROMPTS, COMPLETIONS) == pytest.approx(reward(PROMPTS, COMPLETIONS), abs=1e-6)
