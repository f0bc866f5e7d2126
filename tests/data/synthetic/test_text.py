import re

import numpy as np
import pytest

from distreward.data.synthetic.families import FAMILIES, all_prompts, arithmetic_subjects, parse_subjects
from distreward.data.synthetic.phrases import REFUSALS, WISHES
from distreward.data.synthetic.text import FLAWS, Style, expand, flaws_for, render, settle


def dice(seed):
    rng = np.random.Generator(np.random.PCG64(seed))
    return lambda n: int(rng.random() * n)


def first(n):
    return 0


def prompt_of(family):
    return next(prompt for prompt in all_prompts() if prompt.family == family and prompt.wish is None)


def test_a_subject_is_parsed_mark_by_mark():
    subjects = parse_subjects(
        "# bass\n= It is a fish\n- it swims; it eats\n+ here\n= It is a voice\n! It is a car\n# tea\n= Tea"
    )
    assert [subject.name for subject in subjects] == ["bass", "tea"]
    fish, voice = subjects[0].readings
    assert (fish.core, fish.points, fish.example, fish.wrong) == ("It is a fish", ("it swims", "it eats"), "here", "")
    assert (voice.core, voice.points, voice.wrong) == ("It is a voice", (), "It is a car")


def test_the_sums_are_right_and_the_wrong_answers_wrong():
    for subject in arithmetic_subjects():
        packs, each, gone = map(int, re.findall(r"\d+", subject.name))
        content = subject.readings[0]
        left = packs * each - gone
        assert f" {left} " in content.core and f"evaluates to {left}," in content.alt
        assert f" {left} " not in content.wrong


def test_a_wording_is_chosen_in_every_bracket():
    # last option everywhere: "Hi" and "friend"
    assert expand("[Hello|Hi], [you|friend]!", lambda n: n - 1) == "Hi, friend!"
    assert {expand("[a|b|c]", dice(seed)) for seed in range(30)} == {"a", "b", "c"}


def test_there_are_many_prompts_of_a_sensible_length():
    texts = [prompt.text for prompt in all_prompts()]
    words = [len(text.split()) for text in texts]
    assert len(set(texts)) == len(texts) > 2000
    assert len(FAMILIES) >= 12
    assert min(words) >= 8 and np.mean([w <= 25 for w in words]) > 0.97 and max(words) <= 27


def test_a_wish_is_only_offered_where_the_responses_can_follow_it():
    for prompt in all_prompts():
        if prompt.wish is not None:
            wish = WISHES[prompt.wish]
            assert wish.axis in FAMILIES[prompt.family].axes
            assert prompt.text.endswith(wish.text)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_style_renders_to_finished_text(family):
    prompts = [prompt for prompt in all_prompts() if prompt.family == family][::7]
    draw = dice(1)
    for prompt in prompts:
        for flaw in ("none", *flaws_for(prompt)):
            style = Style(draw(3) - 1, draw(2) * 2 - 1, draw(2) * 2 - 1, draw(2) * 2 - 1, (1.0, -0.4, -1.0)[draw(3)])
            style = style._replace(reading=draw(2) * 2 - 1, example=draw(2), flaw=flaw)
            text = render(prompt, style, draw)
            assert not re.search(r"[\[\]{}|]|\.\.|  | ,", text), text
            assert text == text.strip() and 3 <= len(text.split()) <= 115
            if flaw not in ("broken", "typos"):
                assert text.removeprefix("### ")[0].isupper()


def test_the_style_can_be_seen_in_the_text():
    explain = prompt_of("explain")
    base = Style(verbosity=0)
    plain = render(explain, base, first)
    assert "\n" not in plain and "sunlight" in plain
    assert "\n- " in render(explain, base._replace(format=1), lambda n: n - 1 if n == 3 else 0).replace("* ", "- ")
    assert "thylakoid" in render(explain, base._replace(complexity=1), first)
    assert "For example, a plant kept" in render(explain, base._replace(example=1), first)
    assert "Ah, what a radiant jewel" in render(explain, base._replace(aesthetic=1), first)
    brief, elaborate = (
        np.mean([len(render(explain, Style(verbosity=v), dice(seed))) for seed in range(30)]) for v in (-1, 1)
    )
    assert elaborate > 2 * brief


def test_the_two_readings_answer_two_questions():
    ambiguous = prompt_of("ambiguous")
    assert "god" in render(ambiguous, Style(reading=-1), first)
    assert "metal" in render(ambiguous, Style(reading=1), first)


def test_stances_comply_decline_and_refuse():
    borderline = prompt_of("borderline")
    texts = [render(borderline, Style(verbosity=-1, stance=stance), first) for stance in (1.0, -0.4, -1.0)]
    assert "opens when you turn it" in texts[0]
    assert "a locksmith can open it" in texts[1]
    assert "cannot help with picking a simple padlock" in texts[2]


def test_flaws_change_the_text_or_are_not_offered():
    for family in FAMILIES:
        prompt = prompt_of(family)
        for flaw in flaws_for(prompt):
            style = Style(flaw=flaw)
            assert render(prompt, style, dice(3)) != render(prompt, Style(), dice(3)), (family, flaw)
            assert settle(prompt, style).flaw == flaw
        assert set(flaws_for(prompt)) <= set(FLAWS) - {"none"}
    assert "wrong" not in flaws_for(prompt_of("poem"))
    assert "needless_refusal" not in flaws_for(prompt_of("borderline"))


def test_settled_styles_differ_only_where_texts_can():
    refused = Style(verbosity=1, format=1, complexity=1, aesthetic=1, stance=-1.0, reading=1, example=1, flaw="vague")
    # A refusal shows its length and a stray sentence; the rest goes back to the plain style.
    assert settle(prompt_of("borderline"), refused) == Style(verbosity=1, stance=-1.0, flaw="off_topic")
    # A fact knows no stance and no technical wording; its flourishes leave no room for an example.
    assert settle(prompt_of("fact"), refused._replace(flaw="none")) == Style(verbosity=1, format=1, aesthetic=1)
    # Who refuses has taken neither reading of the prompt.
    assert settle(prompt_of("ambiguous"), Style(reading=1, flaw="needless_refusal")).reading == 0
    for prompt in all_prompts()[::50]:
        once = settle(prompt, refused)
        assert settle(prompt, once) == once


def test_a_needless_refusal_reads_like_any_refusal():
    text = render(prompt_of("explain"), Style(flaw="needless_refusal"), dice(5))
    openings = {
        expand(option.replace("{x}", "photosynthesis"), dice(s)) for option in REFUSALS["borderline"] for s in range(50)
    }
    assert any(text.startswith(opening) for opening in openings)


def test_equal_styles_are_paraphrased():
    texts = {render(prompt_of("advice"), Style(), dice(seed)) for seed in range(40)}
    assert len(texts) > 30
