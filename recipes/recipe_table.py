"""Writes the table of docs/recipes.md, and the measured lines at the head of the synthetic recipes, from files in results/recipes.

    python -m pytest tests/test_recipe_runs.py --write_docs     # results/recipes/results.json: which recipes ran two steps
    distreward demo --quick
    for O in bradley_terry mse mean_variance_kl taste_factors_kl mean_variance_nll likert_kl; do
        distreward train --config recipes/synthetic/$O.yaml && cp outputs/synthetic/$O/results.json results/recipes/synthetic/$O.json
        distreward evaluate --model_name_or_path outputs/synthetic/$O --dataset_name synthetic --split test \
            --output_dir results/recipes/synthetic/$O
    done
    python recipes/recipe_table.py
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "recipes.md"
MEASURED = ROOT / "results" / "recipes"
BEGIN, END = "<!-- recipes -->", "<!-- end of recipes -->"


@dataclass
class Header:
    """What the comment at the top of a recipe says: `says`, its commands, and the lines Hardware, Minutes, Expected."""

    says: str
    commands: list[str]
    hardware: str
    minutes: str
    expected: str


def recipes() -> list[Path]:
    """Every YAML file in `recipes`, in the order of the table."""
    return sorted((ROOT / "recipes").rglob("*.yaml"))


def header(path: Path) -> Header:
    """Read the comment at the top: prose, `#   command` lines (a backslash goes on), and `# Hardware:` and the like."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line[1:])
    text = "\n".join(lines).replace("\\\n", " ")
    commands = [
        re.sub(r"\s+", " ", line).split(" # ")[0].strip() for line in text.splitlines() if line.startswith("   ")
    ]
    prose = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("   ")]
    fields, last = {"": ""}, ""
    for line in prose:
        name, colon, rest = line.partition(": ")
        if colon and name in ("Hardware", "Minutes", "Expected"):
            last, line = name, rest
        fields[last] = f"{fields.get(last, '')} {line}".strip()
    return Header(fields[""], commands, *(fields.get(name, "") for name in ("Hardware", "Minutes", "Expected")))


def command_of(path: Path) -> str:
    """The command that runs the recipe: the one that names it."""
    name = f"--config {path.relative_to(ROOT)}"
    found = [command for command in header(path).commands if name in command]
    if not found:
        raise ValueError(f"{path}: no command at its head names it; wanted a line `#   ... {name}`.")
    return found[0]


def measured_lines(objective: str) -> tuple[str, str]:
    """The lines Minutes and Expected of a synthetic recipe; without its files they say that it was not run."""
    if not (MEASURED / "synthetic" / f"{objective}.json").is_file():
        return "# Minutes: not run here.", "# Expected: not run here."
    trained = json.loads((MEASURED / "synthetic" / f"{objective}.json").read_text(encoding="utf-8"))
    folder = f"results/recipes/synthetic/{objective}"
    tested = json.loads((ROOT / folder / "results.json").read_text(encoding="utf-8"))

    def text(entry: dict) -> str:
        return f"{entry['value']:.3f} [{entry['ci_low']:.3f}, {entry['ci_high']:.3f}]"

    metrics = tested["metrics"]
    chance = metrics.get("diverging_probability_grid", {}).get("diverging", {}).get("rest")
    also = "" if chance is None else f", from diverging_probability {text(chance)}"
    return (
        f"# Minutes: {trained['seconds'] / 60:.1f} to train, {tested['seconds'] / 60:.1f} to evaluate, beside the features, "
        "which the first of the six computes.",
        f"# Expected: accuracy {text(metrics['preference_accuracy'])}, Diverging-ID AUROC {text(metrics['diverging_id_auroc'])}"
        f"{also} on {tested['data']['rows']} test pairs ({folder}/results.json).",
    )


def with_measured_lines(path: Path) -> str:
    """The text of a synthetic recipe with its measured lines."""
    minutes, expected = measured_lines(path.stem)
    text = re.sub(r"^# Minutes: .*$", lambda _: minutes, path.read_text(encoding="utf-8"), flags=re.M)
    return re.sub(r"^# Expected: .*$", lambda _: expected, text, flags=re.M)


def table() -> str:
    """The table of all recipes."""
    ran = json.loads((MEASURED / "results.json").read_text(encoding="utf-8"))["recipes"]
    headings = ["recipe", "data", "command", "hardware", "minutes", "expected", "in the tests"]
    rows = [headings, ["---"] * len(headings)]
    for path in recipes():
        name, head = path.relative_to(ROOT).as_posix(), header(path)
        named = re.search(r"^dataset_name: (\S+)", path.read_text(encoding="utf-8"), flags=re.M)
        data = f"`{named[1]}`" if named else "prompts of one's own"
        told = [text.rstrip(".") for text in (head.hardware, head.minutes, head.expected)]
        rows.append([f"[{name[8:-5]}](../{name})", data, f"`{command_of(path)}`", *told, ran[name]["ran"]])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def page() -> str:
    """docs/recipes.md with the table as it should be."""
    text = PAGE.read_text(encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def main() -> None:
    for path in sorted((ROOT / "recipes" / "synthetic").glob("*.yaml")):
        path.write_text(with_measured_lines(path), encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
