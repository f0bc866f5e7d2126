"""A judge behind an OpenAI-compatible endpoint: a provider's, or a server of one's own (vLLM, TGI, llama.cpp ...).

Requests go through `huggingface_hub.AsyncInferenceClient`. Three things are done around it: the key of the machine's
Hugging Face login is never sent to somebody else's server (by itself the client would), a key is struck out of
everything the server says, and every way to fail gets one of the few names of `RequestFailure`.
"""

import asyncio
import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from distreward.errors import InputError
from distreward.judge.cache import Reply
from distreward.judge.prompts import Messages
from distreward.judge.retrying import EndpointRefusal, RequestFailure, retry_after_seconds

REQUESTS_PER_CLIENT = 20
"""The HTTP client keeps 20 idle connections open; more requests at once get clients of their own."""

MESSAGE_LENGTH = 200

NO_CREDIT = ("insufficient_quota", "insufficient credit", "credit balance", "billing")
"""Words by which a rate limit that no waiting will lift is told from one that passes."""


class EndpointBackend:
    """Asks a model behind an endpoint. Use as an async context manager.

    Args:
        base_url: address of the API, e.g. `https://api.openai.com/v1` or `http://localhost:8000/v1`.
        model: the model's name there.
        api_key: sent as bearer token; None: no key is sent at all.
        settings: sampling options of the request, e.g. `{"temperature": 0.0, "max_tokens": 1024}`; part of the cache's
            key. Options the client does not know are sent as they are; None leaves one out.
        timeout: seconds for a whole request.
        concurrency: most requests at once.

    Raises:
        InputError: the address is none, or holds a password.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        api_key: str | None = None,
        settings: Mapping[str, Any] | None = None,
        timeout: float = 120.0,
        concurrency: int = 16,
    ):
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(f"--base_url {base_url}: wanted an address such as http://localhost:8000/v1.")
        if parts.username or parts.password:
            raise InputError(
                "--base_url holds a user name or password; put the key into the environment, see --api_key_env."
            )
        self.model, self.timeout, self.concurrency = model, timeout, concurrency
        self.settings = {key: value for key, value in (settings or {}).items() if value is not None}
        self._base_url, self._key = base_url, api_key

    @property
    def address(self) -> str:
        """The endpoint without its query, for reports."""
        return self._base_url.split("?")[0]

    async def __aenter__(self) -> "EndpointBackend":
        from huggingface_hub import AsyncInferenceClient

        self._answered = False
        self._refusal: EndpointRefusal | None = None
        self._first, self._first_is_back = asyncio.Lock(), False
        # Given as None, the header is left out; not given, the client would send the login of this machine.
        headers = {"authorization": None if self._key is None else f"Bearer {self._key}"}
        n_clients = -(-self.concurrency // REQUESTS_PER_CLIENT)
        self._clients = [
            AsyncInferenceClient(base_url=self._base_url, headers=headers, timeout=self.timeout)
            for _ in range(n_clients)
        ]
        self._free = [client for client in self._clients for _ in range(REQUESTS_PER_CLIENT)]
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in self._clients:
            await client.close()

    async def complete(self, messages: Messages) -> Reply:
        """The model's reply to chat messages.

        Raises:
            RequestFailure: no reply this time.
            EndpointRefusal: the endpoint will take none of our requests.
        """
        if not self._first_is_back:
            async with self._first:  # the very first goes alone: a wrong key or address fails once, not for everybody
                if not self._first_is_back:
                    try:
                        return await self._complete(messages)
                    finally:
                        self._first_is_back = True
        return await self._complete(messages)

    async def _complete(self, messages: Messages) -> Reply:
        if self._refusal is not None:
            raise self._refusal
        client = self._free.pop()
        try:
            call = client.chat_completion(messages, model=self.model, extra_body=self.settings)
            output = await asyncio.wait_for(call, self.timeout)
        except (
            Exception
        ) as error:  # the client's own, its HTTP library's and its JSON parser's share no parent but this
            failure = self._failure(error)
            if isinstance(failure, EndpointRefusal):
                self._refusal = failure
        else:
            self._answered = True
            return self._reply(output)
        finally:
            self._free.append(client)
        raise failure  # outside `except`: the client's error, whose request holds the key, is not chained to ours

    def _reply(self, output: Any) -> Reply:
        try:
            choice, usage = output.choices[0], output.usage
            text = choice.message.content
            tokens = (None, None) if usage is None else (usage.prompt_tokens, usage.completion_tokens)
            finish_reason = choice.finish_reason
        except (AttributeError, IndexError, TypeError, KeyError):
            raise RequestFailure("malformed", "the reply is not a chat completion") from None
        # A content of null is a reply without text: a refusal, or all tokens gone on reasoning
        text = "" if text is None else text
        if not isinstance(text, str) or not all(n is None or type(n) is int for n in tokens):
            raise RequestFailure("malformed", "the reply is not a chat completion")
        names = [name if isinstance(name, str) else None for name in (finish_reason, output.model)]
        return Reply(self._struck_out(text), *tokens, *names)

    def _failure(self, error: Exception) -> RequestFailure | EndpointRefusal:
        from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

        if isinstance(error, HfHubHTTPError):
            self._answered = True
            return self._status_failure(error.response)
        if isinstance(error, OfflineModeIsEnabled):
            return EndpointRefusal(
                "HF_HUB_OFFLINE is set, and the HTTP client then sends nothing; run with HF_HUB_OFFLINE=0."
            )
        if isinstance(error, (TimeoutError, asyncio.TimeoutError)):
            return RequestFailure("timeout", f"no reply within {self.timeout:g} s")
        # The HTTP library changes with the client's version (httpx, httpx2); the names of its errors do not.
        names = {kind.__name__ for kind in type(error).__mro__}
        if "ConnectError" in names and not self._answered:
            return EndpointRefusal(
                f"{self.address}: cannot be reached ({self._one_line(str(error))}); check --base_url and that the server runs."
            )
        if "TransportError" in names or isinstance(error, OSError):
            return RequestFailure("connection", self._one_line(f"{type(error).__name__}: {error}"))
        is_page = str(vars(error).get("doc", "")).lstrip().startswith("<")
        if is_page and not self._answered:
            return EndpointRefusal(
                f"{self.address}: answers with a web page, not with a chat completion; check --base_url."
            )
        return RequestFailure("malformed", self._one_line(f"the reply is not a chat completion ({error})"))

    def _status_failure(self, response: Any) -> RequestFailure | EndpointRefusal:
        status, said = response.status_code, self._one_line(_server_message(response))
        told = f"{self.address} answered {status}{f' ({said})' if said else ''}"
        if status in (401, 403):
            remedy = "name the variable that holds the key: --api_key_env" if self._key is None else "check the key"
            return EndpointRefusal(f"{told}; {remedy}.")
        if status in (404, 405):
            return EndpointRefusal(f"{told}; check --base_url and --model {self.model}.")
        if status == 402 or (status == 429 and any(words in said.lower() for words in NO_CREDIT)):
            return EndpointRefusal(f"{told}; the account has no credit left.")
        retry_after = retry_after_seconds(response.headers)
        if status == 429:
            return RequestFailure("rate_limit", told, retry_after)
        if status >= 500 or status in (408, 409, 425):
            return RequestFailure("server_error", told, retry_after)
        return RequestFailure("refused", told)

    def _one_line(self, text: str) -> str:
        line = " ".join(self._struck_out(text).split())
        return line if len(line) <= MESSAGE_LENGTH else line[: MESSAGE_LENGTH - 3] + "..."

    def _struck_out(self, text: str) -> str:
        return text.replace(self._key, "***") if self._key else text


def _server_message(response: Any) -> str:
    """What the server says about an error: the message in its JSON, or its text; nothing for a web page."""
    try:
        body = response.json()
    except ValueError:
        text = response.text
        return "" if text.lstrip().startswith("<") else text
    for name in ("error", "message", "detail"):
        if isinstance(body, dict) and name in body:
            body = body[name]
    return body if isinstance(body, str) else str(body)


def key_from_environment(variable: str | None) -> str | None:
    """The key that an environment variable holds; None where no variable is named.

    Raises:
        InputError: the variable is not set. Its name is repeated only if it looks like one, for it may be the key itself.
    """
    if variable is None:
        return None
    if not re.fullmatch(r"[A-Z][A-Z0-9_]{0,40}", variable):
        raise InputError(
            "--api_key_env wants the NAME of an environment variable, in capitals, e.g. OPENAI_API_KEY; not the key."
        )
    key = os.environ.get(variable, "").strip()
    if not key:
        raise InputError(f"--api_key_env {variable}: this environment variable is not set; export it and run again.")
    return key
