"""A small server of the chat-completions protocol for tests, on a thread of its own, with faults on demand."""

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Answer = Callable[[dict[str, Any]], str]

VERDICTS = ("1>>2", "1>2", "1=2", "2>1", "2>>1")


def any_verdict(body: dict[str, Any]) -> str:
    """A verdict that depends on the prompt alone, so that two runs can be compared."""
    return f"Both have merits.\n\nVERDICT: {VERDICTS[sum(body['messages'][-1]['content'].encode()) % 5]}"


@dataclass
class ChatServer:
    """Use as a context manager; `base_url` is the address.

    Args:
        answer: body of a request -> text of the reply.
        faults: what the first requests get instead, in turn; then everything is well. See `FAULTS`.
        fault_of: or: number of the request (from 0) -> name of a fault, or None.
        delay: seconds before every answer.
        crowd: from the second request on, answer none before so many are there at once.
        key: demanded as bearer token, if given.
        usage: report tokens.
    """

    answer: Answer = any_verdict
    faults: list[str] = field(default_factory=list)
    fault_of: Callable[[int], str | None] | None = None
    delay: float = 0.0
    crowd: int = 0
    key: str | None = None
    usage: bool = True
    requests: list[dict[str, Any]] = field(default_factory=list)
    """Bodies as they came, faults included."""
    served: Counter = field(default_factory=Counter)
    """Text of the messages -> how often it was answered well."""
    authorizations: set = field(default_factory=set)
    at_once: int = 0
    most_at_once: int = 0

    def __enter__(self) -> "ChatServer":
        self._loop = asyncio.new_event_loop()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self, ready: threading.Event) -> None:
        async def serve() -> None:
            self._stop, self._crowded = asyncio.Event(), asyncio.Event()
            server = await asyncio.start_server(self._connection, "127.0.0.1", 0, backlog=1000)
            self.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
            ready.set()
            await self._stop.wait()
            server.close()
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(serve())
        self._loop.close()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                first, *lines = head.decode().split("\r\n")
                headers = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
                body = json.loads(await reader.readexactly(int(headers.get("content-length", 0))) or b"{}")
                self.at_once += 1
                self.most_at_once = max(self.most_at_once, self.at_once)
                try:
                    if not await self._respond(first.split()[1], headers, body, writer):
                        return
                finally:
                    self.at_once -= 1
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    async def _respond(self, path: str, headers: dict, body: dict, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; False where the connection is to be closed."""
        self.authorizations.add(headers.get("authorization"))
        number = len(self.requests)
        self.requests.append(body)
        if path.split("?")[0] != "/v1/chat/completions":
            return _send(writer, 404, {"error": {"message": f"no such page: {path}"}})
        if self.key is not None and headers.get("authorization") != f"bearer {self.key}".lower():
            return _send(writer, 401, {"error": {"message": f"Incorrect API key: {headers.get('authorization')}"}})
        fault = self.fault_of(number) if self.fault_of else self.faults[number] if number < len(self.faults) else None
        if self.at_once >= self.crowd:
            self._crowded.set()
        if self.crowd and number:
            await self._crowded.wait()
        if self.delay:
            await asyncio.sleep(self.delay)
        if fault is not None:
            return await FAULTS[fault](writer)
        self.served["\n".join(message["content"] for message in body["messages"])] += 1
        return _send(writer, 200, completion(body, self.answer(body), self.usage))


def completion(body: dict[str, Any], text: str | None, usage: bool = True) -> dict[str, Any]:
    """A chat completion in the protocol's words: ten tokens of prompt and five of reply."""
    message = {"role": "assistant", "content": text}
    found = {"id": "x", "object": "chat.completion", "created": 0, "model": f"{body['model']}-0613"}
    found["choices"] = [{"index": 0, "message": message, "finish_reason": "stop"}]
    return found | ({"usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}} if usage else {})


def _send(writer: asyncio.StreamWriter, status: int, body: Any, *headers: str) -> bool:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = "text/html" if raw.startswith(b"<") else "application/json"
    head = [f"HTTP/1.1 {status} x", f"Content-Type: {kind}", f"Content-Length: {len(raw)}", *headers]
    writer.write("\r\n".join(head).encode() + b"\r\n\r\n" + raw)
    return True


def _status(status: int, message: str, *headers: str) -> Callable:
    async def respond(writer: asyncio.StreamWriter) -> bool:
        return _send(writer, status, {"error": {"message": message, "type": "x"}}, *headers)

    return respond


def _body(raw: Any) -> Callable:
    async def respond(writer: asyncio.StreamWriter) -> bool:
        return _send(writer, 200, raw)

    return respond


async def _silence(writer: asyncio.StreamWriter) -> bool:
    await asyncio.sleep(30)  # far beyond the timeouts of the tests; ended with the server
    return False


async def _cut_off(writer: asyncio.StreamWriter) -> bool:
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"choices": [')
    await writer.drain()
    return False


async def _reset(writer: asyncio.StreamWriter) -> bool:
    writer.transport.abort()
    return False


FAULTS = {
    "rate_limit": _status(429, "slow down"),
    "rate_limit_now": _status(429, "slow down", "Retry-After: 0"),
    "rate_limit_an_hour": _status(429, "slow down", "Retry-After: 3600"),
    "no_credit": _status(429, "You exceeded your current quota: insufficient_quota"),
    "server_error": _status(500, "oops"),
    "overloaded": _status(503, "busy"),
    "too_long": _status(400, "maximum context length is 8 tokens"),
    "unknown_model": _status(404, "the model does not exist"),
    "web_page": _body(b"<html>Welcome</html>"),
    "bad_gateway_page": _status(502, "<html>"),
    "half_json": _body(b'{"choices": [{"mess'),
    "not_utf8": _body(b'{"choices": "\xff"}'),
    "list": _body([1, 2]),
    "error_in_200": _body({"error": {"message": "provider failed"}}),
    "no_choices": _body({"choices": [], "model": "m"}),
    "wrong_types": _body({"choices": [{"message": {"content": 7}}], "model": "m"}),
    "cut_off": _cut_off,
    "reset": _reset,
    "silence": _silence,
}
"""Name -> how the server misbehaves."""

PASSING = [
    "rate_limit", "rate_limit_now", "server_error", "overloaded", "bad_gateway_page", "half_json", "not_utf8", "list",
    "error_in_200", "no_choices", "wrong_types", "cut_off", "reset",
]  # fmt: skip
"""Faults that another try mends, and that need no waiting."""
