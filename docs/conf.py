"""How the pages become a site: `sphinx-build -W -c docs . site`, without network.

The source folder is the repository's root, so that every relative link of a page works on the site as it does in a
checkout, to `results` and to source files too.
"""

import io
import re
from collections.abc import Iterator
from contextlib import redirect_stdout, suppress
from dataclasses import MISSING, fields, is_dataclass
from importlib import import_module
from importlib.metadata import version as version_of
from typing import Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging

from distreward.cli.main import COMMANDS, main

project = "distreward"
version = release = version_of("distreward")
root_doc = "docs/index"
include_patterns = ["docs/**.md", "README.md", "CONTRIBUTING.md", "results/*.md"]
exclude_patterns = ["docs/_static"]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3
nitpick_ignore_regex = [("myst", r"(?:\.\./)*(?:[\w-]+/)*[\w-]+/?")]  # folders, which a site has not: they stay text

autodoc_typehints = "none"  # the docstrings say types with shapes, units and ranges
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
default_role = "literal"  # docstrings write names in single backticks
napoleon_use_rtype = False
add_module_names = False

html_theme = "furo"
html_title = "distreward"
html_static_path = ["_static"]
html_additional_pages = {"index": "to_first_page.html"}
templates_path = ["_templates"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_show_copyright = False
html_copy_source = False
html_math_renderer = "mathml"


def mathml(node: nodes.Element, as_block: bool) -> str:
    """A formula as MathML, which browsers draw themselves: the site loads no script and no font."""
    try:
        return tex2mathml(node.astext(), as_block=as_block)
    except MathError as error:
        logging.getLogger(__name__).warning("formula %r: %s", node.astext(), error, location=node)
        return ""


def inline_math(translator, node: nodes.math) -> None:
    """`$...$`."""
    translator.body.append(mathml(node, as_block=False))
    raise nodes.SkipNode


def block_math(translator, node: nodes.math_block) -> None:
    """`$$...$$`, in a block of its own that scrolls on a narrow screen."""
    translator.body.append(f'<div class="formula">{mathml(node, as_block=True)}</div>\n')
    raise nodes.SkipNode


def from_markdown(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Docstrings in reStructuredText: their tables become list tables, and `|x|` outside backticks an absolute value."""
    rows: list[list[str]] = []
    written: list[str] = []
    doctest = False
    for line in [*lines, ""]:
        if re.match(r"\s*\|.*\|\s*$", line):
            rows.append([cell.strip() for cell in line.strip().strip("|").split("|")])
            continue
        if rows:
            written += list_table([row for row in rows if set("".join(row)) - set("-:")])
            rows = []
        doctest = bool(line.strip()) and (doctest or line.lstrip().startswith(">>>"))
        pieces = line.split("`")
        outside = [piece if doctest or at % 2 else piece.replace("|", r"\|") for at, piece in enumerate(pieces)]
        written.append("`".join(outside))
    lines[:] = written


def list_table(rows: list[list[str]]) -> list[str]:
    """A table of cells as reStructuredText."""
    cells = [f"{'   * -' if at == 0 else '     -'} {cell}" for row in rows for at, cell in enumerate(row)]
    return ["", ".. list-table::", "   :header-rows: 1", "", *cells, ""]


def list_options(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """The help of a dataclass's own fields under its docstring: the help text is their documentation."""
    if what != "class" or not is_dataclass(obj):
        return
    inherited = {field.name for base in obj.__bases__ if is_dataclass(base) for field in fields(base)}
    for field in fields(obj):
        if "help" in field.metadata and (field.name in obj.__annotations__ or field.name not in inherited):
            default = "" if field.default is MISSING else f" = {field.default!r}"
            lines += ["", f"``{field.name}{default}``", f"    {field.metadata['help']}"]
    lines.append("")


def add_commands(app: Sphinx, page: str, source: list[str]) -> None:
    """Every command's help in the place of the mark on the page of commands."""
    if page == "docs/commands":
        source[0] = source[0].replace("<!-- commands -->", "\n".join(helps()))


def helps() -> Iterator[str]:
    """Heading, purpose and help of every command and of those of two words."""
    for command, purpose in COMMANDS.items():
        yield f"## {command}\n\n{purpose[0].upper()}{purpose[1:]}.\n"
        yield f"```text\n{help_of(command)}```\n"
        module = import_module(f"distreward.cli.{command}")
        for what in getattr(module, "SUBCOMMANDS", ()):
            yield f"### {command} {what}\n\n```text\n{help_of(command, what)}```\n"


def help_of(*words: str) -> str:
    """What `distreward <words> --help` prints."""
    with redirect_stdout(io.StringIO()) as printed, suppress(SystemExit):
        main([*words, "--help"])
    return printed.getvalue()


def setup(app: Sphinx) -> dict[str, bool]:
    """What Sphinx calls first."""
    app.connect("source-read", add_commands)
    app.connect("autodoc-process-docstring", from_markdown, priority=100)  # before napoleon reads the sections
    app.connect("autodoc-process-docstring", list_options)
    app.add_html_math_renderer("mathml", inline_renderers=(inline_math, None), block_renderers=(block_math, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
