"""What people do with TRL's `RewardTrainer`, as a table: each line is run with TRL's class and with ours."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset, DatasetDict, IterableDatasetDict
from peft import IA3Config, LoraConfig, get_peft_model
from transformers import (
    AutoModelForSequenceClassification,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen2ForSequenceClassification,
    Qwen3MoeConfig,
    Qwen3MoeForCausalLM,
)
from trl.trainer.reward_trainer import DataCollatorForPreference

from tests.conftest import make_tokenizer

TEMPLATE = """{%- for tool in tools or [] -%}Tool: {{ tool | tojson }}
{% endfor -%}{%- for message in messages -%}
{{ (message.role | upper) if loud else message.role }}: {{ message.content or "" }}
{%- for call in message.tool_calls or [] %} {{ call.function | tojson }}{% endfor %}{{ eos_token }}
{% endfor %}"""
"""A chat template that shows tools and takes an argument of its own, `loud`."""


def save_checkpoints(folder: Path) -> None:
    """Tiny models, each in a folder of its own with its tokenizer, and a template file."""
    shape = {
        "vocab_size": 264,
        "hidden_size": 8,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "initializer_range": 0.3,
    }
    tokens = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1}
    experts = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 8, "head_dim": 4}
    models = {
        "qwen2": (Qwen2ForCausalLM, Qwen2Config(**shape, **tokens, **heads)),
        "classifier": (Qwen2ForSequenceClassification, Qwen2Config(**shape, **tokens, **heads, num_labels=1)),
        "llama": (LlamaForCausalLM, LlamaConfig(**shape, **tokens, **heads, tie_word_embeddings=True)),
        "moe": (Qwen3MoeForCausalLM, Qwen3MoeConfig(**shape, **tokens, **heads, **experts)),
        "neox": (GPTNeoXForCausalLM, GPTNeoXConfig(**shape, **tokens, num_attention_heads=2)),
    }
    for name, (kind, config) in models.items():
        torch.manual_seed(0)
        kind(config).save_pretrained(folder / name)
        tokenizer = make_tokenizer(template=False)
        if name != "neox":
            tokenizer.chat_template = TEMPLATE
        tokenizer.save_pretrained(folder / name)
    (folder / "other.jinja").write_text(
        "{% for m in messages %}{{ m.role }} says {{ m.content }}{{ eos_token }}{% endfor %}"
    )


# ------------------------------------------------------------------------------------------------------------ rows

COLOURS = ["Red.", "A deep blue.", "Green, I think.", "It depends."]


def standard(n: int = 12) -> list[dict]:
    return [
        {"prompt": f"Name a colour, {i}. ", "chosen": COLOURS[i % 4], "rejected": "I cannot say. " * (1 + i % 2)}
        for i in range(n)
    ]


def implicit(rows: list[dict]) -> list[dict]:
    """The prompt at the start of both texts or conversations, not beside them."""
    return [{side: row["prompt"] + row[side] for side in ("chosen", "rejected")} for row in rows]


def conversational(rows: list[dict], **more: Any) -> list[dict]:
    roles = {"prompt": "user", "chosen": "assistant", "rejected": "assistant"}
    return [{name: [{"role": role, "content": row[name]}] for name, role in roles.items()} | more for row in rows]


def tool_calls(as_text: bool) -> list[dict]:
    """Conversations with a tool that is called, given as a list or as JSON text."""
    function = {"name": "lamp", "description": "Turns a lamp on.", "parameters": {"type": "object", "properties": {}}}
    tools = [{"type": "function", "function": function}]
    call = {"type": "function", "function": {"name": "lamp", "arguments": {"number": 3}}}
    turns = [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "name": "lamp", "content": "on"},
        {"role": "assistant", "content": "It is on."},
    ]
    rows = conversational(standard(9), tools=json.dumps(tools) if as_text else tools)
    return [{**row, "chosen": turns} for row in rows]


def tokenised(rows: list[dict], columns: tuple[str, str] = ("chosen_ids", "rejected_ids"), **more: Any) -> list[dict]:
    def ids(text: str) -> list[int]:
        return [1, *(4 + byte for byte in text.encode()), 2]

    return [dict(zip(columns, (ids(row["chosen"]), ids(row["rejected"])), strict=True)) | more for row in rows]


def with_margins(rows: list[dict], margins: Callable[[int], float]) -> list[dict]:
    return [{**row, "margin": margins(index)} for index, row in enumerate(rows)]


# ------------------------------------------------------------------------------------------------- the other arguments


def lora(**options: Any) -> LoraConfig:
    return LoraConfig(**{"r": 2, "task_type": "SEQ_CLS", "target_modules": ["q_proj", "v_proj"], **options})


def ia3() -> IA3Config:
    return IA3Config(task_type="SEQ_CLS", target_modules=["k_proj", "down_proj"], feedforward_modules=["down_proj"])


def stock(path: Path, **options: Any):
    torch.manual_seed(1)
    return AutoModelForSequenceClassification.from_pretrained(path, num_labels=1, dtype="float32", **options)


def metrics(prediction, compute_result: bool = True) -> dict[str, float]:
    rows = np.asarray(prediction.predictions)
    return {"largest": float(rows.max()), "first": float(rows.flat[0]), "entries": float(rows.size)}


SGD = {"optim": "sgd", "learning_rate": 0.1}  # Adam blows up the rounding of gradients that are zero in theory

EACH = {"eval_strategy": "steps", "eval_steps": 2, "per_device_eval_batch_size": 4}

EXTREMES = {"min_reward", "max_reward"}
"""The host logs the mean over batches of each batch's extreme; ours is the extreme over all pairs."""

MEANS = EXTREMES | {"accuracy", "margin", "mean_reward"}
"""The host logs the mean of batch means, in which a short batch counts as much as a full one; ours is over all pairs."""

EVAL_EXTREMES, EVAL_MEANS = ({f"eval_{name}" for name in names} for names in (EXTREMES, MEANS))

HEADED = {"checkpoint-4/reward_config.json", "saved/reward_config.json"}
"""Beside an adapter ours also writes what the adapter alone does not know: its reward head."""


@dataclass(frozen=True)
class Scenario:
    """One use of the trainer.

    model: name of a checkpoint, or what makes a model object from its folder.
    rows, evaluated: data; `streamed` reads the first as a stream; `evaluated` may be a function that gives a data set.
    options: of the config, on top of the test's. `{folder}` in a text is where the checkpoints are.
    more: makes the other arguments of the trainer, from the model.
    resumes: train half, save, and go on from there in a new trainer.
    apart: logged names that differ by intention. files: what only ours saves.
    """

    model: str | Callable[[Path], Any] = "qwen2"
    rows: list[dict] = field(default_factory=standard)
    evaluated: Any = None
    streamed: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    more: Callable[[Any], dict[str, Any]] = lambda model: {}
    resumes: bool = False
    apart: frozenset[str] | set[str] = frozenset()
    files: frozenset[str] | set[str] = frozenset()


def adapter(make: Callable[[], Any] = lora, **options: Any) -> Scenario:
    """A scenario of a model given by name, with a PEFT config that tells the host to train the head, as ours always does."""
    return Scenario(more=lambda model: {"peft_config": make()}, **{"files": HEADED, **options})


SCENARIOS = {
    # models
    "base model by name": Scenario(),
    "reward model by name": Scenario("classifier"),
    "tied embeddings": Scenario("llama"),
    "mixture of experts": Scenario("moe"),
    "settings of the model's config": Scenario("moe", options={"model_init_kwargs": {"output_router_logits": True}}),
    "loading options": Scenario(options={"model_init_kwargs": {"dtype": "float32", "attn_implementation": "eager", "num_labels": 1}}),
    "model object": Scenario(lambda folder: stock(folder / "qwen2")),
    "dropout kept": Scenario(lambda folder: stock(folder / "qwen2", attention_dropout=0.3), options={"disable_dropout": False}),
    "dropout disabled": Scenario(lambda folder: stock(folder / "qwen2", attention_dropout=0.3)),
    # adapters
    "adapter": adapter(),
    "adapter without task that saves the head": adapter(lambda: lora(task_type=None, modules_to_save=["score"])),
    "adapter on experts": adapter(lambda: lora(target_modules=["gate_proj", "up_proj", "down_proj"]), model="moe"),
    "adapter with magnitudes": adapter(lambda: lora(use_dora=True)),
    "adapter of another kind": adapter(ia3),
    "adapter on a model object": adapter(model=lambda folder: stock(folder / "qwen2"), files=set()),
    "adapted model": Scenario(lambda folder: get_peft_model(stock(folder / "qwen2"), lora())),
    "adapter, reentrant checkpoints": adapter(
        options={"gradient_checkpointing": True, "gradient_checkpointing_kwargs": {"use_reentrant": True}}
    ),
    "adapter, checkpoints": adapter(
        model="classifier",
        options={"gradient_checkpointing": True, "gradient_checkpointing_kwargs": {"use_reentrant": False}},
    ),
    "reentrant checkpoints": Scenario(
        options={"gradient_checkpointing": True, "gradient_checkpointing_kwargs": {"use_reentrant": True}}
    ),
    # rows
    "text, prompt within": Scenario(rows=implicit(standard())),
    "conversations": Scenario(rows=conversational(standard())),
    "conversations, prompt within": Scenario(rows=implicit(conversational(standard()))),
    "tools as text": Scenario(rows=tool_calls(as_text=True)),
    "tools as a list": Scenario(rows=tool_calls(as_text=False)),
    "arguments of the template": Scenario(rows=conversational(standard(), chat_template_kwargs={"loud": True})),
    "template from a file": Scenario(
        "neox", rows=conversational(standard()), options={"chat_template_path": "{folder}/other.jinja", **SGD}
    ),
    "template from a tokenizer": Scenario(
        lambda folder: stock(folder / "neox"), rows=conversational(standard()), options={"chat_template_path": "{folder}/qwen2", **SGD}
    ),
    "blank responses": Scenario(rows=[{**row, "chosen": " " * (i % 3)} for i, row in enumerate(standard())]),
    "blank answers": Scenario(rows=conversational([{**row, "rejected": ""} for row in standard()])),
    "tokenised": Scenario(rows=tokenised(standard()), options={"pad_to_multiple_of": 8}),
    "tokenised, old names": Scenario(rows=tokenised(standard(), ("chosen_input_ids", "rejected_input_ids"))),
    "margins": Scenario(rows=with_margins(standard(), lambda index: index / 4)),
    "whole margins, tokenised": Scenario(rows=with_margins(tokenised(standard()), lambda index: index)),
    "rows that are too long": Scenario(rows=[*standard(9), *[{"prompt": "why ", "chosen": "is " * 30, "rejected": "no"}] * 4], options={"max_length": 60}),
    "stream": Scenario(streamed=True, options={"max_steps": 4}),
    "several processes": Scenario(options={"dataloader_num_workers": 1}),
    "all columns kept": Scenario(
        rows=[{**row, "note": "x"} for row in standard()], options={"remove_unused_columns": False}
    ),
    # training
    "centred rewards": Scenario(options={"center_rewards_coefficient": 0.05}),
    "accumulated steps": Scenario(options={"gradient_accumulation_steps": 2, "per_device_train_batch_size": 2, "num_train_epochs": 2}, apart=EXTREMES),
    "short last batches": Scenario(rows=standard(10), options={"logging_steps": 2}, apart=MEANS),
    "in order": Scenario(options={"train_sampling_strategy": "sequential", "dataloader_drop_last": True}),
    "noise on embeddings": Scenario(options={"neftune_noise_alpha": 5.0}),
    "tokens seen": Scenario(options={"include_num_input_tokens_seen": "all"}),
    "special tokens": Scenario(options={"eos_token": "<s>", "pad_token": "<unk>"}),
    "own collator": Scenario(
        rows=with_margins(standard(), lambda index: 0.5),
        options={"gradient_accumulation_steps": 2, "per_device_train_batch_size": 2},
        more=lambda model: {"data_collator": DataCollatorForPreference(pad_token_id=0, pad_to_multiple_of=16)},
        apart=EXTREMES,
    ),
    "own optimizer": Scenario(
        lambda folder: stock(folder / "qwen2"),
        more=lambda model: {"optimizers": (torch.optim.SGD(model.parameters(), lr=0.1), None)},
    ),
    "own kind of optimizer": Scenario(
        more=lambda model: {"optimizer_cls_and_kwargs": (torch.optim.SGD, {"lr": 0.1, "momentum": 0.5})}
    ),
    "resumed": Scenario(resumes=True),
    "resumed adapter": adapter(resumes=True, files=HEADED | {"checkpoint-2/reward_config.json"}),
    # evaluation
    "evaluation set, never evaluated": Scenario(evaluated=standard(4)),
    "evaluation": Scenario(evaluated=standard(8), options=EACH, apart=EVAL_EXTREMES),
    "short last evaluation batch": Scenario(evaluated=standard(7), options=EACH, apart=EVAL_MEANS),
    "best checkpoint": Scenario(evaluated=standard(4), options={**EACH, "save_steps": 2, "load_best_model_at_end": True, "learning_rate": 0.01}),
    "several evaluation sets": Scenario(evaluated={"one": standard(4), "two": standard(3)}, options=EACH),
    "dictionary of evaluation sets": Scenario(
        evaluated=lambda: DatasetDict(one=Dataset.from_list(standard(4))), options=EACH
    ),
    "streamed evaluation": Scenario(
        evaluated=lambda: IterableDatasetDict(one=Dataset.from_list(standard(4)).to_iterable_dataset()), options=EACH
    ),
    "own metrics": Scenario(
        evaluated=standard(8), options=EACH, more=lambda model: {"compute_metrics": metrics}, apart=EVAL_EXTREMES
    ),
    "own metrics, larger batches": Scenario(
        evaluated=standard(8),
        options={**EACH, "per_device_eval_batch_size": 8},
        more=lambda model: {"compute_metrics": metrics},
    ),
    "metrics of processed logits": Scenario(
        evaluated=standard(8),
        options={**EACH, "eval_accumulation_steps": 1},
        more=lambda model: {"compute_metrics": metrics, "preprocess_logits_for_metrics": lambda logits, labels: logits * 2},
        apart=EVAL_EXTREMES,
    ),
    "metrics of the gap": Scenario(
        evaluated=standard(7),
        options=EACH,
        more=lambda model: {
            "compute_metrics": metrics,
            "preprocess_logits_for_metrics": lambda logits, labels: logits[:, 0].chunk(2)[0] - logits[:, 0].chunk(2)[1],
        },
        apart=EVAL_MEANS,
    ),
    "metrics batch by batch": Scenario(
        evaluated=standard(8),
        options={**EACH, "batch_eval_metrics": True},
        more=lambda model: {"compute_metrics": metrics},
        apart=EVAL_EXTREMES,
    ),
}  # fmt: skip
