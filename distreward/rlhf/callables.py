"""`RewardCallable`: a reward model checkpoint as a reward function of `trl.GRPOTrainer` and `trl.RLOOTrainer`.

A reward model can be handed to these trainers as a path or as an object too. A callable is the only way to a reward that is
not one linear output of the model (an expected rating), it encodes texts exactly as training and scoring do, and it puts
the annotators' predicted disagreement into the logs.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from distreward.errors import InputError
from distreward.rlhf.rewards import find_reward
from distreward.scoring import RewardScorer
from distreward.scoring.predictions import N_COLUMNS

Message = dict[str, Any]


class RewardCallable:
    """A reward function in TRL's sense, over a reward model checkpoint.

    The model is opened at the first call, in the process that makes it: the callable itself is a path and some options, so
    it can be pickled and sent to another process at no cost.

    Args:
        path: reward model checkpoint, a directory or Hub id: distreward's own or a stock one with one output.
        reward: a row of `REWARDS`.
        name: under which TRL logs the reward; default `<folder>_<reward>`.
        scorer_options: passed to `RewardScorer.from_pretrained` (`max_length`, `chat_template`, `dtype`, `device_map`,
            `revision`, `trust_remote_code` ...).

    Raises:
        InputError: no such reward; at the first call: no such checkpoint, or a head that cannot give the reward.

    >>> reward = RewardCallable("models/helpful")
    >>> reward.__name__
    'helpful_mean'
    """

    def __init__(self, path: str, reward: str = "mean", name: str | None = None, **scorer_options: Any):
        find_reward(reward)
        self.path, self.reward, self.scorer_options = str(path), reward, scorer_options
        self.__name__ = name or f"{self.path.rstrip('/').split('/')[-1]}_{reward}"
        self._scorer: RewardScorer | None = None

    @property
    def scorer(self) -> RewardScorer:
        """The scorer over the checkpoint, opened when first asked for."""
        if self._scorer is None:
            scorer = RewardScorer.from_pretrained(self.path, **self.scorer_options)
            heads = find_reward(self.reward).heads
            if scorer.reward_head["type"] not in heads:
                raise InputError(
                    f"{self.path}: its {scorer.reward_head['type']!r} head cannot give the reward {self.reward!r}, which needs "
                    f"one of {', '.join(heads)}."
                )
            self._scorer = scorer
        return self._scorer

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_scorer": None}  # the other process opens its own

    def __call__(
        self,
        prompts: Sequence[str | list[Message]],
        completions: Sequence[str | list[Message]],
        log_extra: Callable[[str, list], None] | None = None,
        log_metric: Callable[[str, float], None] | None = None,
        **unused: Any,
    ) -> list[float | None]:
        """Rewards of N completions, each under its prompt.

        Args:
            prompts: N texts (taken as the user's one message) or message lists.
            completions: N texts or lists of messages that end with the assistant's.
            log_extra, log_metric: given by TRL; where the model predicts a standard deviation, it becomes a column of the
                completions table and, averaged, the metric `rewards/<name>/annotator_std`.
            unused: what else TRL passes: `completion_ids`, `trainer_state`, the columns of the data.

        Returns:
            N floats; None, which TRL leaves out of the reward, for a completion that does not end with the assistant (cut
            off behind a tool's answer).
        """
        conversations = [read_conversation(*row) for row in zip(prompts, completions, strict=True)]
        answered = [row for row, conversation in enumerate(conversations) if conversation is not None]
        scores = np.full((len(conversations), N_COLUMNS), np.nan)
        if answered:
            scores[answered] = self.scorer.score(*zip(*(conversations[row] for row in answered), strict=True))
        if answered and self.scorer.reward_head["type"] != "scalar":
            std = scores[:, 1]
            if log_extra is not None:
                log_extra(f"{self.__name__}/annotator_std", std.tolist())
            if log_metric is not None:
                log_metric(f"rewards/{self.__name__}/annotator_std", float(np.nanmean(std)))
        rewards = find_reward(self.reward).read(scores)
        return [None if conversations[row] is None else float(reward) for row, reward in enumerate(rewards)]


def read_conversation(prompt: str | list[Message], completion: str | list[Message]) -> tuple[list[Message], str] | None:
    """(messages before the last answer, the last answer), or None where the assistant does not have the last word.

    >>> read_conversation("Hi", "Hello.")
    ([{'role': 'user', 'content': 'Hi'}], 'Hello.')
    >>> read_conversation("Hi", [{"role": "tool", "content": "42"}]) is None
    True
    """
    before = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else list(prompt)
    if isinstance(completion, str):
        return before, completion
    if not completion or completion[-1]["role"] != "assistant":
        return None
    return before + completion[:-1], text_of(completion[-1])


def text_of(message: Message) -> str:
    """The text of a message; TRL may give it as a list of blocks, and a message that only calls tools has none.

    Raises:
        InputError: a block that is no text.
    """
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    other = next((block for block in content if block.get("type") != "text"), None)
    if other is not None:
        raise InputError(f"a completion holds a block of type {other.get('type')!r}; rewards are given to text only.")
    return "".join(block["text"] for block in content)
