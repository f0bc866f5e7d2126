"""The page as data: sections of text, tables and figures, and the sentences at its head."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from distreward.experiments.breakdowns import PART_METRICS
from distreward.experiments.page import words
from distreward.experiments.page.drawing import reliability_figures
from distreward.experiments.page.tables import (
    BRIER_SCORES,
    HEADINGS,
    MEASURE_WORDS,
    Cell,
    breakdown_rows,
    comparison_table,
    count_rows,
    distance_table,
    estimate_cell,
    main_table,
    own_score_table,
    settings_rows,
    strength_rows,
    title_of,
)
from distreward.experiments.plan import REFERENCE_ROW
from distreward.metrics.checks import is_defined

LEVEL_OF_SIGNIFICANCE = 0.05


@dataclass(frozen=True)
class Part:
    """A heading of the second order, a table (first row its header) and figures, each a key and a caption; any may be empty."""

    heading: str = ""
    text: Sequence[str] = ()
    rows: Sequence[Sequence[Cell]] = ()
    figures: Sequence[tuple[str, str]] = ()
    folded: bool = False


@dataclass(frozen=True)
class Section:
    """A heading and its parts."""

    heading: str
    parts: Sequence[Part] = field(default=())


def sections(results: Mapping[str, Any], settings: Sequence[tuple[str, Any]]) -> list[Section]:
    """The whole page.

    Args:
        results: of `analyse_experiment`.
        settings: name and value of everything that went into the numbers.
    """
    found = [Section("The pairs", [Part(rows=count_rows(results["pairs"]))]), _main(results), _strength(results)]
    if results["densities"]:
        pictures = [
            (f"density_{row}", f"{title_of(row)}: density of the difference of the two rewards")
            for row in results["densities"]
        ]
        found.append(
            Section(
                "How far people would differ (Figure 3 of the paper)", [Part(text=[words.DENSITY], figures=pictures)]
            )
        )
    if results["reliability"]:
        found.append(_reliability(results))
    for number, (by, parts) in enumerate(results["breakdowns"].items()):
        found.append(_breakdown(by, parts, [words.BREAKDOWN] if number == 0 else []))
    return [*found, Section("What went into these numbers", [Part(rows=settings_rows(settings))])]


def _main(results: Mapping[str, Any]) -> Section:
    figure = [("overview", "Accuracy and AUROC of every way of training, with intervals")]
    parts = [Part(text=[words.TABLE_3], figures=figure, rows=main_table(results))]
    compared, distances = comparison_table(results), distance_table(results)
    if compared:
        parts.append(Part("Compared with Bradley-Terry on all labels", [words.COMPARISONS], compared))
    if distances:
        parts.append(Part("How near the predicted labels are to people's", [words.DISTANCES], distances))
    own = own_score_table(results)
    if own:
        parts.append(Part("The chance to diverge, beside the paper's score", [words.OWN_SCORE], own))
    return Section("Who is preferred, and where people diverge (Table 3 of the paper)", parts)


def _strength(results: Mapping[str, Any]) -> Section:
    strength = results["strength"]
    texts = {"chosen_probability": words.TABLE_2, "majority_probability": words.MAJORITY}
    parts = []
    for measure in ("chosen_probability", "relative_gap", "majority_probability"):
        rows = strength_rows(strength, measure, results["has_slight_labels"])
        if rows:
            parts.append(Part(MEASURE_WORDS[measure], [texts[measure]] if measure in texts else [], rows))
    pictures = [(f"strength_{row}", f"How decided {title_of(row)} is, by agreement of people") for row in strength]
    parts.append(Part("Pair by pair", [words.HISTOGRAMS], figures=pictures))
    return Section("How decided the models are (Table 2 and Figures 2, 4 and 5 of the paper)", parts)


def _reliability(results: Mapping[str, Any]) -> Section:
    pictures = []
    for row, kinds in results["reliability"].items():
        pictures += [
            (name, f"{title}: observed share against the probability {what}")
            for name, (_, title, what) in reliability_figures(row, kinds).items()
        ]
    parts = [Part(text=[words.RELIABILITY], figures=pictures)]
    scores = distance_table(results, BRIER_SCORES)
    if scores:
        parts.append(Part("The chance to diverge", [words.BRIER], scores))
    return Section("Are the probabilities right?", parts)


def _breakdown(by: str, parts: Mapping[str, Any], text: Sequence[str]) -> Section:
    found = [Part(text=text)]
    for metric in PART_METRICS:
        rows = breakdown_rows(parts, metric)
        if rows:
            found.append(Part(HEADINGS[metric], rows=rows, folded=metric != "diverging_id_auroc"))
    return Section(f"By {by}", found)


def findings(results: Mapping[str, Any]) -> list[str]:
    """What the tables say, in a few sentences; each is computed, none assumes who wins."""
    rows, comparisons = results["rows"], results["comparisons"]
    found = []
    best, metric = _best(rows, ("diverging_id_auroc", "diverging_probability_auroc"))
    if best:
        sentence = f"Finding the pairs on which people diverge: {title_of(best)} comes out highest ({HEADINGS[metric]} {_number(rows[best][metric])})"
        if REFERENCE_ROW in rows and best != REFERENCE_ROW:
            sentence += f"; Bradley-Terry on all labels reaches {_number(rows[REFERENCE_ROW]['diverging_id_auroc'])}"
            sentence += _verdict(comparisons.get(best, {}).get(metric))
        found.append(sentence + ". 0.5 is guessing.")
    accuracies = {
        row: m["preference_accuracy"]["value"]
        for row, m in rows.items()
        if is_defined(m["preference_accuracy"]["value"])
    }
    if accuracies:
        low, high = min(accuracies, key=accuracies.get), max(accuracies, key=accuracies.get)
        found.append(
            f"Saying who is preferred: accuracies go from {accuracies[low]:.3f} ({title_of(low)}) to {accuracies[high]:.3f} ({title_of(high)})."
        )
    closest, name = _best(rows, ("jensen_shannon", "calibrated_jensen_shannon"), largest=False)
    if closest:
        average = results["average_distribution"]["jensen_shannon"]["value"]
        difference = comparisons.get(closest, {}).get(f"{name}_less_average")
        found.append(
            f"Saying which labels people give: {title_of(closest)} comes closest ({HEADINGS[name]} {_number(rows[closest][name])}); saying the "
            f"same average of every pair gives {average:.3f}{_verdict(difference)}."
        )
    decided = results["strength"].get(REFERENCE_ROW, {}).get("chosen_probability")
    if decided and all(is_defined(decided[key]["value"]) for key in ("diverging", "high_agreement_preference")):
        agree, diverge = decided["high_agreement_preference"]["value"], decided["diverging"]["value"]
        found.append(
            f"Being undecided where people are: Bradley-Terry on all labels gives its favourite a probability of {agree:.3f} on average where "
            f"people agree on a preference, and {diverge:.3f} where they diverge."
        )
    return found


def _best(rows: Mapping[str, Any], metrics: Sequence[str], largest: bool = True) -> tuple[str | None, str | None]:
    """The row and metric with the largest (smallest) value; (None, None) where nothing is defined."""
    found = [
        (metrics_of[name]["value"], row, name)
        for row, metrics_of in rows.items()
        for name in metrics
        if name in metrics_of and is_defined(metrics_of[name]["value"])
    ]
    if not found:
        return None, None
    _, row, name = max(found) if largest else min(found)
    return row, name


def _number(estimate: Mapping[str, Any]) -> str:
    cell = estimate_cell(estimate)
    return cell if isinstance(cell, str) else ", ".join(cell)


def _verdict(difference: Mapping[str, Any] | None) -> str:
    """Whether a difference can be told from chance, after correction."""
    p = None if difference is None else difference.get("p_value_corrected")
    if p is None:
        return ""
    if p < LEVEL_OF_SIGNIFICANCE:
        return f" (a difference that chance does not explain: p = {p:.3f})"
    return f" (a difference that chance may explain: p = {p:.2f})"
