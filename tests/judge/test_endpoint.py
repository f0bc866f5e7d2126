"""The endpoint: every way to fail has its name, and no key goes where it should not."""

import asyncio
import traceback

import pytest

from distreward.errors import InputError
from distreward.judge.cache import Reply
from distreward.judge.endpoint import EndpointBackend, key_from_environment
from distreward.judge.retrying import EndpointRefusal, RequestFailure
from tests.judge.chat_server import ChatServer, completion

pytestmark = pytest.mark.usefixtures("online")

ASKED = [{"role": "user", "content": "Hi"}]
KEY = "sk-planted-0123456789"


def ask(server: ChatServer, times: int = 1, **options) -> Reply:
    """The reply to the last of so many requests, one after another."""

    async def run():
        options.setdefault("timeout", 5.0)
        async with EndpointBackend(server.base_url, "m", **options) as backend:
            for _ in range(times - 1):
                await backend.complete(ASKED)
            return await backend.complete(ASKED)

    return asyncio.run(run())


def test_a_reply():
    with ChatServer(answer=lambda body: "VERDICT: 1>2") as server:
        assert ask(server, settings={"temperature": 0.0, "max_tokens": 7, "top_k": 3, "seed": None}) == Reply(
            "VERDICT: 1>2", 10, 5, "stop", "m-0613"
        )
        (body,) = server.requests
    assert body == {"model": "m", "messages": ASKED, "temperature": 0.0, "max_tokens": 7, "top_k": 3, "stream": False}


def test_a_reply_without_usage_or_text():
    with ChatServer(answer=lambda body: None, usage=False) as server:
        assert ask(server) == Reply("", None, None, "stop", "m-0613")


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("rate_limit", "rate_limit"),
        ("server_error", "server_error"),
        ("overloaded", "server_error"),
        ("bad_gateway_page", "server_error"),
        ("too_long", "refused"),
        ("half_json", "malformed"),
        ("not_utf8", "malformed"),
        ("list", "malformed"),
        ("error_in_200", "malformed"),
        ("no_choices", "malformed"),
        ("wrong_types", "malformed"),
        ("cut_off", "connection"),
        ("reset", "connection"),
        ("web_page", "malformed"),
    ],
)
def test_faults_have_names(fault, reason):
    with ChatServer(fault_of=lambda number: fault if number else None) as server:
        with pytest.raises(RequestFailure) as raised:
            ask(server, times=2)
    assert raised.value.reason == reason
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 400


def test_a_timeout():
    with ChatServer(faults=["silence"]) as server, pytest.raises(RequestFailure) as raised:
        ask(server, timeout=0.05)
    assert raised.value.reason == "timeout"


def test_retry_after_is_read():
    with ChatServer(faults=["rate_limit_an_hour"]) as server, pytest.raises(RequestFailure) as raised:
        ask(server)
    assert (raised.value.reason, raised.value.retry_after) == ("rate_limit", 3600.0)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("no_credit", "no credit left"),
        ("unknown_model", "the model does not exist); check --base_url and --model m"),
        ("web_page", "answers with a web page"),
    ],
)
def test_what_no_retry_mends(fault, message):
    with ChatServer(faults=[fault]) as server, pytest.raises(EndpointRefusal) as raised:
        ask(server)
    assert message in str(raised.value) and "\n" not in str(raised.value)


def test_nobody_there():
    with ChatServer() as server:
        gone = server
    with pytest.raises(EndpointRefusal, match="cannot be reached .* check --base_url"):
        ask(gone)


def test_offline_mode_is_named(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with ChatServer() as server, pytest.raises(EndpointRefusal, match="HF_HUB_OFFLINE=0"):
        ask(server)


def test_a_wrong_key_is_tried_once_not_by_every_worker():
    async def run(server):
        async with EndpointBackend(server.base_url, "m", "sk-wrong", concurrency=50) as backend:
            return await asyncio.gather(*(backend.complete(ASKED) for _ in range(50)), return_exceptions=True)

    with ChatServer(key=KEY) as server:
        results = asyncio.run(run(server))
    assert len(server.requests) == 1 and all(isinstance(result, EndpointRefusal) for result in results)


def test_many_requests_at_once():
    """More than one HTTP client's pool of 100 connections holds."""

    async def run(server):
        async with EndpointBackend(server.base_url, "m", concurrency=130) as backend:
            first = await backend.complete(ASKED)
            return [first, *await asyncio.gather(*(backend.complete(ASKED) for _ in range(130)))]

    with ChatServer(crowd=130) as server:
        assert len(asyncio.run(run(server))) == 131
    assert server.most_at_once == 130


def test_the_key_is_sent_and_never_said():
    """The server repeats the key in its error and in its reply; nothing we raise or return holds it."""
    with ChatServer(key="another") as server, pytest.raises(EndpointRefusal) as raised:
        ask(server, api_key=KEY)
    assert server.authorizations == {f"bearer {KEY}"}
    assert "Incorrect API key: bearer ***" in str(raised.value)
    assert KEY not in "".join(traceback.format_exception(raised.value))
    assert raised.value.__cause__ is None and raised.value.__context__ is None
    with ChatServer(answer=lambda body: f"VERDICT: {KEY}") as server:
        assert ask(server, api_key=KEY).text == "VERDICT: ***"
    assert KEY not in repr(vars(Reply("")))


def test_the_login_of_this_machine_is_not_sent_to_a_strangers_server(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_planted")
    with ChatServer() as server:
        ask(server)
    assert server.authorizations == {None}


@pytest.mark.parametrize("address", ["localhost:8000", "ftp://x/v1", "http://", ""])
def test_an_address_that_is_none(address):
    with pytest.raises(InputError, match="wanted an address"):
        EndpointBackend(address, "m")


def test_an_address_with_a_secret():
    with pytest.raises(InputError) as raised:
        EndpointBackend("https://ann:secret@host/v1", "m")
    assert "secret" not in str(raised.value)
    assert EndpointBackend("https://host/v1?key=secret", "m").address == "https://host/v1"


def test_keys_come_from_the_environment_only(monkeypatch):
    monkeypatch.setenv("JUDGE_KEY", f" {KEY}\n")
    assert key_from_environment("JUDGE_KEY") == KEY
    assert key_from_environment(None) is None
    monkeypatch.setenv("JUDGE_KEY", "")
    with pytest.raises(InputError, match="--api_key_env JUDGE_KEY: this environment variable is not set"):
        key_from_environment("JUDGE_KEY")
    with pytest.raises(InputError) as raised:
        key_from_environment(KEY)  # the key itself, in place of its variable's name
    assert KEY not in str(raised.value)


def test_the_server_of_these_tests_speaks_the_protocol():
    assert completion({"model": "m"}, "x")["usage"]["total_tokens"] == 15
