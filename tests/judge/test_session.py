"""Runs of a judge: against a scripted backend, and against a server that fails one request in five."""

import asyncio
import gc
import json
from collections import Counter
from random import Random

import psutil
import pytest

from distreward.errors import InputError
from distreward.judge.cache import Reply, ReplyCache
from distreward.judge.endpoint import EndpointBackend
from distreward.judge.outcome import JudgeOutcome, judge_pairs
from distreward.judge.prompts import load_prompt
from distreward.judge.protocol import JudgeProtocol
from distreward.judge.replies import FORMATS
from distreward.judge.retrying import Backoff, EndpointRefusal, RequestFailure
from distreward.judge.session import FAILURES_IN_A_ROW, JudgeSession
from distreward.judge.spending import estimated_prompt_tokens
from tests.conftest import make_pairs
from tests.judge.chat_server import PASSING, ChatServer, any_verdict

pytestmark = pytest.mark.usefixtures("online")

NO_WAIT = Backoff(max_retries=4, first=0.001, longest=0.01, random=Random(0))

PROTOCOL = JudgeProtocol(load_prompt(None, "pairs"), FORMATS["verdict_line"])


class Scripted:
    """A backend whose replies are given: texts, exceptions to raise, or a function of the messages."""

    model, settings = "scripted", {}

    def __init__(self, script, concurrency: int = 1):
        self.script, self.concurrency = script, concurrency
        self.asked = []

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        pass

    async def complete(self, messages):
        self.asked.append(messages)
        await asyncio.sleep(0)
        answer = self.script(messages) if callable(self.script) else self.script.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return Reply(answer, 10, 5)


def run(tmp_path, backend, pairs, protocol=PROTOCOL, **options):
    """(session, verdicts, counts) of one run over a cache in `tmp_path`."""
    with ReplyCache(tmp_path / "cache.jsonl") as cache:
        session = JudgeSession(protocol, backend, cache, **{"backoff": NO_WAIT, **options})
        session.run(pairs)
        outcome = JudgeOutcome(session, protocol, pairs, "judge", backend.model)
        return session, list(outcome.verdicts()), outcome.counts()


def first_wins(messages) -> str:
    return "VERDICT: 1>2"


def test_every_pair_in_both_orders_once(tmp_path):
    pairs = make_pairs(3)
    backend = Scripted(first_wins)
    session, verdicts, counts = run(tmp_path, backend, pairs)
    assert [(v.pair_id, v.order, v.level) for v in verdicts] == [
        (f"pair-{n}", order, level) for n in range(3) for order, level in (("ab", 1), ("ba", -1))
    ]
    assert len(backend.asked) == session.usage.n_requests == 6 and session.usage.tokens == 90
    assert counts == {
        "questions": 6, "judged": 6, "unparsed": 0, "failed": 0, "left": 0, "failures": {}, "values": {"-1": 3, "1": 3},
    }  # fmt: skip
    # A second run asks nothing and finds the same.
    again = Scripted([])
    session, repeated, _ = run(tmp_path, again, pairs)
    assert repeated == verdicts and not again.asked and session.usage.n_from_cache == 6


def test_in_a_notebook_whose_event_loop_is_running(tmp_path):
    async def cell():
        return run(tmp_path, Scripted(first_wins), make_pairs(1))[2]

    assert asyncio.run(cell())["judged"] == 2


def test_pairs_that_say_the_same_are_paid_for_once(tmp_path):
    twins = [{**make_pairs(1)[0], "id": name} for name in "xyz"]
    for concurrency in (1, 8):
        backend = Scripted(first_wins, concurrency)
        (tmp_path / "cache.jsonl").unlink(missing_ok=True)
        _, verdicts, _ = run(tmp_path, backend, twins)
        assert len(backend.asked) == 2 and len(verdicts) == 6


def test_an_unreadable_reply_is_reminded_once_then_counted(tmp_path):
    backend = Scripted(["no", "VERDICT: 1>2", "no", "never"])
    session, verdicts, counts = run(tmp_path, backend, make_pairs(1))
    assert [v.level for v in verdicts] == [1, None] and verdicts[1].meta["failure"] == "unparsed"
    assert (counts["judged"], counts["unparsed"], counts["left"]) == (1, 1, 0)
    assert session.stopped is None
    assert run(tmp_path, Scripted([]), make_pairs(1))[1] == verdicts  # not asked again either


def test_retries_then_gives_up(tmp_path):
    """Four retries are allowed: four failures and a reply are fine, five failures are not."""
    busy = [RequestFailure("server_error", "busy")] * 4
    backend = Scripted([*busy, "VERDICT: 1=2", *busy, RequestFailure("timeout", "slow")])
    session, verdicts, counts = run(tmp_path, backend, make_pairs(1))
    assert [v.level for v in verdicts] == [0, None]
    assert verdicts[1].meta["failure"] == "timeout: slow"
    assert (
        session.usage.retries == {"server_error": 8}
        and session.usage.n_failed == 1
        and counts["failures"] == {"timeout": 1}
    )
    # A failure is not kept: the next run asks again.
    _, verdicts, counts = run(tmp_path, Scripted(["VERDICT: 1=2"]), make_pairs(1))
    assert [v.level for v in verdicts] == [0, 0] and counts["failed"] == 0


def test_a_refused_request_is_not_repeated(tmp_path):
    backend = Scripted(["VERDICT: 1>2", RequestFailure("refused", "too long")])
    _, verdicts, counts = run(tmp_path, backend, make_pairs(1))
    assert len(backend.asked) == 2 and counts["failures"] == {"refused": 1} and verdicts[1].level is None


def test_failures_in_a_row_end_the_run(tmp_path):
    pairs = make_pairs(20)
    backend = Scripted(["VERDICT: 1>2", *[RequestFailure("refused", "no")] * FAILURES_IN_A_ROW])
    session, _, counts = run(tmp_path, backend, pairs)
    assert "10 requests in a row failed" in session.stopped
    assert (counts["judged"], counts["failed"], counts["left"]) == (1, 10, 29)
    # Where nothing ever came back, it is a mistake in what was given.
    with pytest.raises(InputError, match="no request brought a reply; the last failed with: no"):
        run(tmp_path, Scripted([RequestFailure("refused", "no")] * 10), make_pairs(20)[10:])
    (tmp_path / "cache.jsonl").unlink()
    with pytest.raises(InputError, match="no request brought a reply"):
        run(tmp_path, Scripted([RequestFailure("refused", "no")] * 2), make_pairs(1))


def test_a_refusal_ends_the_run_and_keeps_what_there_is(tmp_path):
    backend = Scripted(["VERDICT: 1>2", EndpointRefusal("key revoked")])
    with pytest.raises(EndpointRefusal, match="key revoked"):
        run(tmp_path, backend, make_pairs(4))
    session, _, counts = run(tmp_path, Scripted(first_wins), make_pairs(4))
    assert session.usage.n_from_cache == 1 and counts["judged"] == 8


def test_a_defect_is_not_swallowed(tmp_path):
    backend = Scripted(["VERDICT: 1>2", ZeroDivisionError("defect")], concurrency=3)
    backend.script += ["VERDICT: 1>2"] * 6
    with pytest.raises(ZeroDivisionError):
        run(tmp_path, backend, make_pairs(4))


@pytest.mark.parametrize("concurrency", [1, 4])
def test_budgets_stop_the_run_and_the_next_goes_on(concurrency, tmp_path):
    pairs = make_pairs(5)
    backend = Scripted(first_wins, concurrency)
    session, verdicts, counts = run(tmp_path, backend, pairs, max_requests=4)
    assert session.stopped == "the cap of 4 requests is reached" and len(backend.asked) == 4
    assert (counts["judged"], counts["left"]) == (4, 6) and len(verdicts) == 4
    session, _, counts = run(tmp_path, Scripted(first_wins, concurrency), pairs, max_requests=6)
    assert session.stopped is None and counts["left"] == 0 and session.usage.n_requests == 6


@pytest.mark.parametrize("concurrency", [1, 8])
def test_the_cap_on_tokens_is_never_passed(concurrency, tmp_path):
    """Room for one request, and seven replies of 15 tokens: the eighth request still fits, the ninth does not."""
    pairs = make_pairs(1) * 10
    (question, _) = PROTOCOL.questions(pairs[:1])
    one = estimated_prompt_tokens(PROTOCOL.prompt.messages(question.prompt, question.responses)) + 5
    pairs = [
        {**pair, "prompt": [{"role": "user", "content": f"Name a colour, number {n}."}]} for n, pair in enumerate(pairs)
    ]
    cap = one + 7 * 15
    session, _, counts = run(tmp_path, Scripted(first_wins, concurrency), pairs, max_tokens=cap, reply_tokens=5)
    assert f"cap of {cap} tokens" in session.stopped and session.usage.tokens == 8 * 15
    assert (counts["judged"], counts["left"]) == (8, 12)


def test_a_wait_too_long_stops_the_run(tmp_path):
    session, _, counts = run(
        tmp_path, Scripted(["VERDICT: 1>2", RequestFailure("rate_limit", "x", 3600.0)]), make_pairs(2)
    )
    assert session.stopped.startswith("the endpoint asks to come back in 3600 s") and counts["left"] == 3


def test_retry_after_holds_everybody_back(tmp_path):
    """One worker is told to wait 0.05 s; no other sends anything in that time."""
    times = []

    def script(messages):
        times.append(asyncio.get_running_loop().time())
        return RequestFailure("rate_limit", "slow down", 0.05) if len(times) == 4 else "VERDICT: 1>2"

    run(tmp_path, Scripted(script, concurrency=4), make_pairs(10))
    # up to two more from each worker were under way when the word came
    assert len(times) == 21 and all(time >= times[3] + 0.05 for time in times[12:])


def test_scores_of_single_responses(tmp_path):
    protocol = JudgeProtocol(load_prompt(None, "scores"), FORMATS["score_line"])
    backend = Scripted(lambda messages: "SCORE: 3" if "I cannot say" in messages[0]["content"] else "SCORE: 8")
    with ReplyCache(tmp_path / "cache.jsonl") as cache:
        session = JudgeSession(protocol, backend, cache)
        session.run(make_pairs(2))
        outcome = JudgeOutcome(session, protocol, make_pairs(2), "judge", "m")
        assert [(s.pair_id, s.side, s.score) for s in outcome.scores()] == [
            ("pair-0", "a", 8.0), ("pair-0", "b", 3.0), ("pair-1", "a", 8.0), ("pair-1", "b", 3.0),
        ]  # fmt: skip
        assert outcome.counts()["values"] == {"3": 2, "8": 2}
    verdicts = judge_pairs(make_pairs(2), Scripted([]), tmp_path / "cache.jsonl", protocol)
    assert [(v.level, v.order, v.meta) for v in verdicts] == [(2, "unknown", {"score_a": 8.0, "score_b": 3.0})] * 2


def test_2000_comparisons_with_faults(tmp_path):
    """One request in five fails, in one of 13 ways: nothing is lost, nothing asked twice, nothing mixed up."""
    pairs, drawn = make_pairs(1000), Random(1)
    faults = [drawn.choice(PASSING) if drawn.random() < 0.2 else None for _ in range(4000)]
    backoff = Backoff(max_retries=20, first=0.001, longest=0.01)
    with ChatServer(fault_of=lambda number: faults[number], delay=0.01) as server:
        backend = EndpointBackend(server.base_url, "m", concurrency=64, timeout=60.0)
        session, verdicts, counts = run(tmp_path, backend, pairs, backoff=backoff)
    assert (counts["judged"], counts["failed"], session.stopped) == (2000, 0, None)
    assert [(v.pair_id, v.order) for v in verdicts] == [(p["id"], order) for p in pairs for order in ("ab", "ba")]
    assert set(server.served.values()) == {1} and len(server.served) == 2000
    n_faults = sum(fault is not None for fault in faults[: len(server.requests)])
    assert sum(session.usage.retries.values()) == n_faults > 400
    assert session.usage.n_requests == len(server.requests) == 2000 + n_faults
    lines = [json.loads(line) for line in (tmp_path / "cache.jsonl").read_text().splitlines()]
    assert len({line["key"] for line in lines}) == len(lines) == 2000
    for verdict, question in zip(verdicts, PROTOCOL.questions(pairs), strict=True):  # each got its own reply
        messages = PROTOCOL.prompt.messages(question.prompt, question.responses)
        level = FORMATS["verdict_line"].read(any_verdict({"messages": messages}))
        assert verdict.level == (level if verdict.order == "ab" else -level)
    assert len(Counter(v.level for v in verdicts)) == 5


def test_requests_that_are_never_answered_are_repeated(tmp_path):
    with ChatServer(fault_of=lambda number: "silence" if number % 5 == 1 else None) as server:
        backend = EndpointBackend(server.base_url, "m", concurrency=20, timeout=0.4)
        session, _, counts = run(tmp_path, backend, make_pairs(20))
    assert counts["judged"] == 40 and session.usage.retries["timeout"] >= 8


@pytest.mark.slow
def test_200_requests_at_once_hold_memory_flat(tmp_path):
    """Memory of this process, server included, once warm: 6,000 more comparisons cost keys and offsets, no texts.

    A pair has about 20 kB of text, so holding the inputs or the replies would take 120 MB.
    """

    def long_pairs(n: int):
        for number in range(n):
            text = f"{number} " * 1500
            yield {**make_pairs(1)[0], "id": str(number), "response_a": f"A {text}", "response_b": f"B {text}"}

    process, sizes = psutil.Process(), []

    def answer(body):
        count = len(server.requests)
        server.requests[-1] = None  # the server need not remember either
        server.served.clear()
        if count in (1000, 7000):
            gc.collect()
            sizes.append(process.memory_info().rss / 1e6)
        return any_verdict(body) + " " * 2000

    with ChatServer(answer=answer, crowd=200) as server, ReplyCache(tmp_path / "cache.jsonl") as cache:
        backend = EndpointBackend(server.base_url, "m", concurrency=200)
        session = JudgeSession(JudgeProtocol(PROTOCOL.prompt, PROTOCOL.reply_format, orders="ab"), backend, cache)
        session.run(long_pairs(7000))
    assert server.most_at_once == 200 and session.usage.n_replies == 7000
    print(f"resident memory after 1,000 and 7,000 comparisons: {sizes[0]:.0f} and {sizes[1]:.0f} MB")
    assert sizes[1] - sizes[0] < 20
