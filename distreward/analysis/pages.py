"""A report as one HTML file: figures inside, no script, nothing fetched; each report brings its template and its words."""

import base64
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape


def render_page(package: str, template: str, figures: Mapping[str, Path], **values: Any) -> str:
    """The page.

    Args:
        package: of the report; the template lies in its `templates`.
        template: name of the file. It has the filters `code` and `words`, and all of `values`.
        figures: name -> PNG file; embedded, they are `images` in the template.

    Returns:
        HTML; whatever is put into the template is escaped.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"code": code, "words": is_words}
    text = (files(package) / "templates" / template).read_text(encoding="utf-8")
    images = {name: base64.b64encode(path.read_bytes()).decode("ascii") for name, path in figures.items()}
    return environment.from_string(text).render(images=images, **values)


def code(text: str) -> Markup:
    """Words in backticks as code; all else escaped.

    >>> code("see `a < b`")
    Markup('see <code>a &lt; b</code>')
    """
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def is_words(cell: str) -> bool:
    """Whether a cell of a table reads as text, to stand on the left.

    >>> is_words("agrees with nobody"), is_words("0.5 [0.4, 0.6]")
    (True, False)
    """
    return len(re.findall(r"[A-Za-z]{3,}", cell)) >= 3
