"""What went into the numbers of an experiment, as its page lists it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from distreward.experiments.collected import ModelRun


def runs_made(tested: Mapping[str, Sequence[ModelRun]]) -> dict[str, dict[str, Any]]:
    """Per row: how many runs, their seeds and folds, seconds of training in all, the lambdas tuned and the etas chosen."""
    found = {}
    for row, runs in tested.items():
        entry: dict[str, Any] = {
            "runs": len(runs),
            "seeds": sorted({run.seed for run in runs}),
            "folds": sorted({run.fold for run in runs}),
            "seconds": round(sum(run.facts.get("seconds") or 0.0 for run in runs), 1),
        }
        lambdas = [run.predicted.reward_head["lambda"] for run in runs if "lambda" in run.predicted.reward_head]
        etas = [run.facts["cell"]["eta"] for run in runs if run.facts.get("cell", {}).get("eta") is not None]
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
        for run in runs:
            states = {name: run.facts[name] for name in ("source", "commit") if run.facts.get(name)}
            states |= run.facts.get("versions") or {}
            counted[tuple(states.items())] += 1
    return [{"runs": n, **dict(states)} for states, n in counted.most_common()]


def _list(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))
