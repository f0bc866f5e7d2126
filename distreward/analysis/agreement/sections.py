"""The report as data: headings, sentences that explain each number, and tables; the terminal and the HTML page print the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from distreward.data.agreement import CATEGORY_WORDS

CATEGORY_NAMES = CATEGORY_WORDS | {"diverging_substantial": "... substantially", "other": "no clear majority"}

CATEGORY_MEANINGS = {
    "high_agreement_preference": "more than half prefer the same response, nobody prefers the other",
    "high_agreement_tie": "more than half say tie, and the pair is not diverging",
    "diverging": "somebody prefers A, somebody prefers B, and not all of it is slight",
    "diverging_substantial": "somebody says A is much better, somebody says B is",
    "other": "everything else",
}

FLAG_NAMES = {
    "agrees_with_nobody": "agrees with nobody: the interval ends at or below chance",
    "not_above_chance": "not told from chance: the interval holds 0",
    "below_all": "agrees less than the others do: the interval of the difference ends below 0",
    "few_pairs": "too few comparable pairs to say anything",
}


MOST_ANNOTATORS_LISTED = 40


@dataclass(frozen=True)
class Section:
    """A heading, paragraphs, a table (first row its header) and the name of a figure; all but the heading may be empty."""

    heading: str
    text: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    figure: str | None = None
    after: Sequence[str] = field(default=())


def sections(results: Mapping[str, Any]) -> list[Section]:
    """The whole report.

    Args:
        results: what `analysing.analyse_agreement` returns.
    """
    found = [_categories(results), _coefficients(results), _pairs_of_annotators(results)]
    found += [_by_annotators(results), _population(results), _ceiling(results)]
    if results["annotators"] is not None:
        found.append(_annotators(results["annotators"]))
    found += [_by(key, parts) for key, parts in results["by"].items()]
    return found


def share_text(estimate: Mapping[str, Any]) -> str:
    """A share in percent with its interval; a dash where it is undefined.

    >>> share_text({"value": 0.2134, "ci_low": 0.19, "ci_high": 0.2371, "n": 10})
    '21.3 % [19.0, 23.7]'
    """
    value, low, high = (100 * estimate[key] for key in ("value", "ci_low", "ci_high"))
    if value != value:
        return "-"
    return f"{value:.1f} %" if low != low else f"{value:.1f} % [{low:.1f}, {high:.1f}]"


def number_text(estimate: Mapping[str, Any]) -> str:
    """A coefficient with its interval; a dash where it is undefined.

    >>> number_text({"value": 0.268, "ci_low": 0.25, "ci_high": 0.291, "n": 10})
    '0.268 [0.250, 0.291]'
    """
    value, low, high = (estimate[key] for key in ("value", "ci_low", "ci_high"))
    if value != value:
        return "-"
    return f"{value:.3f}" if low != low else f"{value:.3f} [{low:.3f}, {high:.3f}]"


def summary_sentences(results: Mapping[str, Any]) -> list[str]:
    """The findings in plain words; every sentence holds the number it speaks of."""
    usable, categories = results["usable"], results["categories"]
    said = [
        f"{results['n_pairs']:,} pairs of {results['n_prompts']:,} prompts; {usable['several_labels']:,} have labels of two annotators "
        f"or more and are what the numbers below are about. {usable['one_label']:,} have one label and {usable['no_label']:,} none: "
        "they say nothing about agreement."
    ]
    if not usable["several_labels"]:
        return said
    said.append(
        f"On {share_text(categories['diverging'])} of these pairs annotators diverge; on "
        f"{share_text(categories['high_agreement_preference'])} they agree on a preference."
    )
    two = results["diverging_by_annotators"].get("2")
    if two:
        said.append(
            f"More annotators find more divergence. Two annotators per pair would find {share_text(two['expected'])}: compare "
            "data sets by such a number, not by the raw share."
        )
    kappa = results["quadratic_weighted_kappa"]
    if kappa["value"] == kappa["value"]:
        said.append(
            f"Agreement beyond chance: quadratic-weighted kappa {number_text(kappa)} (0 chance, 1 full agreement)."
        )
    population = results["population"]
    divided = population["divided_share"]
    if divided["value"] == divided["value"]:
        said.append(
            f"Behind the labels, an estimated {share_text(divided)} of pairs truly divide people (between 30 % and "
            f"70 % prefer A); of the pairs called diverging it is {share_text(population['divided_given_diverging']['as_annotated'])}, the "
            "rest is the luck of who was asked."
        )
    ceiling = population["ceiling"]["as_annotated"]
    if ceiling["value"] == ceiling["value"]:
        said.append(
            f"A model that knew every pair's true shares would reach a Diverging-ID AUROC of {number_text(ceiling)} on such labels: "
            "hold models against this, not against 1."
        )
    flagged = (results["annotators"] or {}).get("flagged", {})
    named = [name for flag in ("agrees_with_nobody", "not_above_chance") for name in flagged.get(flag, [])]
    if named:
        said.append(
            f"{len(named)} of {results['annotators']['n_judged']} annotators cannot be told from chance; look at them first."
        )
    return said


def _categories(results: Mapping[str, Any]) -> Section:
    rows = [["category", "pairs", "share", "meaning"]]
    for name, share in results["categories"].items():
        rows.append([CATEGORY_NAMES[name], f"{share['count']:,}", share_text(share), CATEGORY_MEANINGS[name]])
    n = results["categories"]["other"]["n"]
    text = [
        f"How the annotators of one pair stand to each other. Shares are of the {n:,} pairs with two labels or more."
    ]
    unknown = results["strength_known"]["unknown"]
    if unknown:
        text.append(
            f"{unknown:,} pairs have labels without strength (A, B or tie only): every preference counts as a clear one there, so that "
            "one vote for A and one for B are already diverging."
        )
    return Section("Agreement categories", text, rows)


def _coefficients(results: Mapping[str, Any]) -> Section:
    alpha = results["krippendorff_alpha"]
    lines = (
        ("quadratic-weighted Cohen's kappa", number_text, results["quadratic_weighted_kappa"], "every pair of annotators counts once, in both orders: response pairs with more annotators weigh more"),
        ("Krippendorff's alpha, ordinal", number_text, alpha["ordinal"], "every label counts once; levels are ranks"),
        ("Krippendorff's alpha, interval", number_text, alpha["interval"], "every label counts once; levels are numbers -2 to 2"),
        ("annotators on the same side", share_text, results["same_side_annotator_pairs"], "share of annotator pairs who both say A, both B, or both tie"),
        ("annotators on opposing sides", share_text, results["opposing_annotator_pairs"], "share of annotator pairs of whom one says A and one B"),
    )  # fmt: skip
    rows = [["", "estimate", "pairs", "how it is counted"]]
    rows += [[label, shown(found), f"{found['n']:,}", meaning] for label, shown, found, meaning in lines]
    return Section(
        "Agreement beyond chance",
        [
            "Kappa and alpha are 1 when annotators always agree and 0 when they agree as often as labels shuffled over all pairs would. "
            "Half a step of strength counts little, opposite preferences count much."
        ],
        rows,
    )


def _pairs_of_annotators(results: Mapping[str, Any]) -> Section:
    n = results["opposing_annotator_pairs"]["n_annotator_pairs"]
    return Section(
        "What two annotators say",
        [
            f"All {n:,} pairs of annotators who labelled the same pair of responses, each in both orders, so the picture is symmetric. On the "
            "rising diagonal they agree; the far corners are opposite clear preferences."
        ],
        figure="cooccurrence",
    )


def _by_annotators(results: Mapping[str, Any]) -> Section:
    rows = [["annotators", "observed", "pairs", "expected of n", "pairs", "fitted population"]]
    model = results["population"]["diverging_share"]
    for n, entry in results["diverging_by_annotators"].items():
        observed, expected = entry["observed"], entry["expected"]
        fitted = share_text(model[n]) if n in model else "-"
        rows.append([n, share_text(observed), f"{observed['n']:,}", share_text(expected), f"{expected['n']:,}", fitted])
    return Section(
        "Divergence by number of annotators",
        [
            "The more people are asked, the likelier two of them clash. `observed`: pairs with exactly n labels. `expected of n`: picking n of each "
            "pair's annotators at random, over all pairs with at least n; no model is needed. Compare data sets in one row of this column. "
            "`fitted population`: the same from the model of the next section, for any n."
        ],
        rows,
        figure="diverging_by_annotators",
    )


def _population(results: Mapping[str, Any]) -> Section:
    population = results["population"]
    flat = population["dirichlet_multinomial"]
    diverging, own = results["categories"]["diverging"], population["diverging_share"]["as_annotated"]
    lines = (
        ("truly divided pairs: 30 % to 70 % prefer A", share_text, population["divided_share"]),
        (
            "of the pairs called diverging, truly divided",
            share_text,
            population["divided_given_diverging"]["as_annotated"],
        ),
        ("how far the pair decides the vote, 0 to 1", number_text, population["between_pairs"]),
        ("check: diverging pairs, observed", share_text, diverging),
        ("check: expected by this model", share_text, own),
        ("check: expected by a plain Dirichlet-multinomial", share_text, flat["diverging_share"]),
    )
    rows = [["", "estimate", "pairs"], *([label, shown(found), f"{found['n']:,}"] for label, shown, found in lines)]
    gain = population["log_likelihood"] - flat["log_likelihood"]
    return Section(
        "People or luck",
        [
            "One dissenting vote can mean that people are divided, or that one of few happened to be an exception. Over many pairs the two can be told "
            "apart: the model says how the TRUE share of people who prefer A, among those with a preference, varies from pair to pair. Ties are left "
            "out of that share. If the pair decided every vote, people would never oppose each other; if it decided none, all pairs would be alike.",
        ],
        rows,
        figure="population",
        after=[
            "A careless annotator and one of another taste look alike in the counts: what is called luck is only the luck of who was asked. The two checks "
            "should be near the observed share; where they are not, distrust this section and the next. The model, a tree of choices with a spread of "
            f"its own for ties, sides and strength, is {gain:.1f} log-likelihood units above the plain Dirichlet-multinomial, with 3 more parameters."
        ],
    )


def _ceiling(results: Mapping[str, Any]) -> Section:
    population = results["population"]
    rows = [["annotators per pair", "best possible AUROC", "diverging pairs that are truly divided"]]
    for n, found in population["ceiling"].items():
        label = "as in this data" if n == "as_annotated" else n
        rows.append([label, number_text(found), share_text(population["divided_given_diverging"][n])])
    return Section(
        "The most a model can reach",
        [
            "A model that knows every pair's true shares still cannot know who will be asked. This is its Diverging-ID AUROC, diverging pairs "
            "against all others, under the population fitted to all five levels. Hold your model's AUROC against it, not against 1."
        ],
        rows,
    )


def _annotators(found: Mapping[str, Any]) -> Section:
    rows = [["annotator", "kappa with the others", "pairs", "same side", "note"]]
    judged = [entry for entry in found["annotators"].items() if entry[1]["flag"] != "few_pairs"]
    judged.sort(key=lambda entry: entry[1]["kappa"]["value"])
    for name, entry in judged[:MOST_ANNOTATORS_LISTED]:
        note = FLAG_NAMES.get(entry["flag"], "")
        rows.append(
            [name, number_text(entry["kappa"]), f"{entry['kappa']['n']:,}", share_text(entry["same_side"]), note]
        )
    few = len(found["flagged"].get("few_pairs", []))
    by_chance = found["expected_by_chance"]
    text = [
        f"Each annotator against those who labelled the same pairs ({found['n_pairs_with_ids']:,} pairs name their annotators, "
        f"{found['n_pairs_without_ids']:,} do not). Kappa of all together: {number_text(found['all'])}.",
        "An interval, not a verdict: low agreement can mean another taste, harder pairs, a misread guideline or haste. Of "
        f"{found['n_judged']} annotators about {by_chance:.1f} would be called `agrees less` by chance alone.",
    ]
    if len(judged) > MOST_ANNOTATORS_LISTED:
        text.append(f"The {MOST_ANNOTATORS_LISTED} lowest are listed; results.json has all.")
    if few:
        text.append(
            f"{few} annotators share fewer than 10 pairs with others, too few to say anything; they are not listed."
        )
    if found["n_repeated"]:
        text.append(
            f"{found['n_repeated']:,} labels are a second label by the same annotator; nobody is compared with himself."
        )
    return Section("Annotators", text, rows if len(rows) > 1 else (), figure="annotators")


def _by(key: str, parts: Mapping[str, Any]) -> Section:
    rows = [[key, "pairs", "with 2+ labels", "diverging", "expected of 2", "kappa", "alpha, ordinal"]]
    for value, part in parts.items():
        two = part["diverging_by_annotators"].get("2")
        rows.append(
            [
                value,
                f"{part['n_pairs']:,}",
                f"{part['usable']['several_labels']:,}",
                share_text(part["categories"]["diverging"]),
                share_text(two["expected"]) if two else "-",
                number_text(part["quadratic_weighted_kappa"]),
                number_text(part["krippendorff_alpha"]["ordinal"]),
            ]
        )
    text = [
        "`diverging` depends on the number of annotators, `expected of 2` does not. With many rows some will differ by chance."
    ]
    return Section(f"By {key}", text, rows)
