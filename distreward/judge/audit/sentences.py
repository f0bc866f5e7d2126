"""The findings of an audit in plain sentences: what stands at the top of every report."""

from collections.abc import Mapping
from typing import Any

CLEAR = 0.05
"""A difference with an adjusted p-value below this is called one."""


def verdict_sentences(judge: str, audit: Mapping[str, Any]) -> list[str]:
    """What the audit found, most important first; a finding that the data cannot give has no sentence.

    Args:
        judge: its name.
        audit: the estimates of `auditing.audit_judges`.
    """
    sentences = [
        _missing_ties(judge, audit),
        _divided(audit),
        _agreement(audit["leave_one_out"]),
        _orders(audit),
        _length(audit),
    ]
    return [sentence for sentence in sentences if sentence]


def _missing_ties(judge: str, audit: Mapping[str, Any]) -> str | None:
    ideal = audit["ideal"]
    wanted, said, missing, once = (
        ideal[name] for name in ("ideal_tie_rate", "judge_tie_rate", "missing_ties", "missing_ties_one_order")
    )
    if not wanted["n"]:
        return None
    text = (
        f"An ideal judge, one that says tie where people diverge or agree on a tie, would have said tie on "
        f"{percent(wanted)} of {wanted['n']} pairs and {judge} did on {percent(said)}: {_points(missing)} "
        f"{_more(missing)} often than {judge}. "
    )
    if once["n"]:
        text += (
            f"That counts a winner that changes with the order of the responses as a tie; of {judge} asked once, the ideal "
            f"judge would have said tie {_points(once)} {_more(once)} often. "
        )
    text += f"{judge} named a winner on {percent(ideal['missed_tie_rate'])} of the ideal judge's ties"
    needless = ideal["needless_tie_rate"]
    if needless["n"]:
        text += f", and said tie on {percent(needless)} of the pairs where people agree on a preference"
    return text + "."


def _divided(audit: Mapping[str, Any]) -> str | None:
    diverging, agreed = (audit["winner_rate"][name] for name in ("diverging", "high_agreement_preference"))
    test = next((c for c in audit["comparisons"] if c["first"] == "diverging"), None)
    if not diverging["n"] or not agreed["n"] or test is None:
        return None
    if test["p_holm"] != test["p_holm"]:  # no bootstrap, no test
        reading = "not tested"
    elif test["p_holm"] < CLEAR:
        reading = (
            "it does decide less often where people diverge" if test["value"] < 0 else "it decides even more often"
        )
    else:
        reading = "no clear difference: it decides about as readily for people who disagree as for people who agree"
    p = "" if test["p_holm"] != test["p_holm"] else f" (p = {test['p_holm']:.3g} after Holm's correction)"
    return (
        f"It named a winner on {percent(diverging)}{_range(diverging)} of the {diverging['n']} pairs that divide people and on "
        f"{percent(agreed)}{_range(agreed)} of the {agreed['n']} pairs they agree on: {reading}{p}."
    )


def _agreement(leave_one_out: Mapping[str, Any]) -> str | None:
    people, judge, gap = (leave_one_out[name] for name in ("people", "judge", "difference"))
    if not people["n"]:
        return None
    return (
        f"Held against the majority of all annotators but one, it agrees in {percent(judge)} and the one left out in "
        f"{percent(people)}, the human ceiling ({people['n']} pairs): the judge {_points(gap)} {_more(gap)} than a person."
    )


def _orders(audit: Mapping[str, Any]) -> str | None:
    turned, changed, bias = (audit[name] for name in ("order_contradiction", "order_disagreement", "position_bias"))
    if not turned["n"] and not bias["n"]:
        return None
    parts = []
    if turned["n"]:
        parts.append(
            f"Swapping the two responses turned its winner round on {percent(turned)}{_range(turned)} of {turned['n']} pairs "
            f"and changed its verdict on {percent(changed)}"
        )
    if bias["n"]:
        side = "first" if bias["value"] >= 0 else "second"
        parts.append(f"the response shown {side} wins {_points(bias)} more often than the other")
    else:
        parts.append("the source does not say which was shown first, so which place it favours is unknown")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def _length(audit: Mapping[str, Any]) -> str | None:
    bias, judge, people = audit["length_bias"], audit["longer_wins"]["judge"], audit["longer_wins"]["people"]
    if not bias["n"]:
        return None
    return (
        f"Its winner is the longer response in {percent(judge)} of {judge['n']} pairs; people's votes on them go to the longer "
        f"one in {percent(people)}: the judge's {_points(bias)} {_more(bias)} than people's."
    )


def percent(estimate: Mapping[str, Any]) -> str:
    """`71.2 %` of an estimate.

    >>> percent({"value": 0.7123})
    '71.2 %'
    """
    return f"{estimate['value'] * 100:.1f} %"


def _more(difference: Mapping[str, Any]) -> str:
    return "more" if difference["value"] >= 0 else "less"


def _points(difference: Mapping[str, Any]) -> str:
    """`3.1 points [1.0, 5.2]`: the size of a difference in percent, its interval turned with it."""
    return f"{abs(difference['value']) * 100:.1f} points{_range(difference, turned=difference['value'] < 0)}"


def _range(estimate: Mapping[str, Any], turned: bool = False) -> str:
    """` [69.0, 73.4]`, the interval in percent; of the negated estimate where it is named by its size."""
    low, high = estimate["ci_low"], estimate["ci_high"]
    if low != low:
        return ""
    low, high = (-high, -low) if turned else (low, high)
    return f" [{low * 100:.1f}, {high * 100:.1f}]"
