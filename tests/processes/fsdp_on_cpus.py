"""Runs `distreward` commands under FSDP2 without a GPU: what `commands.py` does, behind one switch of accelerate's.

accelerate shards a model only where its processes run on accelerators: among CPU processes `AcceleratorState` leaves out the
lines that turn `MULTI_GPU` into `FSDP`, and all runs as plain data parallel. Here those lines are carried out for CPU
processes too. All else (wrapping, loading, gathering, saving) is accelerate's, torch's `fully_shard` and the Trainer's own.
"""

import json
import sys
from pathlib import Path

from accelerate.state import AcceleratorState, PartialState
from accelerate.utils import DistributedType
from torch.distributed.fsdp import FSDPModule
from torch.distributed.tensor import DTensor

from distreward.trainers import DistributionalRewardTrainer
from tests.processes.commands import run_all

plain = AcceleratorState.__init__


def sharded(self, *args, fsdp_plugin=None, **kwargs):
    plain(self, *args, fsdp_plugin=fsdp_plugin, **kwargs)
    if fsdp_plugin is not None and self.distributed_type == DistributedType.MULTI_CPU:
        self.distributed_type, self.fsdp_plugin = DistributedType.FSDP, fsdp_plugin
        PartialState._shared_state["distributed_type"] = DistributedType.FSDP


def end(self) -> None:
    """Says what was trained, and leaves the group, which the next command needs."""
    for module in self.model.modules():
        if isinstance(module, FSDPModule):
            module.reshard()  # the outermost one keeps its own parameters whole after a forward pass
    parameters = [p for p in self.model.parameters() if p.requires_grad]
    parts = [p for p in parameters if isinstance(p, DTensor) and p.to_local().numel() < p.numel()]
    found = {
        "parameters": len(parameters),
        "sharded": len(parts),
        "version": self.accelerator.state.fsdp_plugin.fsdp_version,
    }
    if self.is_world_process_zero():
        Path(self.args.output_dir, "sharded.json").write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    AcceleratorState.__init__ = sharded
    DistributionalRewardTrainer.end = end
    run_all(sys.argv[1])
