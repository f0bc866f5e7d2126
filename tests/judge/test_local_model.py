"""A judge on this machine: batches change nothing, stop tokens end a reply, what does not fit is refused."""

import asyncio

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from distreward.data.encoding import encode_conversation
from distreward.errors import InputError
from distreward.judge.local_model import LocalBackend
from distreward.judge.retrying import RequestFailure
from tests.conftest import make_tokenizer

ASKED = [[{"role": "user", "content": f"Name a colour {'please ' * n}."}] for n in (0, 9, 3, 20, 1, 5, 12)]


def ask_all(backend: LocalBackend) -> list:
    async def run():
        async with backend:
            return await asyncio.gather(*(backend.complete(messages) for messages in ASKED))

    return asyncio.run(run())


@pytest.mark.parametrize("batch_size", [1, 3, 16])
def test_replies_are_those_of_generate_one_by_one(batch_size, base_model):
    model, tokenizer = AutoModelForCausalLM.from_pretrained(base_model), AutoTokenizer.from_pretrained(base_model)
    backend = LocalBackend.from_pretrained(str(base_model), max_tokens=12, batch_size=batch_size)
    replies = ask_all(backend)
    for messages, reply in zip(ASKED, replies, strict=True):
        ids = torch.tensor([encode_conversation(tokenizer, messages, add_generation_prompt=True)])
        new = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False)[
            0, ids.shape[1] :
        ]
        assert reply.text == tokenizer.decode(new, skip_special_tokens=True)
        assert (reply.prompt_tokens, reply.completion_tokens) == (ids.shape[1], len(new))
    assert backend.model == "base"  # of a folder, the name alone
    assert backend.settings == {"max_tokens": 12, "greedy": True, "dtype": "torch.float32"}


def test_a_stop_token_ends_the_reply(base_model):
    """Whatever token comes second is declared a stop token: every reply then has at most two tokens where it matters."""
    free = LocalBackend.from_pretrained(str(base_model), max_tokens=6, batch_size=4)
    (row,) = [encode_conversation(free._tokenizer, ASKED[0], add_generation_prompt=True)]
    stop = int(free._lm.generate(torch.tensor([row]), max_new_tokens=2, do_sample=False)[0, -1])
    free._lm.generation_config.eos_token_id = [2, stop]
    reply = ask_all(free)[0]
    assert reply.completion_tokens <= 2 and reply.finish_reason == "stop"


def test_what_does_not_fit_is_refused_before_it_runs(base_model):
    backend = LocalBackend.from_pretrained(str(base_model), max_tokens=500)
    with pytest.raises(RequestFailure, match="the reply may have 500, the model takes 512") as raised:
        asyncio.run(backend.complete(ASKED[3]))
    assert raised.value.reason == "refused"


def test_models_that_cannot_judge(base_model, tmp_path):
    model = AutoModelForCausalLM.from_pretrained(base_model)
    with pytest.raises(InputError, match="no chat template"):
        LocalBackend(model, make_tokenizer(template=False), "m")
    tokenizer = make_tokenizer()
    tokenizer.chat_template = "{{ raise_exception('System role not supported') }}"
    with pytest.raises(InputError, match="System role not supported.*block `user` only"):
        asyncio.run(LocalBackend(model, tokenizer, "m").complete(ASKED[0]))
    with pytest.raises(InputError, match="cannot be opened as a language model"):
        LocalBackend.from_pretrained(str(tmp_path))
