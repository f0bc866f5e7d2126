"""`distreward push`: a trained model, or one of the metrics, to the Hugging Face Hub."""

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from distreward.cli.parsing import CommandParser
from distreward.cli.results import prepare_output_dir, write_results
from distreward.errors import InputError
from distreward.hub.files import Selection, local_base, select_files
from distreward.hub.metadata import is_hub_id
from distreward.hub.pushing import Pushed, open_repository
from distreward.hub.secrets import refuse_secrets
from distreward.hub.spaces import metric_space
from distreward.hub.writing import CARD, card_naming

logger = logging.getLogger("distreward")

DESCRIPTION = """Send a trained model to the Hugging Face Hub: weights, tokenizer, card, figures and results, in one commit.

  distreward push out --repo_id ann/my-reward-model --dry_run
  distreward push out --repo_id ann/my-reward-model --private
  distreward push --metric diverging_id_auroc --repo_id ann/diverging_id_auroc

The token is the one of `hf auth login`, or HF_TOKEN. Checkpoints of training, optimiser states, pickled settings, data and the
ids in splits.json stay; files in which a token, a home folder or a user's name is found are refused.
"""

UNITS = ((10**9, "GB"), (10**6, "MB"), (10**3, "kB"))


@dataclass
class PushArguments:
    """What to send, and where to."""

    model_dir: str | None = field(
        default=None, metadata={"help": "Folder of the model; may be given first, without the flag."}
    )
    repo_id: str = field(default=None, metadata={"help": "Where to: user/name on the Hub, made where there is none."})
    metric: str | None = field(
        default=None,
        metadata={"help": "In place of a model: one of the metrics, as a Space that `evaluate.load` reads."},
    )
    private: bool = field(default=False, metadata={"help": "Make the repository private; refused for a public one."})
    revision: str | None = field(default=None, metadata={"help": "Branch to write to, made where there is none."})
    commit_message: str | None = field(default=None, metadata={"help": "Message of the commit."})
    include: list[str] | None = field(
        default=None,
        metadata={
            "help": "Files that would stay and shall go, e.g. splits.json or 'checkpoint-100/*'.",
            "nargs": "+",
        },
    )
    replace: bool = field(
        default=False,
        metadata={
            "help": "Take out files of another model that the repository holds and the new one would not overwrite."
        },
    )
    dry_run: bool = field(
        default=False, metadata={"help": "List what would go and what would stay; nothing is sent, no network needed."}
    )
    output_dir: str | None = field(default=None, metadata={"help": "Where results.json goes; default: nowhere."})

    def check(self) -> None:
        """Refuse what cannot work before anything is read."""
        if self.repo_id is None:
            raise InputError("--repo_id is missing: where to send it, user/name on the Hub.")
        if not is_hub_id(self.repo_id):
            raise InputError(
                f"--repo_id {self.repo_id}: no name the Hub takes; wanted user/name, of letters, digits, '-', '_' and '.'."
            )
        if (self.model_dir is None) == (self.metric is None):
            raise InputError("give the folder of a model or --metric NAME, one of the two; see distreward push --help")
        for name in ("include", "replace"):
            if self.metric is not None and getattr(self, name):
                raise InputError(f"--{name} is for models; leave it out with --metric.")


def main(argv: Sequence[str]) -> int:
    """Run the command; returns the exit status."""
    started = time.time()
    argv = ["--model_dir", *argv] if argv and not argv[0].startswith("-") else list(argv)
    (arguments,) = CommandParser("push", (PushArguments,), DESCRIPTION).parse(argv)
    arguments.check()
    output_dir = None if arguments.output_dir is None else prepare_output_dir(arguments.output_dir)
    if arguments.metric is None:
        selection = select_files(arguments.model_dir, arguments.include or ())
        files: dict[str, Path | bytes] = dict(selection.paths)
        if card := card_naming(selection.folder, arguments.repo_id):
            files[CARD] = card.encode()
        content = {path: len(content) for path, content in files.items() if isinstance(content, bytes)}
        rows = [(file.path, content.get(file.path, file.n_bytes), file.kind) for file in selection.sent]
    else:
        selection = None
        files = dict(metric_space(arguments.metric, arguments.repo_id))
        rows = [(name, len(content), "Space") for name, content in sorted(files.items())]
    refuse_secrets(files)  # before a repository is made
    if selection is not None:
        warn_about(selection)

    show(arguments, rows, selection)
    pushed = None if arguments.dry_run else send(arguments, files)
    if pushed is not None:
        if pushed.removed:
            print(f"taken out of the repository: {', '.join(pushed.removed)}")
        print(f"sent to {pushed.url}, commit {pushed.commit}")
    if output_dir is not None:
        values = {
            "files": [{"path": path, "bytes": n_bytes, "kind": kind} for path, n_bytes, kind in rows],
            "stays": [vars(kept) for kept in selection.kept] if selection is not None else [],
            "url": None if pushed is None else pushed.url,
            "commit": None if pushed is None else pushed.commit,
            "removed": [] if pushed is None else list(pushed.removed),
        }
        print(f"results: {write_results(output_dir, 'push', arguments, {}, started, values)}")
    return 0


def warn_about(selection: Selection) -> None:
    """Say what will be of little use to others."""
    if CARD not in selection.paths:
        remedy = f"`distreward card --model_dir {selection.folder}` writes one"
        logger.warning("%s has no %s, so the repository will have no model card; %s", selection.folder, CARD, remedy)
    if base := local_base(selection.folder):
        logger.warning(
            "the base model of this adapter is the local folder %s, which nobody else has: push what `distreward merge` writes, "
            "or name the base model's Hub id in adapter_config.json",
            base,
        )


def send(arguments: PushArguments, files: dict[str, Path | bytes]) -> Pushed:
    """Open the repository and commit the files, which were searched for secrets."""
    repository = open_repository(
        arguments.repo_id,
        private=arguments.private or None,
        revision=arguments.revision,
        repo_type="model" if arguments.metric is None else "space",
    )
    what = Path(arguments.model_dir).resolve().name if arguments.metric is None else arguments.metric
    message = arguments.commit_message or f"{what}, sent by distreward"
    return repository.commit(files, message, arguments.replace, searched=True)


def show(arguments: PushArguments, rows: Sequence[tuple[str, int, str]], selection: Selection | None) -> None:
    """Print what goes and what stays, with sizes."""
    branch = f", branch {arguments.revision}" if arguments.revision else ""
    total = size(sum(n_bytes for _, n_bytes, _ in rows))
    would = "would go" if arguments.dry_run else "goes"
    print(f"{would} to {arguments.repo_id}{branch}: {len(rows)} files, {total}")
    print_listing(rows)
    if selection is not None and selection.kept:
        print("stays here:")
        print_listing(
            (kept.path, kept.n_bytes, kept.reason + (f" ({kept.n_files} files)" if kept.n_files > 1 else ""))
            for kept in selection.kept
        )


def print_listing(rows: Iterable[tuple[str, int, str]]) -> None:
    """Rows of name, bytes and a word, in columns."""
    rows = list(rows)
    width = max((len(name) for name, _, _ in rows), default=0)
    for name, n_bytes, word in rows:
        print(f"  {name:<{width}}  {size(n_bytes):>8}  {word}")


def size(n_bytes: int) -> str:
    """
    >>> size(999), size(1234), size(2_500_000_000)
    ('999 B', '1.2 kB', '2.5 GB')
    """
    for unit, name in UNITS:
        if n_bytes >= unit:
            return f"{n_bytes / unit:.1f} {name}"
    return f"{n_bytes} B"
