"""The agreement report as one HTML file: figures inside, no script, nothing fetched, no text of the data."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from distreward.analysis.agreement.sections import sections, summary_sentences
from distreward.analysis.pages import render_page


def html_report(
    results: Mapping[str, Any],
    figures: Mapping[str, Path],
    title: str,
    data: str,
    n_bootstrap: int,
    command: str = "distreward agreement",
) -> str:
    """The page.

    Args:
        results: what `analyse_agreement` returns.
        figures: name -> PNG file (`figures.draw_figures`); they are embedded.
        title: of the page.
        data: one line on the data: name, fingerprint.
        n_bootstrap: draws behind the intervals.
        command: that made it.

    Returns:
        HTML. Names of annotators and of parts of the data are escaped; prompts and responses do not occur.
    """
    return render_page(
        "distreward.analysis.agreement",
        "report.html.jinja",
        figures,
        title=title,
        findings=summary_sentences(results),
        warnings=results["warnings"],
        sections=sections(results),
        confidence=f"{100 * results['confidence']:g}",
        n_bootstrap=f"{n_bootstrap:,}",
        data=data,
        command=command,
    )
