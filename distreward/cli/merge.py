"""`distreward merge`: from a trained adapter to one checkpoint that every tool opens."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from distreward.cli.parsing import CommandParser
from distreward.cli.results import prepare_output_dir, write_results
from distreward.errors import InputError

DESCRIPTION = """Merge a reward adapter (LoRA and its kin) into its base model.

  distreward merge --model_name_or_path out --output_dir merged

writes a stock transformers checkpoint with its tokenizer. The base model is opened unquantised, also where the adapter was
trained over an 8-bit or 4-bit one: rewards then differ from training's by that rounding.
"""
DTYPES = ("auto", "float32", "bfloat16", "float16")


@dataclass
class MergeArguments:
    """Which adapter, and where to."""

    model_name_or_path: str = field(metadata={"help": "Reward adapter: a directory or Hub id."})
    output_dir: str = field(metadata={"help": "Where the whole checkpoint goes."})
    reward_head: str | None = field(
        default=None,
        metadata={"help": "Kind of head, for an adapter that another tool saved: scalar, mean_variance, likert."},
    )
    dtype: str = field(default="auto", metadata={"help": f"Precision to merge and save in: {', '.join(DTYPES)}."})
    revision: str | None = field(default=None, metadata={"help": "Revision of a Hub adapter."})
    trust_remote_code: bool = field(default=False, metadata={"help": "Run Python code that comes with the base model."})


def main(argv: Sequence[str]) -> int:
    """Run the command; returns the exit status."""
    started = time.time()
    (arguments,) = CommandParser("merge", (MergeArguments,), DESCRIPTION).parse(argv)
    if arguments.dtype not in DTYPES:
        raise InputError(f"--dtype {arguments.dtype}: wanted one of {', '.join(DTYPES)}.")
    from distreward.modeling.merging import merge_adapter

    output_dir = prepare_output_dir(arguments.output_dir, model=True)
    options = {"revision": arguments.revision} if arguments.revision else {}
    merged = merge_adapter(
        arguments.model_name_or_path,
        output_dir,
        reward_head=arguments.reward_head,
        dtype=arguments.dtype,
        trust_remote_code=arguments.trust_remote_code,
        **options,
    )
    values = {"reward_head": merged.config.reward_head, "parameters": merged.num_parameters()}
    write_results(output_dir, "merge", arguments, {}, started, values)
    print(f"merged checkpoint saved to {output_dir}")
    return 0
