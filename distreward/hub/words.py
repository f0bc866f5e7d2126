"""What a model card says of a reward head and of an objective, in words: one row each."""

from typing import NamedTuple

from distreward.modeling.heads import N_FACTORS


class HeadWords(NamedTuple):
    """Of one reward head.

    Attributes:
        outputs: what the last layer gives for a response.
        score: the formula of its divergence score (paper, sections 4 and 4.1).
        summary: a sentence on what the model gives.
    """

    outputs: str
    score: str
    summary: str


HEAD_WORDS = {
    "scalar": HeadWords(
        "one reward",
        "-|gap|",
        "It gives every response one reward, and says nothing about disagreement but what a small gap hints at.",
    ),
    "mean_variance": HeadWords(
        "mean and standard deviation of the reward over people",
        "-(|gap| - lambda (std_A + std_B))",
        "It gives every response the mean and the standard deviation of the reward over people: not only which response is "
        "preferred, but how much people would disagree about it.",
    ),
    "taste_factors": HeadWords(
        f"mean and standard deviation of the reward over people, and {N_FACTORS} tastes that responses share",
        "-(|gap| - lambda sqrt(2) std of the difference of the two rewards)",
        "It gives every response the mean and the standard deviation of the reward over people, and says how far two "
        "responses divide people in the same way: not only which is preferred, but how much people would disagree.",
    ),
    "likert": HeadWords(
        "a distribution over the ratings 1 to 5",
        "P(rating 1) P(rating 5), averaged over both responses",
        "It gives every response a distribution over the ratings 1 to 5: not only which response is preferred, but how much "
        "people would disagree about it.",
    ),
}

OBJECTIVE_WORDS = {
    "bradley_terry": "Bradley-Terry on every vote, a tie counting half for each side",
    "mse": "squared error against every annotator's score",
    "mean_variance_kl": "KL divergence to the shares of annotators at the five preference levels",
    "taste_factors_kl": "KL divergence to the shares at the five levels, the correlation of two rewards by their factors",
    "mean_variance_nll": "likelihood of who is preferred; ties and strength are not used",
    "likert_kl": "KL divergence to the shares of annotators at the five ratings",
}
