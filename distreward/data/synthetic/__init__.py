"""The synthetic preference set: texts from a grammar, annotators from a population, true level distributions known."""

from distreward.data.synthetic.pairs import SPLITS, draw_pair, synthetic_preferences, true_level_probs

__all__ = ["SPLITS", "draw_pair", "synthetic_preferences", "true_level_probs"]
