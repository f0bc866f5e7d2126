"""`distreward export`: a reward model as a stock checkpoint with one output."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from transformers import AutoConfig

from distreward.cli.parsing import CommandParser
from distreward.cli.results import prepare_output_dir, write_results
from distreward.errors import InputError
from distreward.modeling import export_scalar

DESCRIPTION = """Write one output of a reward model as a stock 1-label ForSequenceClassification checkpoint, with its tokenizer:
what TRL's GRPO and RLOO load by path, and what servers that know one output can serve.

  distreward export out --output_dir out-mean

Exact for a scalar head and for the mean (or raw_std) of a mean-variance head. What is not linear in the outputs, a mean
minus k standard deviations or the expected rating of a Likert head, is refused: use distreward.rlhf.RewardCallable.
"""


@dataclass
class ExportArguments:
    """What to export, and where to."""

    model_name_or_path: str = field(
        metadata={
            "help": "Reward model checkpoint: a directory or Hub id. May be given without the flag, as first word."
        }
    )
    output_dir: str = field(default=None, metadata={"help": "Where the checkpoint, its tokenizer and results.json go."})
    output: str = field(default="mean", metadata={"help": "`mean`, or `raw_std` of a mean-variance head."})
    dtype: str = field(default="auto", metadata={"help": "Precision of the weights: auto, float32, bfloat16, float16."})
    revision: str | None = field(default=None, metadata={"help": "Revision of a Hub checkpoint."})


def main(argv: Sequence[str]) -> int:
    """Run the command; returns the exit status."""
    started = time.time()
    if argv and not argv[0].startswith("-"):
        argv = ["--model_name_or_path", *argv]
    (arguments,) = CommandParser("export", (ExportArguments,), DESCRIPTION).parse(argv)
    if arguments.output_dir is None:
        raise InputError("--output_dir is missing; see distreward export --help")
    if arguments.dtype not in ("auto", "float32", "bfloat16", "float16"):
        raise InputError(f"--dtype {arguments.dtype}: wanted auto, float32, bfloat16 or float16.")
    path = export_scalar(
        arguments.model_name_or_path,
        arguments.output_dir,
        output=arguments.output,
        dtype=arguments.dtype,
        revision=arguments.revision,
    )
    values = {"reward_head": AutoConfig.from_pretrained(path).reward_head}
    write_results(prepare_output_dir(path, model=True), "export", arguments, {}, started, values)
    print(f"{arguments.output} of {arguments.model_name_or_path} written to {path}, a stock checkpoint with one output")
    return 0
