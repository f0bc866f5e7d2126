r"""Sets of responses that cover the predicted population: not the one best answer, but an answer for everybody.

A person p rates response i

    u_pi = mean_i + std_i (sqrt(c) z_p + sqrt(1 - c) e_pi),     z_p, e_pi independent standard normal,

so each rating has the mean and std that the model predicts, and any two ratings of one person have correlation c: z_p is
what the person's taste has in common over all responses, e_pi what is particular to one. This is the population of the
paper's Equation 1 with rho = c. Its limits: one correlation for all pairs of responses (two bold answers are no more alike
than a bold and a dry one), and tastes without clusters, so it cannot know that those who dislike A are the ones who like B.
"""

from dataclasses import dataclass

import numpy as np

from distreward.errors import InputError

N_PEOPLE = 4096
"""People drawn: a share of one half has a standard error of 0.008."""


@dataclass(frozen=True)
class CoveringSet:
    """What `covering_set` found for K responses.

    Attributes:
        chosen: numbers of the responses of the set, in the order they were taken.
        coverage: as many shares in 0..1: of the people covered by the first, the first two, ... of them.
        favourite_share: [K] share of the people whose favourite each response is; sums to 1.
    """

    chosen: list[int]
    coverage: list[float]
    favourite_share: list[float]


def sampled_ratings(
    mean: np.ndarray, std: np.ndarray, correlation: float = 0.0, n_people: int = N_PEOPLE, seed: int = 0
) -> np.ndarray:
    """Ratings of K responses by people drawn from the predicted population (see the module's head).

    Args:
        mean, std: [K] of the responses, in units of reward, std >= 0.
        correlation: of one person's ratings of two responses, 0 to 1.
        n_people: drawn.
        seed: equal seeds draw equal people.

    Returns:
        [n_people, K].

    Raises:
        InputError: shapes that do not fit, values that are not finite, a correlation outside 0..1, no people.

    >>> sampled_ratings([1.0, 2.0], [0.0, 0.0], n_people=2)
    array([[1., 2.],
           [1., 2.]])
    """
    mean, std = np.asarray(mean, dtype=np.float64), np.asarray(std, dtype=np.float64)
    if mean.ndim != 1 or mean.shape != std.shape or len(mean) == 0:
        raise InputError(
            f"`mean` and `std` have shapes {mean.shape} and {std.shape}, wanted one number each per response, [K]."
        )
    if not (np.isfinite(mean).all() and np.isfinite(std).all() and (std >= 0).all()):
        raise InputError(
            "`mean` and `std` must be finite and `std` not negative: a scalar head predicts no std, so take a checkpoint with "
            "another head."
        )
    if not 0 <= correlation <= 1:
        raise InputError(f"`correlation` is {correlation}, wanted a number from 0 to 1.")
    if n_people < 1:
        raise InputError(f"`n_people` is {n_people}, wanted 1 or more.")
    draws = np.random.default_rng(seed).standard_normal((n_people, len(mean) + 1))
    shared, own = draws[:, :1], draws[:, 1:]
    return mean + std * (np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * own)


def covering_set(
    mean: np.ndarray,
    std: np.ndarray,
    size: int = 2,
    correlation: float = 0.0,
    n_people: int = N_PEOPLE,
    seed: int = 0,
    margin: float = 0.0,
    enough: float | None = None,
) -> CoveringSet:
    """The responses that together please most of the predicted population, chosen greedily.

    A person is covered by a set that holds a response they rate within `margin` of their favourite. With margin 0 that is
    the favourite itself; then coverage adds up over responses and the greedy set is the best one. With a margin it is
    submodular, and the greedy set covers at least 1 - 1/e of what the best one does.

    Args:
        mean, std: [K] of the responses, in units of reward.
        size: responses in the set, 1 or more; all of them where there are fewer.
        correlation, n_people, seed: see `sampled_ratings`.
        margin: in units of reward, 0 or more; 0.5 is the half-width of a tie in the levels.
        enough: stop earlier when this share of the people is covered, in (0, 1]; None: do not.

    Returns:
        A `CoveringSet`. Of responses that cover equally many more people, the one with the highest mean is taken, then the
        first.

    Raises:
        InputError: a value out of its range.

    >>> covering_set([1.0, 0.9, 0.0], [0.1, 0.1, 3.0], size=2).chosen  # some love the third; whoever likes the second likes the first
    [0, 2]
    """
    if size < 1:
        raise InputError(f"`size` is {size}, wanted 1 or more responses.")
    if not 0 <= margin < np.inf:
        raise InputError(f"`margin` is {margin}, wanted a number of 0 or more, in units of the reward.")
    if enough is not None and not 0 < enough <= 1:
        raise InputError(f"`enough` is {enough}, wanted a share of people above 0, up to 1.")
    ratings = sampled_ratings(mean, std, correlation, n_people, seed)
    pleases = pleased(ratings, margin)
    chosen: list[int] = []
    coverage: list[float] = []
    covered = np.zeros(n_people, dtype=bool)
    wanted = 2.0 if enough is None else enough  # no share reaches 2
    while len(chosen) < min(size, ratings.shape[1]) and (not coverage or coverage[-1] < wanted):
        gain = pleases[~covered].sum(0)
        left = [number for number in range(ratings.shape[1]) if number not in chosen]
        best = max(left, key=lambda number: (gain[number], mean[number], -number))
        chosen.append(best)
        covered |= pleases[:, best]
        coverage.append(float(covered.mean()))
    shares = np.bincount(ratings.argmax(1), minlength=ratings.shape[1]) / n_people
    return CoveringSet(chosen, coverage, shares.tolist())


def pleased(ratings: np.ndarray, margin: float = 0.0) -> np.ndarray:
    """Whom each response pleases: its rating is within `margin` of the person's highest.

    Args:
        ratings: [P, K] of P people for K responses.
        margin: in units of reward. At 0 a person has one favourite, the first of equally rated ones.

    Returns:
        bool [P, K], at least one True in every row.

    >>> pleased(np.array([[1.0, 1.0, 0.5]])).tolist(), pleased(np.array([[1.0, 1.0, 0.5]]), 0.2).tolist()
    ([[True, False, False]], [[True, True, False]])
    """
    found = ratings >= ratings.max(1, keepdims=True) - margin if margin > 0 else np.zeros(ratings.shape, dtype=bool)
    found[np.arange(len(ratings)), ratings.argmax(1)] = True
    return found
