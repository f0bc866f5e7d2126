import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose

from distreward.data.agreement import agreement_masks, level_counts
from distreward.errors import InputError
from distreward.levels import LEVELS
from distreward.metrics.divergence import (
    DEFAULT_LAMBDA,
    LAMBDA_GRID,
    LARGE_LAMBDA,
    diverging_probability,
    gap_divergence,
    likert_divergence,
    mean_variance_divergence,
    rating_level_probs,
    tune_lambda,
)

CATEGORY = {False: "diverging", True: "diverging_substantial"}


def some_distributions(n_rows: int) -> np.ndarray:
    """Dirichlet draws, then corners: one level only, zeros, two extremes."""
    drawn = np.random.default_rng(0).dirichlet(np.full(5, 0.6), n_rows)
    corners = [np.eye(5)[level] for level in range(5)] + [[0.5, 0, 0, 0, 0.5], [0, 0.5, 0, 0.5, 0], [0.2] * 5]
    return np.vstack([drawn, corners])


@pytest.mark.parametrize("substantial", [False, True])
@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_closed_form_equals_the_sum_over_all_label_lists(n, substantial):
    # P = sum over all 5^n label lists of [list is in the category] * product of its label probabilities
    probs = some_distributions(20)
    lists = np.array(list(itertools.product(range(5), repeat=n)))
    hit = agreement_masks(level_counts([[LEVELS[i] for i in labels] for labels in lists]))[CATEGORY[substantial]]
    expected = probs[:, lists].prod(-1) @ hit
    assert_allclose(diverging_probability(probs, n, substantial), expected, atol=1e-14)


@pytest.mark.parametrize("substantial", [False, True])
def test_closed_form_matches_simulation(substantial):
    # 200,000 draws: the standard error is at most sqrt(0.25 / 200,000) = 0.0011; five of them are allowed
    probs, n = np.array([0.1, 0.2, 0.3, 0.25, 0.15]), 7
    counts = np.random.default_rng(3).multinomial(n, probs, size=200_000)
    share = agreement_masks(counts)[CATEGORY[substantial]].mean()
    assert abs(share - diverging_probability(probs, n, substantial)) < 5 * 0.0011


def test_diverging_probability_by_hand():
    # two annotators, (0.2, 0, 0.3, 0.1, 0.4): one for B (0.2, significant), one for A (0.5), either order = 0.2
    assert_allclose(diverging_probability([0.2, 0, 0.3, 0.1, 0.4], 2), 2 * 0.2 * 0.5)
    # substantial: one -2 and one 2 = 2 * 0.2 * 0.4
    assert_allclose(diverging_probability([0.2, 0, 0.3, 0.1, 0.4], 2, substantial=True), 2 * 0.2 * 0.4)


@pytest.mark.parametrize("substantial", [False, True])
def test_diverging_probability_properties(substantial):
    probs = some_distributions(200)
    by_n = np.stack([diverging_probability(probs, n, substantial) for n in (1, 2, 3, 5, 50)])
    assert ((by_n >= 0) & (by_n <= 1)).all()
    assert_allclose(by_n[0], 0, atol=1e-15)  # one annotator contradicts nobody
    assert (np.diff(by_n, axis=0) >= -1e-15).all()  # one annotator more can only add divergence
    assert_allclose(diverging_probability(probs[:, ::-1], 3, substantial), by_n[2], atol=1e-15)  # A and B swapped
    assert (diverging_probability(probs, 4, True) <= diverging_probability(probs, 4) + 1e-15).all()


def test_diverging_probability_takes_one_count_per_pair_and_any_leading_shape():
    probs = some_distributions(4)[:12].reshape(3, 4, 5)
    n = np.array([2, 3, 4, 5])
    table = diverging_probability(probs, n)
    assert table.shape == (3, 4)
    assert table[1, 2] == diverging_probability(probs[1, 2], 4)


def test_diverging_probability_forgives_float16_rounding():
    probs = some_distributions(50)
    assert_allclose(diverging_probability(probs.astype(np.float16), 4), diverging_probability(probs, 4), atol=5e-3)


@pytest.mark.parametrize("n", [0, -1, 2.0, True, [2, 0]])
def test_diverging_probability_refuses_counts_that_are_none(n):
    with pytest.raises(InputError, match="`n_annotators`"):
        diverging_probability([[0.2] * 5, [0.2] * 5], n)


def test_diverging_probability_refuses_what_is_no_distribution():
    with pytest.raises(InputError, match="row 1 .* sum 1.2"):
        diverging_probability([[0.2] * 5, [0.2, 0.2, 0.2, 0.2, 0.4]], 2)
    with pytest.raises(InputError, match="row 0"):
        diverging_probability([[np.nan, 0, 0, 0, 1]], 2)
    with pytest.raises(InputError, match="row 0"):
        diverging_probability([[-0.5, 0.5, 0, 0, 1]], 2)
    with pytest.raises(InputError, match="shape"):
        diverging_probability([[0.5, 0.5]], 2)
    with pytest.raises(InputError, match="broadcasts"):
        diverging_probability([[0.2] * 5, [0.2] * 5], [2, 2, 2])


def test_scores_by_hand():
    # -(|3 - 1| - 0.5 * (0.4 + 0.6)) = -1.5
    assert_allclose(mean_variance_divergence([3.0], [0.4], [1.0], [0.6], 0.5), [-1.5])
    assert_allclose(mean_variance_divergence([3.0], [0.4], [1.0], [0.6], 0.0), gap_divergence([3.0], [1.0]))
    # (0.3 * 0.2 + 0.1 * 0.5) / 2 = 0.055
    a, b = [0.3, 0.1, 0.2, 0.2, 0.2], [0.1, 0.2, 0.1, 0.1, 0.5]
    assert_allclose(likert_divergence([a], [b]), [0.055])
    assert_allclose(likert_divergence([b], [a]), [0.055])


def test_rating_level_probs_by_hand():
    # A: 4 or 5, half each. B: 1 (0.2), 4 (0.5), 5 (0.3).  Differences and chances:
    # 4-1=3: .1, 4-4=0: .25, 4-5=-1: .15, 5-1=4: .1, 5-4=1: .25, 5-5=0: .15
    a, b = [[0, 0, 0, 0.5, 0.5]], [[0.2, 0, 0, 0.5, 0.3]]
    assert_allclose(rating_level_probs(a, b), [[0, 0.15, 0.4, 0.25, 0.2]])


def test_rating_level_probs_swap_and_shapes():
    a, b = some_distributions(30), some_distributions(30)[::-1]
    forward = rating_level_probs(a, b)
    assert_allclose(forward.sum(1), 1)
    assert_allclose(forward[:, ::-1], rating_level_probs(b, a))
    for wrong in (a[0], a[:3]):
        with pytest.raises(InputError, match="shape"):
            rating_level_probs(wrong, a)


def lambda_data(n_pairs: int = 400):
    """Rewards whose standard deviations tell the diverging pairs, and whose means are noise."""
    rng = np.random.default_rng(1)
    diverging = rng.random(n_pairs) < 0.4
    counts = np.where(diverging[:, None], [2, 0, 0, 0, 2], [0, 0, 0, 0, 4])
    std = 0.5 + 0.5 * diverging + 0.2 * rng.random(n_pairs)
    return rng.normal(size=n_pairs), std, rng.normal(size=n_pairs), std, counts


def test_tune_lambda_is_the_best_of_the_grid():
    from sklearn.metrics import roc_auc_score

    *columns, counts = lambda_data()
    lam, auroc = tune_lambda(*columns, counts, grid=(0.0, 0.3, 1.0))
    positive = agreement_masks(counts)["diverging"]
    expected = {g: roc_auc_score(positive, mean_variance_divergence(*columns, g)) for g in (0.0, 0.3, 1.0)}
    assert lam == max(expected, key=expected.get)
    assert_allclose(auroc, expected[lam])


def test_tune_lambda_takes_the_smallest_of_equals_and_knows_the_limit():
    mean_a, std, mean_b, _, counts = lambda_data()
    flat = np.ones_like(std)  # equal standard deviations: lambda cannot matter
    assert tune_lambda(mean_a, flat, mean_b, flat, counts)[0] == 0.0
    assert tune_lambda(mean_a, flat, mean_b, flat, counts, grid=(3.0, 2.0))[0] == 2.0
    # standard deviations alone separate perfectly, and gaps up to 1000 hide that from every lambda but the limit
    lam, auroc = tune_lambda(1000 * mean_a, std, 1000 * mean_b, std, counts)
    assert (lam, auroc) == (LARGE_LAMBDA, 1.0)
    assert LAMBDA_GRID[0] == 0.0 and LAMBDA_GRID[-1] == LARGE_LAMBDA and list(LAMBDA_GRID) == sorted(LAMBDA_GRID)


def test_tune_lambda_leaves_out_single_annotators_and_announces_one_class():
    mean_a, std_a, mean_b, std_b, counts = lambda_data(60)
    single = np.tile([0, 0, 0, 0, 1], (60, 1))
    with pytest.warns(UserWarning, match="tune_lambda: 0 diverging pairs and 0 others"):
        lam, auroc = tune_lambda(mean_a, std_a, mean_b, std_b, single)
    assert lam == DEFAULT_LAMBDA and np.isnan(auroc)
    doubled = [np.r_[column, column] for column in (mean_a, std_a, mean_b, std_b)]
    assert tune_lambda(*doubled, np.vstack([counts, single])) == tune_lambda(mean_a, std_a, mean_b, std_b, counts)


def test_tune_lambda_refuses_broken_input():
    mean_a, std_a, mean_b, std_b, counts = lambda_data(10)
    with pytest.raises(InputError, match="`grid`"):
        tune_lambda(mean_a, std_a, mean_b, std_b, counts, grid=())
    with pytest.raises(InputError, match="`grid`"):
        tune_lambda(mean_a, std_a, mean_b, std_b, counts, grid=(-1.0,))
    with pytest.raises(InputError, match="`std_b`"):
        tune_lambda(mean_a, std_a, mean_b, std_b[:-1], counts)
    with pytest.raises(InputError, match="`mean_a` holds 1 values of 10 .* row 0"):
        tune_lambda(np.r_[np.nan, mean_a[1:]], std_a, mean_b, std_b, counts)
