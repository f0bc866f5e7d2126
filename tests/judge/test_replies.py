"""Replies of judges: one verdict in the form asked for, or none."""

import pytest

from distreward.errors import InputError
from distreward.judge.replies import FORMATS, ReplyFormat, reply_format


@pytest.mark.parametrize(
    ("name", "reply", "value"),
    [
        ("verdict_line", "Response 1 is wrong.\n\nVERDICT: 2>>1", -2),
        ("verdict_line", "**VERDICT: 1>2**", 1),
        ("verdict_line", "VERDICT: 1=2\n", 0),
        ("verdict_line", "VERDICT: 1>>2\nVERDICT: 1>>2", 2),  # said twice is said
        ("verdict_line", "VERDICT: 1>2\nVERDICT: 2>1", None),  # two that differ
        ("verdict_line", "VERDICT: 1>>>2", None),
        ("verdict_line", "VERDICT: 1", None),
        ("verdict_line", "I would say VERDICT: 1>2", None),  # not on a line of its own
        ("verdict_line", "1>2", None),
        ("verdict_line", "", None),
        ("verdict_line", "<think>\nVERDICT: 1>2\n</think>\nVERDICT: 2>1", -1),  # notes do not count
        ("verdict_line", "<think>\nVERDICT: 1>2", None),  # cut off while thinking
        ("arena_hard", "[[A>>B]]", 2),
        ("arena_hard", "[[A=B]] [[A=B]]", 0),
        ("arena_hard", "[[B>>A]]", -2),
        ("arena_hard", "[[A>B]] [[A>=B]]", None),
        ("arena_hard", "[A>B]", None),
        ("mt_bench", "[[A]]", 2),
        ("mt_bench", "[[C]]", 0),
        ("mt_bench", "[[B]]", -2),
        ("mt_bench", "[[A]] or [[B]]", None),
        ("wildbench", '{"analysis of A": "...", "choice": "A++"}', 2),
        ("wildbench", '{"choice" : "A=B"}', 0),
        ("wildbench", '{"choice": "B+"}', -1),
        ("wildbench", '{"choice": "[B+ or A+]"}', None),
        ("score_line", "Good.\nSCORE: 7", 7.0),
        ("score_line", "**SCORE: 7.5**", 7.5),
        ("score_line", "SCORE: 8/10", 8.0),
        ("score_line", "SCORE: 10.", 10.0),
        ("score_line", "SCORE: 11", None),
        ("score_line", "SCORE: 0", None),
        ("score_line", "SCORE: 1.2.3", None),
        ("score_line", "SCORE: 7\nSCORE: 8", None),
        ("score_line", "SCORE: 7\nSCORE: 7.0", 7.0),
        ("mt_bench_score", "Rating: [[5]]", 5.0),
        ("mt_bench_score", "Rating: [[.]]", None),
        ("wildbench_score", '{"strengths": "", "score": "9"}', 9.0),
        ("wildbench_score", '{"score": 3}', 3.0),
        ("wildbench_score", '{"score": "nan"}', None),
        ("wildbench_score", '{"score": "[1~10]"}', None),
    ],
)
def test_read(name, reply, value):
    assert FORMATS[name].read(reply) == value


@pytest.mark.parametrize("name", [name for name, fmt in FORMATS.items() if fmt.mode == "pairs"])
def test_every_format_knows_both_sides_alike(name):
    """Whatever level one side can be given, the other can be given too."""
    levels = set(FORMATS[name].levels.values())
    assert levels == {-level for level in levels} and 0 in levels


def test_a_format_of_ones_own():
    assert (
        reply_format(None, r"winner: (\w+)", '{"first": 2, "second": -2, "tie": 0}', "pairs").read("winner: second")
        == -2
    )
    assert reply_format(None, r"<(\d+)>", None, "scores").read("<4>") == 4
    assert reply_format(None, None, None, "pairs") is FORMATS["verdict_line"]
    assert reply_format("wildbench_score", None, None, "scores") is FORMATS["wildbench_score"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("arena-hard", None, None, "pairs"), "did you mean 'arena_hard'"),
        (("mt_bench", None, None, "scores"), "not for mode `scores`; wanted one of score_line"),
        ((None, "(a", '{"a": 1}', "pairs"), "not a regular expression"),
        ((None, "a", '{"a": 1}', "pairs"), "has 0 groups"),
        ((None, "(a)(b)", '{"a": 1}', "pairs"), "has 2 groups"),
        ((None, "(a)", '{"a": 3}', "pairs"), "wanted a level from -2 to 2"),
        ((None, "(a)", '{"a": true}', "pairs"), "wanted a level from -2 to 2"),
        ((None, "(a)", "{a: 1}", "pairs"), "not JSON"),
        ((None, "(a)", "[1]", "pairs"), "wanted a JSON object"),
        ((None, "(a)", None, "pairs"), "needs --verdict_levels"),
        ((None, "(a)", '{"a": 1}', "scores"), "is for --mode pairs"),
        ((None, None, '{"a": 1}', "pairs"), "give both"),
        (("mt_bench", "(a)", '{"a": 1}', "pairs"), "exclude each other"),
    ],
)
def test_what_cannot_be_used_is_refused(arguments, message):
    with pytest.raises(InputError) as raised:
        reply_format(*arguments)
    assert message in str(raised.value) and "\n" not in str(raised.value)


def test_a_level_that_is_no_number():
    with pytest.raises(InputError):
        ReplyFormat("(a)", {"a": "much"})
