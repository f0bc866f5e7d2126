"""Pushing from the trainer: the files that `distreward push` sends, and never at the price of the model or its training.

transformers sends the whole output folder but checkpoints, so also pickled arguments with the token in them; and an error of
the Hub after the last step ends in a traceback before anything is saved.
"""

import logging
import os
import shutil
import tempfile
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from huggingface_hub import CommitInfo
from peft import PeftModel
from transformers.trainer_utils import HubStrategy, SaveStrategy
from transformers.utils import PushInProgress

from distreward.errors import InputError
from distreward.hub.files import beside_the_model, of_another_kind, select_files
from distreward.hub.pushing import AnotherKindError, Repository, open_repository

logger = logging.getLogger("distreward")

STAGED = "_push-"
LINKED_FROM = 2**20
"""Bytes from which a file of a checkpoint is linked rather than copied."""


class PushesToHub:
    """To stand before `transformers.Trainer` among the bases of a trainer; its arguments and attributes keep their meaning."""

    _repository: Repository | None = None

    def init_hf_repo(self, token: str | None = None, private: bool | None = None) -> None:
        """Make or find the repository, on the first process. With `push_to_hub` this comes before the training.

        Raises:
            InputError: no token, no network, no permission, a public repository where a private one is wanted, or one that
                holds a model of another kind.
        """
        if not self.is_world_process_zero():
            return
        self._find_repository(token, private)
        if files := of_another_kind(self._repository.names(), isinstance(self.model, PeftModel)):
            later = later_push(self.args, self.hub_model_id, replace=True)
            remedy = f"name another hub_model_id, or train without push_to_hub and afterwards run {later}"
            raise AnotherKindError(self.hub_model_id, files, remedy)

    def _find_repository(self, token: str | None, private: bool | None) -> None:
        for left_over in Path(self.args.output_dir).glob(f"{STAGED}*"):  # of a run that was killed
            shutil.rmtree(left_over)
        self._repository = self._open_repository(token, private, self.args.hub_revision)
        self.hub_model_id = self._repository.repo_id
        self.push_in_progress = None

    def _open_repository(self, token: str | None, private: bool | None, revision: str | None) -> Repository:
        return open_repository(
            self.hub_model_id or wanted_repo_id(self.args),
            private=self.args.hub_private_repo if private is None else private,
            revision=revision,
            token=token or self.args.hub_token,
        )

    def push_to_hub(
        self,
        commit_message: str | None = "End of training",
        blocking: bool = True,
        token: str | None = None,
        revision: str | None = None,
        private: bool | None = None,
        _saved: bool = False,
        **kwargs: Any,
    ) -> CommitInfo | Future | None:
        """Save the model and its card, then send them with tokenizer, figures and results, as `distreward push` does.

        Args:
            commit_message, blocking, token, revision, private: as in transformers.
            _saved: `save_model` has been called just now; of this package's own commands.
            kwargs: for `create_model_card`: `model_name`, `dataset_name`, `tags`.

        Returns:
            The commit; with `blocking=False` a future of it; None on other processes than the first.

        Raises:
            InputError: it could not be sent. The model is saved by then, and the message says how to push it later.
        """
        if not _saved:
            self.save_model(_internal_call=True)
        self.callback_handler.on_push_begin(self.args, self.state, self.control)
        if not self.is_world_process_zero():
            return None
        try:
            repository = self._repository_for_push(token, revision, private)
        except InputError as error:
            self._write_card(kwargs)
            raise saved_all_the_same(error, self.args, self.hub_model_id) from error
        self._write_card(kwargs)
        self._finish_current_push()

        def send() -> CommitInfo:
            try:
                return repository.commit(select_files(self.args.output_dir).paths, commit_message or "A model").info
            except InputError as error:
                raise saved_all_the_same(error, self.args, repository.repo_id) from error

        return send() if blocking else repository.api.run_as_future(send)

    def _repository_for_push(self, token: str | None, revision: str | None, private: bool | None) -> Repository:
        """That of training; for a push with a token, a revision or a privacy of its own another one, for this once."""
        if (token, revision, private) == (None, None, None):
            if self._repository is None:
                self._find_repository(token, private)
            return self._repository
        repository = self._open_repository(token, private, revision or self.args.hub_revision)
        self.hub_model_id = repository.repo_id
        return repository

    def _write_card(self, options: dict[str, Any]) -> None:
        """`create_model_card`, with the tags of the model as transformers adds them."""
        name = options.pop("model_name", None) or wanted_repo_id(self.args).split("/")[-1]
        tags = options.pop("tags", None) or []
        tags = [tags] if isinstance(tags, str) else list(tags)
        tags += [tag for tag in self.model.model_tags or () if tag not in tags]
        self.create_model_card(model_name=name, **options, **({"tags": tags} if tags else {}))

    def _push_from_checkpoint(self, checkpoint_folder: str) -> None:
        """Send a checkpoint of training in the background, with the card; called whenever one is saved.

        Its files are linked into a folder of their own first: training goes on, and deletes checkpoints.
        """
        args = self.args
        if not self.is_world_process_zero() or args.hub_strategy == HubStrategy.END:
            return
        busy = self.push_in_progress is not None and not self.push_in_progress.is_done()
        if busy and not args.hub_always_push:
            return
        self.callback_handler.on_push_begin(args, self.state, self.control)
        try:
            model = select_files(checkpoint_folder).paths
        except InputError as error:  # sharded over processes: only the end of training writes a whole model
            logger.warning("not pushed during training: %s", error)
            return
        files = model | files_to_resume(Path(checkpoint_folder), args.hub_strategy) | beside_the_model(args.output_dir)
        staged = stage(files, Path(args.output_dir))
        at = f"step {self.state.global_step}"
        if args.save_strategy != SaveStrategy.STEPS:
            at = f"epoch {int(self.state.epoch)}"
        message = f"Training in progress, {at}"
        job = self._repository.api.run_as_future(send_staged, self._repository, staged, message)
        earlier = self.push_in_progress.jobs if busy else []
        self.push_in_progress = PushInProgress([*earlier, job])


def wanted_repo_id(args: Any) -> str:
    """The repository that arguments of training name, by default after the output folder."""
    return args.hub_model_id or Path(args.output_dir).absolute().name


def saved_all_the_same(error: InputError, args: Any, repo_id: str | None) -> InputError:
    """The error of a push, with the way to do it later."""
    later = later_push(args, repo_id, replace=isinstance(error, AnotherKindError))
    return InputError(f"{error} Nothing is lost, the model is in {args.output_dir}; push it later: {later}")


def later_push(args: Any, repo_id: str | None, replace: bool) -> str:
    """The command that sends what training saved."""
    command = f"distreward push {args.output_dir} --repo_id {repo_id or args.hub_model_id or 'USER/NAME'}"
    return f"{command} --replace" if replace else command


def files_to_resume(checkpoint: Path, strategy: HubStrategy) -> dict[str, Path]:
    """A whole checkpoint under a folder of its own, where `hub_strategy` asks for it; its pickled arguments stay."""
    if strategy not in (HubStrategy.CHECKPOINT, HubStrategy.ALL_CHECKPOINTS):
        return {}
    folder = "last-checkpoint" if strategy == HubStrategy.CHECKPOINT else checkpoint.name
    inside = (path for path in checkpoint.rglob("*") if path.is_file())
    left_out = ("training_args.bin", "README.md")  # a token may be in the one; the other is PEFT's empty card
    return {f"{folder}/{path.relative_to(checkpoint)}": path for path in inside if path.name not in left_out}


def stage(files: Mapping[str, Path], output_dir: Path) -> Path:
    """A temporary folder in `output_dir` with the files as they are now: small ones copied, large ones linked where possible."""
    folder = Path(tempfile.mkdtemp(prefix=STAGED, dir=output_dir))
    for name, path in files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.stat().st_size < LINKED_FROM:
            shutil.copyfile(path, target)
            continue
        try:
            os.link(path, target)
        except OSError:  # a file system without hard links
            shutil.copyfile(path, target)
    return folder


def send_staged(repository: Repository, folder: Path, message: str) -> None:
    """Commit all of a staged folder and delete it; a failure is a warning, since training goes on."""
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    try:
        repository.commit(files, message)
    except InputError as error:
        logger.warning("training goes on, but a push during it failed: %s", error)
    finally:
        shutil.rmtree(folder)
