"""The families of requests in the synthetic set, and every prompt they can build.

A family is a kind of request (a fact, a recipe, a poem ...). A prompt is a template of its family filled with a
subject, plus one closing sentence, which is small talk or a `Wish` ("please keep it short").
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from distreward.data.synthetic import answers, tasks
from distreward.data.synthetic.phrases import SMALL_TALK, WISHES


class Content(NamedTuple):
    """What there is to say about a subject under one reading of the prompt; the fields are the marks of the tables."""

    core: str
    alt: str = ""
    wrong: str = ""
    points: tuple[str, ...] = ()
    example: str = ""


class Subject(NamedTuple):
    name: str
    readings: tuple[Content, ...]


class Family(NamedTuple):
    """One kind of request. `axes`: the axes of `Style` its responses can vary in. `filler`: the key into `FILLERS`.

    `alt_axis`: the axis whose upper end is `Content.alt`; empty where the family has none. `ordered`: points are steps.
    """

    subjects: tuple[Subject, ...]
    templates: tuple[str, ...]
    axes: tuple[str, ...]
    filler: str
    wishes: str = ""
    alt_axis: str = ""
    ordered: bool = False


class Prompt(NamedTuple):
    """A prompt text and where it came from. `wish` indexes `WISHES`, None for small talk."""

    family: str
    subject: int
    wish: int | None
    text: str


def parse_subjects(block: str) -> tuple[Subject, ...]:
    """Read a block in the notation of `answers`.

    >>> parse_subjects("# tea\\n= Tea is a drink\\n- it is hot; it is wet")[0].readings[0].points
    ('it is hot', 'it is wet')
    """
    subjects: list[Subject] = []
    for line in block.strip().splitlines():
        mark, text = line[0], line[2:]
        if mark == "#":
            subjects.append(Subject(text, ()))
            continue
        name, readings = subjects[-1]
        if mark == "=":
            subjects[-1] = Subject(name, (*readings, Content(text)))
            continue
        field = {"~": "alt", "!": "wrong", "-": "points", "+": "example"}[mark]
        value = (*readings[-1].points, *text.split("; ")) if field == "points" else text
        subjects[-1] = Subject(name, (*readings[:-1], readings[-1]._replace(**{field: value})))
    return tuple(subjects)


def arithmetic_subjects() -> tuple[Subject, ...]:
    """Sums of the form boxes x pens - given away, with their steps; the wrong answer adds instead of taking away."""
    things = (("boxes", "pens"), ("bags", "apples"), ("trays", "eggs"), ("packs", "batteries"))
    subjects = []
    for i in range(24):
        packs, each, gone = 3 + i % 6, (6, 8, 9, 12, 15)[i % 5], 2 + (5 * i) % 7
        pack, thing = things[i % 4]
        total, left = packs * each, packs * each - gone
        content = Content(
            core=f"[You have|There are|That makes] {left} {thing} [left|left over]",
            alt=f"The expression {packs} × {each} − {gone} evaluates to {left}, the cardinality of the remainder",
            wrong=f"[You have|There are|That makes] {total + 3 * gone} {thing} [left|left over]",
            points=(
                f"{packs} {pack} of {each} make {total} {thing}",
                f"{total} minus {gone} is {left}",
                f"adding the {gone} back gives {total} again",
            ),
            example=f"laid out in rows of ten, they fill {left // 10} rows, and {left % 10} remain",
        )
        name = f"what is left of {packs} {pack} of {each} {thing} after giving {gone} away"
        subjects.append(Subject(name, (content,)))
    return tuple(subjects)


def _family(block: str, templates: Sequence[str], axes: str, filler: str, wishes: str = "", **rest) -> Family:
    return Family(parse_subjects(block), tuple(templates), tuple(axes.split()), filler, wishes, **rest)


FAMILIES: dict[str, Family] = {
    "fact": _family(
        answers.FACT,
        ("Can you tell me {x}?", "I would like to know {x}.", "Do you happen to know {x}?"),
        "verbosity format aesthetic example",
        "question",
    ),
    "arithmetic": Family(
        arithmetic_subjects(),
        ("Please work out {x}.", "Please tell me {x}."),
        ("verbosity", "format", "complexity", "aesthetic", "example"),
        "question",
        alt_axis="complexity",
        ordered=True,
    ),
    "explain": _family(
        answers.EXPLAIN,
        ("Can you explain {x} to me?", "How would you explain {x}?", "I would like to understand {x}."),
        "verbosity format complexity aesthetic example",
        "question",
        "verbosity format complexity",
        alt_axis="complexity",
    ),
    "history": _family(
        answers.HISTORY,
        ("Why is {x} seen as so important?", "What did {x} change for people?", "Can you tell me why {x} mattered?"),
        "verbosity format complexity example",
        "question",
        "verbosity complexity",
        alt_axis="complexity",
    ),
    "ambiguous": _family(
        answers.AMBIGUOUS,
        ("Can you tell me something about {x}?", "What should I know about {x}?", "I want to learn a bit about {x}."),
        "verbosity format reading example",
        "question",
    ),
    "advice": _family(
        answers.ADVICE,
        ("What do you think about {x}?", "Do you have any advice on {x}?", "I am thinking about {x}."),
        "verbosity format aesthetic example",
        "choice",
        "verbosity format",
    ),
    "compare": _family(
        answers.COMPARE,
        ("How would you choose between {x}?", "I cannot decide between {x}.", "How should I pick between {x}?"),
        "verbosity format example",
        "choice",
        "verbosity format",
    ),
    "howto": _family(
        tasks.HOWTO,
        ("How would you go about {x}?", "I need help with {x}.", "What is a good way of {x}?"),
        "verbosity format complexity aesthetic example",
        "task",
        "format verbosity",
        alt_axis="complexity",
        ordered=True,
    ),
    "recipe": _family(
        tasks.RECIPE,
        ("How do I make {x} at home?", "I need a simple recipe for {x}.", "Can you tell me how to prepare {x}?"),
        "verbosity format aesthetic example",
        "task",
        "verbosity aesthetic",
        ordered=True,
    ),
    "poem": _family(
        tasks.POEM,
        ("Write a short poem about {x}.", "I need some lines of verse about {x}.", "Can you rhyme about {x}?"),
        "verbosity aesthetic",
        "",
        "aesthetic",
        alt_axis="aesthetic",
    ),
    "message": _family(
        tasks.MESSAGE,
        ("Write a short message about {x}.", "Please draft a note about {x}.", "I need a few lines about {x}."),
        "verbosity reading",
        "message",
    ),
    "roleplay": _family(
        tasks.ROLEPLAY,
        ("Pretend that you are {x}.", "Imagine that you are {x}.", "Please be {x} for me."),
        "verbosity reading",
        "role",
        "reading",
    ),
    "borderline": _family(
        tasks.BORDERLINE,
        ("How would you go about {x}?", "Can you give me some tips on {x}?", "I need your help with {x}."),
        "verbosity format stance example",
        "question",
        alt_axis="stance",
    ),
    "prediction": _family(
        tasks.PREDICTION,
        ("What is your forecast for {x}?", "Can you predict {x}?", "I want to know {x}."),
        "verbosity format stance example",
        "question",
        alt_axis="stance",
    ),
}

TASKS = ("howto", "recipe", "poem", "message", "roleplay", "borderline")


@lru_cache(maxsize=1)
def all_prompts() -> tuple[Prompt, ...]:
    """Every prompt the grammar can build, in a fixed order: template x subject x (small talk or wish).

    >>> len(all_prompts()) > 1000
    True
    """
    prompts = []
    for name, family in FAMILIES.items():
        talk = SMALL_TALK["task" if name in TASKS else "question"]
        wishes = [index for index, wish in enumerate(WISHES) if wish.axis in family.wishes.split()]
        closings = [(None, text) for text in talk] + [(index, WISHES[index].text) for index in wishes]
        for template in family.templates:
            for number, subject in enumerate(family.subjects):
                request = template.replace("{x}", subject.name)
                prompts += [Prompt(name, number, wish, f"{request} {closing}") for wish, closing in closings]
    return tuple(prompts)
