"""distreward: reward models that say how much people would disagree.

Everything public is here and loaded on first use, so that `import distreward` costs nothing.
"""

from importlib import import_module
from typing import Any

_HOMES = {
    "AutoRewardModel": "modeling",
    "RewardOutput": "modeling",
    "merge_adapter": "modeling.merging",
    "export_scalar": "modeling",
    "RewardCallable": "rlhf",
    "RewardArguments": "rlhf",
    "Gate": "rlhf",
    "covering_set": "rlhf",
    "RewardScorer": "scoring",
    "PairPredictions": "scoring",
    "RewardEnsemble": "scoring",
    "EnsemblePredictions": "scoring",
    "fit_calibration": "scoring.calibration",
    "evaluate_predictions": "scoring",
    "load_preferences": "data.loading",
    "split_by_prompt": "data.splitting",
    "AtLeast": "data.splitting",
    "agreement_categories": "data.agreement",
    "diverging_probability": "metrics.divergence",
    "load_metric": "metrics.loading",
    "preference_level_probs": "losses",
    "OBJECTIVES": "trainers",
    "DistributionalRewardConfig": "trainers",
    "DistributionalRewardTrainer": "trainers",
    "BradleyTerryRewardTrainer": "trainers",
    "MSERewardTrainer": "trainers",
    "MeanVarianceKLRewardTrainer": "trainers",
    "MeanVarianceNLLRewardTrainer": "trainers",
    "LikertKLRewardTrainer": "trainers",
    "TasteFactorsKLRewardTrainer": "trainers",
    "StopOnSignal": "trainers",
    "judge_pairs": "judge.outcome",
    "EndpointBackend": "judge.endpoint",
    "LocalBackend": "judge.local_model",
    "PairVerdict": "judge.verdicts",
    "read_verdicts": "judge.verdicts",
    "combine_orders": "judge.verdicts",
    "ask_about_responses": "judge.labelling",
    "labeller_figures": "judge.labelling",
    "refusal_outcomes": "judge.strategies",
    "class_scores": "judge.strategies",
    "InputError": "errors",
}
"""Public name -> the room it lives in."""

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"distreward.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'distreward' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
