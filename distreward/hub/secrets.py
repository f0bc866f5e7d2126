"""What must not be published: access tokens, home folders, names of users and machines. Finding them and taking them out.

Cards, results and everything `distreward push` sends go through here. Tokens are known by their shape and by being the value
of an environment variable or of the stored login; home folders by their shape; a user or host name only where it is
distinctive, since `root` or `ubuntu` says nothing about anybody. A user name before a slash (`ann/my-model`) is taken for a
repository id, which is public anyway.
"""

import getpass
import io
import os
import re
import socket
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from huggingface_hub import constants

from distreward.errors import InputError

SETTING = r"(?i:api_?key|secret|password|passwd|auth_?token|access_?token|hub_?token)"
"""How the names of settings end that hold secrets."""

TOKENS = {
    "Hugging Face token": r"\b(?:(?:hf|api_org)_[A-Za-z0-9]{20,}|hf_(?:oauth|jwt)_(?=[\w.-]*[A-Z0-9])[\w.-]{19,}\w)",
    "Weights & Biases key": r"\bwandb_v1_\w{20,}|(?i:wandb|weights.biases).{0,40}?\b(?P<secret>[0-9a-f]{40})\b",
    "OpenAI or Anthropic key": r"\bsk-[\w-]{20,}",
    "GitHub token": r"\bgh[pousr]_[A-Za-z0-9]{30,}|\bgithub_pat_\w{30,}",
    "AWS key": r"\bA(?:KIA|SIA)[0-9A-Z]{16}\b",
    "Google key": r"\bAIza[\w-]{35}",
    "private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "password in an address": r"(?<=://)[^/\s:@\"']+:[^/\s:@\"']+(?=@)",
    "bearer token": r"(?i:\bbearer) (?P<secret>[\w.~+/-]{20,})",
    "value of a secret setting": SETTING + r"[\"']?\s*[:=]\s*[\"']?(?P<secret>(?![A-Z_]+\b)[\w.~+/-]{12,})",
}
"""What -> regular expression, whose group `secret`, if it has one, is what must go. A bare run of 40 hex digits is left
alone: commits look like that too."""

HOME = (
    r"(?:(?<![\w./~-])|(?<=file://))"  # not in the middle of a path or an address
    r"(?:/(?:home|Users)/[^/\\\s\"':,;]+|/root(?=/)|[A-Za-z]:(?:/|\\{1,2})Users(?:/|\\{1,2})[^/\\\s\"':,;]+)"
)
"""A home folder as Linux, macOS and Windows name it, the superuser's too, also with the backslashes doubled as in JSON."""

COMMON_NAMES = frozenset(
    "root user users admin administrator ubuntu debian centos fedora docker nobody runner jovyan ec2-user vscode app work "
    "worker student guest test tester model models data train training localhost host machine server home main node "
    "default base local dev python conda distreward annotator assistant system kaggle colab vagrant build".split()
)
"""Names of users and machines that say nothing about anybody."""

NEVER = r"(?!)"

MIN_VALUE = 12
"""Characters from which the value of a variable is distinctive enough to be looked for."""

PLACEHOLDERS = {"home folder": "~", "user name": "<user>", "host name": "<host>"}

SKIPPED = ("tokenizer.json", "vocab.json", "vocab.txt", "merges.txt")
"""Vocabularies, in which every name is a word."""

BINARY = (".safetensors", ".gguf", ".png", ".jpg", ".pt", ".pth", ".model", ".parquet", ".gz", ".npy", ".npz", ".onnx")
"""Weights and pictures. Pickled settings (`training_args.bin`) are not among them: they hold the Hub token in clear text."""

PICKLED_WEIGHTS = ("pytorch_model.bin", "pytorch_model-*.bin", "adapter_model.bin")

MAX_BINARY_BYTES = 2**20

PICKLE = b"\x80"
"""How a pickle begins, which may hold no zero byte."""

ESCAPE = re.compile(r"\\.", re.DOTALL)

REMEDY = "which must not be published; take it out or leave the file out"


class Secret(NamedTuple):
    """Something found: what it is, and where in the text it stands."""

    what: str
    start: int
    end: int


def find_secrets(text: str) -> list[str]:
    """Names of what must not be published, each once, in the order of the table; empty where the text is clean.

    The secret itself is not repeated, so that an error message can be shown.

    Args:
        text: any text; JSON, YAML and Markdown are what it is made for.

    >>> find_secrets('{"hub_token": "hf_' + "a" * 34 + '", "path": "/home/ann/labels.jsonl"}')
    ['Hugging Face token', 'value of a secret setting', 'home folder']
    >>> find_secrets("commit 2c26b46b68ffc68ff99b453c1d30413413422d70 of meta-llama/Llama-3.1-8B")
    []
    """
    return _kinds(_found(text))


def scrub(text: str, name: str = "") -> str:
    """The text with every secret replaced: home folders by `~`, the rest by what it was, as `<user>` or `<token>`.

    For plain text: in serialised JSON or YAML a quote or an escape may belong to what is replaced.

    Args:
        text: any text.
        name: of the setting whose value the text is, which may tell that it is secret.

    >>> scrub("/home/ann/labels.jsonl"), scrub("Authorization: Bearer " + "x" * 30)
    ('~/labels.jsonl', 'Authorization: Bearer <token>')
    >>> scrub("correct horse-battery"), scrub("horse-battery", "password")
    ('correct horse-battery', '<token>')
    """
    before = f"{name}=" if name else ""
    text = before + text
    parts, end = [], len(before)
    for secret in sorted(_found(text), key=lambda found: (found.start, -found.end)):
        if secret.end <= len(before):
            continue
        if secret.start < end:  # within one that is already out
            parts.append("" if secret.end <= end else PLACEHOLDERS.get(secret.what, "<token>"))
            end = max(end, secret.end)
            continue
        parts += [text[end : secret.start], PLACEHOLDERS.get(secret.what, "<token>")]
        end = secret.end
    return "".join([*parts, text[end:]])


def names_secret(name: str) -> bool:
    """Whether a setting of this name holds a secret, as `hub_token` does.

    >>> names_secret("hub_token"), names_secret("num_tokens")
    (True, False)
    """
    return re.search(f"{SETTING}$", name) is not None


def check_no_secrets(path: str | Path, files: Iterable[str | Path] | None = None) -> None:
    """`refuse_secrets` for a file, or a folder that is searched with all it holds.

    Args:
        path: a file or folder.
        files: only these, relative to the folder; None for all.

    Raises:
        InputError: the first file with something in it, what was found, and what to do.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "notes.md").write_text("see /home/ann/out")
    ...     check_no_secrets(folder)
    Traceback (most recent call last):
    ...
    distreward.errors.InputError: notes.md, line 1: holds a home folder, which must not be published; take it out or leave the file out.
    """
    path = Path(path)
    if path.is_file():
        return refuse_secrets({path.name: path})
    names = files if files is not None else (f.relative_to(path) for f in path.rglob("*") if f.is_file())
    return refuse_secrets({Path(name).as_posix(): path / name for name in names})


def refuse_secrets(files: Mapping[str, Path | bytes]) -> None:
    """Refuse to publish what holds a secret, in a text, in a pickled setting or in the name of a file or its folders.

    Args:
        files: path in the repository -> file or content, each of which is read once.

    Raises:
        InputError: the first file with something in it: its line and what was found, never the secret itself.
    """
    for name, content in sorted(files.items()):
        if found := find_secrets(f"./{name}"):  # its first folder is no owner of a repository
            raise InputError(f"{scrub(f'./{name}')[2:]}: holds a {' and a '.join(found)} in its name, {REMEDY}.")
        text, is_text = _text_of(PurePosixPath(name), content)
        if found := _found(text):
            at = f", line {text.count(chr(10), 0, min(secret.start for secret in found)) + 1}" if is_text else ""
            raise InputError(f"{name}{at}: holds a {' and a '.join(_kinds(found))}, {REMEDY}.")


def _text_of(name: PurePosixPath, content: Path | bytes) -> tuple[str, bool]:
    """What can be read of a file, and whether it is a text; of others only small ones that may hold settings."""
    pickled = any(fnmatchcase(name.name, pattern) for pattern in PICKLED_WEIGHTS)
    if name.name in SKIPPED or name.suffix in BINARY or pickled:
        return "", False
    with io.BytesIO(content) if isinstance(content, bytes) else content.open("rb") as file:
        start = file.read(MAX_BINARY_BYTES)
        if is_text := b"\0" not in start and not start.startswith(PICKLE):
            text = (start + file.read()).decode("utf-8", "replace")
            return (ESCAPE.sub(_blank, text) if name.suffix == ".json" else text), is_text
        if file.read(1):
            return "", is_text
    # in a pickle a text follows its length, a byte that can look like a letter of it
    return re.sub(rb"\x8c.", b" ", start, flags=re.DOTALL).decode("ascii", "replace"), is_text


def _blank(escape: re.Match) -> str:
    """Spaces for an escaped line end or tab, whose letter would look like one of the word behind it."""
    return "  " if escape[0][1] in "nrtbf" else escape[0]


def _kinds(found: Iterable[Secret]) -> list[str]:
    return list(dict.fromkeys(secret.what for secret in found))


def _found(text: str) -> list[Secret]:
    patterns = {
        **TOKENS,
        **_environment_values(os.environ),
        "token of `hf auth login`": _login_pattern(),
        "home folder": _home_pattern(),
        "host name": _host_pattern(),
    }
    found = [
        Secret(what, *match.span("secret" if match.groupdict().get("secret") else 0))
        for what, pattern in patterns.items()
        for match in re.finditer(pattern, text)
    ]
    if user := _user_pattern():
        without_addresses = re.sub(r"https?://\S+", lambda address: " " * len(address[0]), text)  # public as they are
        found += [Secret("user name", *match.span()) for match in re.finditer(user, without_addresses)]
    return found


def _environment_values(environment: Mapping[str, str]) -> dict[str, str]:
    """The values of variables that hold secrets, as regular expressions by `value of NAME`."""
    named = re.compile(r"(TOKEN|API_?KEY|SECRET|PASSWORD|PASSWD)$", re.IGNORECASE)
    return {
        f"value of {name}": re.escape(value)
        for name, value in environment.items()
        if named.search(name) and len(value) >= MIN_VALUE and not Path(value).exists()
    }


def _login_pattern() -> str:
    """The token that `hf auth login` stored. Not by `get_token`, which may ask the Hub for a fresh one."""
    try:
        token = Path(constants.HF_TOKEN_PATH).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return NEVER
    return re.escape(token) if len(token) >= MIN_VALUE else NEVER


def _home_pattern() -> str:
    home = str(Path.home())
    own = rf"|(?<![\w./~-]){re.escape(home)}(?![\w.-])" if len(home) > len("/root") else ""
    return HOME + own


def _user_pattern() -> str | None:
    """This user's name, alone or as a folder; before a slash it is the owner of a repository. None where it says nothing."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):  # in a container a user id may have no name
        return None
    name = re.escape(user)
    return rf"(?<![\w.-]){name}(?![\w-]|[./]\w)|(?<=/){name}(?=[/\\])" if _is_distinctive(user) else None


def _host_pattern() -> str:
    """This machine's name, with and without its domain. Before or after a `_` too, as in TensorBoard's `Sep01_12-00-00_name`;
    where it is an ordinary word only after the time."""
    host = socket.gethostname()
    patterns = []
    for name in sorted({host, host.split(".")[0]}, key=len, reverse=True):
        if _is_distinctive(name):
            before = r"(?:(?<![\w-])|(?<=\d_))" if name.isalpha() else r"(?<![^\W_])(?<!-)"
            after = r"(?![\w-])" if name.isalpha() else r"(?![^\W_]|-)"
            patterns.append(before + re.escape(name) + after)
    return "|".join(patterns) or NEVER


def _is_distinctive(name: str) -> bool:
    """Long enough to be somebody's, and not one that images and installers give to everybody."""
    return len(name) >= 4 and name.lower() not in COMMON_NAMES
