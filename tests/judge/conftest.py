"""What the tests of judges share: requests that may leave this process for a server in it, and short waits."""

from random import Random

import pytest

from distreward.judge.retrying import Backoff

NO_WAIT = Backoff(max_retries=4, first=0.001, longest=0.01, random=Random(0))


@pytest.fixture(autouse=True)
def online(monkeypatch):
    """The client refuses all requests, to this machine's own server too, under HF_HUB_OFFLINE; and no proxy is asked."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
