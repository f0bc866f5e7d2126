"""Every head and every objective has its words; a new one without them would lose its trainings their card."""

from distreward.hub.words import HEAD_WORDS, OBJECTIVE_WORDS
from distreward.modeling import REWARD_HEADS
from distreward.trainers import OBJECTIVES


def test_every_head_and_objective_has_words():
    assert HEAD_WORDS.keys() == REWARD_HEADS.keys()
    assert OBJECTIVE_WORDS.keys() == OBJECTIVES.keys()


def test_the_words_count_the_tastes():
    n = sum(name.startswith("factor_") for name in REWARD_HEADS["taste_factors"].output_names)
    assert f" {n} tastes " in HEAD_WORDS["taste_factors"].outputs
