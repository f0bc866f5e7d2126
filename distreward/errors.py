"""The one exception a user's mistake raises: one line that names the place, the problem and the remedy."""

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """A mistake in what the user gave us (a file, a flag, a model), as opposed to a defect of ours.

    The message is ONE line: where (file, row, field), what came, what was wanted, how to mend it. The command line
    prints it and exits with status 2; in Python it is an ordinary `ValueError`.
    """


def nearest(word: str, known: Iterable[str]) -> str:
    """` (did you mean 'x'?)` for the known word closest to a misspelt one, or nothing.

    >>> nearest("lerning_rate", ["learning_rate", "seed"])
    " (did you mean 'learning_rate'?)"
    """
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
