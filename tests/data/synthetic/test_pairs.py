import json
from collections import defaultdict

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from distreward.data.agreement import agreement_masks, level_counts
from distreward.data.schema import check_row, features
from distreward.data.synthetic import SPLITS, draw_pair, synthetic_preferences, true_level_probs
from distreward.data.synthetic.population import (
    AXES,
    GROUP_SHARES,
    GROUP_TASTES,
    LABEL_NOISE_STD,
    TASTE_STD,
    TOPICS,
    Pair,
    closed_form_level_probs,
    draw_labels,
    main_cause,
)
from distreward.errors import InputError
from distreward.levels import LEVELS


@pytest.fixture(scope="module")
def train():
    return synthetic_preferences()


@pytest.fixture(scope="module")
def diverging(train):
    return agreement_masks(level_counts(train["preferences"]))["diverging"]


def lengths(train):
    return tuple(np.array([len(text) for text in texts]) for texts in lists(train))


def lists(train):
    return train["response_a"], train["response_b"]


def rng(seed=0):
    return np.random.Generator(np.random.PCG64(seed))


def pair_with(difference, salience=None, fit=None):
    """A pair without text whose attributes differ by `difference` (a dict by axis), all salience 1 and no fit."""
    contrast = np.array([difference.get(axis, 0.0) for axis in AXES])
    ones, zeros = np.ones(len(AXES)), np.zeros(len(AXES))
    return Pair(None, "a", "b", contrast, zeros, ones if salience is None else salience, zeros if fit is None else fit)


def test_a_pair_without_difference_is_noise_only():
    # d ~ N(0, 0.6^2): tie = P(|d| < 0.5) = 2 Phi(0.8333) - 1 = 0.59535; beyond 1.5 is 2.5 std: Phi(-2.5) = 0.00621
    probs = closed_form_level_probs(pair_with({}))
    assert LABEL_NOISE_STD == 0.6
    np.testing.assert_allclose(probs, [0.00621, 0.19612, 0.59535, 0.19612, 0.00621], atol=1e-5)


def test_closed_form_by_hand_for_one_axis():
    # verbosity differs by 2: group means 2 * (-1.0, 1.1, 0.8), variance (0.38 * 2)^2 + 0.6^2 = 0.9376, std 0.96830
    # P(d > 1.5) = 0.45 Phi(-3.5/s) + 0.33 Phi(0.7/s) + 0.22 Phi(0.1/s)
    #            = 0.45 * 0.00015 + 0.33 * 0.76513 + 0.22 * 0.54113 = 0.37161
    assert (GROUP_TASTES[:, 0].tolist(), TASTE_STD[0]) == ([-1.0, 1.1, 0.8], 0.38)
    probs = closed_form_level_probs(pair_with({"verbosity": 2.0}))
    np.testing.assert_allclose(probs[4], 0.37161, atol=2e-5)


def test_swapping_the_responses_mirrors_the_levels():
    source = rng(3)
    for _ in range(50):
        pair = draw_pair("train", source)
        swapped = pair._replace(attributes_a=pair.attributes_b, attributes_b=pair.attributes_a)
        np.testing.assert_allclose(closed_form_level_probs(swapped), closed_form_level_probs(pair)[::-1], atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_closed_form_is_the_distribution_of_the_drawn_labels(seed):
    pair = draw_pair("train", rng(seed))
    probs = closed_form_level_probs(pair)
    n = 200_000
    shares = np.bincount(draw_labels(pair, n, rng(100 + seed))["levels"] + 2, minlength=5) / n
    assert probs.sum() == pytest.approx(1)
    # One cell of a multinomial has standard error sqrt(p (1 - p) / n).
    assert (np.abs(shares - probs) <= 4 * np.sqrt(probs * (1 - probs) / n) + 1e-9).all()


def test_scores_follow_the_same_utilities():
    labels = draw_labels(pair_with({"correctness": 1.0}), 20_000, rng())
    # A is better by 0.45 * 2.2 + 0.33 * 2.1 + 0.22 * 2.4 = 2.21, and 0.6 points of score go with one unit: 1.33 points.
    assert np.mean(labels["scores_a"] - labels["scores_b"]) == pytest.approx(1.33, abs=0.1)
    same = draw_labels(pair_with({"verbosity": 2.0}), 20_000, rng())
    assert np.corrcoef(same["levels"], same["scores_a"] - same["scores_b"])[0, 1] > 0.7
    assert set(np.unique(same["scores_a"])) <= {1.0, 2.0, 3.0, 4.0, 5.0}


def test_population_is_well_formed():
    assert GROUP_SHARES.sum() == pytest.approx(1)
    assert GROUP_TASTES.shape == (len(GROUP_SHARES), len(AXES)) and TASTE_STD.shape == (len(AXES),)
    for topic in TOPICS.values():
        assert set(topic.salience) | set(topic.fit) <= set(AXES)


def test_main_cause_names_the_axis_that_splits_the_groups():
    assert main_cause(pair_with({"verbosity": 2.0})) == "verbosity"
    assert main_cause(pair_with({"aesthetic": 2.0, "verbosity": 0.2})) == "aesthetic_taste"
    assert main_cause(pair_with({"reading": 2.0})) == "task_underspecification"
    assert main_cause(pair_with({"correctness": 1.0, "example": 1.0})) == "none"  # everybody feels the same about both


def test_rows_keep_the_schema(train):
    assert len(train) == 1600 and train.features == features()
    for number, row in enumerate(train.select(range(200))):
        assert check_row(row, f"row {number}") == row
        assert 3 <= len(row["preferences"]) <= 5
        assert len(row["scores_a"]) == len(row["scores_b"]) == len(row["preferences"]) == len(row["annotator_ids"])
        assert len(set(row["annotator_ids"])) == len(row["annotator_ids"])
        assert row["source"] == "synthetic" and row["strength_known"] is True and row["margin"] is None
        assert len(row["prompt"]) == 1 and row["prompt"][0]["role"] == "user"
        assert set(json.loads(row["meta"])) == {"true_level_probs", "cause", "topic"}
    assert len(set(train["id"])) == len(train)


def test_ids_carry_the_group_and_are_all_used(train):
    names = {name for ids in train["annotator_ids"] for name in ids}
    assert names == {f"annotator-{number:02d}" for number in range(60)}
    # Where taste in format splits the groups, the labels of one id lean to one side: its group's.
    lean = defaultdict(list)
    rows = zip(train["meta"], train["preferences"], train["annotator_ids"], train["response_a"], strict=True)
    for meta, levels, ids, text_a in rows:
        if json.loads(meta)["cause"] == "format":
            for level, name in zip(levels, ids, strict=True):
                lean[name].append(level if "\n" in text_a else -level)
    means = np.array([np.mean(values) for values in lean.values() if len(values) >= 5])
    assert (means > 0.5).mean() > 0.25 and (means < -0.5).mean() > 0.15


def test_equal_arguments_give_equal_rows_and_a_longer_set_starts_alike():
    once, again, longer = (synthetic_preferences(n, seed=4, split="test") for n in (30, 30, 40))
    assert once.to_list() == again.to_list() == longer.to_list()[:30]
    other = synthetic_preferences(30, seed=5, split="test")
    assert other["response_a"] != once["response_a"]
    assert synthetic_preferences(5).to_list() == synthetic_preferences(5, split="train").to_list()


def test_rows_are_the_same_on_every_machine():
    # Written down once: a change here means that published numbers no longer belong to this set.
    row = synthetic_preferences(1)[0]
    assert row["prompt"][0]["content"] == (
        "I need a simple recipe for pancakes. I would like to have it some time this afternoon."
    )
    assert row["response_b"] == (
        "Glad to help. Mix flour, milk and eggs to a thin batter, and fry it in butter until both sides are golden. "
        "First, whisk two eggs with the milk. After that, stir in the flour. Next, let the batter rest. Finally, heat the "
        "butter. Take your time, and do one thing after the other."
    )
    assert row["preferences"] == [0, 1, 0, 1]
    assert row["scores_b"] == [2.0, 3.0, 3.0, 4.0]
    assert row["annotator_ids"] == ["annotator-23", "annotator-43", "annotator-24", "annotator-35"]


def test_splits_share_no_prompt_whatever_the_seed():
    sets = [synthetic_preferences(600, seed=seed, split=split) for seed, split in enumerate(SPLITS)]
    prompts = [{row[0]["content"] for row in rows["prompt"]} for rows in sets]
    assert not prompts[0] & prompts[1] and not prompts[0] & prompts[2] and not prompts[1] & prompts[2]
    assert len(prompts[0]) > 300
    assert [len(synthetic_preferences(split=split)) for split in ("validation", "test")] == [300, 600]


@pytest.mark.parametrize(
    ("arguments", "field"), [({"split": "dev"}, "split"), ({"n_pairs": 0}, "n_pairs"), ({"seed": -1}, "seed")]
)
def test_mistakes_are_named_in_one_line(arguments, field):
    with pytest.raises(InputError, match=rf"^synthetic, `{field}`: got [^\n]*; [^\n]*\.$"):
        synthetic_preferences(**arguments)


def test_shares_of_the_agreement_categories(train):
    shares = {name: mask.mean() for name, mask in agreement_masks(level_counts(train["preferences"])).items()}
    assert 0.30 <= shares["diverging"] <= 0.40
    assert 0.15 <= shares["diverging_substantial"] <= 0.26
    assert 0.30 <= shares["high_agreement_preference"] <= 0.45
    assert 0.10 <= shares["high_agreement_tie"] <= 0.20


def test_length_gives_neither_the_winner_nor_the_divergence(train, diverging):
    a, b = lengths(train)
    prompt = np.array([len(messages[0]["content"]) for messages in train["prompt"]])
    for feature in (np.abs(a - b), a + b, prompt):
        assert 0.42 <= roc_auc_score(diverging, feature) <= 0.62
    mean = np.array([np.mean(levels) for levels in train["preferences"]])
    decided = (mean != 0) & (a != b)
    assert 0.42 <= np.mean((a > b)[decided] == (mean > 0)[decided]) <= 0.58


def test_the_mean_hides_the_divergence_and_the_distribution_shows_it(train, diverging):
    probs = true_level_probs(train)
    assert probs.shape == (1600, 5) and probs.dtype == np.float64
    np.testing.assert_allclose(probs.sum(1), 1)
    gap = np.abs(probs @ np.array(LEVELS))
    assert 0.45 <= roc_auc_score(diverging, -gap) <= 0.60
    n = np.array([len(levels) for levels in train["preferences"]])
    for_a, for_b = probs[:, 3:].sum(1), probs[:, :2].sum(1)
    slight, not_a, not_b = probs[:, 1:4].sum(1), probs[:, 1:3].sum(1), probs[:, 2:4].sum(1)
    # P(somebody for A, somebody for B, somebody significant), by inclusion and exclusion of the three opposites
    chance = 1 - (1 - for_a) ** n - (1 - for_b) ** n - slight**n + not_a**n + not_b**n
    assert 0.78 <= roc_auc_score(diverging, chance) <= 0.93
    assert chance.mean() > 0.2


def test_neither_the_topic_nor_the_order_gives_the_divergence(train, diverging):
    topics = np.array([json.loads(meta)["topic"] for meta in train["meta"]])
    rate = {topic: diverging[topics == topic].mean() for topic in set(topics)}
    assert (
        roc_auc_score(diverging, [rate[topic] for topic in topics]) < 0.74
    )  # underspecified prompts divide, but they are not all
    mean = np.array([np.mean(levels) for levels in train["preferences"]])
    # A and B are in random order: of about 1400 decided pairs half go to A, with standard error 0.013.
    assert np.mean(mean[mean != 0] > 0) == pytest.approx(0.5, abs=0.053)


def test_the_same_visible_difference_divides_in_one_topic_and_not_in_another(train, diverging):
    meta = [json.loads(text) for text in train["meta"]]
    differs_in_format = np.array([("\n" in a) != ("\n" in b) for a, b in zip(*lists(train), strict=True)])
    strict, loose = (np.array([row["topic"] in names for row in meta]) for names in (("howto", "compare"), ("fact",)))
    assert diverging[differs_in_format & strict].mean() > diverging[differs_in_format & loose].mean() + 0.2


def test_texts_are_distinct_and_short(train):
    keys = {(row[0]["content"], a, b) for row, a, b in zip(train["prompt"], *lists(train), strict=True)}
    assert len(keys) >= 0.98 * len(train)
    texts = [*train["response_a"], *train["response_b"]]
    assert not any(a == b for a, b in zip(*lists(train), strict=True))
    words = np.array([len(text.split()) for text in texts])
    assert 35 <= words.mean() <= 60 and words.max() <= 110
    assert all(text.isprintable() or "\n" in text for text in texts)


def test_every_cause_occurs(train):
    causes = {json.loads(meta)["cause"] for meta in train["meta"]}
    assert {"none", "verbosity", "format", "complexity", "aesthetic_taste", "task_underspecification"} <= causes
    assert {"comply_vs_refuse", "capabilities"} <= causes
