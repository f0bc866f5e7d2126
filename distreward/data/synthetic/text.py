"""The grammar of the synthetic set's responses: a prompt and a `Style` give a text.

Every sentence picks among several wordings, so equal styles still differ in text. The words live in
`answers`, `tasks` and `phrases`; who likes what lives in `population`.
"""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from distreward.data.synthetic import phrases
from distreward.data.synthetic.families import FAMILIES, Content, Family, Prompt

Draw = Callable[[int], int]
"""`draw(n)` returns a random integer in 0..n-1: all the randomness the grammar needs."""

FLAWS = ("none", "typos", "vague", "rude", "off_topic", "contradiction", "wrong", "broken", "needless_refusal")
"""What can be wrong with a response, worst last."""

FREE_FORM = ("poem", "message", "roleplay")
"""Families whose responses claim nothing, so cannot contradict themselves; a refusal calls their subject "this"."""


class Style(NamedTuple):
    """How a response is written. All axes run from -1 to 1.

    verbosity -1 brief, 0 middling, 1 elaborate; format -1 running text, 1 list or headings; complexity -1 everyday
    words, 1 technical; aesthetic -1 plain, 1 florid; stance 1 complies, -0.4 declines and offers something milder,
    -1 refuses; reading -1 or 1, which of two readings of the prompt is answered, 0 neither; example 1 gives a concrete
    example, 0 does not. `flaw` is one of `FLAWS`.
    """

    verbosity: int = 0
    format: int = -1
    complexity: int = -1
    aesthetic: int = -1
    stance: float = 1.0
    reading: int = -1
    example: int = 0
    flaw: str = "none"


def render(prompt: Prompt, style: Style, draw: Draw) -> str:
    """Write one response to `prompt` in `style`.

    >>> from distreward.data.synthetic.families import all_prompts
    >>> render(all_prompts()[0], Style(verbosity=-1), lambda n: 0)
    'The capital of Australia is Canberra. I hope this helps.'
    """
    style = settle(prompt, style)
    family = FAMILIES[prompt.family]
    name, readings = family.subjects[prompt.subject]
    name = "this" if prompt.family in FREE_FORM else name
    content = readings[1 if style.reading > 0 and len(readings) > 1 else 0]
    if style.stance < 1 or style.flaw == "needless_refusal":
        text = _refusal(prompt.family, name, content, style, draw)
    elif prompt.family == "poem":
        text = _poem(content, style, draw)
    else:
        text = _answer(family, name, content, style, draw)
    if style.flaw == "typos":
        return _with_typos(text, draw)
    return _broken_off(text, draw) if style.flaw == "broken" else text


def settle(prompt: Prompt, style: Style) -> Style:
    """Reset every axis that the text of this response will not show, so that nobody's taste can depend on it.

    >>> from distreward.data.synthetic.families import all_prompts
    >>> settle(all_prompts()[0], Style(complexity=1, format=1, stance=-1.0))
    Style(verbosity=0, format=1, complexity=-1, aesthetic=-1, stance=1.0, reading=-1, example=0, flaw='none')
    """
    hidden = set(Style._fields) - {"flaw"} - set(FAMILIES[prompt.family].axes)
    stance = Style().stance if "stance" in hidden else style.stance
    if stance < 1 and style.flaw in ("vague", "wrong"):
        style = style._replace(flaw="off_topic")
    refuses = stance < 1 or style.flaw == "needless_refusal"
    if refuses:
        hidden |= {"format", "complexity", "aesthetic", "example"}
    if style.flaw in ("vague", "wrong"):
        hidden.add("complexity")
    if style.flaw == "broken":
        # What is cut off may be the list.
        hidden |= {"format", "example"}
    if style.aesthetic > 0:
        # The flourishes take the room of an example.
        hidden.add("example")
    plain = Style()
    settled = style._replace(**{axis: getattr(plain, axis) for axis in hidden})
    return settled._replace(reading=0) if refuses and "reading" not in hidden else settled


def expand(text: str, draw: Draw) -> str:
    """Choose one wording in every `[a|b]`.

    >>> expand("[Hello|Hi], [you|friend]", lambda n: n - 1)
    'Hi, friend'
    """
    return re.sub(r"\[([^\[\]]*\|[^\[\]]*)\]", lambda found: _pick(found[1].split("|"), draw), text)


def flaws_for(prompt: Prompt) -> tuple[str, ...]:
    """The flaws that make sense in a response to `prompt`, in the order of `FLAWS`, without "none".

    >>> from distreward.data.synthetic.families import all_prompts
    >>> "wrong" in flaws_for(all_prompts()[0])
    True
    """
    family = FAMILIES[prompt.family]
    impossible = {"none"}
    if prompt.family in FREE_FORM:
        impossible.add("contradiction")
    if prompt.family == "poem" or "reading" in family.axes:
        impossible.add("vague")
    if "stance" in family.axes:
        impossible.add("needless_refusal")
    if not all(content.wrong for content in family.subjects[prompt.subject].readings):
        impossible.add("wrong")
    return tuple(flaw for flaw in FLAWS if flaw not in impossible)


def _answer(family: Family, name: str, content: Content, style: Style, draw: Draw) -> str:
    # In a message or a role, the response speaks for the user or the role and not as an assistant.
    talks = family.filler not in ("message", "role")
    opener, body, tail = [], [_core(family, name, content, style, draw)], []
    if style.aesthetic > 0:
        opener.append(_pick(phrases.FLORID_OPENERS, draw))
    elif talks and style.flaw != "rude" and draw(2):
        opener.append(_pick(phrases.OPENERS, draw))
    if style.example:
        tail.append(f"[For example|For instance], {content.example}")
    # Flourishes, examples and flaws take the place of fillers, so that no response grows beyond a small encoder.
    taken = 2 * (style.aesthetic > 0) + style.example + (style.flaw in ("off_topic", "contradiction"))
    count = max((0, draw(2), 2)[style.verbosity + 1] - taken, 0)
    tail += _sample(phrases.FILLERS[family.filler], count, draw)
    if style.aesthetic > 0:
        tail.append(_pick(phrases.FLORID_CLOSERS, draw))
    elif talks and not draw(3):
        tail.append(_pick(phrases.CLOSERS, draw))
    _add_flaw_sentence(opener, tail, style, draw)

    points = _choose_points(family, content, style, draw)
    first, core, last = (" ".join(_sentence(part, draw) for part in parts) for parts in (opener, body, tail))
    if style.format > 0:
        blocks, gap = _as_list(family, first, core, points, draw), "\n\n"
    else:
        blocks, gap = [first, core, *_as_prose(family, points, draw)], " "
    return gap.join(block for block in (*blocks, last) if block)


def _add_flaw_sentence(opener: list[str], tail: list[str], style: Style, draw: Draw) -> None:
    if style.flaw == "rude":
        opener.insert(0, _pick(phrases.RUDE, draw))
    if style.flaw == "off_topic":
        tail.insert(draw(len(tail) + 1), _pick(phrases.OFF_TOPIC, draw))
    if style.flaw == "contradiction":
        tail.append(_pick(phrases.CONTRADICTIONS, draw))


def _core(family: Family, name: str, content: Content, style: Style, draw: Draw) -> str:
    if style.flaw == "vague":
        return _pick(phrases.VAGUE, draw).replace("{x}", name)
    if style.flaw == "wrong":
        return content.wrong
    technical = family.alt_axis == "complexity" and style.complexity > 0
    return content.alt if technical else content.core


def _choose_points(family: Family, content: Content, style: Style, draw: Draw) -> list[str]:
    most = len(content.points)
    if style.verbosity < 0 and style.format > 0:
        # A list of one point is no list, and a recipe of two steps no recipe.
        count = min(3, most - 1) if family.ordered else 2
    elif style.verbosity < 0:
        count = 0 if family.ordered else draw(2)
    else:
        count = most if style.verbosity > 0 else most - 1
    chosen = _sample(range(most), count, draw)
    keeps_order = family.ordered or family.filler in ("message", "role")
    return [content.points[index] for index in (sorted(chosen) if keeps_order else chosen)]


def _as_prose(family: Family, points: Sequence[str], draw: Draw) -> list[str]:
    if family.filler in ("message", "role"):
        links = [""] * len(points)
    elif family.ordered:
        between = _sample(phrases.STEPS, len(points) - 2, draw)
        links = ["First, ", *between, "Finally, "]
    else:
        links = ["", *_sample(phrases.LINKS, len(points), draw)]
    return [_sentence(link + point, draw) for link, point in zip(links, points, strict=False)]


def _as_list(family: Family, opener: str, core: str, points: Sequence[str], draw: Draw) -> list[str]:
    numbered = draw(3) > 0 if family.ordered else draw(3) == 0
    bullet = _pick(("-", "*"), draw)
    items = [
        f"{f'{index}.' if numbered else bullet} {_sentence(point, draw).removesuffix('.')}"
        for index, point in enumerate(points, 1)
    ]
    block = "\n".join(items)
    if draw(3):
        return [f"{opener} {core}".lstrip(), block]
    first, second = _pick(phrases.STEP_HEADINGS if family.ordered else phrases.HEADINGS, draw)
    return [opener, f"### {first}\n{core}", f"### {second}\n{block}"]


def _poem(content: Content, style: Style, draw: Draw) -> str:
    florid = style.aesthetic > 0
    more = phrases.FLORID_COUPLETS if florid else content.points
    couplets = [content.alt if florid else content.core, *_sample(more, style.verbosity + 1, draw)]
    parts = ["\n".join(expand(couplet, draw).split(" / ")) for couplet in couplets]
    opener, tail = [], []
    if style.flaw != "rude" and draw(2):
        opener.append("[Here is a poem|Here you are|This is what I came up with|Here are some lines]:")
    _add_flaw_sentence(opener, tail, style, draw)
    return "\n\n".join([*(_sentence(part, draw) for part in opener), *parts, *(_sentence(part, draw) for part in tail)])


def _refusal(topic: str, name: str, content: Content, style: Style, draw: Draw) -> str:
    topic = topic if topic in phrases.REFUSALS else "borderline"
    soft = style.stance > -1 and style.flaw != "needless_refusal"
    core = _pick((phrases.SOFT_REFUSALS if soft else phrases.REFUSALS)[topic], draw)
    count = (0, 1 + draw(2), 3)[style.verbosity + 1]
    opener, tail = [], _sample(phrases.REFUSAL_FILLERS[topic], count, draw)
    _add_flaw_sentence(opener, tail, style, draw)
    text = " ".join(_sentence(part, draw) for part in (*opener, core, *tail))
    return text.replace("{x}", name).replace("{alt}", content.alt)


def _with_typos(text: str, draw: Draw) -> str:
    """Swap two inner letters in every third word that can take it: in one to six words."""
    words = text.split(" ")
    swaps = {
        index: [at for at in range(1, len(word) - 2) if word[at] != word[at + 1]]
        for index, word in enumerate(words)
        if len(word) > 3 and word.isalpha()
    }
    able = [index for index, places in swaps.items() if places]
    for index in able[draw(min(3, len(able))) :: 3][:6]:
        word, at = words[index], _pick(swaps[index], draw)
        words[index] = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return " ".join(words)


def _broken_off(text: str, draw: Draw) -> str:
    """Stop after about two thirds, stuck on the last words."""
    words = text.split(" ")
    kept = words[: max(3, len(words) * (6 + draw(2)) // 10)]
    return " ".join([*kept, *(kept[-1:] * 2), *kept[-2:], kept[-1]])


def _sentence(text: str, draw: Draw) -> str:
    text = expand(text, draw)
    return text[0].upper() + text[1:] + ("" if text[-1] in ".?!:" else ".")


def _pick(options: Sequence, draw: Draw):
    return options[draw(len(options))]


def _sample(options: Sequence, count: int, draw: Draw) -> list:
    """`count` of the options without repetition, in random order; all of them if there are fewer."""
    left = list(options)
    return [left.pop(draw(len(left))) for _ in range(min(count, len(left)))]
