"""`RewardCallable`: a reward model checkpoint as a reward function of TRL's GRPO, RLOO and online DPO trainers.

A reward model can be handed to these trainers as a path or as an object too. A callable is the only way to a reward that is
not one linear output of the model (an expected rating, a lower bound), it encodes texts exactly as training and scoring do,
it can hold back where people would divide, and it puts the annotators' predicted disagreement into the logs.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from distreward.errors import InputError, nearest
from distreward.rlhf.conversations import Message, read_conversation, text_of
from distreward.rlhf.gating import Gate
from distreward.rlhf.groups import first_in_group, groups_of_prompts, others_in_group, require_groups
from distreward.rlhf.rewards import find_reward, resolve_options
from distreward.scoring import RewardScorer
from distreward.scoring.predictions import N_COLUMNS

__all__ = ["RewardCallable", "read_conversation", "text_of"]

Conversation = tuple[list[Message], str]

IN_GROUP = {"group_mean": others_in_group, "group_first": first_in_group}
"""Baselines that are completions of the same prompt; any other name is a column of the data set."""


class RewardCallable:
    """A reward function in TRL's sense, over a reward model checkpoint.

    The model is opened at the first call, in the process that makes it: the callable itself is a path and some options, so
    it can be pickled and sent to another process at no cost.

    Args:
        path: reward model checkpoint, a directory or Hub id: distreward's own or a stock one with one output.
        reward: a row of `REWARDS`.
        name: under which TRL logs the reward; default `<folder>_<reward>`.
        k: `lower_bound`: how many standard deviations below the mean; default 1.
        q: `quantile`: share of people below the reward; default 0.25.
        alpha: `worst_share`: share of people counted as the least satisfied; default 0.25.
        baseline: `preferred`: `group_mean` (default: the mean over the prompt's other completions), `group_first` (its
            first completion), or a column of the data set that holds a response per prompt.
        gate: holds the reward back where people would divide.
        scorer_options: passed to `RewardScorer.from_pretrained` (`max_length`, `chat_template`, `dtype`, `device_map`,
            `revision`, `trust_remote_code` ...).

    Raises:
        InputError: no such reward, an option it does not take; at the first call: no such checkpoint, or a head that
            cannot give the reward or the gate.

    >>> RewardCallable("models/helpful").__name__
    'helpful_mean'
    >>> RewardCallable("models/helpful", "lower_bound", k=2.0, gate=Gate(max_std=1.5)).options
    {'k': 2.0}
    """

    def __init__(
        self,
        path: str,
        reward: str = "mean",
        name: str | None = None,
        *,
        k: float | None = None,
        q: float | None = None,
        alpha: float | None = None,
        baseline: str | None = None,
        gate: Gate | None = None,
        **scorer_options: Any,
    ):
        self.options = resolve_options(reward, {"k": k, "q": q, "alpha": alpha, "baseline": baseline})
        self.path, self.reward, self.gate, self.scorer_options = str(path), reward, gate, scorer_options
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
            if self.gate is not None:
                self.gate.check_head(scorer.reward_head, self.path)
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
        **columns: Any,
    ) -> list[float | None]:
        """Rewards of N completions, each under its prompt.

        Args:
            prompts: N texts (taken as the user's one message) or message lists.
            completions: N texts or lists of messages that end with the assistant's.
            log_extra, log_metric: given by TRL; where the model predicts a standard deviation, it becomes a column of the
                completions table and, averaged, the metric `rewards/<name>/annotator_std`. A gate adds the column `gated`
                and the metrics `gated_share` and, with `max_divergence`, `diverging_probability`.
            columns: what else TRL passes: `completion_ids`, `trainer_state`, the columns of the data.

        Returns:
            N floats; None, which TRL leaves out of the reward, for a completion that is gated without a weight, that does
            not end with the assistant (cut off behind a tool's answer), or that has no sibling left to be compared with.

        Raises:
            InputError: a model that gives nan, a baseline column that is missing or empty, a prompt with one completion where several are
                compared, a gate in online DPO, which cannot leave a completion out.
        """
        conversations = [read_conversation(*row) for row in zip(prompts, completions, strict=True)]
        group = groups_of_prompts(prompts)
        self._check_call(group, in_online_dpo="trainer_state" in columns and log_metric is None)
        if not any(conversations):
            return [None] * len(conversations)
        row = find_reward(self.reward)
        if row.compares:
            scores, rewards = self._compared(prompts, conversations, group, columns)
        else:
            scores = self._score(conversations)
            rewards = row.read(scores, **self.options)
        seen: dict[str, np.ndarray] = {}
        if self.scorer.reward_head["type"] != "scalar":
            seen["annotator_std"] = scores[:, 1]
        if self.gate is not None:
            texts = [json.dumps(conversation, default=str) for conversation in conversations]
            gated, divergence = self.gate.closed(scores, group, texts, self.scorer.reward_head)
            rewards = self.gate.apply(rewards, gated, group)
            seen["gated"] = np.where(np.isnan(scores[:, 0]), np.nan, gated)
            if divergence is not None:
                seen["diverging_probability"] = divergence
        self._log(seen, log_extra, log_metric)
        return [None if np.isnan(reward) else float(reward) for reward in rewards]

    def _check_call(self, group: np.ndarray, in_online_dpo: bool) -> None:
        if in_online_dpo and self.gate is not None:
            raise InputError(
                "online DPO trains on every pair of completions and takes a None as 0, so a gate cannot hold a pair back "
                "there; leave the gate out, or use GRPO or RLOO."
            )
        if self.options.get("baseline") in IN_GROUP:
            require_groups(group, f"the baseline {self.options['baseline']!r}")
        if self.gate is not None and self.gate.compares:
            require_groups(group, "a gate with `max_divergence` or a weight")

    def _score(self, conversations: Sequence[Conversation | None]) -> np.ndarray:
        """[N, 11] scores, nan for None; what occurs more than once is scored once."""
        scores = np.full((len(conversations), N_COLUMNS), np.nan)
        rows: dict[str, list[int]] = {}
        for number, conversation in enumerate(conversations):
            if conversation is not None:
                rows.setdefault(json.dumps(conversation, default=str), []).append(number)
        different = [conversations[numbers[0]] for numbers in rows.values()]
        for numbers, found in zip(rows.values(), self.scorer.score(*zip(*different, strict=True)), strict=True):
            scores[numbers] = found
        n_undefined = sum(np.isnan(scores[numbers, 0]).any() for numbers in rows.values())
        if n_undefined:  # a None in their place would hide it
            raise InputError(
                f"{self.path}: the reward model gives nan for {n_undefined} of {len(rows)} completions; open it in more "
                "precision (dtype='float32') or use another checkpoint."
            )
        return scores

    def _compared(
        self,
        prompts: Sequence[str | list[Message]],
        conversations: list[Conversation | None],
        group: np.ndarray,
        columns: dict[str, Any],
    ) -> tuple[np.ndarray, np.ndarray]:
        """Scores [N, 11], and the mean share of people [N] who prefer each completion to its baseline."""
        n, baseline = len(conversations), self.options["baseline"]
        if baseline in IN_GROUP:
            scores = self._score(conversations)
            rows, others = IN_GROUP[baseline](group, ~np.isnan(scores[:, 0]))
            other_scores = scores[others]
        else:
            both = self._score([*conversations, *read_baselines(prompts, conversations, columns, baseline)])
            scores, rows = both[:n], np.flatnonzero(~np.isnan(both[:n, 0]))
            other_scores = both[n:][rows]
        shares = find_reward(self.reward).read(scores[rows], other_scores, self.scorer.reward_head)
        size = np.bincount(rows, minlength=n)
        total = np.bincount(rows, shares, minlength=n)
        return scores, np.divide(total, size, where=size > 0, out=np.full(n, np.nan))

    def _log(self, seen: dict[str, np.ndarray], log_extra: Callable | None, log_metric: Callable | None) -> None:
        """Columns of the completions table, and their means as metrics."""
        for name, values in seen.items():
            if log_extra is not None:
                log_extra(f"{self.__name__}/{name}", [None if np.isnan(value) else float(value) for value in values])
            if log_metric is not None:
                metric = "gated_share" if name == "gated" else name
                log_metric(f"rewards/{self.__name__}/{metric}", float(np.nanmean(values)))


def read_baselines(
    prompts: Sequence[str | list[Message]],
    conversations: Sequence[Conversation | None],
    columns: dict[str, Any],
    name: str,
) -> list[Conversation | None]:
    """The response that a column of the data holds for each of N completions.

    Args:
        prompts: N.
        conversations: N, None for a completion that gets no reward and needs no baseline.
        columns: what TRL passed, the data's columns repeated for every completion.
        name: of the column; its values are texts or lists of messages that end with the assistant's.

    Raises:
        InputError: no such column, or a row without a response.
    """
    if name not in columns:
        known = [key for key, values in columns.items() if isinstance(values, list) and key != "completion_ids"]
        raise InputError(
            f"`baseline` {name!r}: the data set has no such column{nearest(name, [*known, *IN_GROUP])}; wanted "
            f"`group_mean`, `group_first` or one of its columns ({', '.join(known) or 'it has none besides the prompt'})."
        )
    found: list[Conversation | None] = []
    for number, (prompt, conversation, value) in enumerate(zip(prompts, conversations, columns[name], strict=True)):
        read = read_conversation(prompt, value) if isinstance(value, (str, list)) else None
        if conversation is not None and read is None:
            raise InputError(
                f"`baseline` column {name!r}, completion {number}: holds no answer ({type(value).__name__}); wanted a text or "
                "messages that end with the assistant's."
            )
        found.append(None if conversation is None else read)
    return found
