import pytest

from distreward.data.schema import COLUMNS, check_row
from distreward.data.trl_format import looks_like_trl, pair_from_trl_row
from distreward.errors import InputError

WHERE = "pairs.jsonl, line 1"


def user(text):
    return {"role": "user", "content": text}


def assistant(text):
    return {"role": "assistant", "content": text}


def pair(**row):
    return pair_from_trl_row(row, WHERE, default_id="d")


def texts(converted):
    return converted["prompt"], converted["response_a"], converted["response_b"]


EXPECTED = ([user("Which way?")], "Left.", "Right.")


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Which way?", "chosen": "Left.", "rejected": "Right."},
        {"prompt": [user("Which way?")], "chosen": [assistant("Left.")], "rejected": [assistant("Right.")]},
        {"prompt": [user("Which way?")], "chosen": "Left.", "rejected": "Right."},
        {"prompt": "Which way?", "chosen": [assistant("Left.")], "rejected": [assistant("Right.")]},
        {"chosen": [user("Which way?"), assistant("Left.")], "rejected": [user("Which way?"), assistant("Right.")]},
        {
            "prompt": "Which way? ",
            "chosen": [user("Which way?"), assistant("Left.")],
            "rejected": [user("Which way?"), assistant("Right.")],
        },
    ],
    ids=["standard", "conversational", "messages-text", "text-messages", "implicit", "repeated"],
)
def test_all_shapes_of_one_pair_agree(row):
    assert texts(pair(**row)) == EXPECTED


def test_the_label_says_preferred_without_a_strength():
    converted = pair(prompt="Hi", chosen="a", rejected="b", margin=0.25, id="m1")
    assert (converted["preferences"], converted["strength_known"]) == ([2], False)
    assert (converted["margin"], converted["id"]) == (0.25, "m1")
    assert tuple(converted) == COLUMNS
    assert check_row(converted, WHERE) == converted
    assert pair(prompt="Hi", chosen="a", rejected="b", margin=None)["margin"] is None
    assert pair(prompt="Hi", chosen="a", rejected="b")["id"] == "d"


@pytest.mark.parametrize(
    ("chosen", "rejected", "prompt"),
    [
        ("\n\nHuman: Hi\n\nAssistant: Yes.", "\n\nHuman: Hi\n\nAssistant: No.", "\n\nHuman: Hi\n\nAssistant:"),
        ("Q: go? good", "Q: go? gone", "Q: go?"),  # "go" is common, but the word goes on differently
        ("The cat", "The cats", "The"),  # one is the beginning of the other: both keep their last word
        ("Q: x? Yes sir", "Q: x? Yes", "Q: x?"),
        ("Q: x?\nYes", "Q: x? No", "Q: x?"),  # both go on with white space: the common beginning ends a word
        ("Q  a b", "Q  a b", "Q  a"),  # the same text twice still has a response
        ("Q a ", "Q a ", "Q"),
    ],
)
def test_implicit_text_prompts_end_at_a_word_and_lose_nothing(chosen, rejected, prompt):
    messages, response_a, response_b = texts(pair(chosen=chosen, rejected=rejected))
    assert messages == [user(prompt)]
    assert (prompt + response_a, prompt + response_b) == (chosen, rejected)


@pytest.mark.parametrize("blank", ["", " ", "\n"])
def test_a_blank_response_is_data(blank):
    """As in our own schema, and as TRL has it: the answer that says nothing was judged too."""
    expected = ([user("Hi")], blank, "b")
    assert texts(pair(prompt="Hi", chosen=blank, rejected="b")) == expected
    assert texts(pair(prompt=[user("Hi")], chosen=[assistant(blank)], rejected=[assistant("b")])) == expected
    assert texts(pair(chosen=[user("Hi"), assistant(blank)], rejected=[user("Hi"), assistant("b")])) == expected
    assert texts(pair(prompt="Hi", chosen="b", rejected=blank)) == ([user("Hi")], "b", blank)


def test_implicit_conversations_keep_all_common_turns():
    turns = [{"role": "system", "content": "Be kind."}, user("Hi"), assistant("Hello."), user("Joke?")]
    prompt, response_a, response_b = texts(pair(chosen=turns + [assistant("Ha")], rejected=turns + [assistant("No")]))
    assert (prompt, response_a, response_b) == (turns, "Ha", "No")
    assert texts(pair(chosen=turns + [assistant("Ha")], rejected=turns + [assistant("Ha")])) == (turns, "Ha", "Ha")


@pytest.mark.parametrize(
    ("field", "got", "row"),
    [
        ("chosen", "no `prompt`, and texts without a common beginning", {"chosen": "Yes.", "rejected": "No."}),
        ("chosen", "no `prompt`", {"chosen": "Yes", "rejected": "Yes"}),
        ("chosen", "conversations that share no", {"chosen": [assistant("a")], "rejected": [assistant("b")]}),
        ("chosen", "conversations that share no", {"chosen": [], "rejected": []}),
        ("chosen", "no `prompt`", {"chosen": "", "rejected": "b"}),
        ("chosen", "no `prompt`", {"chosen": "", "rejected": ""}),
        ("chosen", "no `prompt`", {"chosen": " \n", "rejected": " \n"}),
        ("rejected", "None", {"prompt": "Hi", "chosen": "a", "rejected": None}),
        ("chosen", r"\[\{", {"prompt": "Hi", "chosen": [assistant("a")], "rejected": "b"}),
        ("prompt", "'  '", {"prompt": "  ", "chosen": "a", "rejected": "b"}),
        ("prompt", "a last message", {"prompt": [assistant("x")], "chosen": "a", "rejected": "b"}),
        ("margin", "'big'", {"prompt": "Hi", "chosen": "a", "rejected": "b", "margin": "big"}),
        (
            "rejected",
            "2 messages after the prompt",
            {"prompt": "Hi", "chosen": [assistant("a")], "rejected": [assistant("b"), user("c")]},
        ),
        ("chosen", "0 messages", {"prompt": "Hi", "chosen": [], "rejected": [assistant("b")]}),
        ("chosen", "1 messages", {"prompt": [user("Hi")], "chosen": [user("a")], "rejected": [assistant("b")]}),
        (
            "prompt",
            "'Other'",  # a text prompt that the conversations do not hold would be lost
            {"prompt": "Other", "chosen": [user("Q"), assistant("a")], "rejected": [user("Q"), assistant("b")]},
        ),
        (
            "chosen",
            "a last message with role 'assistant'",  # two answers in a row: the prompt would end with one
            {
                "chosen": [user("Q"), assistant("a"), assistant("b")],
                "rejected": [user("Q"), assistant("a"), assistant("c")],
            },
        ),
    ],
)
def test_rows_without_a_clear_pair_are_refused(field, got, row):
    with pytest.raises(InputError, match=f"^pairs.jsonl, line 1, field `{field}`: got {got}") as error:
        pair(**row)
    assert "\n" not in str(error.value)


def test_looks_like_trl():
    assert looks_like_trl({"chosen", "rejected"})
    assert looks_like_trl(["id", "prompt", "chosen", "rejected", "margin", "extra"])
    assert not looks_like_trl(["prompt", "chosen"])
    assert not looks_like_trl(["prompt", "response_a", "response_b", "preferences", "chosen", "rejected"])
