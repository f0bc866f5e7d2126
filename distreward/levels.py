"""The five preference levels and the five Likert ratings: the vocabulary everything else speaks.

Imports nothing of ours and nothing heavy. Every vector over levels is in the ascending order of `LEVELS`.
"""

LEVELS = (-2, -1, 0, 1, 2)
"""Preference levels: B significantly, B slightly, tie, A slightly, A significantly. Positive means A is preferred."""

LEVEL_NAMES = ("b_significantly", "b_slightly", "tie", "a_slightly", "a_significantly")

N_LEVELS = len(LEVELS)

RATINGS = (1, 2, 3, 4, 5)
"""Likert ratings one annotator can give ONE response."""

N_RATINGS = len(RATINGS)
