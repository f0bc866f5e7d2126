"""The objectives: one thin trainer per loss, and the table that names them.

To add one: a loss in `losses/`, a subclass here, its row in `OBJECTIVES`, a test, a recipe.
"""

import torch
from torch import Tensor

from distreward.levels import LEVELS
from distreward.losses import factor_rho, likert_kl_loss, mean_variance_kl_loss, mean_variance_nll_loss, mse_loss
from distreward.modeling.output import RewardOutput
from distreward.trainers.base import DistributionalRewardTrainer
from distreward.trainers.config import DistributionalRewardConfig
from distreward.trainers.votes import level_shares, share_preferring_a

LEVEL_SETTINGS = ("min_std", "cdf", "level_smoothing", "unknown_strength")


def _level_loss(
    a: RewardOutput,
    b: RewardOutput,
    batch: dict[str, Tensor],
    target: Tensor,
    rho: Tensor,
    args: DistributionalRewardConfig,
) -> Tensor:
    # chosen/rejected data does not say: who prefers something prefers it, nobody knows how much
    known = batch.get("strength_known", torch.zeros_like(a.mean)) if args.unknown_strength == "sides" else None
    return mean_variance_kl_loss(a.mean, a.std, b.mean, b.std, target, rho, args.cdf, args.level_smoothing, known)


class BradleyTerryRewardTrainer(DistributionalRewardTrainer):
    """Bradley-Terry on every vote, a tie counting half for each side. On chosen/rejected data it is TRL's loss."""

    objective = "bradley_terry"
    reward_head = "scalar"
    label_kind = "votes"

    # `pair_loss` is the base class's: TRL's RewardTrainer, which it extends, trains Bradley-Terry too.


class MSERewardTrainer(DistributionalRewardTrainer):
    """Squared error against every annotator's Likert score of each response."""

    objective = "mse"
    reward_head = "scalar"
    label_kind = "scores"

    def pair_loss(self, a: RewardOutput, b: RewardOutput, batch: dict[str, Tensor]) -> Tensor:
        return mse_loss(a.mean, b.mean, *batch["score_mean"].unbind(-1), *batch["score_var"].unbind(-1))


class MeanVarianceKLRewardTrainer(DistributionalRewardTrainer):
    """The paper's mean-variance model: KL to the shares of annotators at the five levels.

    Where a pair's labels have no strength, the config's `unknown_strength` says what is learnt from them.
    """

    objective = "mean_variance_kl"
    reward_head = "mean_variance"
    label_kind = "levels"
    own_settings = (*LEVEL_SETTINGS, "eta")

    def pair_loss(self, a: RewardOutput, b: RewardOutput, batch: dict[str, Tensor]) -> Tensor:
        target = level_shares(batch["level_counts"])
        return _level_loss(a, b, batch, target, self.args.eta * target[:, LEVELS.index(0)], self.args)


class TasteFactorsKLRewardTrainer(DistributionalRewardTrainer):
    """As `MeanVarianceKLRewardTrainer`, with the correlation of the two rewards predicted from the pair, by shared tastes."""

    objective = "taste_factors_kl"
    reward_head = "taste_factors"
    label_kind = "levels"
    own_settings = LEVEL_SETTINGS

    def pair_loss(self, a: RewardOutput, b: RewardOutput, batch: dict[str, Tensor]) -> Tensor:
        rho = factor_rho(a.factors, a.std, b.factors, b.std)
        return _level_loss(a, b, batch, level_shares(batch["level_counts"]), rho, self.args)


class MeanVarianceNLLRewardTrainer(DistributionalRewardTrainer):
    """The paper's baseline after Siththaranjan et al.: likelihood of who is preferred; ties and strength are not used."""

    objective = "mean_variance_nll"
    reward_head = "mean_variance"
    label_kind = "decisive_votes"
    own_settings = ("min_std",)

    def pair_loss(self, a: RewardOutput, b: RewardOutput, batch: dict[str, Tensor]) -> Tensor:
        return mean_variance_nll_loss(
            a.mean, a.std, b.mean, b.std, share_preferring_a(batch["level_counts"], ties=False)
        )


class LikertKLRewardTrainer(DistributionalRewardTrainer):
    """5-way classification of each response: KL to the shares of annotators at the five ratings."""

    objective = "likert_kl"
    reward_head = "likert"
    label_kind = "scores"

    def pair_loss(self, a: RewardOutput, b: RewardOutput, batch: dict[str, Tensor]) -> Tensor:
        return likert_kl_loss(a.level_logits, b.level_logits, *batch["rating_shares"].unbind(1))


OBJECTIVES: dict[str, type[DistributionalRewardTrainer]] = {
    trainer.objective: trainer
    for trainer in (
        BradleyTerryRewardTrainer,
        MSERewardTrainer,
        MeanVarianceKLRewardTrainer,
        TasteFactorsKLRewardTrainer,
        MeanVarianceNLLRewardTrainer,
        LikertKLRewardTrainer,
    )
}
