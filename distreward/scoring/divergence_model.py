"""From the closed form of `diverging_probability` to a chance that holds among people, under a checkpoint's calibration.

The closed form takes the annotators of a pair for independent draws from the predicted levels. People who read the same two
texts are not: two of them agree more often than two draws do, and a closed form that does not know it promises too much
divergence. And of a model that overfits, the size of the reward gap says less about divergence than the widths do. Three
numbers mend both:

| parameter | neutral | what it does |
|---|---|---|
| `gap_scale` | 1 | 0..1: the reward gap is multiplied by it before the closed form (heads with a std) |
| `slope`, `intercept` | 1, 0 | log odds of the closed form -> slope * log odds + intercept (Platt, 1999), slope > 0 |

`slope` and `intercept` change no order of pairs at a given number of annotators (chances below 1e-6 count as 1e-6); `gap_scale`
does, as lambda does in the paper's score: lambda to infinity and `gap_scale` 0 both leave the widths alone to decide.

A slope and an intercept hold for numbers of annotators like those they were fitted at. For many more people than that the
calibrated chance is an extrapolation and still too high where a model cannot tell clear pairs from divided ones.
"""

import numpy as np
from scipy.special import expit, logit

NEUTRAL_DIVERGENCE = {"gap_scale": 1.0, "slope": 1.0, "intercept": 0.0}
"""The parameters at the values that change nothing."""

SMALLEST = 1e-6
"""Chances are kept this far from 0 and 1 where their log odds are taken."""


def log_odds(chance: np.ndarray) -> np.ndarray:
    """Log odds of chances in 0..1, finite: `SMALLEST` stands for 0.

    >>> log_odds(np.array([0.0, 0.5])).round(2)
    array([-13.82,   0.  ])
    """
    return logit(np.clip(chance, SMALLEST, 1 - SMALLEST))


def recalibrated(chance: np.ndarray, n_annotators: int | np.ndarray, slope: float, intercept: float) -> np.ndarray:
    """Chances [N] of the closed form for `n_annotators` (one number or [N]) after Platt scaling, [N] in 0..1.

    One annotator never diverges and stays at 0.

    >>> recalibrated(np.array([0.5, 0.5]), np.array([2, 1]), slope=2.0, intercept=-np.log(3)).round(4)  # odds 1 -> 1/3
    array([0.25, 0.  ])
    """
    return np.where(np.asarray(n_annotators) == 1, 0.0, expit(slope * log_odds(chance) + intercept))
