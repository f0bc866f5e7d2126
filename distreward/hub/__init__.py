"""Publishing: what must not go out, model cards."""

from distreward.hub.secrets import check_no_secrets, find_secrets, scrub

__all__ = ["check_no_secrets", "find_secrets", "scrub"]
