"""`distreward <command>`: finds the command, runs it, turns mistakes of the user into one line and exit status 2."""

import importlib
import logging
import os
import sys
import time
import warnings

COMMANDS = {
    "demo": "train three reward models on a synthetic set and compare them (minutes, no GPU, no network)",
    "train": "train a reward model on annotators' labels",
    "evaluate": "accuracy, Diverging-ID AUROC and calibration of a reward model on labelled pairs",
    "calibrate": "calibrate the predicted levels and chance to diverge of a checkpoint on development labels",
    "card": "write a model's card from the files that training and evaluation left",
    "experiment": "compare all ways of training over seeds and folds, as in the paper's Table 3",
    "agreement": "how far annotators agree, where they diverge, and how much of it is people rather than luck",
    "benchmark": "time training, scoring and statistics on this machine, against the plain tools",
    "judge": "run LLM judges over labelled pairs, and audit what they decided",
    "causes": "why annotators diverge: annotate the causes of pairs, report them, cheap hints at them",
    "divisive": "rank the prompts of a benchmark by how much they divide people, and clean it of them",
    "filter": "mark, drop, thin or soften the diverging pairs of preference data, for TRL",
    "convert": "turn labels of a CSV, a labelling tool or a published set into the file the others read",
    "merge": "merge a trained adapter (LoRA) into its base model: one checkpoint that every tool opens",
    "score": "add rewards and divergence scores to a JSONL file of prompts and responses",
    "cover": "of several responses to a prompt, the set that covers most of the predicted population",
    "push": "send a model with its card and results, or a metric, to the Hugging Face Hub",
    "export": "write one output of a reward model as a stock 1-label checkpoint, for TRL and servers",
    "env": "versions and hardware, for a bug report",
    "completion": "a script with which bash, zsh or fish completes commands and options",
}
"""Command name -> what it does. Each is a module of this package with a `main(argv)` that returns an exit status."""

SEVERAL_PROCESSES = ("train", "evaluate", "score", "cover")
"""Commands that take `--accelerate_config` and its companions (`cli.launching`)."""

USAGE = """usage: distreward <command> [options]

Distributional reward models: train on every annotator's label, and know which pairs people would disagree on.

commands:
{commands}

`distreward <command> --help` explains a command. Options can also come from a file: --config file.yaml
"""


def usage() -> str:
    """The text of `distreward --help`."""
    return USAGE.format(commands="\n".join(f"  {name:<10} {what}" for name, what in COMMANDS.items()))


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit status: 0 done, 2 a mistake in what was given, 130 or 143 interrupted.

    141: who read the output (`| head`) went away.
    """
    try:
        status = _run(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        if not _nobody_reads():
            raise
        return 141


def _run(argv: list[str]) -> int:
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(usage())
        return 0
    if argv[0] == "--version":
        from importlib.metadata import version

        print(f"distreward {version('distreward')}")
        return 0
    from distreward.errors import InputError, nearest

    name, rest = argv[0], argv[1:]
    if name not in COMMANDS:
        print(f"distreward: unknown command {name!r}{nearest(name, COMMANDS)}; see distreward --help", file=sys.stderr)
        return 2
    _set_up_logging()
    warnings.filterwarnings("ignore", message="`gradient_checkpointing` is deprecated")  # TRL's own use of it
    warnings.filterwarnings("ignore", message="'pin_memory' argument is set as true but no accelerator")
    try:
        if name in SEVERAL_PROCESSES:
            status = importlib.import_module("distreward.cli.launching").launched(name, rest)
            if status is not None:
                return status
        return importlib.import_module(f"distreward.cli.{name}").main(rest)
    except InputError as error:
        if os.environ.get("LOCAL_RANK", "0") != "0":
            time.sleep(30)  # most mistakes are found by all: the launcher ends the others when the first has said it
        print(f"distreward {name}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"\ndistreward {name}: interrupted", file=sys.stderr)
        return 130


def _nobody_reads() -> bool:
    """Whether it is the standard output that broke; then what is left of it goes nowhere, also when Python ends."""
    try:
        print(flush=True)  # a flush alone may have nothing left to fail on
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False


def _set_up_logging() -> None:
    logger = logging.getLogger("distreward")
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("distreward: %(message)s"))
    logger.handlers = [handler]  # a second call in one process writes to today's stderr, and once
    logger.propagate = False
    # Of every command, that a faster 4-bit kernel for CPUs could be had: it is tried for at import, needed or not.
    logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
    # One process of several speaks; the others keep to errors.
    logger.setLevel(logging.INFO if os.environ.get("RANK", "0") == "0" else logging.ERROR)


if __name__ == "__main__":
    sys.exit(main())
