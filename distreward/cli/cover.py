"""`distreward cover`: of several responses to a prompt, the set that covers most of the predicted population."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from distreward.cli.evaluate import ModelArguments
from distreward.cli.launching import LAUNCH_OPTIONS, LaunchOptions
from distreward.cli.parsing import CommandParser
from distreward.cli.results import prepare_output_dir, write_results
from distreward.cli.score import read_rows, score_file
from distreward.cli.tables import estimate_text
from distreward.data.loading import read_jsonl
from distreward.errors import InputError
from distreward.metrics.bootstrap import bootstrap_estimates
from distreward.rlhf.covering import N_PEOPLE, covering_set, pleased, sampled_ratings
from distreward.rlhf.rewards import DISTRIBUTIONS
from distreward.scoring.inference import running_processes
from distreward.scoring.resumable import ResumableLines, work_key

DESCRIPTION = """Choose, for every prompt, the responses that together please most of the predicted population: not the one
best answer, but one for everybody. Each line of the input holds a `prompt` (text or messages) and `responses` (a list), or
`response_a` and `response_b`.

  distreward cover --model_name_or_path out --input_file answers.jsonl --output_dir covered --size 2

writes covered/covered.jsonl: the input's lines, in order, with the field `covering_set`:

  chosen, coverage               numbers of the responses taken, and the share of people covered by the first, two ...
  favourite_share                of every response: the share of people whose favourite it is
  best_by_mean, mean_coverage    as many responses by expected reward alone, and the share of people these cover

The population is drawn from each response's predicted mean and std; docs/pluralistic.md says what that assumes. A run that
was stopped goes on where it was when the same command is given again.
"""


@dataclass
class CoverArguments(ModelArguments):
    """What to choose from, and how."""

    input_file: str = field(default=None, metadata={"help": "JSONL (.jsonl, .jsonl.gz) of prompts and responses."})
    output_dir: str = field(default=None, metadata={"help": "Where covered.jsonl and results.json go."})
    size: int = field(default=2, metadata={"help": "Responses in a set."})
    enough: float | None = field(
        default=None, metadata={"help": "Take fewer where they already cover this share of the people."}
    )
    correlation: float = field(
        default=0.0, metadata={"help": "Of one person's ratings of two responses, 0 (the model's own) to 1."}
    )
    margin: float = field(
        default=0.0,
        metadata={"help": "A response this close to a person's favourite pleases them too, in units of the reward."},
    )
    n_people: int = field(default=N_PEOPLE, metadata={"help": "People drawn per prompt."})
    seed: int = field(default=0, metadata={"help": "Seed of the people."})
    n_bootstrap: int = field(default=1000, metadata={"help": "Bootstrap draws behind the intervals, over prompts."})


def main(argv: Sequence[str]) -> int:
    """Run the command; returns the exit status."""
    started = time.time()
    arguments, _ = CommandParser("cover", (CoverArguments, LaunchOptions), DESCRIPTION, LAUNCH_OPTIONS).parse(argv)
    for name in ("input_file", "output_dir"):
        if getattr(arguments, name) is None:
            raise InputError(f"--{name} is missing; see distreward cover --help")
    options = {name: getattr(arguments, name) for name in ("correlation", "n_people", "seed", "margin")}
    covering_set([0.0], [1.0], arguments.size, enough=arguments.enough, **options)  # refuses values without sense
    path = Path(arguments.input_file)
    n_responses = sum(len(responses) for responses in several_responses(path))
    processes = running_processes()
    scorer = arguments.open(processes)
    if scorer.reward_head["type"] not in DISTRIBUTIONS:
        raise InputError(
            f"{arguments.model_name_or_path}: its {scorer.reward_head['type']!r} head predicts no spread of tastes; wanted a "
            f"checkpoint with one of {', '.join(DISTRIBUTIONS)}."
        )
    output_dir = prepare_output_dir(arguments.output_dir)
    output_file = output_dir / "covered.jsonl"
    writes = processes is None or processes.is_main_process
    lines = (
        ResumableLines(output_file, work_key(path, arguments.model_name_or_path, vars(arguments))) if writes else None
    )
    added = partial(added_set, size=arguments.size, enough=arguments.enough, **options)
    score_file(scorer, path, lines, n_responses, added)
    if writes:
        values = summarise(output_file, arguments.size, arguments.n_bootstrap, arguments.seed)
        data = {"name": arguments.input_file, "rows": values["n_prompts"], "fingerprint": None}
        values |= {"reward_head": scorer.reward_head, "output_file": str(output_file)}
        write_results(output_dir, "cover", arguments, data, started, values)
        print(f"people covered: {estimate_text(values['coverage'])} by the sets in {output_file},")
        print(f"{estimate_text(values['mean_coverage'])} by as many responses with the highest means;")
        print(f"the two differ for {values['n_differ']} of {values['n_prompts']} prompts.")
        if values["n_small"] or values["n_repeated"]:
            print(
                f"{values['n_small']} prompts have no more than {arguments.size} different responses (all were taken); "
                f"{values['n_repeated']} responses repeat another one of their prompt (never taken twice)."
            )
    return 0


def texts_of(row: dict[str, Any]) -> list[str]:
    """The responses of a line, as `distreward score` reads them."""
    return [row["response_a"], row["response_b"]] if "response_a" in row else row["responses"]


def several_responses(path: Path) -> Iterator[list[str]]:
    """The responses of every line; one that offers no choice is refused with its number."""
    for number, (row, _, responses) in enumerate(read_rows(path), 1):
        if "response" in row or len(responses) < 2:
            raise InputError(
                f"{path.name}, row {number}: {len(responses)} response, wanted two or more in `responses` to choose from."
            )
        yield responses


def added_set(row: dict[str, Any], scores: np.ndarray, size: int, enough: float | None, **options: Any) -> dict:
    """The field `cover` adds to one line, from its scores [K, 11]; equal texts are one response, the first."""
    texts = texts_of(row)
    first = [texts.index(text) for text in texts]
    kept = sorted(set(first))
    mean, std = scores[kept, 0], scores[kept, 1]
    found = covering_set(mean, std, size, enough=enough, **options)
    margin = options.pop("margin")
    by_mean = np.argsort(-mean, kind="stable")[: len(found.chosen)]
    mean_coverage = pleased(sampled_ratings(mean, std, **options), margin)[:, by_mean].any(1).mean()
    shares = np.zeros(len(texts))
    shares[kept] = found.favourite_share
    return {
        "covering_set": {
            "chosen": [kept[number] for number in found.chosen],
            "coverage": found.coverage,
            "favourite_share": shares.tolist(),
            "best_by_mean": [kept[number] for number in by_mean],
            "mean_coverage": float(mean_coverage),
        }
    }


def summarise(file: Path, size: int, n_bootstrap: int, seed: int) -> dict[str, Any]:
    """What `results.json` says of the finished file."""
    sets, n_different, n_repeated = [], [], 0
    for _, row in read_jsonl(file):
        sets.append(row["covering_set"])
        n_different.append(len(set(texts_of(row))))
        n_repeated += len(texts_of(row)) - n_different[-1]
    columns = np.array(
        [[found["coverage"][-1], found["mean_coverage"], len(found["chosen"])] for found in sets], dtype=np.float64
    )
    columns = np.column_stack([columns, columns[:, 0] - columns[:, 1]])
    names = ("coverage", "mean_coverage", "set_size", "coverage_gain")
    estimates = bootstrap_estimates(
        lambda weights: weights @ columns / weights.sum(), [len(sets)] * len(names), len(sets), None, n_bootstrap, seed, 0.95
    )  # fmt: skip
    return {
        **dict(zip(names, estimates, strict=True)),
        "n_prompts": len(sets),
        "n_differ": sum(set(found["chosen"]) != set(found["best_by_mean"]) for found in sets),
        "n_small": sum(n <= size for n in n_different),
        "n_repeated": n_repeated,
    }
