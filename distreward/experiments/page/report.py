"""The experiment as one HTML file: figures inside, no script, nothing fetched, no text of the data."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from distreward.analysis.pages import render_page
from distreward.experiments.page.sections import findings, sections
from distreward.experiments.page.words import DEFINITIONS


def experiment_page(
    results: Mapping[str, Any],
    figures: Mapping[str, Path],
    settings: Sequence[tuple[str, Any]],
    data: str,
    n_bootstrap: int,
    warnings: Sequence[str] = (),
) -> str:
    """The page.

    Args:
        results: of `analyse_experiment`.
        figures: name -> PNG file (`draw_experiment`); they are embedded. One that is not there is left out.
        settings: name and value of everything that went into the numbers.
        data: name of the data.
        n_bootstrap: draws behind the intervals.
        warnings: sentences that a reader must see, before those of `results`.

    Returns:
        HTML. Names of parts of the data are escaped; prompts and responses do not occur.
    """
    return render_page(
        "distreward.experiments.page",
        "experiment.html.jinja",
        figures,
        title=f"Do reward models know where people disagree? {data}",
        findings=findings(results),
        warnings=[*warnings, *results["warnings"]],
        definitions=DEFINITIONS,
        sections=sections(results, settings),
        n_bootstrap=f"{n_bootstrap:,}",
    )
