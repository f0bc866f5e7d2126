"""Sending files to the Hugging Face Hub: one repository, one commit, one line when it fails.

The requests are huggingface_hub's own. Added here: a commit is tried again after what passes by itself (a dropped connection,
too many requests), and every attempt begins by asking the Hub what it has, so that nothing is sent twice, and a commit of
which only the answer was lost is not made twice.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from huggingface_hub import CommitInfo, CommitOperationAdd, CommitOperationDelete, HfApi, get_token
from huggingface_hub.errors import HfHubHTTPError, HTTPError, OfflineModeIsEnabled
from huggingface_hub.utils import parse_ratelimit_headers

from distreward.errors import InputError
from distreward.hub.files import outdated
from distreward.hub.secrets import refuse_secrets

logger = logging.getLogger("distreward")

ATTEMPTS = 4
PAUSES = (2, 8, 30)
"""Seconds between the attempts, where the Hub asks for no other wait."""

MAX_PAUSE = 330
"""Longest wait the Hub may ask for, in seconds: its limits are counted over five minutes."""

PASSING = (408, 429, 500, 502, 503, 504)
"""Statuses that mend themselves."""

REFUSALS = {
    401: "the Hub does not know this token (401): make one with write access and run `hf auth login`, or set HF_TOKEN",
    402: "the Hub wants a paid plan for this (402)",
    403: "this token may not write there (403): take one with write access to it, or another --repo_id",
    404: "the Hub does not show it to this token (404): check --repo_id and whose token it is",
    409: "something else is writing to it (409): run the same command again, what is there already is not sent twice",
    412: "another commit came in between (412): run the same command again, what is there already is not sent twice",
    413: "the Hub finds it too large (413)",
    429: "too many requests (429): wait, then run the same command again, what is there already is not sent twice",
}
"""Status -> what it means and what to do."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class Pushed:
    """What a push came to: the repository, its address, huggingface_hub's word on the commit, and what it took out."""

    repo_id: str
    url: str
    info: CommitInfo
    removed: tuple[str, ...] = ()

    @property
    def commit(self) -> str:
        """The commit's name; where nothing had changed, that of the newest one."""
        return self.info.oid


class AnotherKindError(InputError):
    """The repository holds a model beside whose files the new one's must not stand."""

    def __init__(self, repo_id: str, files: Sequence[str], remedy: str):
        super().__init__(
            f"{repo_id} holds a model of another kind, of which {', '.join(files)} would stand beside the new one: {remedy}"
        )


@dataclass(frozen=True)
class Repository:
    """One repository on the Hub, and the client that writes to it.

    Made by `open_repository`; `token` is a secret and never shown.
    """

    api: HfApi
    repo_id: str
    url: str
    token: str = field(repr=False)
    repo_type: str = "model"
    revision: str | None = None

    def commit(
        self, files: Mapping[str, Path | bytes], message: str, replace: bool = False, searched: bool = False
    ) -> Pushed:
        """Send files as one commit. Files that are there already, byte for byte, are not sent.

        Args:
            files: path in the repository -> file or content.
            message: of the commit.
            replace: take out the files of another model that would stand beside the new one's; without it they are refused.
            searched: whether `refuse_secrets` has seen these files, which then is not done again.

        Raises:
            InputError: secrets in a file, another kind of model in the repository, or what the Hub or the network refuses.
        """
        if not searched:
            refuse_secrets(files)
        removed = tuple(outdated(self.names(), files)) if self.repo_type == "model" else ()
        if removed and not replace:
            remedy = "pass --replace to take that out in the same commit (its history keeps it), or another --repo_id."
            raise AnotherKindError(self.repo_id, removed, remedy)

        def once() -> Any:
            # fresh operations: those of a failed attempt remember what the Hub had before it
            operations = [CommitOperationAdd(name, content) for name, content in sorted(files.items())]
            return self.api.create_commit(
                self.repo_id,
                [*operations, *map(CommitOperationDelete, removed)],
                commit_message=message,
                token=self.token,
                repo_type=self.repo_type,
                revision=self.revision,
            )

        return Pushed(self.repo_id, self.url, tried(once, self.repo_id), removed)

    def names(self) -> list[str]:
        """Paths of the files that lie in it."""
        return [file.rfilename for file in self._info().siblings or ()]

    def _info(self) -> Any:
        def once() -> Any:
            return self.api.repo_info(self.repo_id, token=self.token, repo_type=self.repo_type, revision=self.revision)

        return tried(once, self.repo_id)


def open_repository(
    repo_id: str,
    *,
    private: bool | None = None,
    revision: str | None = None,
    token: str | None = None,
    repo_type: str = "model",
) -> Repository:
    """Make a repository where there is none, and the branch; one that exists is taken as it is.

    Args:
        repo_id: `user/name`; a name alone is the token's owner's.
        private: make it private. None: as the owner's settings have it.
        revision: branch to write to, made where there is none. None: `main`.
        token: of the Hub; None for the one of `hf auth login` or HF_TOKEN.
        repo_type: `model` or `space`.

    Raises:
        InputError: no token, no network, no permission, or `private` of a repository that is public.
    """
    token = token or get_token()
    if not token:
        raise InputError(
            f"no token to push to {repo_id} with: run `hf auth login`, or set HF_TOKEN to a token with write access."
        )
    api = HfApi(library_name="distreward", library_version=version("distreward"))
    sdk = {"space_sdk": "gradio"} if repo_type == "space" else {}
    made = tried(
        lambda: api.create_repo(repo_id, token=token, private=private, repo_type=repo_type, exist_ok=True, **sdk),
        repo_id,
    )
    repository = Repository(api, made.repo_id, str(made), token, repo_type)
    if private and repository._info().private is False:
        raise InputError(
            f"{made.repo_id} exists and is public: make it private in its settings on the Hub, or leave out --private."
        )
    if revision is None or revision == "main":
        return repository
    if not revision.startswith("refs/"):  # a pull request has its branch
        tried(
            lambda: api.create_branch(made.repo_id, branch=revision, token=token, repo_type=repo_type, exist_ok=True),
            made.repo_id,
        )
    return Repository(api, made.repo_id, str(made), token, repo_type, revision)


def tried(call: Callable[[], Result], repo_id: str) -> Result:
    """The result of a call to the Hub, tried again after what passes by itself.

    Raises:
        InputError: one line, whatever the Hub, the network or huggingface_hub said in how many.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return call()
        except (HTTPError, OSError, RuntimeError, ValueError) as error:
            cause = root_cause(error)
            pause = PAUSES[attempt - 1] if attempt < ATTEMPTS else 0
            pause = asked_pause(cause) or pause
            if attempt == ATTEMPTS or pause > MAX_PAUSE or not passes(cause):
                raise InputError(f"{repo_id}: {in_one_line(cause)}.") from error
            logger.warning("%s; trying again in %d s (%d of %d)", in_one_line(cause), pause, attempt, ATTEMPTS - 1)
            time.sleep(pause)
    raise AssertionError("unreachable: the last attempt returns or raises")


def root_cause(error: BaseException) -> BaseException:
    """The first error of the network or the Hub in a chain of causes: an upload wraps it in what it was uploading."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, (HTTPError, OfflineModeIsEnabled)):
            return cause
        cause = cause.__cause__
    return error


def passes(cause: BaseException) -> bool:
    """Whether it may be well in a moment: the network's errors, and the Hub's where it is busy or failing."""
    if isinstance(cause, HfHubHTTPError):
        return cause.response.status_code in PASSING
    return isinstance(cause, HTTPError)


def asked_pause(cause: BaseException) -> int | None:
    """Seconds that the Hub asks to wait, or None."""
    if not isinstance(cause, HfHubHTTPError):
        return None
    headers = cause.response.headers
    limit = parse_ratelimit_headers(headers)
    if limit is not None and limit.remaining == 0:
        return limit.reset_in_seconds + 1
    after = headers.get("retry-after", "")
    return int(after) + 1 if after.isdigit() else None


def in_one_line(cause: BaseException) -> str:
    """What went wrong and what to do, without the addresses and request numbers of the libraries' own messages."""
    if isinstance(cause, OfflineModeIsEnabled):
        return "nothing is sent while HF_HUB_OFFLINE is set: unset it to push"
    if isinstance(cause, HfHubHTTPError):
        status = cause.response.status_code
        said = " ".join((cause.server_message or "").split()).rstrip(".")
        known = REFUSALS.get(status, f"the Hub answered {status}")
        if (asked := asked_pause(cause)) is not None:
            known += f"; it asks to wait {asked} s"
        return f"{known}; it says: {said}" if said else known
    if isinstance(cause, HTTPError):
        said = " ".join(str(cause).split())
        return f"the Hub cannot be reached, or the connection broke ({said or type(cause).__name__})"
    return " ".join(str(cause).split()).rstrip(".")
