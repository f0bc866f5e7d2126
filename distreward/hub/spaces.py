"""A metric as an `evaluate` Space: the files of a repository from which `evaluate.load("user/name")` works without distreward.

`evaluate` fetches the module's script and the files which the script itself imports from beside it, no further. So the modules
of ours that it rests on are copied under their last name, their imports made relative, and the script imports all of them.
"""

import ast
import re
from collections.abc import Container
from importlib.metadata import requires, version
from pathlib import Path

from distreward.errors import InputError
from distreward.metrics.loading import METRICS

PACKAGE = "distreward"
ROOT = Path(__file__).parents[1]

IMPORT = re.compile(rf"^(\s*from ){PACKAGE}\.([\w.]+)( import )", re.MULTILINE)

HEADER = """---
title: {title}
emoji: ⚖️
colorFrom: blue
colorTo: gray
sdk: gradio
sdk_version: {gradio}
app_file: app.py
pinned: false
license: apache-2.0
tags:
- evaluate
- metric
description: >-
{description}
---
"""
GRADIO = "6.31.0"
"""The version the page was tried with."""

APP = '''"""The page of this Space: compute the metric on a few values typed in."""

import json
from pathlib import Path

import evaluate
import gradio as gr

metric = evaluate.load(str(Path(__file__).parent / "{name}.py"))


def compute(predictions: str, references: str) -> str:
    """Both as JSON lists, one entry per pair."""
    try:
        result = metric.compute(predictions=json.loads(predictions), references=json.loads(references))
    except ValueError as error:  # not JSON, or not what the metric takes
        raise gr.Error(str(error)) from error
    return json.dumps(result, indent=1, default=float)


page = gr.Interface(
    fn=compute,
    inputs=[
        gr.Textbox(label="predictions (JSON)", value={predictions!r}),
        gr.Textbox(label="references (JSON)", value={references!r}),
    ],
    outputs=gr.Textbox(label="result"),
    title={title!r},
    description=metric.description,
)

if __name__ == "__main__":
    page.launch()
'''

EXAMPLES = {
    "preference_accuracy": ("[1.0, -0.5]", "[[2, 1, 1, -2], [-1, 0]]"),
    "diverging_id_auroc": ("[0.5, 0.9, 0.2, 0.7]", "[[2, -1], [2, -2], [1, 1], [0, 0]]"),
    "level_calibration": ("[[0, 0, 0, 0.5, 0.5], [0.2, 0.2, 0.2, 0.2, 0.2]]", "[[1, 2], [0, -1, 2]]"),
}
"""Metric -> predictions and references its page starts with."""


def metric_space(name: str, repo_id: str) -> dict[str, bytes]:
    """The files of a metric's Space.

    Args:
        name: one of `METRICS`.
        repo_id: where it will lie; its last part must be `name`, since `evaluate` looks for a script of that name.

    Returns:
        Path in the repository -> content.

    Raises:
        InputError: no such metric, or another name in `repo_id`.

    >>> sorted(metric_space("preference_accuracy", "ann/preference_accuracy"))[:4]
    ['README.md', 'agreement.py', 'app.py', 'bootstrap.py']
    """
    if name not in METRICS:
        raise InputError(f"--metric {name}: wanted one of {', '.join(METRICS)}.")
    if repo_id.split("/")[-1] != name:
        raise InputError(
            f"--repo_id {repo_id}: `evaluate.load` looks for a script of the repository's name, so it must end in /{name}."
        )
    script = ROOT / "metrics" / name / f"{name}.py"
    modules = imported_modules(script)
    imported = set().union(*map(libraries, [script, *modules.values()]))
    card = (script.parent / "README.md").read_text(encoding="utf-8")
    title = re.search(r"^title: (.+)$", card, re.MULTILINE)[1]
    predictions, references = EXAMPLES[name]
    files = {f"{module.split('.')[-1]}.py": copied(path, module) for module, path in modules.items()}
    files |= {
        f"{name}.py": with_all_imports(for_space(copied(script, f"metrics.{name}"), name, repo_id), modules),
        "README.md": with_header(for_space(card, name, repo_id), title),
        "app.py": APP.format(name=name, title=title, predictions=predictions, references=references),
        "requirements.txt": "".join(f"{line}\n" for line in requirements(imported)),
    }
    return {path: text.encode() for path, text in files.items()}


def imported_modules(script: Path) -> dict[str, Path]:
    """Modules of ours that a file imports, and those that they import: name without the package -> file.

    >>> "metrics.bootstrap" in imported_modules(ROOT / "metrics/preference_accuracy/preference_accuracy.py")
    True
    """
    found: dict[str, Path] = {}
    waiting = [script]
    while waiting:
        for _, module, _ in IMPORT.findall(waiting.pop().read_text(encoding="utf-8")):
            if module not in found:
                found[module] = ROOT.joinpath(*module.split(".")).with_suffix(".py")
                waiting.append(found[module])
    last = [module.split(".")[-1] for module in found]
    assert len(set(last)) == len(last), f"two of {sorted(found)} would be copied under one name"
    return dict(sorted(found.items()))


def libraries(path: Path) -> set[str]:
    """Top-level names of what a file imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


def requirements(imported: Container[str]) -> list[str]:
    """Our own requirements of the libraries that are imported under the name they are installed by, with their bounds.

    >>> [line.partition("<")[0] for line in requirements({"scipy", "json"})]
    ['scipy']
    """
    lines = (line for line in requires(PACKAGE) or () if "extra ==" not in line)
    return sorted(line for line in lines if re.match(r"[\w.-]+", line)[0] in imported)


def copied(path: Path, module: str) -> str:
    """The source of a module of ours with imports from beside it, and a word on where it is from."""
    source = IMPORT.sub(
        lambda found: f"{found[1]}.{found[2].split('.')[-1]}{found[3]}", path.read_text(encoding="utf-8")
    )
    return f"# {PACKAGE}.{module} of {PACKAGE} {version(PACKAGE)}, Apache-2.0; its imports made relative.\n{source}"


def with_all_imports(script: str, modules: dict[str, Path]) -> str:
    """The script with an import of every copied module: `evaluate` fetches no other files."""
    last = [module.split(".")[-1] for module in modules]
    missing = [name for name in last if not re.search(rf"^from \.{name} import ", script, re.MULTILINE)]
    lines = "".join(f"from .{name} import __name__ as _{name}\n" for name in missing)
    first = re.search(r"^from \.", script, re.MULTILINE).start()
    return script[:first] + lines + script[first:]


def for_space(text: str, name: str, repo_id: str) -> str:
    """A text about loading from the package, made one about loading from the Hub."""
    text = text.replace("from distreward.metrics.loading import load_metric", "import evaluate")
    text = text.replace(f'load_metric("{name}")', f'evaluate.load("{repo_id}")')
    local = (
        f'`evaluate.load("path/to/{name}")` does the same with a path to this folder. `distreward` must be installed.'
    )
    return text.replace(local, "Nothing but what requirements.txt names has to be installed.")


def with_header(card: str, title: str) -> str:
    """The metric's card under the header that a Space needs; its description is kept."""
    _, header, body = card.split("---\n", 2)
    description = header.split("description: >-\n", 1)[1].rstrip("\n")
    return HEADER.format(title=title, gradio=GRADIO, description=description) + body
