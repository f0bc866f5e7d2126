"""What is asked, and how replies in the cache become verdicts."""

import pytest

from distreward.errors import InputError
from distreward.judge.cache import Reply, ReplyCache
from distreward.judge.prompts import JudgePrompt
from distreward.judge.protocol import REMINDER, JudgeProtocol
from distreward.judge.replies import FORMATS
from tests.conftest import make_pairs

PAIR_PROMPT = JudgePrompt("own", "1: {{ first }} 2: {{ second }}", "pairs")
SCORE_PROMPT = JudgePrompt("own", "{{ response }}", "scores")
SETTINGS = {"temperature": 0.0}


def protocol(**options) -> JudgeProtocol:
    return JudgeProtocol(PAIR_PROMPT, FORMATS["verdict_line"], **options)


@pytest.fixture
def cache(tmp_path):
    with ReplyCache(tmp_path / "cache.jsonl") as cache:
        yield cache


def test_questions_show_each_pair_in_both_orders():
    rows = make_pairs(2)
    questions = list(protocol().questions(rows))
    assert [(q.pair_id, q.view) for q in questions] == [(f"pair-{n}", view) for n in (0, 1) for view in ("ab", "ba")]
    a, b = rows[0]["response_a"], rows[0]["response_b"]
    assert questions[0].responses == (a, b) and questions[1].responses == (b, a)
    assert [q.view for q in protocol(orders="ba").questions(rows)] == ["ba", "ba"]
    scoring = list(JudgeProtocol(SCORE_PROMPT, FORMATS["score_line"]).questions(rows))
    assert [(q.view, q.responses) for q in scoring[:2]] == [("a", (a,)), ("b", (b,))]


@pytest.mark.parametrize(("view", "level"), [("ab", 2), ("ba", -2)])
def test_a_level_is_from_the_side_of_a_whatever_the_order(view, level, cache):
    asked = protocol(orders=view)
    (question,) = asked.questions(make_pairs(1))
    first = asked.standing(question, cache, "m", SETTINGS)
    assert (first.value, first.n_replies) == (None, 0) and first.messages[0]["content"].startswith("1: ")
    cache.add(first.key, Reply("VERDICT: 1>>2"))  # the one shown first is much better
    assert asked.standing(question, cache, "m", SETTINGS) == (level, 1, first.key, None)
    assert asked.standing(question, cache, "another", SETTINGS).messages is not None


def test_a_reply_without_a_verdict_is_reminded_then_given_up(cache):
    asked = protocol(orders="ab", n_reminders=2)
    (question,) = asked.questions(make_pairs(1))
    keys = []
    for n, text in enumerate(["I cannot choose.", "", "Both."]):
        standing = asked.standing(question, cache, "m", SETTINGS)
        assert standing.n_replies == n and standing.key not in keys
        assert len(standing.messages) == 1 + 2 * n
        keys.append(standing.key)
        cache.add(standing.key, Reply(text))
    assert standing.messages[1:] == [
        {"role": "assistant", "content": "I cannot choose."},
        {"role": "user", "content": REMINDER},
        {"role": "assistant", "content": "(no text)"},  # endpoints refuse empty messages
        {"role": "user", "content": REMINDER},
    ]
    assert asked.standing(question, cache, "m", SETTINGS) == (None, 3, keys[-1], None)
    # another form, in which the second reply says something: read again, not asked again
    lenient = JudgeProtocol(PAIR_PROMPT, FORMATS["mt_bench"], orders="ab", n_reminders=2)
    assert lenient.standing(question, cache, "m", SETTINGS).messages is None


def test_a_verdict_after_a_reminder_counts(cache):
    asked = protocol(orders="ab")
    (question,) = asked.questions(make_pairs(1))
    for text in ("Hm.", "VERDICT: 2>1"):
        cache.add(asked.standing(question, cache, "m", SETTINGS).key, Reply(text))
    assert asked.standing(question, cache, "m", SETTINGS)[:2] == (-1, 2)


def test_what_does_not_go_together_is_refused():
    with pytest.raises(InputError, match="for mode `pairs`"):
        JudgeProtocol(PAIR_PROMPT, FORMATS["score_line"])
    with pytest.raises(InputError, match="--orders first"):
        protocol(orders="first")
    with pytest.raises(InputError, match="--n_reminders"):
        protocol(n_reminders=-1)
