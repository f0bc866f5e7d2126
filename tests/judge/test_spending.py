"""Budgets hold, whatever is under way; counts add up."""

import asyncio

import pytest

from distreward.judge.cache import Reply
from distreward.judge.spending import Budget, BudgetSpent, Usage, estimated_prompt_tokens

ASKED = [{"role": "user", "content": "x" * 36}]  # 8 + 36 / 3 = 20 tokens by estimate


def test_estimate_counts_bytes():
    assert estimated_prompt_tokens(ASKED) == 20
    assert estimated_prompt_tokens([{"role": "user", "content": "色" * 12}]) == 20  # three bytes each
    assert estimated_prompt_tokens([*ASKED, *ASKED]) == 40


def test_requests_are_capped_retries_included():
    async def run():
        budget = Budget(usage := Usage(), max_requests=2, max_tokens=None, reply_tokens=10)
        for _ in range(2):
            await budget.settle(await budget.reserve(ASKED))
        with pytest.raises(BudgetSpent, match="cap of 2 requests"):
            await budget.reserve(ASKED)
        assert usage.n_requests == 2

    asyncio.run(run())


def test_tokens_are_put_aside_before_sending_and_come_back():
    """Cap 70: two requests of 20 + 10 fit; a third waits for one to settle, and fits only if that took 10 or less."""

    async def run(true_tokens: int) -> bool:
        budget = Budget(usage := Usage(), max_requests=None, max_tokens=70, reply_tokens=10)
        first, second = await budget.reserve(ASKED), await budget.reserve(ASKED)
        assert (first, second) == (30, 30)
        third = asyncio.create_task(budget.reserve(ASKED))
        await asyncio.sleep(0)
        assert not third.done()
        for reserved in (first, second):
            usage.prompt_tokens += true_tokens
            await budget.settle(reserved)
        try:
            await third
        except BudgetSpent:
            return False
        return True

    assert asyncio.run(run(true_tokens=20))  # 40 used, 30 wanted
    assert not asyncio.run(run(true_tokens=21))


def test_a_request_that_can_never_fit_does_not_wait():
    async def run():
        with pytest.raises(BudgetSpent, match="cap of 29 tokens"):
            await Budget(Usage(), None, 29, reply_tokens=10).reserve(ASKED)

    asyncio.run(run())


def test_a_closed_budget_lets_nobody_through():
    async def run():
        budget = Budget(Usage(), None, 30, reply_tokens=10)
        reserved = await budget.reserve(ASKED)
        waiting = asyncio.create_task(budget.reserve(ASKED))
        await asyncio.sleep(0)
        budget.close()
        await budget.settle(reserved)
        with pytest.raises(BudgetSpent):
            await waiting

    asyncio.run(run())


def test_usage_counts_what_the_judge_says_and_estimates_the_rest():
    usage = Usage()
    usage.add(ASKED, Reply("x" * 30, 7, 3, "stop", "m-1"))
    usage.add(ASKED, Reply("x" * 30))  # 20 + 30 / 3
    assert (usage.prompt_tokens, usage.completion_tokens, usage.tokens) == (27, 13, 40)
    assert (usage.n_replies, usage.n_replies_without_usage) == (2, 1)
    report = usage.report(price_in=1.0, price_out=10.0)
    assert report["cost"] == pytest.approx((27 * 1 + 13 * 10) / 1e6) and report["served_models"] == ["m-1"]
    assert usage.report()["cost"] is None
