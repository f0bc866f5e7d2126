"""`distreward env`: what a bug report should say about the machine; no host name, no user name, no path."""

import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, metadata, version
from typing import Any

from packaging.requirements import Requirement

from distreward.cli.parsing import CommandParser
from distreward.cli.results import prepare_output_dir, versions, write_results

DESCRIPTION = """Print what a bug report should say: versions, operating system, what torch can use, GPUs, extras.

  distreward env

Holds no host name, user name, path or token.
"""

OPTIONAL = (
    "numpy", "scipy", "scikit-learn", "pandas", "pyarrow", "tokenizers", "safetensors", "huggingface-hub", "bitsandbytes",
    "deepspeed", "flash-attn", "sentence-transformers", "vllm", "matplotlib", "tensorboard", "wandb", "trackio", "shtab",
)  # fmt: skip
"""Packages whose versions explain mistakes, besides those that every results.json names."""


@dataclass
class EnvArguments:
    """Where to write it."""

    output_dir: str | None = field(default=None, metadata={"help": "Also write results.json here."})


def main(argv: Sequence[str]) -> int:
    """Run the command; returns the exit status."""
    started = time.time()
    (arguments,) = CommandParser("env", (EnvArguments,), DESCRIPTION).parse(argv)
    found = environment()
    width = max(map(len, found))
    for name, value in found.items():
        print(f"{name:<{width}}  {as_text(value)}")
    if arguments.output_dir is not None:
        path = write_results(prepare_output_dir(arguments.output_dir), "env", {}, {}, started, {"environment": found})
        print(f"the same as JSON: {path}")
    return 0


def environment() -> dict[str, Any]:
    """Name -> version, setting or list, in the order to be read in.

    >>> "torch" in environment()
    True
    """
    import torch

    cuda = torch.cuda.is_available()
    backends = {
        "CUDA": cuda,
        "MPS": torch.backends.mps.is_available(),
        "XPU": torch.xpu.is_available(),
        "cuDNN": torch.backends.cudnn.is_available(),
        "MKL": torch.backends.mkl.is_available(),
        "oneDNN": torch.backends.mkldnn.is_available(),
        "gloo": torch.distributed.is_available() and torch.distributed.is_gloo_available(),
        "NCCL": torch.distributed.is_available() and torch.distributed.is_nccl_available(),
    }
    return {
        **versions(),
        **{name: found for name in OPTIONAL if (found := installed(name)) is not None},
        "system": f"{platform.system()} {platform.release()} {platform.machine()}, {' '.join(platform.libc_ver())}".strip(),
        "CPU threads of torch": torch.get_num_threads(),
        "torch's CPU instructions": torch.backends.cpu.get_cpu_capability(),
        "CUDA of torch": torch.version.cuda or "none",
        "backends": [name for name, there in backends.items() if there],
        "GPUs": gpus() if cuda else [],
        "extras installed": extras(),
    }


def gpus() -> list[str]:
    """Name, memory and compute capability of each CUDA device."""
    import torch

    found = (torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count()))
    return [f"{gpu.name}, {gpu.total_memory / 2**30:.0f} GiB, sm_{gpu.major}{gpu.minor}" for gpu in found]


def installed(package: str) -> str | None:
    """The version of a package, None where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def extras() -> list[str]:
    """The extras of this package of which every requirement is installed."""
    facts = metadata("distreward")
    needs = [Requirement(text) for text in facts.get_all("Requires-Dist") or ()]
    there = []
    for extra in facts.get_all("Provides-Extra") or ():
        own = [
            need
            for need in needs
            if need.marker and "extra" in str(need.marker) and need.marker.evaluate({"extra": extra})
        ]
        if own and all((found := installed(need.name)) is not None and need.specifier.contains(found) for need in own):
            there.append(extra)
    return there


def as_text(value: Any) -> str:
    """A list in one line."""
    return (", ".join(value) or "none") if isinstance(value, list) else str(value)
