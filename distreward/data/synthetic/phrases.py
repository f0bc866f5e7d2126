"""Phrases of the synthetic set that fit many subjects: small talk, wishes, fillers, flourishes, flaws. Only words.

The notation is that of `answers`; `{x}` stands for the subject, `{alt}` for its milder offer.
"""

from typing import NamedTuple


class Wish(NamedTuple):
    """A closing sentence of the prompt that asks for one end of an axis of `Style`."""

    axis: str
    sign: int
    text: str


WISHES = (
    Wish("verbosity", -1, "Please keep it short, I am in a hurry."),
    Wish("verbosity", 1, "Please take your time and go into detail."),
    Wish("format", -1, "Please write it as running text, not as a list."),
    Wish("format", 1, "A list that I can skim would be best for me."),
    Wish("complexity", -1, "Please use everyday words, I am new to all of this."),
    Wish("complexity", 1, "I work in this field, so feel free to be technical."),
    Wish("aesthetic", -1, "Please keep the language as simple as you can."),
    Wish("aesthetic", 1, "I love grand and flowery language, so go all out."),
    Wish("reading", -1, "Please stay in the role from the first word on."),
    Wish("reading", 1, "Just describe how you would play the role, please."),
)

SMALL_TALK = {
    "question": (
        "It came up over dinner and nobody could say.",
        "A friend of mine asked me about this yesterday.",
        "I have been wondering about it for a while.",
        "My sister and I were talking about it.",
        "I promised somebody an answer by this evening.",
        "It has been on my mind since this morning.",
    ),
    "task": (
        "I want to get it done before the weekend.",
        "I have never done anything like this before.",
        "My sister said that you might be able to help.",
        "I would like to have it some time this afternoon.",
        "It has been on my list for quite a while.",
        "I told somebody that I would see to it today.",
    ),
}

FILLERS = {
    "question": (
        "[Much more could be said here|There is more to all of this], but [these|those] are the [main|key] points.",
        "[If you want to go further|To dig deeper], a [good book|public library] is a [fine|good] place to start.",
        "[None of this is hard to remember|All of this is easy to keep in mind] once you have heard it [twice|before].",
        "[I have left out side issues|Some side issues are left out here] so that the main line is easy to follow.",
    ),
    "choice": (
        "[In the end|After all], you know your own situation best, so [trust|listen to] your own judgement as well.",
        "[It may help|You could try] to write down [both sides|the pros and cons] and look at them again tomorrow.",
        "[There is no rush|You need not decide today], and [a second opinion|a talk with a friend] can help a lot.",
        "[People differ a lot here|Everyone weighs this differently], and there is no answer that suits all of them.",
    ),
    "task": (
        "[Lay out|Get] everything you need before you start, since [searching halfway|stopping midway] is a nuisance.",
        "[If something goes wrong|If it does not work at once], go back one step and [try again|try it once more].",
        "[It gets easier|You will be faster] the next time, so do not [give up|lose heart] if the first try fails.",
        "[Take your time|Do not rush], and do one thing [after the other|at a time].",
    ),
    "message": (
        "[Thank you for your time|Many thanks in advance].",
        "[Do call me|Just call me] if anything is [unclear|not clear].",
        "[I look forward to hearing from you|I hope to hear from you soon].",
    ),
    "role": (
        "[I am here all day, so just say the word|I am not going anywhere, so speak up].",
        "[Tell me what you would like to hear next|Just say how you would like to go on].",
        "[We can keep this up as long as you like|There is plenty of time for more].",
    ),
}

FLORID_COUPLETS = (
    "Sweet zephyrs [hymn|bless] the trembling air, / and stars unbraid their [golden|silver] hair.",
    "The [pearled|jewelled] dew on rose and thorn / [enshrines|bewails] the blushes of the morn.",
    "Let [seraphs|angels] on their harps of light / embroider all the [velvet|perfumed] night!",
    "My heart, a [lute|lyre] of burnished flame, / in rapture [sighs|sings] thy hallowed name.",
)

FLORID_OPENERS = (
    "Ah, what a [radiant|golden|wondrous] [jewel|flower|star] of a request you lay before me!",
    "Gather close, gentle [soul|friend], for the [lamps|candles] are lit and the tale unfolds.",
    "O [seeker|traveller], your words [ring|chime] like silver bells across a twilit valley!",
)
FLORID_CLOSERS = (
    "[May these humble words|May this small lantern] [warm|brighten] your winding road, dear [traveller|heart].",
    "So [the curtain falls|ends our little song], [soft as velvet|hushed as snow] upon the sleeping roofs.",
    "Let it [bloom|shine] in your memory like a [rose|lily] in the morning dew!",
)

OPENERS = ("[Sure|Of course|Certainly].", "[Happy to help|Glad to help].", "[Thanks for asking|Thank you for asking].")
CLOSERS = ("[I hope this helps|Hope that helps].", "[Let me know|Just ask] if you [need|want] anything else.")
STEPS = ("Then ", "Next, ", "After that, ")
LINKS = ("", "", "Also, ", "Besides, ", "In addition, ")
HEADINGS = (("In short", "More on this"), ("Answer", "Details"), ("The main point", "Worth knowing"))
STEP_HEADINGS = (("In short", "Step by step"), ("Summary", "Steps"), ("The idea", "What to do"))

OFF_TOPIC = (
    "By the way, [my|a] favourite kind of [bridge|tunnel] is the one with a toll booth, because I like small coins.",
    "[Penguins|Seagulls] cannot read maps, which is why the [shop|office] on the corner sells blue paint.",
    "The [football|tennis] results from last night were surprising, and the [referee|umpire] wore green socks.",
    "[Speaking of that|While we are at it], a new [phone|printer] has three buttons and comes in two colours.",
)
CONTRADICTIONS = (
    "[On second thought|Then again], the exact opposite of all this is true.",
    "[Actually|In fact], nothing of what I [just said|wrote above] is correct.",
    "[However|But], it is [also|equally] true that none of this holds and the reverse is the case.",
)
RUDE = (
    "[What a silly thing to ask|You could have looked this up yourself], but [fine|whatever].",
    "[I cannot believe|It is sad] that [somebody|anyone] still needs help with this.",
)
VAGUE = (
    "[Well, it depends|It all depends] on many things, so it is hard to say anything definite about {x}.",
    "[There are many sides|There is a lot] to {x}, and [people see it in various ways|it can vary quite a bit].",
)
REFUSALS = {
    "borderline": (
        "[I am sorry, but I|Sorry, I] [cannot|will not] help with {x}. [I do not do such things|That is off limits].",
        "I am not able to [assist|help] with {x}, [so I have to decline|and I must ask you to understand that].",
    ),
    "prediction": (
        "[I am sorry, but I|Sorry, I] [cannot|am not able to] predict {x}. [Nobody can|That is beyond me].",
        "As [a language model|an AI model], I [cannot know|have no way to know] {x}, so I will not make a guess.",
    ),
}
SOFT_REFUSALS = {
    "borderline": (
        "I would rather not go into {x}, but [here is what I can offer|there is another way]: {alt}.",
        "[I am a bit careful|I prefer to be careful] with {x}. [What I can say is this|Still, consider this]: {alt}.",
    ),
    "prediction": (
        "I cannot foresee {x}, but [here is what I can offer|there is something else I can do]: {alt}.",
        "[No one can be sure about|It is too early to know] {x}. [Still, I can be of use|But I can do this]: {alt}.",
    ),
}
REFUSAL_FILLERS = {
    "borderline": (
        "[I know that this may be frustrating|I see that this may be a letdown], and I do not mean to judge you.",
        "[There may well be|You may well have] a good reason for asking, but I cannot check that from here.",
        "[If it helps|If you like], tell me more about [what you need|your goal], and I will look for another way.",
        "[I try to be careful with topics of this kind|With topics of this kind I stay on the safe side].",
    ),
    "prediction": (
        "[I know that this may be frustrating|I see that this may be a letdown], but a guess would only mislead you.",
        "[Too many things can happen|A lot can change] until then, and I have no [view|knowledge] of the future.",
        "[If it helps|If you like], tell me [why you ask|what it is for], and I will look for another way to help.",
        "[Even experts|Even people in the field] are often wrong about [questions|matters] of this kind.",
    ),
}
