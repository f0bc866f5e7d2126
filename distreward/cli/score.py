"""`distreward score`: add rewards to any JSONL of prompts and responses."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from accelerate.utils import broadcast_object_list
from tqdm.auto import tqdm

from distreward.cli.evaluate import SeveralModelsArguments, heads_of
from distreward.cli.launching import LAUNCH_OPTIONS, LaunchOptions
from distreward.cli.parsing import CommandParser
from distreward.cli.results import prepare_output_dir, write_results
from distreward.data.loading import read_jsonl
from distreward.data.schema import check_prompt, check_text
from distreward.errors import InputError
from distreward.levels import LEVELS
from distreward.scoring import EnsemblePredictions, PairPredictions, RewardEnsemble, RewardScorer
from distreward.scoring.inference import running_processes
from distreward.scoring.predictions import DEFAULT_ANNOTATORS, RATING_COLUMNS
from distreward.scoring.resumable import ResumableLines, work_key

BLOCK_RESPONSES = 4096
"""Responses scored between two writes: enough to sort by length, few enough to lose little to a kill."""

DESCRIPTION = """Add rewards to a JSONL file. Each line holds a `prompt` (text or messages) and either

  `response`                    one answer      -> `reward`: {mean, std, rating_probs}
  `responses`                   several answers -> `rewards`: a list of the same
  `response_a`, `response_b`    a pair          -> `reward_a`, `reward_b`, `level_probs`, `divergence_score`,
                                                   `diverging_probability`

  distreward score --model_name_or_path out --input_file answers.jsonl --output_dir scored

writes scored/scores.jsonl: the input's lines, in order, with those fields added. std, rating_probs, level_probs and
diverging_probability are there where the model's reward head gives them; with a calibration in the checkpoint, the last two
are calibrated. Several checkpoints of one training (seeds) are an ensemble: its fields are means over members, and
`level_entropy` {total, people, model} and `gap_variance` {people, model} of a pair tell disagreement among people from the
models' own uncertainty (docs/calibration.md). A run that was stopped goes on where it was when
the same command is given again. Several processes share the work: --accelerate_config ddp --num_processes 4
"""


@dataclass
class ScoreArguments(SeveralModelsArguments):
    """What to score."""

    input_file: str = field(default=None, metadata={"help": "JSONL (.jsonl, .jsonl.gz) of prompts and responses."})
    output_dir: str = field(default=None, metadata={"help": "Where scores.jsonl and results.json go."})
    n_annotators: int = field(
        default=DEFAULT_ANNOTATORS, metadata={"help": "Pairs: annotators assumed by diverging_probability."}
    )


def main(argv: Sequence[str]) -> int:
    """Run the command; returns the exit status."""
    started = time.time()
    arguments, _ = CommandParser("score", (ScoreArguments, LaunchOptions), DESCRIPTION, LAUNCH_OPTIONS).parse(argv)
    for name in ("input_file", "output_dir"):
        if getattr(arguments, name) is None:
            raise InputError(f"--{name} is missing; see distreward score --help")
    if arguments.n_annotators < 1:
        raise InputError(f"--n_annotators is {arguments.n_annotators}, wanted 1 or more.")
    path = Path(arguments.input_file)
    n_rows, n_responses = 0, 0
    for _, _, responses in read_rows(path):  # every mistake in the file is found before the model is opened
        n_rows, n_responses = n_rows + 1, n_responses + len(responses)
    processes = running_processes()
    scorer = arguments.open(processes)
    output_dir = prepare_output_dir(arguments.output_dir)
    output_file = output_dir / "scores.jsonl"
    writes = processes is None or processes.is_main_process
    lines = (
        ResumableLines(output_file, work_key(path, arguments.model_name_or_path, vars(arguments))) if writes else None
    )
    score_file(
        scorer,
        path,
        lines,
        n_responses,
        lambda row, scores: fields_by(scorer, row, scores, arguments.n_annotators),
    )
    if writes:
        values = {**heads_of(scorer), "n_responses": n_responses, "output_file": str(output_file)}
        data = {"name": arguments.input_file, "rows": n_rows, "fingerprint": None}
        write_results(output_dir, "score", arguments.facts(), data, started, values)
        print(f"{n_responses} responses of {n_rows} lines scored: {output_file}")
    return 0


def fields_by(
    scorer: RewardScorer | RewardEnsemble, row: dict[str, Any], scores: np.ndarray, n_annotators: int
) -> dict[str, Any]:
    """The fields that a line gets from one model's scores [n, 11], or from those of an ensemble of M, [n, M, 11]."""
    if isinstance(scorer, RewardEnsemble):
        return ensemble_fields(row, scores, scorer.reward_heads, n_annotators)
    return added_fields(row, scores, scorer.reward_head, n_annotators)


def score_file(
    scorer: RewardScorer | RewardEnsemble,
    path: Path,
    lines: ResumableLines | None,
    n_responses: int,
    added: Callable[[dict[str, Any], np.ndarray], dict[str, Any]],
) -> None:
    """Score a file block by block, going on after what `lines` already holds; processes without `lines` only compute.

    `added` makes the fields that a line gets, from the line and its scores [n, 11] or [n, M, 11]; the bar counts `n_responses`,
    for an ensemble once for each member.
    """
    n_members = len(scorer.scorers) if isinstance(scorer, RewardEnsemble) else 1
    n_done = 0 if lines is None else lines.n_done
    if scorer.processes is not None:
        (n_done,) = broadcast_object_list([n_done])
    with tqdm(total=n_responses * n_members, desc="Scoring", unit="response", disable=lines is None) as bar:
        for block in blocks(read_rows(path), n_done, bar, n_members):
            prompts = [prompt for _, prompt, responses in block for _ in responses]
            scores = scorer.score(prompts, [text for _, _, responses in block for text in responses], bar)
            if lines is not None:
                ends = np.cumsum([len(responses) for _, _, responses in block])[:-1]
                own = np.split(scores, ends)
                lines.append({**row, **added(row, part)} for (row, _, _), part in zip(block, own, strict=True))
    if lines is not None:
        lines.finish()


def blocks(rows: Iterator[tuple], n_done: int, bar: tqdm, n_members: int) -> Iterator[list[tuple]]:
    """Rows after the first `n_done`, in lists of about `BLOCK_RESPONSES` responses."""
    block, size = [], 0
    for number, row in enumerate(rows):
        if number < n_done:
            bar.update(len(row[2]) * n_members)
            continue
        block.append(row)
        size += len(row[2])
        if size >= BLOCK_RESPONSES:
            yield block
            block, size = [], 0
    if block:
        yield block


def read_rows(path: Path) -> Iterator[tuple[dict[str, Any], list[dict], list[str]]]:
    """(raw line, prompt messages, responses) per line; every mistake names file and line."""
    empty = True
    for number, row in read_jsonl(path):
        empty = False
        where = f"{path.name}, line {number}"
        if "prompt" not in row:
            raise InputError(f"{where}, field `prompt`: missing; wanted a text or a list of messages.")
        prompt = check_prompt(row["prompt"], where)
        if "response_a" in row and "response_b" in row:
            responses = [
                check_text(row[name], name, where, blank_allowed=True) for name in ("response_a", "response_b")
            ]
        elif "responses" in row:
            if not isinstance(row["responses"], list) or not row["responses"]:
                raise InputError(f"{where}, field `responses`: wanted a list of one or more texts.")
            responses = [
                check_text(text, f"responses[{index}]", where, blank_allowed=True)
                for index, text in enumerate(row["responses"])
            ]
        elif "response" in row:
            responses = [check_text(row["response"], "response", where, blank_allowed=True)]
        else:
            raise InputError(
                f"{where}: nothing to score; wanted `response`, `responses`, or `response_a` and `response_b`."
            )
        yield row, prompt, responses
    if empty:
        raise InputError(f"{path}: the file is empty; wanted one JSON object per line.")


def added_fields(row: dict[str, Any], scores: np.ndarray, reward_head: dict, n_annotators: int) -> dict[str, Any]:
    """The fields `score` adds to one line, from its [n_responses, 11] scores."""
    rewards = [_reward(score) for score in scores]
    if "response_a" in row and "response_b" in row:
        pair = PairPredictions.from_columns(scores.reshape(1, -1), reward_head)
        fields = {"reward_a": rewards[0], "reward_b": rewards[1], "divergence_score": float(pair.divergence()[0])}
        return fields | _level_fields(pair, n_annotators)
    return {"rewards": rewards} if "responses" in row else {"reward": rewards[0]}


def ensemble_fields(
    row: dict[str, Any], scores: np.ndarray, reward_heads: Sequence[dict[str, Any]], n_annotators: int
) -> dict[str, Any]:
    """The fields of one line from M members' scores of its responses, [n_responses, M, 11]: means, and what is whose."""
    rewards = [_reward(mean_score(score)) for score in scores]
    if "response_a" not in row or "response_b" not in row:
        return {"rewards": rewards} if "responses" in row else {"reward": rewards[0]}
    pair = EnsemblePredictions.from_columns(np.concatenate(scores, axis=1)[None], reward_heads)
    variance = {"people": pair.gap_variance_of_people, "model": pair.gap_variance_of_model}
    fields = {
        "reward_a": rewards[0],
        "reward_b": rewards[1],
        "divergence_score": float(pair.divergence()[0]),
        "gap_variance": {part: float(values[0]) for part, values in variance.items() if values is not None},
    }
    entropy = pair.level_entropy()
    if entropy is not None:
        fields["level_entropy"] = {part: float(values[0]) for part, values in entropy.items()}
    return fields | _level_fields(pair, n_annotators)


def mean_score(scores: np.ndarray) -> np.ndarray:
    """[11] of an ensemble from those of its members [M, 11]: means, but of the std the root of the mean variance.

    >>> mean_score(np.array([[1.0, 3.0, 0, 0, 0, 0, 1], [2.0, 4.0, 1, 0, 0, 0, 0]])).round(3).tolist()  # (9 + 16) / 2
    [1.5, 3.536, 0.5, 0.0, 0.0, 0.0, 0.5]
    """
    found = scores.mean(0)
    found[1] = np.sqrt((scores[:, 1] ** 2).mean())
    return found


def _level_fields(pair: PairPredictions | EnsemblePredictions, n_annotators: int) -> dict[str, Any]:
    """`level_probs` and `diverging_probability` of one pair, where there are any."""
    probs = pair.level_probs()
    if probs is None:
        return {}
    return {
        "level_probs": {str(level): float(p) for level, p in zip(LEVELS, probs[0], strict=True)},
        "diverging_probability": float(pair.diverging_probability(n_annotators)[0]),
    }


def _reward(score: np.ndarray) -> dict[str, Any]:
    mean, std, rating_probs = score[0], score[1], score[RATING_COLUMNS]
    reward: dict[str, Any] = {"mean": float(mean)}
    if std == std:
        reward["std"] = float(std)
    if rating_probs[0] == rating_probs[0]:
        reward["rating_probs"] = rating_probs.tolist()
    return reward
