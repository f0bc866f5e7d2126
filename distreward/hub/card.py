"""The model card: Markdown with the Hub's metadata, written from facts and nothing else."""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from distreward.hub.facts import Evaluation, ModelFacts, shown
from distreward.hub.metadata import card_data, check_metadata, repo_name
from distreward.hub.secrets import scrub
from distreward.hub.tables import (
    category_rows,
    data_rows,
    grid_rows,
    metric_rows,
    model_rows,
    number,
    training_rows,
)
from distreward.hub.words import HEAD_WORDS
from distreward.modeling.heads import MIN_STD, REWARD_HEADS, uncalibrated

TEMPLATES = Path(__file__).parent / "templates"

FEW_ANNOTATORS = 4
"""Below this many people per pair, whether a pair diverges is mostly chance."""


def model_card(
    facts: ModelFacts,
    model_name: str | None = None,
    repo_id: str | None = None,
    tags: Sequence[str] = (),
    start: Path | None = None,
) -> str:
    """The card as text, metadata first, with nothing secret in it.

    Args:
        facts: of the model (`facts.read_facts`).
        model_name: its name; default: that of `repo_id`, else the folder's.
        repo_id: what the snippets open: a Hub id or a path. Default: the folder's name.
        tags: for the Hub, besides ours.
        start: the folder the card will lie in, to which the files it names are relative; default: the model's.

    Returns:
        Markdown. Every table names the file its numbers came from; what no file tells stands under "Not known".

    Raises:
        InputError: facts the Hub would refuse as metadata (`metadata.check_metadata`).
    """
    start = facts.folder if start is None else start
    name = model_name or repo_name(repo_id, facts.folder)
    entry = facts.value("reward_head", {})
    head = entry.get("type", "scalar")
    text = _environment().get_template("card.md.jinja").render(
        name=name,
        repo_id=repo_id or facts.folder.resolve().name,
        summary=summary(facts, head),
        head=head,
        adapter="adapter" in facts.files,
        n_outputs=len(REWARD_HEADS[head].output_names),
        min_std=entry.get("min_std", MIN_STD),
        n_annotators=typical_number(facts),
        formula="" if head == "scalar" else ", with the formulas of this head",
        score=f"`{HEAD_WORDS[head].score}`",
        model_rows=model_rows(facts, start),
        data_rows=data_rows(facts, start),
        licence=licence(facts),
        evaluations=[evaluation_section(facts, evaluation, start) for evaluation in facts.evaluations],
        training_rows=training_rows(facts, start),
        limits=limits(facts, head),
        missing=facts.missing(),
        package_version=version("distreward"),
    )  # fmt: skip
    content = scrub(f"---\n{card_data(facts, name, tags).to_yaml()}\n---\n\n{text}")
    check_metadata(content)
    return content


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip


def summary(facts: ModelFacts, head: str) -> str:
    """One or two sentences on what the model gives."""
    base = facts.value("base_model")
    name = base.get("name") if isinstance(base, dict) else base
    of = f", made from `{Path(str(name)).name if str(name).startswith('/') else name}`" if name else ""
    known = facts.fact("reward_head") is not None  # else anybody's: a stock checkpoint
    by = ", trained with distreward on annotators' labels" if known else ""
    return f"A reward model{of}{by}. {HEAD_WORDS[head].summary}"


def licence(facts: ModelFacts) -> str:
    """A sentence on the licence of the data, whether it is known or not."""
    found = facts.fact("licence_of_data")
    if found is None:
        return "Licence of the training data: not known."
    source = "given when the card was written" if found.file is None else f"`{found.file.name}`"
    return f"Licence of the training data: `{found.value}` ({source})."


def typical_number(facts: ModelFacts) -> int:
    """Annotators per pair: of the evaluation, else the median of the training data, else 4."""
    for evaluation in facts.evaluations:
        if evaluation.get("metrics.n_annotators"):
            return evaluation.get("metrics.n_annotators")
    return median_annotators(facts) or FEW_ANNOTATORS


def median_annotators(facts: ModelFacts) -> int | None:
    """The median over training pairs with two or more annotators; None where nobody counted them."""
    per_pair = {int(n): pairs for n, pairs in (facts.value("annotators_per_pair") or {}).items() if int(n) >= 2}
    left = sum(per_pair.values()) / 2
    for n in sorted(per_pair):
        left -= per_pair[n]
        if left <= 0:
            return n
    return None


def evaluation_section(facts: ModelFacts, evaluation: Evaluation, start: Path) -> dict[str, Any]:
    """What the template shows of one evaluation."""
    data = evaluation.get("data") or {}
    split = evaluation.get("config.split")
    about = f"{number(data.get('rows'))} pairs, fingerprint `{data.get('fingerprint')}`; 95 % bootstrap intervals over prompts."
    if evaluation.get("trained_on"):
        about += f" **{number(evaluation.get('trained_on'))} of these pairs were trained on.**"
    own, seen = facts.value("reward_head", {}), evaluation.get("reward_head") or {}
    if own != seen and uncalibrated(own) == uncalibrated(seen):
        about += " **Made before the calibrations in the table above were set.**"
    return {
        "title": f"{data.get('name') or 'unnamed pairs'}" + (f", {split} split" if split else ""),
        "about": about,
        "file": shown(evaluation.file, start),
        "metrics": metric_rows(evaluation),
        "grid": grid_rows(evaluation),
        "categories": category_rows(evaluation),
        "reliability": reliability_text(facts, evaluation, start),
    }


def reliability_text(facts: ModelFacts, evaluation: Evaluation, start: Path) -> str:
    """The reliability plot, or why there is none."""
    curves = evaluation.get("reliability")
    figure = facts.figures.get(evaluation.file)
    if figure is not None and curves:
        return (
            f"![Reliability of the predicted probabilities]({shown(figure, start)})\n\n"
            "*Predicted against observed share (`reliability`). Left: each level of a label. Right: that the annotators of a "
            "pair diverge. On the dashed line the model is right.*"
        )
    if curves:
        return (
            "No reliability plot: `distreward card` draws it where matplotlib is installed. Its numbers: `reliability`."
        )
    if "level_calibration" not in (evaluation.get("metrics") or {}):
        return "This model gives no probabilities, so there is nothing to plot their reliability of."
    return "No reliability plot: this evaluation holds no reliability curves; evaluate again."


def limits(facts: ModelFacts, head: str) -> list[str]:
    """Intended use and limits; what depends on the facts is said only where they say so."""
    data = facts.value("train_data", {}) or {}
    sentences = [
        "Meant for ranking responses of language models, for finding prompts and pairs on which people would disagree, and as "
        "a reward in training with TRL. Not meant for decisions about people.",
        "It predicts what annotators like those of its training data would say. Other people may judge otherwise.",
        "It says that people would disagree, not why, and not which side is right.",
    ]
    if head == "scalar":
        sentences.append("It has no standard deviation: where people diverge is guessed from a small reward gap alone.")
    if data.get("sources") == {"synthetic": data.get("rows")}:
        sentences.append(
            "Trained on made-up pairs of simulated annotators: a demonstration, not a model for people's text."
        )
    few = median_annotators(facts)
    if few is not None and few < FEW_ANNOTATORS:
        sentences.append(
            f"With {few} annotators per pair much of the observed disagreement is chance; the intervals show how much."
        )
    strength = data.get("strength_known")
    if strength is not None and strength < 1:
        sentences.append(
            f"For {1 - strength:.0%} of the training pairs only A, B or tie was asked; there the levels -2 and 2 stand for "
            "any preference, and the spread of opinions is weakly known."
        )
    sentences.append("Texts longer than it was trained on, and languages that its training data lacks, were not tried.")
    return sentences
