from pathlib import Path

import pytest

from distreward.data.encoding import (
    PLAIN_TEMPLATE,
    PROMPT_SHARE,
    TRUNCATIONS,
    closing_length,
    common_prefix_length,
    encode_conversation,
    encode_response,
    fit_to_length,
    require_chat_template,
    resolve_chat_template,
)
from distreward.errors import InputError

PROMPT = [{"role": "user", "content": "Name a colour."}]
# a template in the manner of ChatML: markers round every message, one newline after the last
CHATML = (
    "{%- for m in messages -%}{{ '<s>' + m.role + '\n' + m.content + '</s>\n' }}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<s>assistant\n' }}{%- endif -%}"
)
# 1 opening token, 5 of the prompt, 6 of the response, 2 of the template's end
IDS = [0, 1, 2, 3, 4, 5, 20, 21, 22, 23, 24, 25, 98, 99]


def fit(max_length, truncation, ids=IDS, prompt_length=6, closing=2):
    return fit_to_length(ids, prompt_length, closing, max_length, truncation)


def test_the_plain_template_by_hand(tokenizer):
    ids = encode_conversation(tokenizer, [*PROMPT, {"role": "assistant", "content": "Red."}])
    assert tokenizer.decode(ids) == "<s>User: Name a colour.\nAssistant: Red.</s>"
    opened = encode_conversation(tokenizer, PROMPT, add_generation_prompt=True)
    assert tokenizer.decode(opened) == "<s>User: Name a colour.\nAssistant:"


def test_the_plain_template_keeps_turns_and_a_system_message(tokenizer):
    turns = [{"role": "system", "content": "Be short."}, *PROMPT, {"role": "assistant", "content": "Red."}, *PROMPT]
    ids, _ = encode_response(tokenizer, turns, "Blue.")
    text = "<s>System: Be short.\nUser: Name a colour.\nAssistant: Red.\nUser: Name a colour.\nAssistant: Blue.</s>"
    assert tokenizer.decode(ids) == text
    assert ids.count(tokenizer.bos_token_id) == ids.count(tokenizer.eos_token_id) == 1


def test_the_plain_template_closes_with_what_an_encoder_has(tokenizer):
    tokenizer.bos_token = tokenizer.eos_token = None
    tokenizer.cls_token, tokenizer.sep_token = "<s>", "</s>"
    ids, _ = encode_response(tokenizer, PROMPT, "Red.")
    assert tokenizer.decode(ids) == "<s>User: Name a colour.\nAssistant: Red.</s>"


@pytest.mark.parametrize("template", [None, CHATML])
@pytest.mark.parametrize("response", ["Red.", "", "Assistant: Red.", " Red"])
def test_a_response_is_split_from_its_prompt(tokenizer, template, response):
    tokenizer.chat_template = template or tokenizer.chat_template
    ids, prompt_length = encode_response(tokenizer, PROMPT, response)
    assert tokenizer.decode(ids[:prompt_length]) == tokenizer.decode(
        encode_conversation(tokenizer, PROMPT, add_generation_prompt=True)
    )
    assert tokenizer.decode(ids[prompt_length:]).strip().startswith(response.strip())
    other, other_length = encode_response(tokenizer, PROMPT, "I cannot say.")
    assert other[:other_length] == ids[:prompt_length]


def test_closing_tokens_are_counted(tokenizer):
    assert closing_length(tokenizer) == 1  # </s>
    tokenizer.chat_template = CHATML
    assert closing_length(tokenizer) == 2  # </s> and a newline
    tokenizer.chat_template = CHATML.replace("</s>\n", "")
    assert closing_length(tokenizer) == 0


def test_common_prefix():
    assert common_prefix_length([1, 2, 3], [1, 2, 3, 4]) == 3
    assert common_prefix_length([], [1]) == 0 and common_prefix_length([2], [1]) == 0


@pytest.mark.parametrize("truncation", TRUNCATIONS)
@pytest.mark.parametrize("max_length", [None, 14, 15, 1000])
def test_what_fits_is_left_alone(truncation, max_length):
    assert fit(max_length, truncation) == IDS


def test_drop_removes_what_is_one_token_too_long():
    assert fit(13, "drop") is None and fit(14, "drop") == IDS


def test_prompt_left_cuts_the_start_of_the_prompt_and_then_gives_up():
    end = IDS[6:]
    assert fit(13, "prompt_left") == [0, 2, 3, 4, 5, *end]  # one token too many: the prompt's first after the opening
    assert fit(10, "prompt_left") == [0, 5, *end]
    assert fit(9, "prompt_left") == [0, *end]  # opening and the whole response: just room
    assert fit(8, "prompt_left") is None


def test_fit_cuts_the_prompt_to_a_quarter_and_then_the_response():
    assert fit(13, "fit") == [0, 2, 3, 4, 5, *IDS[6:]]
    # 11: the response needs 8, the prompt's side gets 3, above its quarter (2)
    assert fit(11, "fit") == [0, 4, 5, *IDS[6:]]
    # 10: room for one prompt token beside the opening, and a quarter is 2 in all: the response stays whole
    assert fit(10, "fit") == [0, 5, *IDS[6:]]
    # 8: a quarter is 2 (opening + 1); 6 are left: 4 of the response and the two closing tokens
    assert fit(8, "fit") == [0, 5, 20, 21, 22, 23, 98, 99]
    # 12 with a longer response: a quarter is 3 (opening + 2)
    long = IDS[:12] + [26, 27, 28, 29] + IDS[12:]
    assert fit(12, "fit", long) == [0, 4, 5, 20, 21, 22, 23, 24, 25, 26, 98, 99]


@pytest.mark.parametrize("max_length", range(3, 14))
def test_fit_fills_the_length_and_keeps_both_ends(max_length):
    short = fit(max_length, "fit")
    assert len(short) == max_length
    assert short[0] == IDS[0] and short[-2:] == IDS[-2:]
    assert [token for token in IDS if token in short] == short  # nothing twice, nothing out of order


@pytest.mark.parametrize("max_length", range(3, 14))
def test_a_response_that_begins_at_once_is_not_doubled(max_length):
    # a template that opens prompt and conversation differently: nothing belongs to the prompt
    for truncation in ("prompt_left", "fit"):
        short = fit(max_length, truncation, prompt_length=0)
        if truncation == "prompt_left":
            assert short is None
        else:
            assert len(short) == max_length and short.count(0) == 1 and short[-2:] == IDS[-2:]


def test_a_prompt_shorter_than_its_quarter_leaves_the_rest_to_the_response():
    # quarter of 12 is 3, but the prompt has only the opening and one token
    ids = [0, 1, *range(20, 40), 99]
    assert fit_to_length(ids, 2, 1, 12, "fit") == [0, 1, *range(20, 29), 99]
    assert PROMPT_SHARE == 4


@pytest.mark.parametrize("max_length", [0, 1, 2])
def test_a_length_without_room_for_the_frame_is_refused(max_length):
    # opening token and two closing tokens: 3 at least
    with pytest.raises(InputError, match=f"max_length={max_length}.*3"):
        fit(max_length, "fit")


def test_the_inputs_are_not_changed():
    ids = list(IDS)
    fit(8, "fit", ids)[0] = 77
    fit(None, "fit", ids)[0] = 77
    assert ids == IDS


def test_template_names():
    assert Path(resolve_chat_template("plain")) == PLAIN_TEMPLATE and PLAIN_TEMPLATE.is_file()
    assert resolve_chat_template("mine.jinja") == "mine.jinja" and resolve_chat_template(None) is None


def test_a_tokenizer_without_a_template_is_refused(tokenizer):
    require_chat_template(tokenizer)
    tokenizer.chat_template = None
    with pytest.raises(InputError, match="has no chat template.*--chat_template_path.*plain") as caught:
        require_chat_template(tokenizer)
    assert "\n" not in str(caught.value)
    assert type(tokenizer).__name__ in str(caught.value)  # it came from no file
    tokenizer.name_or_path = "some/base"
    with pytest.raises(InputError, match="^some/base: "):
        require_chat_template(tokenizer)
