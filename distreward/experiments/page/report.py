"""The experiment as one HTML file: figures inside, no script, nothing fetched, no text of the data."""

import base64
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

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
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["code"] = _code
    template = (files("distreward.experiments.page") / "templates" / "experiment.html.jinja").read_text(
        encoding="utf-8"
    )
    return environment.from_string(template).render(
        title=f"Do reward models know where people disagree? {data}",
        findings=findings(results),
        warnings=[*warnings, *results["warnings"]],
        definitions=DEFINITIONS,
        sections=sections(results, settings),
        images={name: base64.b64encode(path.read_bytes()).decode("ascii") for name, path in figures.items()},
        n_bootstrap=f"{n_bootstrap:,}",
    )


def _code(text: str) -> Markup:
    """Words in backticks as code; all else escaped."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))
