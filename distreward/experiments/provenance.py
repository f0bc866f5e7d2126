"""What went into the numbers of an experiment, as its page lists it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from distreward.experiments.collected import ModelRun


def made(runs: Sequence[ModelRun]) -> list[dict[str, Any]]:
    """The facts of what was really run: a stock model is scored once and stands in every seed and fold."""
    found = {run.facts.get("stock_model") or (run.seed, run.fold): run.facts for run in runs}
    return list(found.values())


def runs_made(tested: Mapping[str, Sequence[ModelRun]]) -> dict[str, dict[str, Any]]:
    """Per row: how many runs, their seeds and folds, seconds of training in all, the lambdas tuned and the etas chosen.

    A stock model has one run, no seeds, and where it came from the Hub its `revision`.
    """
    found = {}
    for row, runs in tested.items():
        facts = made(runs)
        stock = any("stock_model" in of_run for of_run in facts)
        entry: dict[str, Any] = {
            "runs": len(facts),
            "seeds": [] if stock else sorted({run.seed for run in runs}),
            "folds": sorted({run.fold for run in runs}),
            "seconds": round(sum(of_run.get("seconds") or 0.0 for of_run in facts), 1),
        }
        if stock:
            found[row] = entry | {"revision": facts[0].get("revision")}
            continue
        lambdas = [run.predicted.reward_head["lambda"] for run in runs if "lambda" in run.predicted.reward_head]
        etas = [of_run["cell"]["eta"] for of_run in facts if of_run.get("cell", {}).get("eta") is not None]
        found[row] = entry | ({"lambdas": lambdas} if lambdas else {}) | ({"etas": etas} if etas else {})
    return found


def settings_list(
    data: Mapping[str, Any], config: Mapping[str, Any], values: Mapping[str, Any], versions: Mapping[str, str]
) -> list[tuple[str, Any]]:
    """Name and value of everything a number on the page depends on, in reading order.

    Args:
        data: `name`, `fingerprint` and `rows` of the data set.
        config: options of the command.
        values: of the experiment: `runs` (`runs_made`), `made_with` (`makers`), `annotators_assumed`, `source`.
        versions: of Python and the packages that made the page.
    """
    found: list[tuple[str, Any]] = [
        ("data", data["name"]),
        ("fingerprint of the data", data["fingerprint"]),
        ("pairs in the data", f"{data['rows']:,}"),
        ("annotators assumed by diverging_probability (the usual number per pair)", values["annotators_assumed"]),
    ]
    for row, runs in values["runs"].items():
        text = f"{runs['runs']} runs (seeds {_list(runs['seeds'])}; folds {_list(runs['folds'])}), {runs['seconds']:,.0f} s"
        if not runs["seeds"]:
            text = f"not trained here, scored once, {runs['seconds']:,.0f} s"
            text += f"; revision {runs['revision']}" if runs.get("revision") else ""
        if "etas" in runs:
            chosen = sorted(Counter(runs["etas"]).items())
            text += "; eta chosen on development pairs: " + ", ".join(f"{eta:g} ({n} times)" for eta, n in chosen)
        if "lambdas" in runs:
            text += f"; lambda tuned on development pairs: median {np.median(runs['lambdas']):.3g}"
        found.append((row, text))
    found += [(name, config[name]) for name in config]
    for maker in values["made_with"]:
        found.append((f"{maker['runs']} runs made with", {name: maker[name] for name in maker if name != "runs"}))
    return [*found, ("page made with", {**versions, "source": values["source"]})]


def makers(tested: Mapping[str, Sequence[ModelRun]]) -> list[dict[str, Any]]:
    """The different states of code and packages that made the runs, with the number of runs of each.

    More than one entry means that the code or a package changed while the experiment was being run.
    """
    counted: Counter[tuple[tuple[str, str], ...]] = Counter()
    for runs in tested.values():
        for facts in made(runs):
            states = {name: facts[name] for name in ("source", "commit") if facts.get(name)}
            states |= facts.get("versions") or {}
            counted[tuple(states.items())] += 1
    return [{"runs": n, **dict(states)} for states, n in counted.most_common()]


def _list(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))
