"""Waits between tries: growing, jittered, and never shorter than the endpoint asks for."""

from datetime import datetime, timezone
from random import Random

import pytest

from distreward.judge.retrying import Backoff, RequestFailure, retry_after_seconds


def test_waits_double_up_to_a_cap_with_half_of_them_jitter():
    backoff = Backoff(first=1.0, longest=10.0, random=Random(0))
    for n_retries, most in enumerate([1.0, 2.0, 4.0, 8.0, 10.0, 10.0]):
        delays = [backoff.delay(n_retries) for _ in range(200)]
        assert most / 2 <= min(delays) < 0.6 * most and 0.9 * most < max(delays) <= most


def test_retry_after_is_never_undercut_and_spread_a_little():
    backoff = Backoff(first=0.5, longest=1.0, random=Random(0))
    delays = [backoff.delay(0, retry_after=30.0) for _ in range(200)]
    assert 30.0 <= min(delays) and max(delays) <= 30.5 and len(set(delays)) > 100


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        ("1.5", 1.5),
        ("-3", 0.0),
        ("Wed, 01 May 2024 12:01:00 GMT", 60.0),
        ("Wed, 01 May 2024 11:00:00 GMT", 0.0),
        ("Wed, 01 May 2024 14:00:10 +0200", 10.0),
        ("soon", None),
        ("nan", None),
        ("", None),
    ],
)
def test_retry_after(value, seconds):
    noon = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
    assert retry_after_seconds({"retry-after": value}, noon) == seconds
    assert retry_after_seconds({}) is None


def test_what_can_be_retried():
    assert RequestFailure("timeout", "").can_be_retried and not RequestFailure("refused", "").can_be_retried
