"""Tiny models, tokenizers and pairs, all made in memory: no test touches the network or needs a GPU."""

import gc
import os
import time

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    BertConfig,
    Gemma2Config,
    Gemma3TextConfig,
    GPT2Config,
    LlamaConfig,
    MistralConfig,
    ModernBertConfig,
    OPTConfig,
    PreTrainedConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
)

from distreward.data.encoding import PLAIN_TEMPLATE

WORDS = "user assistant : . , ? ! please name a colour tell me joke why is the sky blue red green I cannot long short answer".split()
NOWHERE = "http://127.0.0.1:9"
SPECIAL = ["<pad>", "<s>", "</s>", "<unk>"]


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Threads fight over the tiny matrices of these tests: one is faster than two."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def imported_modules_are_no_garbage():
    """Every `train()` ends with a full collection, which takes longer over the imported libraries than the training."""
    gc.freeze()


@pytest.fixture
def online(monkeypatch):
    """Lets the client of huggingface_hub send requests, for tests with a server of their own; the Hub stays out of reach."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", NOWHERE)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def hub(online, monkeypatch):
    """A stand-in for the Hub and a token that may write to it; waits between attempts are noted in `pauses`, not waited.

    Large files go by Git LFS: Xet is a protocol of its own, for which there is no stand-in.
    """
    from tests.hub.hub_server import WRITER, HubServer

    with HubServer() as server:
        pages = server.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", server.endpoint)
        monkeypatch.setattr("huggingface_hub.hf_api.api.endpoint", server.endpoint)
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", pages)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY", True)  # TRL's, from a thread
        monkeypatch.setenv("HF_TOKEN", WRITER)
        for module in ("huggingface_hub.utils._http", "distreward.hub.pushing"):
            monkeypatch.setattr(f"{module}.time", SimpleNamespace(**{**vars(time), "sleep": server.pauses.append}))
        yield server


@pytest.fixture
def tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level tokenizer (every text has tokens, none is unknown) with pad, BOS and EOS of its own and a chat template."""
    return make_tokenizer()


def make_tokenizer(pad: bool = True, template: bool = True) -> PreTrainedTokenizerFast:
    vocabulary = {token: index for index, token in enumerate(SPECIAL)}
    for symbol in sorted(pre_tokenizers.ByteLevel.alphabet()):
        vocabulary[symbol] = len(vocabulary)
    core = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    special = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", **({"pad_token": "<pad>"} if pad else {})}
    made = PreTrainedTokenizerFast(tokenizer_object=core, **special)
    if template:
        made.chat_template = PLAIN_TEMPLATE.read_text(encoding="utf-8")
    return made


@pytest.fixture
def llama_config() -> LlamaConfig:
    return LlamaConfig(
        vocab_size=264,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=512,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )


@pytest.fixture
def bert_config() -> BertConfig:
    return BertConfig(
        vocab_size=264,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=256,
        pad_token_id=0,
    )


@pytest.fixture
def base_model(tmp_path, llama_config, tokenizer) -> Path:
    """A directory with a tiny causal language model and its tokenizer: what a user starts from."""
    from transformers import LlamaForCausalLM

    torch.manual_seed(0)
    path = tmp_path / "base"
    LlamaForCausalLM(llama_config).save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


def make_pairs(n: int = 12) -> list[dict]:
    """Rows in the schema: n prompts, three annotators each, levels and scores that vary."""
    labels = [[2, 2, 1], [-2, -1, -2], [2, -2, 0], [0, 0, 0], [1, 0, 1], [-1, 2, 1]]
    rows = []
    for index in range(n):
        levels = labels[index % len(labels)]
        rows.append(
            {
                "id": f"pair-{index}",
                "prompt": [{"role": "user", "content": f"Name a colour, number {index}."}],
                "response_a": "Red. " * (1 + index % 3),
                "response_b": "I cannot say. " * (1 + index % 2),
                "preferences": levels,
                "scores_a": [float(3 + max(level, 0)) for level in levels],
                "scores_b": [float(3 + max(-level, 0)) for level in levels],
                "annotator_ids": ["ann", "bob", "cleo"],
                "strength_known": True,
                "source": "made up",
                "meta": "{}",
            }
        )
    return rows


@pytest.fixture
def pairs():
    """`make_pairs` as a data set in the schema."""
    from datasets import Dataset

    from distreward.data.schema import features

    return Dataset.from_list([{**row, "margin": None} for row in make_pairs()], features=features())


def pytest_addoption(parser):
    parser.addoption(
        "--write_docs", action="store_true", help="write the tables of the documentation that tests measure"
    )


def architectures() -> dict[str, PreTrainedConfig]:
    """Tiny configs of the backbones people use, by the prefix of their class; windows shorter than the texts of the tests.

    The weights are wide enough that rewards of different texts clearly differ.
    """
    shape = {"vocab_size": 264, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    shape |= {"max_position_embeddings": 512, "initializer_range": 0.3}
    wide = {**shape, "intermediate_size": 32}
    special = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    grouped = {**wide, **special, "num_key_value_heads": 1, "head_dim": 8}
    gpt2 = {"vocab_size": 264, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 512, "initializer_range": 0.3}
    return {
        "Llama": LlamaConfig(**grouped),
        "Qwen2": Qwen2Config(**wide, **special, num_key_value_heads=1),
        "Qwen3": Qwen3Config(**grouped),
        "Gemma2": Gemma2Config(**grouped, sliding_window=16),
        "Gemma3Text": Gemma3TextConfig(
            **grouped, sliding_window=16, layer_types=["sliding_attention", "full_attention"]
        ),
        "Mistral": MistralConfig(**grouped, sliding_window=16),
        "GPT2": GPT2Config(**gpt2, **special),
        "OPT": OPTConfig(
            vocab_size=264,
            hidden_size=16,
            ffn_dim=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=512,
            word_embed_proj_dim=16,
            init_std=0.3,
            **special,
        ),
        "Bert": BertConfig(**wide, pad_token_id=0),
        "ModernBert": ModernBertConfig(**wide, **special, cls_token_id=1, sep_token_id=2, local_attention=16),
    }
