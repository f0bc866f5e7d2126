"""What a run has spent, and where it has to stop."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from distreward.judge.cache import Reply
from distreward.judge.prompts import Messages

BYTES_PER_TOKEN = 3
"""For estimates only. English text has about four bytes a token, code and most other scripts fewer."""

TOKENS_PER_MESSAGE = 8


def estimated_prompt_tokens(messages: Messages) -> int:
    """A guess on the high side, from the length in UTF-8.

    >>> estimated_prompt_tokens([{"role": "user", "content": "Name a colour."}])
    12
    """
    return sum(TOKENS_PER_MESSAGE + len(message["content"].encode()) // BYTES_PER_TOKEN for message in messages)


@dataclass
class Usage:
    """Counts of one run; what earlier runs paid for is `n_from_cache` only."""

    n_requests: int = 0
    """Requests sent, retries included."""
    n_replies: int = 0
    n_from_cache: int = 0
    """Replies that were there already."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    n_replies_without_usage: int = 0
    """Replies whose tokens the endpoint did not count; theirs are estimated."""
    retries: Counter[str] = field(default_factory=Counter)
    """Reason -> requests that failed and were worth another try."""
    n_failed: int = 0
    """Requests that brought no reply, after all retries."""
    served_models: Counter[str] = field(default_factory=Counter)

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    def add(self, messages: Messages, reply: Reply) -> None:
        """Count a reply that was paid for now."""
        self.n_replies += 1
        self.n_replies_without_usage += reply.prompt_tokens is None or reply.completion_tokens is None
        estimate = estimated_prompt_tokens(messages)
        self.prompt_tokens += estimate if reply.prompt_tokens is None else reply.prompt_tokens
        estimate = len(reply.text.encode()) // BYTES_PER_TOKEN
        self.completion_tokens += estimate if reply.completion_tokens is None else reply.completion_tokens
        if reply.served_model is not None:
            self.served_models[reply.served_model] += 1

    def cost(self, price_in: float | None, price_out: float | None) -> float | None:
        """What the tokens cost at these prices per million; None where a price is not given.

        >>> Usage(prompt_tokens=2_000_000, completion_tokens=100_000).cost(2.5, 10.0)
        6.0
        """
        if price_in is None or price_out is None:
            return None
        return (self.prompt_tokens * price_in + self.completion_tokens * price_out) / 1e6

    def report(self, price_in: float | None = None, price_out: float | None = None) -> dict[str, Any]:
        """For `results.json`."""
        return {
            "requests": self.n_requests,
            "replies": self.n_replies,
            "from_cache": self.n_from_cache,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "replies_without_usage": self.n_replies_without_usage,
            "retries": dict(self.retries),
            "failed_requests": self.n_failed,
            "cost": self.cost(price_in, price_out),
            "served_models": sorted(self.served_models),
        }


class BudgetSpent(Exception):
    """The next request would go over a cap."""


class Budget:
    """Caps on the requests and tokens of one run, kept to by reserving before sending.

    Args:
        usage: the run's counts.
        max_requests: most requests to send, retries included; None: no cap.
        max_tokens: most tokens, prompts and replies together; None: no cap.
        reply_tokens: most tokens a reply can have.
    """

    def __init__(self, usage: Usage, max_requests: int | None, max_tokens: int | None, reply_tokens: int):
        self._usage = usage
        self._max_requests, self._max_tokens = max_requests, max_tokens
        self._reply_tokens = reply_tokens
        self._reserved = 0
        self._settled = asyncio.Condition()
        self._closed = False

    async def reserve(self, messages: Messages) -> int:
        """Wait until a request fits, and count it as sent; returns the tokens put aside for it.

        Raises:
            BudgetSpent: it does not fit, and nothing is under way that could turn out cheaper than feared.
        """
        wanted = estimated_prompt_tokens(messages) + self._reply_tokens
        async with self._settled:
            await self._settled.wait_for(lambda: self._fits(wanted) or self._hopeless())
            if not self._fits(wanted):
                raise BudgetSpent(self._reason())
            self._usage.n_requests += 1
            self._reserved += wanted
        return wanted

    async def settle(self, reserved: int) -> None:
        """Give back what `reserve` put aside, once the request's true tokens are counted."""
        async with self._settled:
            self._reserved -= reserved
            self._settled.notify_all()

    def close(self) -> None:
        """Nothing fits from now on."""
        self._closed = True

    def _fits(self, wanted: int) -> bool:
        return not (self._closed or self._requests_spent() or self._tokens_spent(wanted))

    def _hopeless(self) -> bool:
        """Waiting would not help: only tokens put aside can come back."""
        return self._closed or self._requests_spent() or not self._reserved

    def _requests_spent(self) -> bool:
        return self._max_requests is not None and self._usage.n_requests >= self._max_requests

    def _tokens_spent(self, wanted: int) -> bool:
        return self._max_tokens is not None and self._usage.tokens + self._reserved + wanted > self._max_tokens

    def _reason(self) -> str:
        if self._requests_spent():
            return f"the cap of {self._max_requests} requests is reached"
        return f"the next request might go over the cap of {self._max_tokens} tokens ({self._usage.tokens} used)"
