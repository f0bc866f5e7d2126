"""A judge on this machine: a causal language model of transformers, greedy, in batches."""

import asyncio
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

from distreward.data.encoding import encode_conversation
from distreward.errors import InputError
from distreward.judge.cache import Reply
from distreward.judge.prompts import Messages
from distreward.judge.retrying import RequestFailure

WAITING_BATCHES = 4
"""Requests gathered before the first batch, in batches: sorted by length, so that little of a batch is padding."""


class LocalBackend:
    """Asks a model in this process. Use as an async context manager.

    Args:
        model: a causal language model.
        tokenizer: its tokenizer, with a chat template.
        name: what the model is called in the cache's keys and in reports.
        max_tokens: most tokens of a reply.
        batch_size: prompts in a batch.

    Raises:
        InputError: the tokenizer has no chat template.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        name: str,
        max_tokens: int = 1024,
        batch_size: int = 8,
    ):
        if not tokenizer.chat_template:
            raise InputError(f"{name}: its tokenizer has no chat template; judge with an instruction-tuned model.")
        self._lm, self._tokenizer = model.eval(), tokenizer
        self.model, self.batch_size = name, batch_size
        self.concurrency = batch_size * WAITING_BATCHES
        self.settings: dict[str, Any] = {"max_tokens": max_tokens, "greedy": True, "dtype": str(model.dtype)}
        self._max_tokens = max_tokens
        self._positions = getattr(model.config.get_text_config(), "max_position_embeddings", None)
        self._waiting: list[tuple[list[int], asyncio.Future[Reply]]] = []
        self._running: asyncio.Task[None] | None = None

    @classmethod
    def from_pretrained(cls, path: str, max_tokens: int = 1024, batch_size: int = 8, **kwargs: Any) -> "LocalBackend":
        """Open a model and its tokenizer, on the GPU if there is one.

        Args:
            path: a directory or Hub id.
            max_tokens, batch_size: see the class.
            kwargs: passed to `AutoModelForCausalLM.from_pretrained`.
        """
        trusted = {key: kwargs[key] for key in ("revision", "trust_remote_code") if key in kwargs}
        try:
            tokenizer = AutoTokenizer.from_pretrained(path, **trusted)
            model = AutoModelForCausalLM.from_pretrained(path, **kwargs)
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: cannot be opened as a language model ({_first_line(error)}).") from error
        if "device_map" not in kwargs:
            model = model.to("cuda" if torch.cuda.is_available() else "cpu")
        # Of a folder only the name goes into reports; where it lies is nobody's business
        name = Path(path).resolve().name if Path(path).is_dir() else path
        return cls(model, tokenizer, name, max_tokens, batch_size)

    async def __aenter__(self) -> "LocalBackend":
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._running is not None:
            self._running.cancel()

    async def complete(self, messages: Messages) -> Reply:
        """The model's reply to chat messages; runs with others that are asked for at the same time.

        Raises:
            RequestFailure: prompt and reply do not fit into the model's positions.
        """
        ids = self._encode(messages)
        if self._positions is not None and len(ids) + self._max_tokens > self._positions:
            raise RequestFailure(
                "refused",
                f"the prompt has {len(ids)} tokens, the reply may have {self._max_tokens}, the model takes {self._positions}",
            )
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((ids, future))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await future

    def _encode(self, messages: Messages) -> list[int]:
        try:
            return encode_conversation(self._tokenizer, messages, add_generation_prompt=True)
        except Exception as error:  # templates raise what they like, e.g. for a role they do not know
            raise InputError(
                f"{self.model}: its chat template refuses the judge's prompt ({_first_line(error)}); use a template with a "
                "block `user` only."
            ) from error

    async def _run(self) -> None:
        """Work off what waits, the longest prompts first, until nothing does."""
        try:
            await asyncio.sleep(0)  # let those that come at the same time come
            while self._waiting:
                self._waiting.sort(key=lambda item: len(item[0]), reverse=True)
                batch = self._waiting[: self.batch_size]
                del self._waiting[: self.batch_size]
                try:
                    replies = await asyncio.to_thread(self._generate, [ids for ids, _ in batch])
                except Exception as error:  # whoever waits for a reply gets it: the run ends with it
                    for _, future in batch:
                        if not future.done():
                            future.set_exception(error)
                else:
                    for (_, future), reply in zip(batch, replies, strict=True):
                        if not future.done():  # a second Ctrl-C drops what is under way
                            future.set_result(reply)
                await asyncio.sleep(0)
        finally:
            self._running = None

    @torch.inference_mode()
    def _generate(self, rows: list[list[int]]) -> list[Reply]:
        stops = self._lm.generation_config.eos_token_id
        stops = [stops] if isinstance(stops, int) else list(stops or [])
        width = max(len(row) for row in rows)
        input_ids = torch.zeros((len(rows), width), dtype=torch.long)  # what stands under the mask does not matter
        attention_mask = torch.zeros_like(input_ids)
        for index, row in enumerate(rows):
            input_ids[index, width - len(row) :] = torch.as_tensor(row)
            attention_mask[index, width - len(row) :] = 1
        # A config of its own: sampling options that came with the model do not count, and cause no warnings
        config = GenerationConfig(
            max_new_tokens=self._max_tokens,
            do_sample=False,
            eos_token_id=stops or None,
            pad_token_id=stops[0] if stops else 0,
        )
        device = self._lm.device
        try:
            output = self._lm.generate(
                input_ids=input_ids.to(device), attention_mask=attention_mask.to(device), generation_config=config
            )
        except torch.OutOfMemoryError as error:
            raise InputError(
                f"{self.model}: out of memory with {len(rows)} prompts at once; lower --batch_size."
            ) from error
        return [self._reply(ids, row, stops) for ids, row in zip(rows, output[:, width:].tolist(), strict=True)]

    def _reply(self, prompt: list[int], row: list[int], stops: list[int]) -> Reply:
        """A row of new tokens up to its first stop token; behind that is padding."""
        ends = [position for position, token in enumerate(row) if token in stops]
        used = row[: ends[0] + 1] if ends else row
        text = self._tokenizer.decode(used, skip_special_tokens=True)
        return Reply(text, len(prompt), len(used), "stop" if ends else "length", self.model)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
