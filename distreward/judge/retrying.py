"""What went wrong with one request, and how long to wait before the next try."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from random import Random

from distreward.errors import InputError


class RequestFailure(Exception):
    """A request to a judge that brought no reply.

    Args:
        reason: one of `rate_limit`, `server_error`, `timeout`, `connection`, `malformed` (worth another try), or
            `refused` (the same request would be refused again).
        message: one line for people; never holds a key.
        retry_after: seconds the endpoint asks to wait, if it does.
    """

    def __init__(self, reason: str, message: str, retry_after: float | None = None):
        super().__init__(message)
        self.reason, self.retry_after = reason, retry_after

    @property
    def can_be_retried(self) -> bool:
        return self.reason != "refused"


class EndpointRefusal(InputError):
    """The endpoint refuses everything we could send: wrong key, address or model, or no credit. The run ends."""


@dataclass(frozen=True)
class Backoff:
    """Exponential backoff with jitter.

    Args:
        max_retries: tries after the first, per request.
        first: seconds before the first retry; each further wait is twice as long.
        longest: cap of a wait, in seconds. A wait the endpoint itself asks for (Retry-After) is kept to, up to
            `longest_asked`.
        longest_asked: the longest Retry-After that is waited for.
        random: source of the jitter.

    >>> backoff = Backoff(first=1.0, longest=60.0)
    >>> all(2.0 <= backoff.delay(2) <= 4.0 for _ in range(100))
    True
    >>> 7.0 <= backoff.delay(0, retry_after=7.0) <= 8.0
    True
    """

    max_retries: int = 6
    first: float = 1.0
    longest: float = 60.0
    longest_asked: float = 600.0
    random: Random = field(default_factory=Random, compare=False, repr=False)

    def delay(self, n_retries: int, retry_after: float | None = None) -> float:
        """Seconds to wait after `n_retries` retries have failed: never less than the endpoint asks for."""
        most = min(self.first * 2.0**n_retries, self.longest)
        if retry_after is None:
            return self.random.uniform(most / 2, most)
        # Spread those that were all told the same second, without coming too early.
        return retry_after + self.random.uniform(0, min(self.first, 1.0))


def retry_after_seconds(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """The wait a `Retry-After` header asks for, in seconds: a number or an HTTP date; None if there is none or it is neither.

    >>> retry_after_seconds({"retry-after": "2.5"})
    2.5
    >>> noon = datetime(2024, 5, 1, 12, 0, 0, tzinfo=timezone.utc)
    >>> retry_after_seconds({"retry-after": "Wed, 01 May 2024 12:00:30 GMT"}, noon)
    30.0
    """
    value = headers.get("retry-after")
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            until = parsedate_to_datetime(value)
        except ValueError:
            return None
        if until.tzinfo is None:
            until = until.replace(tzinfo=timezone.utc)
        seconds = (until - (now or datetime.now(timezone.utc))).total_seconds()
    return max(seconds, 0.0) if seconds == seconds else None
