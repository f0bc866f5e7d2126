"""The tables of a model card: rows of text, the last cell naming the file that a row was read from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from distreward.hub.facts import Evaluation, Fact, ModelFacts, shown
from distreward.hub.words import HEAD_WORDS, OBJECTIVE_WORDS
from distreward.metrics.divergence import DEFAULT_LAMBDA
from distreward.modeling.heads import CALIBRATIONS, MEAN_AND_STD, REWARD_HEADS

Rows = list[list[str]]

METRICS = (
    ("preference accuracy", "metrics.preference_accuracy"),
    ("Diverging-ID AUROC, own score", "metrics.diverging_id_auroc"),
    ("Diverging-ID AUROC, -|gap| baseline of this checkpoint", "metrics.gap_baseline_grid.diverging.rest"),
    ("Diverging-ID AUROC, `diverging_probability`", "metrics.diverging_probability_grid.diverging.rest"),
    ("Brier score of the levels (0 to 2, lower is better)", "metrics.level_calibration.brier"),
    ("calibration error of the levels (0 to 1, lower is better)", "metrics.level_calibration.ece"),
    ("Jensen-Shannon distance to people (0 to 1, lower is better)", "metrics.level_calibration.jensen_shannon"),
    ("Wasserstein distance to people (0 to 4, lower is better)", "metrics.level_calibration.wasserstein"),
    ("Brier score of `diverging_probability` (0 to 1, lower is better)", "metrics.diverging_calibration.brier"),
    ("mean `diverging_probability`", "metrics.diverging_calibration.predicted"),
    ("share of pairs that diverge", "metrics.diverging_calibration.observed"),
    ("Brier score of the levels without the calibration", "metrics.level_calibration_uncalibrated.brier"),
    ("calibration error of the levels without the calibration", "metrics.level_calibration_uncalibrated.ece"),
)
"""Row of the table of metrics -> keys in the results of `distreward evaluate`."""

GRIDS = ("diverging_id_auroc_grid", "gap_baseline_grid", "diverging_probability_grid")
POSITIVES = ("diverging", "diverging_substantial")
NEGATIVES = ("high_agreement_preference", "high_agreement", "rest")

CATEGORY_COLUMNS = ("preference_accuracy", "reward_gap", "std", "diverging_probability")


def cell(text: Any) -> str:
    r"""Text for a cell of a Markdown table.

    >>> cell("-|gap|"), cell(None)
    ('-\\|gap\\|', '-')
    """
    return "-" if text is None else " ".join(str(text).split()).replace("|", "\\|")


def number(value: Any) -> str:
    """A number as a card writes it.

    >>> number(5000), number(0.123456), number(1e4), number(True), number(None)
    ('5,000', '0.1235', '10,000', 'true', '-')
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    if not isinstance(value, float):
        return cell(value)
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:.4g}"


def estimate(entry: Mapping[str, Any] | None) -> str:
    """`0.712 [0.690, 0.733]`, or a dash where there is nothing to say.

    >>> estimate({"value": 0.7123, "ci_low": 0.69, "ci_high": None, "n": 10})
    '0.712'
    """
    if not entry or entry.get("value") is None:
        return "-"
    if entry.get("ci_low") is None or entry.get("ci_high") is None:
        return f"{entry['value']:.3f}"
    return f"{entry['value']:.3f} [{entry['ci_low']:.3f}, {entry['ci_high']:.3f}]"


def file_name(file: Path | None, start: Path) -> str:
    """The last cell of a row."""
    return "given" if file is None else f"`{shown(file, start)}`"


def model_rows(facts: ModelFacts, start: Path) -> Rows:
    """What the model is: base, adapter, head, objective, constants."""
    head = facts.fact("reward_head") or Fact({}, None)
    entry = head.value
    rows: list[tuple[str, Any, Path | None]] = []
    base = facts.fact("base_model")
    if base is not None:
        rows.append(("base model", base_words(base.value), base.file))
    adapter_file, adapter = facts.files.get("adapter", (None, {}))
    if adapter:
        rows.append(("adapter", f"{adapter.get('peft_type')}, r = {adapter.get('r', '-')}", adapter_file))
    if entry.get("type") in REWARD_HEADS:
        outputs = ", ".join(f"`{name}`" for name in REWARD_HEADS[entry["type"]].output_names)
        rows.append(
            ("reward head", f"`{entry['type']}`: {HEAD_WORDS[entry['type']].outputs}; outputs {outputs}", head.file)
        )
    objective = facts.fact("objective")
    if objective is not None:
        words = OBJECTIVE_WORDS.get(objective.value)
        rows.append(("objective", f"`{objective.value}`" + (f": {words}" if words else ""), objective.file))
    aggregation = facts.fact("label_aggregation")
    if aggregation is not None:
        rows.append(
            ("labels", {"all": "every annotator's"}.get(aggregation.value, aggregation.value), aggregation.file)
        )
    for key, words in CONSTANTS.items():
        if entry.get(key) is not None:
            rows.append((words, number(entry[key]), head.file))
    if entry.get("type") in MEAN_AND_STD and entry.get("lambda") is None:
        rows.append((CONSTANTS["lambda"], f"{number(DEFAULT_LAMBDA)}, the default: none was chosen", head.file))
    for name in CALIBRATIONS:
        for key, value in (entry.get(name) or {}).items():
            rows.append((f"{name.replace('_', ' ')}: {key}", number(value), head.file))
    return [[cell(label), cell(value), file_name(file, start)] for label, value, file in rows]


CONSTANTS = {
    "activation": "std from the raw output by",
    "min_std": "added to every std",
    "cdf": "distribution of the reward difference",
    "level_smoothing": "added to every level's probability",
    "eta": "eta (correlation of the two rewards is eta times the share of ties, in training)",
    "lambda": "lambda (chosen on development pairs)",
}
"""Keys of `reward_head` in the order of the card, and what they are."""


def base_words(base: Any) -> str:
    """The base model in words; older files hold only its name."""
    if not isinstance(base, Mapping):
        return f"`{Path(str(base)).name if str(base).startswith('/') else base}`"
    local = " (a local folder)" if base.get("local") else ""
    revision = f", revision `{base['revision'][:12]}`" if base.get("revision") else ""
    return f"`{base.get('name')}`{local}{revision}" + (f": {base['note']}" if base.get("note") else "")


ORDER = {"train": 0, "validation": 1, "test": 2}


def data_rows(facts: ModelFacts, start: Path) -> Rows:
    """One row per split that training knew, and one per evaluation."""
    file, training = facts.files.get("training", (None, {}))
    splits = sorted((training.get("data") or {}).items(), key=lambda item: (ORDER.get(item[0], len(ORDER)), item[0]))
    rows = [[cell(split), *_data_cells(data), file_name(file, start)] for split, data in splits]
    for evaluation in facts.evaluations:
        rows.append(["evaluation", *_data_cells(evaluation.get("data") or {}), file_name(evaluation.file, start)])
    return rows


def _data_cells(data: Mapping[str, Any]) -> list[str]:
    per_pair = data.get("annotators_per_pair") or {}
    spread = ", ".join(f"{n}: {number(pairs)}" for n, pairs in per_pair.items())
    used = data.get("rows_used")
    rows = number(data.get("rows")) + (f" ({number(used)} used)" if used not in (None, data.get("rows")) else "")
    return [cell(data.get("name")), rows, number(data.get("labels")), spread or "-", number(data.get("annotators"))]


def metric_rows(evaluation: Evaluation) -> Rows:
    """The headline metrics with their 95 % intervals and the keys they stand under."""
    found = [(label, keys, evaluation.get(keys)) for label, keys in METRICS]
    return [[cell(label), estimate(entry), number(entry["n"]), f"`{keys}`"] for label, keys, entry in found if entry]


def grid_rows(evaluation: Evaluation) -> Rows:
    """The whole AUROC grid: which pairs are positive and negative, how many, and each score's AUROC."""
    rows = []
    for positive in POSITIVES:
        for negative in NEGATIVES:
            entries = [evaluation.get(f"metrics.{grid}.{positive}.{negative}") for grid in GRIDS]
            if any(entries):
                first = next(entry for entry in entries if entry)
                sizes = [number(first.get(key)) for key in ("n_positive", "n_negative")]
                rows.append([f"`{positive}`", f"`{negative}`", *sizes, *map(estimate, entries)])
    return rows


def category_rows(evaluation: Evaluation) -> Rows:
    """Per agreement category: pairs, accuracy, and what the model predicts for them."""
    return [
        [f"`{category}`", number(row.get("pairs")), *(estimate(row.get(name)) for name in CATEGORY_COLUMNS)]
        for category, row in (evaluation.get("by_category") or {}).items()
    ]


def training_rows(facts: ModelFacts, start: Path) -> Rows:
    """Hardware, time, settings and versions."""
    rows: list[tuple[str, Any, Path | None]] = []
    machine, seconds, steps = (facts.fact(name) for name in ("machine", "train_seconds", "steps"))
    if machine is not None:
        rows.append(("hardware", machine_words(machine.value), machine.file))
        rows.append(("precision", machine.value.get("precision"), machine.file))
    if seconds is not None:
        resumed = facts.files["training"][1].get("resumed_from")
        rows.append(
            ("training time", duration(seconds.value) + (f", since {resumed}" if resumed else ""), seconds.file)
        )
    if steps is not None:
        rows.append(("optimiser steps", number(steps.value), steps.file))
    settings = facts.fact("settings")
    for key in SHOWN_SETTINGS:
        if settings is not None and settings.value.get(key) not in (None, -1):  # -1 steps: as many as the epochs have
            rows.append((f"`{key}`", number(settings.value[key]), settings.file))
    versions = facts.fact("versions")
    if versions is not None:
        rows.append(
            ("versions", ", ".join(f"{name} {number}" for name, number in versions.value.items()), versions.file)
        )
    return [[cell(label), cell(value), file_name(file, start)] for label, value, file in rows]


SETTINGS = (
    "learning_rate", "lr_scheduler_type", "lr_scheduler_kwargs", "warmup_steps", "optim", "optim_args", "weight_decay",
    "max_grad_norm", "num_train_epochs", "max_steps", "per_device_train_batch_size", "gradient_accumulation_steps",
    "train_sampling_strategy", "max_length", "truncation", "chat_template_path", "label_aggregation",
    "center_rewards_coefficient", "freeze_backbone", "disable_dropout", "neftune_noise_alpha", "calibrate",
    "eval_every_epochs", "eval_strategy", "eval_steps", "load_best_model_at_end", "metric_for_best_model", "bf16", "fp16",
    "seed", "data_seed",
)  # fmt: skip
"""Arguments that shape every run: what trainers and `distreward train` record, beside those of their objective. Tokens,
folders and settings of the machine stay out."""

SHOWN_SETTINGS = (
    *(name for name in SETTINGS if name not in ("label_aggregation", "bf16", "fp16")),
    "unknown_strength",
    "use_peft",
)
"""Rows of the card: three have words of their own there, two are recorded where they have a meaning."""


def machine_words(machine: Mapping[str, Any]) -> str:
    """Hardware in words.

    >>> machine_words({"device": "cuda", "name": "NVIDIA H100", "devices": 2, "cpu_cores": 16})
    '2 x NVIDIA H100, 16 CPU cores'
    >>> machine_words({"device": "cpu", "name": "Intel Xeon", "cpu_cores": 2})
    '2 CPU cores, Intel Xeon'
    """
    cores = f"{machine.get('cpu_cores')} CPU cores"
    if machine.get("device") == "cpu":
        return ", ".join(filter(None, [cores, machine.get("name")]))
    words = f"{machine.get('devices')} x {machine.get('name')}, {cores}"
    memory = machine.get("peak_memory_bytes")
    return words + (f", {memory / 2**30:.1f} GiB of its memory at most" if memory else "")


def duration(seconds: float) -> str:
    """Seconds in the unit people would say.

    >>> duration(41.4), duration(630), duration(9000)
    ('41 seconds', '10.5 minutes', '2.5 hours')
    """
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.1f} minutes" if seconds < 7200 else f"{seconds / 3600:.1f} hours"
