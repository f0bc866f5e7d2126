"""Verdicts that exist already: those in `meta` of our schema, our own files, and the files of four benchmarks."""

from distreward.judge.recorded.ours import verdicts_in_meta
from distreward.judge.recorded.reading import FORMATS, Recorded, read_recorded

__all__ = ["FORMATS", "Recorded", "read_recorded", "verdicts_in_meta"]
