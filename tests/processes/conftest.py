"""The model and data that all launches of a test session share, and the table their tests fill."""

from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from distreward.cli.main import main
from tests.conftest import make_tokenizer
from tests.processes.launches import train_command, write_labels
from tests.processes.table import write_table


@pytest.fixture(scope="session")
def place(tmp_path_factory) -> Path:
    """A folder with a base model and labels: 26 pairs train on 19 (7 are held out), 25 on 18, which divides by 6."""
    folder = tmp_path_factory.mktemp("processes")
    # 64 wide, unlike the tiny model of the other tests: bitsandbytes packs 4-bit weights in blocks of 64
    shape = {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    special = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    torch.manual_seed(0)
    config = LlamaConfig(vocab_size=264, max_position_embeddings=512, initializer_range=0.2, **shape, **special)
    LlamaForCausalLM(config).save_pretrained(folder / "base")
    make_tokenizer().save_pretrained(folder / "base")
    write_labels(folder / "uneven.jsonl", 26)
    write_labels(folder / "even.jsonl", 25)
    return folder


@pytest.fixture(scope="session")
def alone(place) -> Path:
    """The run of one process, in this one, that the others are compared with."""
    folder = place / "alone"
    assert main(train_command(place / "base", place / "uneven.jsonl", folder, 1)) == 0
    return folder


@pytest.fixture(scope="session")
def table(request):
    """Rows of docs/processes.md, by name; written at the end of the session where --write_docs asks for it."""
    rows: dict[str, dict] = {}
    yield rows
    if request.config.getoption("--write_docs"):
        write_table(rows)
