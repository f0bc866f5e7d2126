"""The rooms of the package and the arrows between them: imports point down only. Read from the source, nothing is run."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = "distreward"

MAX_MODULE_LINES = 300
MAX_FUNCTION_LINES = 60

# {room: rooms it may import}. A room is a module or package directly under distreward/; its own modules it may always use.
BASE = {"levels", "errors"}
LEARNING = BASE | {"data", "metrics", "losses", "modeling", "scoring"}
USES = LEARNING | {"trainers", "analysis"}
ARROWS = {
    "levels": set(),
    "errors": set(),
    "data": BASE,
    "losses": BASE,
    "metrics": BASE | {"data"},
    "modeling": BASE,
    "analysis": BASE | {"data", "metrics"},
    "scoring": LEARNING - {"scoring"},
    "trainers": LEARNING | {"hub"},
    "hub": BASE | {"modeling", "metrics"},
    "rlhf": USES,
    "benchmarks": USES | {"judge"},
    "judge": USES,
    "experiments": USES,
    "benchmark": USES,
    "cli": USES | {"hub", "rlhf", "benchmarks", "judge", "experiments", "benchmark"},
}

# The package itself and `python -m distreward` belong to no room and may reach into any.
EXEMPT = {PACKAGE, f"{PACKAGE}.__main__"}


def read_modules(root: Path) -> dict[str, ast.Module]:
    """Every module of the package by its dotted name; a package goes by the name of its folder."""
    modules = {}
    for path in sorted((root / PACKAGE).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        modules[name] = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    return modules


def imported(name: str, tree: ast.Module, known: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Modules of ours that a module imports anywhere in its text, also inside functions, with the line."""
    known = set(known)
    is_package = any(other.startswith(f"{name}.") for other in known)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                up = name.split(".")[: len(name.split(".")) - node.level + is_package]
                base = ".".join([*up, *([node.module] if node.module else [])])
            # `from package import module` is an arrow to the module, `from module import name` one to the module
            inside = [f"{base}.{alias.name}" for alias in node.names]
            found = [whole if whole in known else base for whole in inside]
        elif isinstance(node, ast.Call) and is_import_module(node):
            found = [node.args[0].value]
        else:
            continue
        yield from ((target, node.lineno) for target in found if target.split(".")[0] == PACKAGE)


def is_import_module(node: ast.Call) -> bool:
    called = getattr(node.func, "attr", getattr(node.func, "id", ""))
    return called == "import_module" and bool(node.args) and isinstance(getattr(node.args[0], "value", None), str)


def wrong_arrows(modules: dict[str, ast.Module]) -> list[str]:
    """Imports that the table does not allow, as `module:line -> module`."""
    wrong = []
    for name, tree in modules.items():
        if name in EXEMPT:
            continue
        room = name.split(".")[1]
        for target, line in imported(name, tree, modules):
            to = target.split(".")[1] if "." in target else PACKAGE
            if to != room and to not in ARROWS.get(room, ()):
                wrong.append(f"{name}:{line} -> {target}")
    return wrong


def cycle(modules: dict[str, ast.Module]) -> list[str]:
    """One circle of imports among the modules, or an empty list."""
    arrows = {name: {to for to, _ in imported(name, tree, modules)} for name, tree in modules.items()}
    done: set[str] = set()

    def walk(name: str, path: list[str]) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done or name not in arrows:
            return []
        for target in sorted(arrows[name]):
            if found := walk(target, [*path, name]):
                return found
        done.add(name)
        return []

    return next((found for name in sorted(arrows) if (found := walk(name, []))), [])


def long_modules(root: Path) -> list[str]:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in (root / PACKAGE).rglob("*.py")}
    return sorted(f"{path.relative_to(root)}: {n} lines" for path, n in lengths.items() if n > MAX_MODULE_LINES)


def long_functions(modules: dict[str, ast.Module]) -> list[str]:
    """Functions over the budget, docstrings not counted: a contract may be as long as it has to be."""
    over = []
    for name, tree in modules.items():
        for node in ast.walk(tree):
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            text = node.body[0] if ast.get_docstring(node) is not None else None
            lines = node.end_lineno - node.lineno + 1 - (text.end_lineno - text.lineno + 1 if text else 0)
            if lines > MAX_FUNCTION_LINES:
                over.append(f"{name}.{node.name}: {lines} lines")
    return over


def test_imports_point_down_only():
    assert wrong_arrows(read_modules(ROOT)) == []


def test_every_room_stands_in_the_table():
    rooms = {name.split(".")[1] for name in read_modules(ROOT) if name not in EXEMPT}
    assert rooms <= set(ARROWS)
    assert {"data", "losses", "metrics", "modeling", "scoring", "trainers", "cli"} <= rooms  # it read the right folder


def test_the_table_itself_has_no_circle_and_nothing_imports_the_command_line():
    assert all("cli" not in allowed for allowed in ARROWS.values())
    assert cycle({f"{PACKAGE}.{room}": plan(*allowed) for room, allowed in ARROWS.items()}) == []


def test_no_module_imports_itself_by_a_detour():
    assert cycle(read_modules(ROOT)) == []


def test_modules_stay_within_the_budget():
    assert long_modules(ROOT) == []


def test_functions_stay_within_the_budget():
    assert long_functions(read_modules(ROOT)) == []


# The checker itself, on packages made up here.


def plan(*rooms: str) -> ast.Module:
    return ast.parse("".join(f"import {PACKAGE}.{room}\n" for room in sorted(rooms)))


def package(**sources: str) -> dict[str, ast.Module]:
    """`losses__difference="import x"` -> a package with distreward.losses and distreward.losses.difference."""
    named = {".".join([PACKAGE, *name.split("__")]): text for name, text in sources.items()}
    folders = {".".join(name.split(".")[:n]) for name in named for n in range(1, name.count(".") + 1)}
    return {name: ast.parse(named.get(name, "")) for name in sorted({*named, *folders})}


@pytest.mark.parametrize(
    "text",
    [
        "import distreward.modeling.heads",
        "import distreward.modeling.heads as heads",
        "from distreward.modeling.heads import MIN_STD",
        "from distreward.modeling import heads",
        "from distreward import modeling",
        "from ..modeling import heads",
        "from .. import modeling",
        "def late():\n    from distreward.modeling.heads import MIN_STD",
        "import importlib\nheads = importlib.import_module('distreward.modeling.heads')",
        "try:\n    import distreward.modeling\nexcept ImportError:\n    heads = None",
    ],
)
def test_a_planted_wrong_arrow_is_found(text):
    wrong = wrong_arrows(package(losses__difference=text, modeling__heads="MIN_STD = 0.1"))
    assert len(wrong) == 1 and wrong[0].startswith("distreward.losses.difference:") and "modeling" in wrong[0]


@pytest.mark.parametrize(
    "text",
    [
        "from distreward.levels import LEVELS",
        "from distreward import levels",
        "from ..levels import LEVELS",
        "from distreward.losses.difference import THRESHOLDS",
        "from . import difference",
        "from .difference import THRESHOLDS",
        "import torch\nfrom transformers import modeling_utils",
    ],
)
def test_allowed_arrows_are_left_alone(text):
    modules = package(losses__score=text, losses__difference="", levels="")
    assert wrong_arrows(modules) == [] and cycle(modules) == []


def test_an_unknown_room_and_the_command_line_are_found():
    assert wrong_arrows(package(helpers="import distreward.levels", levels=""))
    assert wrong_arrows(package(trainers__base="from distreward.cli.main import main", cli__main=""))
    assert wrong_arrows(
        package(data__schema="import distreward")
    )  # the package may import any room, so nobody imports it


def test_a_circle_is_found():
    assert cycle(package(data__a="from distreward.data.b import x", data__b="from distreward.data import a")) == [
        "distreward.data.a",
        "distreward.data.b",
        "distreward.data.a",
    ]
    # a module that goes through its own package, which imports it
    modules = package(data="from distreward.data.a import x", data__a="def f():\n    from distreward.data import x")
    assert cycle(modules) == ["distreward.data", "distreward.data.a", "distreward.data"]
    assert (
        cycle(package(data__a="from distreward.data.b import x", data__b="import distreward.levels", levels="")) == []
    )


def test_what_is_too_long_is_found(tmp_path):
    (tmp_path / PACKAGE / "data").mkdir(parents=True)
    body = "    x = 0\n"
    (tmp_path / PACKAGE / "data" / "right.py").write_text("def f():\n" + body * 59 + "\n" * 240)
    (tmp_path / PACKAGE / "data" / "long.py").write_text("def f():\n" + body * 60 + "\n" * 240)
    assert long_modules(tmp_path) == ["distreward/data/long.py: 301 lines"]
    assert long_functions(read_modules(tmp_path)) == ["distreward.data.long.f: 61 lines"]
    documented = ast.parse('def f():\n    """One line.\n\n    More.\n    """\n' + body * 59)
    assert long_functions({"distreward.data.long": documented}) == []
