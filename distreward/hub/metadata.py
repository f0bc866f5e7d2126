"""The YAML head of a card: what the Hub shows and searches by, checked against its rules without asking it."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id

from distreward.errors import InputError
from distreward.hub.facts import Evaluation, ModelFacts

TAGS = ("reward-model", "distreward", "trl", "reward-trainer")

PUBLISHED_METRICS = (
    ("accuracy", "Preference accuracy", "metrics.preference_accuracy"),
    ("roc_auc", "Diverging-ID AUROC", "metrics.diverging_id_auroc"),
    ("roc_auc", "Diverging-ID AUROC, -|gap| baseline", "metrics.gap_baseline_grid.diverging.rest"),
    ("roc_auc", "Diverging-ID AUROC, diverging_probability", "metrics.diverging_probability_grid.diverging.rest"),
    ("brier_score", "Brier score of the levels", "metrics.level_calibration.brier"),
)
"""Metric's id on the Hub, its name in the card, keys in the results of `distreward evaluate`."""

LICENCE = re.compile(r"[a-z0-9][a-z0-9.-]*")
"""An identifier of a licence as the Hub writes them: `apache-2.0`, `odc-by`, `other`."""


def card_data(facts: ModelFacts, model_name: str, tags: Sequence[str] = ()) -> ModelCardData:
    """Metadata from facts.

    Args:
        facts: of the model.
        model_name: under which `model-index` lists the results.
        tags: besides ours.

    Returns:
        What the Hub can resolve and nothing else: a base model or data set that is no Hub id is told in the card's
        text only. Undefined numbers are left out.
    """
    base = facts.value("base_model")
    name = base.get("name") if isinstance(base, dict) and not base.get("local") else None
    sources = list((facts.value("train_data", {}).get("sources") or {}) if facts.value("train_data") else {})
    results = [result for evaluation in facts.evaluations for result in eval_results(evaluation)]
    return ModelCardData(
        base_model=name if name and is_hub_id(name) else None,
        datasets=[source for source in sources if is_hub_id(source) and "/" in source] or None,
        library_name="peft" if "adapter" in facts.files else "transformers",
        license=facts.value("license"),
        pipeline_tag="text-classification",
        tags=sorted({*TAGS, *tags}),
        model_name=model_name if results else None,  # alone it would stand in the head as a key that nobody knows
        eval_results=results or None,
    )


def eval_results(evaluation: Evaluation) -> list[EvalResult]:
    """The `model-index` entries of one evaluation."""
    data = evaluation.get("data") or {}
    sources = list(data.get("sources") or {})
    name = str(data.get("name") or "unnamed pairs")
    found = []
    for metric, words, keys in PUBLISHED_METRICS:
        entry = evaluation.get(keys)
        if entry and entry.get("value") is not None:
            found.append(
                EvalResult(
                    task_type="text-classification",
                    task_name="Reward modelling",
                    dataset_type=sources[0] if len(sources) == 1 and is_hub_id(sources[0]) else identifier(name),
                    dataset_name=name,
                    dataset_split=evaluation.get("config.split"),
                    dataset_revision=None,
                    metric_type=metric,
                    metric_name=words,
                    metric_value=round(entry["value"], 4),
                )
            )
    return found


def identifier(name: str) -> str:
    """A name without what an identifier of a data set cannot hold.

    >>> identifier("our labels (2024).jsonl")
    'our-labels-2024-.jsonl'
    """
    return re.sub(r"[^\w./-]+", "-", name).strip("-./") or "unnamed"


def is_hub_id(name: str) -> bool:
    """Whether a name could be a repository on the Hub.

    >>> is_hub_id("Qwen/Qwen2.5-0.5B"), is_hub_id("./out"), is_hub_id("a/b/c")
    (True, False, False)
    """
    try:
        validate_repo_id(name)
    except HFValidationError:
        return False
    return not name.startswith(".")


def check_metadata(content: str) -> dict[str, Any]:
    """Read the metadata back as the Hub would and refuse what it would not take; no network.

    Args:
        content: the whole card.

    Returns:
        The metadata.

    Raises:
        InputError: a head that is no YAML mapping, a base model or data set that is no Hub id, a licence or metric
            value that cannot be one.

    >>> check_metadata("---\\nlicense: My Licence\\n---\\n# Model")
    Traceback (most recent call last):
    ...
    distreward.errors.InputError: model card: license 'My Licence', wanted an identifier as apache-2.0, or `other`.
    """
    try:
        data = ModelCard(content).data.to_dict()
    except ValueError as error:
        raise InputError(f"model card: its metadata cannot be read back ({error}).") from error
    for key in ("base_model", "datasets"):
        names = data.get(key) or []
        for name in [names] if isinstance(names, str) else names:
            if not is_hub_id(name):
                raise InputError(f"model card: {key} {name!r}, wanted a Hub id as org/name.")
    licence = data.get("license")
    if licence is not None and not LICENCE.fullmatch(licence):
        raise InputError(f"model card: license {licence!r}, wanted an identifier as apache-2.0, or `other`.")
    for model in data.get("model-index") or []:
        for result in model["results"]:
            for metric in result["metrics"]:
                if not isinstance(metric["value"], (int, float)) or metric["value"] != metric["value"]:
                    raise InputError(f"model card: {metric['name']} is {metric['value']!r}, wanted a number.")
    return data


def repo_name(repo_id: str | None, folder: Path) -> str:
    """The name a card gives its model: the repository's, else the folder's.

    >>> repo_name("ann/helpful", Path("out")), repo_name(None, Path("runs/out"))
    ('helpful', 'out')
    """
    return repo_id.rstrip("/").split("/")[-1] if repo_id else folder.resolve().name
