"""The pages build to a site without a warning, and the site asks the network for nothing."""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from distreward.cli.main import COMMANDS

ROOT = Path(__file__).parents[1]
LOADED = re.compile(
    r"<(?:script|img|iframe|source)\b[^>]*\bsrc=[\"']?(?:https?:)?//[^>]*>"
    r"|<link\b[^>]*\bhref=[\"']?(?:https?:)?//[^>]*>"
    r"|(?:@import|url\()\s*[\"']?(?:https?:)?//[^;)]*"
)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("sphinx") is None, reason="needs the `docs` extra")
def test_the_site_builds_and_loads_nothing_from_elsewhere(tmp_path):
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-c", str(ROOT / "docs"), str(ROOT)]
    done = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    pages = [*tmp_path.rglob("*.html"), *tmp_path.rglob("*.css")]
    assert {page.stem for page in pages} >= {page.stem for page in (ROOT / "docs").glob("*.md")}
    for page in pages:
        assert not LOADED.search(page.read_text(encoding="utf-8")), page
    concepts = (tmp_path / "docs" / "concepts.html").read_text(encoding="utf-8")
    assert concepts.count("<math ") > 50 and "\\frac" not in concepts
    commands = (tmp_path / "docs" / "commands.html").read_text(encoding="utf-8")
    assert all(f'id="{name}"' in commands for name in COMMANDS) and "--resume_from_checkpoint" in commands
    reference = (tmp_path / "docs" / "api.html").read_text(encoding="utf-8")
    assert 'id="distreward.diverging_probability"' in reference


def test_the_check_sees_what_a_page_would_load():
    for text in (
        '<script async src="https://cdn.example/x.js"></script>',
        "<link rel=stylesheet href='//fonts.example/a.css'>",
        "@import url(https://fonts.example/a.css);",
        "src: url('https://fonts.example/a.woff2')",
    ):
        assert LOADED.search(text), text
    assert not LOADED.search('<a href="https://example.org">a link is not loaded</a> <script src="_static/a.js">')
