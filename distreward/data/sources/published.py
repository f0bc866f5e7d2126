"""The published sets as a table, and the one way they are read: from the Hub or from a local copy of the same files."""

import inspect
from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import NamedTuple

from distreward.data.files import RawRows, local_rows, splits_of_directory
from distreward.data.hub_sets import hub_rows
from distreward.data.sources.helpsteer2 import read_helpsteer2, read_helpsteer2_preference
from distreward.data.sources.helpsteer3 import read_helpsteer3
from distreward.data.sources.mt_bench import read_mt_bench
from distreward.data.sources.multipref import read_multipref
from distreward.data.tally import Tally
from distreward.errors import InputError


class Published(NamedTuple):
    """A published set.

    Attributes:
        hub_id: where it lies.
        licence: of the data, by the name the Hub has for it, as its page said when this was written.
        read: from its rows to rows of our schema; its keyword-only arguments are the loader's options.
        data_dir: folder of the repository to read.
        config: configuration of the repository.
        split: the split that is read where none is asked for.
        split_is_column: splits are a column of one file, and `read` takes `split`.
    """

    hub_id: str
    licence: str
    read: Callable[..., RawRows]
    data_dir: str | None = None
    config: str | None = None
    split: str = "train"
    split_is_column: bool = False


PUBLISHED = {
    "multipref": Published("allenai/multipref", "odc-by", read_multipref),
    "helpsteer2": Published("nvidia/HelpSteer2", "cc-by-4.0", read_helpsteer2, "disagreements"),
    "helpsteer2-preference": Published(
        "nvidia/HelpSteer2", "cc-by-4.0", read_helpsteer2_preference, "preference", split_is_column=True
    ),
    "helpsteer3": Published("nvidia/HelpSteer3", "cc-by-4.0", read_helpsteer3, config="preference"),
    "mt_bench_human_judgments": Published("lmsys/mt_bench_human_judgments", "cc-by-4.0", read_mt_bench, split="human"),
}

LICENCES = {
    "synthetic": "apache-2.0",  # made by this package
    **{name: source.licence for name, source in PUBLISHED.items()},
    **{source.hub_id: source.licence for source in PUBLISHED.values()},
}
"""Licence by the name of a set, by its Hub id, and so by the `source` of its rows."""

DataFiles = str | PathLike | Sequence[str | PathLike]


def options_of(name: str) -> tuple[str, ...]:
    """Options that this set's loader takes besides `split`.

    >>> options_of("multipref")
    ('attribute', 'workers', 'data_files', 'streaming')
    """
    own = [p.name for p in inspect.signature(PUBLISHED[name].read).parameters.values() if p.kind is p.KEYWORD_ONLY]
    return (*(option for option in own if option != "split"), "data_files", "streaming")


def published_rows(
    name: str,
    split: str | None,
    tally: Tally,
    *,
    data_files: DataFiles | None = None,
    streaming: bool = False,
    **options,
) -> RawRows:
    """Rows of our schema from one of `PUBLISHED`, not yet checked.

    Args:
        name: a key of `PUBLISHED`.
        split: a split of the set; None is its main one.
        tally: gets the counts of what is read and left out.
        data_files: files or directories with the set's own files, in place of the Hub.
        streaming: read the Hub's files row by row over the network, with nothing kept on disk.
        options: the options of the set's own reader.

    Raises:
        InputError: files that cannot be read.
    """
    source = PUBLISHED[name]
    if source.split_is_column:
        options["split"], split = split, None
    if data_files is None:
        where = {"config": source.config, "data_dir": source.data_dir}
        where["instead"] = "pass a local copy of its files as data_files"
        raw_rows = hub_rows(source.hub_id, split or source.split, **where, streaming=streaming)
    elif streaming:
        raise InputError(f"{name}: data_files are on this disk and are read row by row anyway; leave streaming out.")
    else:
        raw_rows = _file_rows(data_files, split, source.split)
    return source.read(tally.counted(raw_rows), tally, **options)


def _file_rows(data_files: DataFiles, split: str | None, main_split: str) -> RawRows:
    for file in [data_files] if isinstance(data_files, (str, PathLike)) else data_files:
        path = Path(file).expanduser()
        is_split = split is None and path.is_dir() and main_split in splits_of_directory(path)
        yield from local_rows(path, main_split if is_split else split)
