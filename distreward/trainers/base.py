"""`DistributionalRewardTrainer`: `trl.RewardTrainer` over every annotator's label.

What differs from TRL's trainer, and nothing else does:
- data in our schema is accepted beside TRL's formats; a pair is encoded once whatever its number of annotators;
- the loss is the objective's (`pair_loss`), weighted by the number of labels, exact over gradient accumulation and
  processes, in float32 whatever the model's precision;
- pairs that several processes are given twice, to fill up the last batch, count once (`trainers.fillers`);
- rows that leave are counted in the log, those of a stream as it is read; data of which nothing is left is refused;
- logged metrics are exact over pairs and read from the device only when logged; `compute_metrics` and `predict` get both
  sides of a last batch that is not full;
- evaluation each quarter of an epoch unless the config is TRL's, with accuracy against every label and Diverging-ID AUROC;
- the prompt of a pair is encoded once for both responses where that is sound (`trainers.layout`);
- an adapter always trains and saves the reward head, in float32, as the only copy of it (`modeling.adapters`);
- the pad token is never the EOS token;
- to the Hub goes what `distreward push` sends, and a failing push never costs the model (`trainers.publishing`);
- the model card is written from the run's facts (`training_facts.json`), and never over one that a person edited;
- sampling by length needs no `length` column.
"""

import logging

import torch
from datasets import Dataset, IterableDataset
from peft import PeftModel
from torch import Tensor
from transformers import AutoTokenizer
from transformers.modeling_outputs import SequenceClassifierOutput
from trl import RewardConfig, RewardTrainer

from distreward.data.collator import FEATURE_COLUMNS
from distreward.data.labels import LABEL_COLUMNS
from distreward.hub.writing import card_kept
from distreward.losses import bradley_terry_loss
from distreward.modeling import RewardOutput
from distreward.modeling.adapter_files import save_reward_config
from distreward.modeling.adapters import full_precision_head, is_quantized, settle_head
from distreward.modeling.output import both_sides
from distreward.modeling.reward_model import stock_form
from distreward.trainers.card import given_splits, write_trainer_card
from distreward.trainers.config import own_config
from distreward.trainers.development import DevelopmentRecords
from distreward.trainers.fillers import take_fillers_out
from distreward.trainers.frozen import add_features
from distreward.trainers.gathering import PairGather
from distreward.trainers.layout import RowLayout, is_stream, labels_in, pair_collators, tokens_in
from distreward.trainers.lengths import SAMPLED_BY_LENGTH
from distreward.trainers.opening import (
    add_adapter,
    freeze_for_features,
    open_model,
    record_objective,
    record_strength,
    settle_special_tokens,
)
from distreward.trainers.preparation import prepare_pairs
from distreward.trainers.publishing import PushesToHub
from distreward.trainers.resuming import RestoresTuned
from distreward.trainers.running import RunningDistributions, RunningPairMetrics, head_entry
from distreward.trainers.streams import StreamReport
from distreward.trainers.votes import one_vote_for_a, share_preferring_a

logger = logging.getLogger("distreward")


class DistributionalRewardTrainer(PushesToHub, RestoresTuned, RewardTrainer):
    """Base of the objectives; subclasses set the class attributes and override `pair_loss`.

    Takes exactly the arguments of `trl.RewardTrainer`. A `model` given as a string is opened with
    `AutoRewardModel.from_pretrained(model, reward_head=...)`; a `trl.RewardConfig` is accepted as `args`.

    Used directly it trains the host's own objective, Bradley-Terry.

    A whole script::

        trainer = MeanVarianceKLRewardTrainer(
            model="Qwen/Qwen2.5-0.5B-Instruct",
            args=DistributionalRewardConfig("out", eta=0.5),
            train_dataset=load_preferences("labels.jsonl"),
        )
        trainer.train()
    """

    objective = "bradley_terry"
    reward_head = "scalar"
    label_kind = "votes"
    own_settings: tuple[str, ...] = ()  # fields of the config that not every objective reads: those that this one does

    _tag_names = ["trl", "reward-trainer", "distreward"]
    loss_is_scaled_for_ga = True  # compute_loss divides by the labels of the whole accumulated batch

    def pair_loss(self, a: RewardOutput, b: RewardOutput, batch: dict[str, Tensor]) -> Tensor:
        """The loss of every pair, [B], averaged over its labels. The one hook an objective overrides.

        Args:
            a, b: the model's outputs for the two responses, tensors [B] or [B, 5].
            batch: `level_counts` [B, 5] and `strength_known` [B], 1 or 0; for data with Likert scores `score_mean`, `score_var` [B, 2] and
                `rating_shares` [B, 2, 5]; `margin` [B] where the data has one.
        """
        return bradley_terry_loss(a.mean - b.mean, share_preferring_a(batch["level_counts"]), batch.get("margin", 0.0))

    def __init__(
        self,
        model,
        args: RewardConfig | None = None,
        data_collator=None,
        train_dataset=None,
        eval_dataset=None,
        processing_class=None,
        compute_metrics=None,
        callbacks=None,
        optimizers=(None, None),
        optimizer_cls_and_kwargs=None,
        preprocess_logits_for_metrics=None,
        quantization_config=None,
        peft_config=None,
    ):
        args = own_config(args, model, eval_dataset)
        model_init_kwargs, by_name = args.model_init_kwargs, isinstance(model, str)
        revision = (model_init_kwargs or {}).get("revision")
        if by_name:
            model = open_model(model, args, self.reward_head, quantization_config)
            quantization_config, args.model_init_kwargs = None, None  # used up; TRL would warn that it ignores them
        if processing_class is None:
            code = {"revision": revision, "trust_remote_code": args.trust_remote_code}
            processing_class = AutoTokenizer.from_pretrained(model.config._name_or_path, **code)
        record_objective(self, model, args)
        settle_special_tokens(processing_class, model, args)
        packer = None
        if data_collator is None:
            streams = is_stream(train_dataset, eval_dataset)
            data_collator, packer = pair_collators(processing_class, args, model, peft_config, streams)
        self._frozen_model = freeze_for_features(model, peft_config) if args.freeze_backbone else None
        model, peft_config = add_adapter(model, peft_config, args, by_name)
        head_weights = full_precision_head(model) if is_quantized(model) else []
        self._running = {"train": RunningPairMetrics(), "eval": RunningPairMetrics()}
        self._distributions = RunningDistributions()  # of training; an evaluation's are in the records
        self._records, self._tunes_lambda = DevelopmentRecords(), False
        self._stream_report = StreamReport(args.dataloader_num_workers)
        super().__init__(
            model=model,
            args=args,
            data_collator=data_collator,
            train_dataset=train_dataset,
            eval_dataset=eval_dataset,
            processing_class=processing_class,
            compute_metrics=compute_metrics,
            callbacks=callbacks,
            optimizers=optimizers,
            optimizer_cls_and_kwargs=optimizer_cls_and_kwargs,
            preprocess_logits_for_metrics=preprocess_logits_for_metrics,
            quantization_config=quantization_config,
            peft_config=peft_config,
        )
        args.model_init_kwargs = model_init_kwargs
        self.given_data = given_splits(train_dataset, eval_dataset)  # for the card
        settle_head(self.model, head_weights)
        record_strength(self, self.train_dataset)
        self.add_callback(self._stream_report)
        self._pair_gather = PairGather(self.gather_function)
        self._layout = RowLayout(self, packer)

    # ------------------------------------------------------------------------------------------------------ data

    def _prepare_dataset(self, dataset, processing_class, args, dataset_name: str) -> Dataset | IterableDataset:
        """Encode our schema or one of TRL's formats, then apply `max_length`, counting what is cut or dropped."""
        dataset = prepare_pairs(
            dataset,
            processing_class,
            args,
            dataset_name,
            objective=self.objective,
            label_kind=self.label_kind,
            report=self._stream_report,
            encode_as_trl=super()._prepare_dataset,
        )
        if self._frozen_model is not None:
            progress = None if args.disable_tqdm else f"Features of the {dataset_name} pairs"
            pad_token_id = processing_class.pad_token_id
            dataset = add_features(dataset, self._frozen_model, pad_token_id, args.feature_cache_dir, progress)
        return dataset

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        ours = [*LABEL_COLUMNS, *FEATURE_COLUMNS]
        if self.args.train_sampling_strategy in SAMPLED_BY_LENGTH:
            ours.append(self.args.length_column_name)
        self._signature_columns += [name for name in ours if name not in self._signature_columns]

    # ------------------------------------------------------------------------------------------------------ loss

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        """The weighted mean of `pair_loss` over the labels of the whole optimiser step."""
        mode = "train" if self.model.training else "eval"
        batch = {name: inputs.pop(name) for name in (*LABEL_COLUMNS, "margin") if name in inputs}
        n_tokens = tokens_in(inputs)
        outputs = model(**self._layout.inputs_for(model, inputs), use_cache=False)
        a, b = both_sides(outputs)
        if "level_counts" not in batch:
            batch["level_counts"] = one_vote_for_a(a.mean)
        weight = batch.setdefault("pair_weight", torch.ones_like(a.mean))

        per_pair = self.pair_loss(a, b, batch)
        if self.args.center_rewards_coefficient is not None:
            per_pair = per_pair + self.args.center_rewards_coefficient * (a.mean + b.mean) ** 2
        if num_items_in_batch is None:
            loss = (per_pair * weight).sum() / weight.sum().clamp_min(1e-9)
        else:  # the divisor is the whole step's, and data-parallel processes average their gradients
            loss = (per_pair * weight).sum() / num_items_in_batch * self.accelerator.num_processes

        self._running[mode].update(a.mean.detach(), b.mean.detach(), batch["level_counts"], n_tokens, weight)
        known = batch.get("strength_known")
        if mode == "train":
            self._distributions.update(a, b, batch, weight, head_entry(self.model))
        else:
            self._pair_gather.begin_batch(len(a.mean))
            self._records.add(self.accelerator, a, b, batch["level_counts"], weight, per_pair, known)
        return (loss, SequenceClassifierOutput(logits=outputs.logits)) if return_outputs else loss

    def _get_num_items_in_batch(self, batch_samples: list, device: torch.device) -> Tensor | None:
        """Labels of all micro-batches of an optimiser step, over all processes; None where the collator gives none.

        The Trainer asks this once per step, of training and of evaluation, so here pairs that only fill up the last batch
        lose their weight.
        """
        if batch_samples:
            take_fillers_out(batch_samples[-1], self.accelerator)
        weights = [labels_in(sample) for sample in batch_samples]
        if not weights or None in weights:
            return None
        total = torch.stack([w.to(device, torch.float32) for w in weights]).sum()
        return self.accelerator.gather(total.reshape(1)).sum().clamp_min(1e-9)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        mode = "train" if self.model.training else "eval"
        metrics = self._running[mode].read(self.accelerator)
        if mode == "train":
            metrics |= self._distributions.read(self.accelerator)
        if "num_tokens" in metrics:
            if mode == "train":
                self._total_train_tokens += int(metrics["num_tokens"])
            metrics["num_tokens"] = self._total_train_tokens
        prefix = "eval_" if mode == "eval" else ""
        logs.update({f"{prefix}{name}": value for name, value in metrics.items()})
        super().log(logs, start_time)

    # ------------------------------------------------------------------------------------------------ evaluation

    def evaluate(self, eval_dataset=None, ignore_keys=None, metric_key_prefix: str = "eval") -> dict[str, float]:
        # lambda is chosen on the development split only: the trainer's own evaluation set, or the first of several.
        own = self.eval_dataset
        first = next(iter(own)) if isinstance(own, dict) and own else None
        self._tunes_lambda = eval_dataset is None if first is None else eval_dataset == first
        try:
            metrics = super().evaluate(eval_dataset, ignore_keys, metric_key_prefix)
        finally:
            self._tunes_lambda = False  # `predict` runs the same loop
        if eval_dataset is None:
            self.development = metrics
        return metrics

    def evaluation_loop(self, *args, metric_key_prefix: str = "eval", **kwargs):
        """TRL's loop, over whole pairs; then our metrics over all pairs, exact over batches and processes."""
        self._records.clear()
        if not self.args.eval_use_gather_object:  # else what is gathered need not be tensors
            self.gather_function = self._pair_gather  # at its end the loop puts the Trainer's own back
        self._running["eval"] = RunningPairMetrics()
        output = super().evaluation_loop(*args, metric_key_prefix=metric_key_prefix, **kwargs)
        calibrate = self.args.calibrate and self.args.label_aggregation == "all"
        metrics = self._records.metrics(head_entry(self.model), tune=self._tunes_lambda, calibrate=calibrate)
        output.metrics.update({f"{metric_key_prefix}_{name}": value for name, value in metrics.items()})
        return output

    # ---------------------------------------------------------------------------------------------------- saving

    def _save(self, output_dir: str | None = None, state_dict=None) -> None:
        """Beside an adapter, also write the model's config: the adapter alone does not know its reward head."""
        if not self.args.should_save:  # the Trainer calls this in every process, one writes
            return super()._save(output_dir, state_dict)
        with card_kept(output_dir or self.args.output_dir):  # PEFT would write its own into it
            super()._save(output_dir, state_dict)
        config = self.model.config
        adapted = isinstance(self.accelerator.unwrap_model(self.model), PeftModel) and hasattr(config, "reward_head")
        if adapted:
            with stock_form(config):
                save_reward_config(config, output_dir or self.args.output_dir)

    def create_model_card(self, model_name=None, dataset_name=None, tags=None) -> None:
        """Write `training_facts.json` and the model card; TRL's arguments. An edited card is left as it is."""
        if not self.is_world_process_zero():
            return
        try:
            write_trainer_card(self, model_name, dataset_name, tags)
        except Exception:  # with every checkpoint a card is written, and no card is worth the training
            if not self.is_in_train:
                raise
            logger.exception("no model card was written; training goes on, `distreward card` makes one later")
