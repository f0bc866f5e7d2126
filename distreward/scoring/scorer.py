"""`RewardScorer`: the one inference loop. Responses in, rewards out, in the order they came."""

import logging
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from accelerate import PartialState
from datasets import Dataset
from peft import PeftModel
from tqdm.auto import tqdm
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from distreward.data.encoding import (
    TOKEN_COLUMNS,
    closing_length,
    encode_response,
    fit_to_length,
    require_chat_template,
)
from distreward.data.packing import Group
from distreward.modeling import AutoRewardModel, RewardOutput
from distreward.modeling.packing import packed_form, why_not_packed
from distreward.modeling.padding import ensure_pad_token
from distreward.modeling.prefix_attention import without_prefix_attention
from distreward.modeling.tokenizers import open_tokenizer
from distreward.scoring.features import features_of
from distreward.scoring.inference import BATCH_TOKENS, run_in_batches
from distreward.scoring.predictions import N_COLUMNS, PairPredictions, output_columns
from distreward.scoring.shared import groups_of, run_shared, sharing_agrees

logger = logging.getLogger("distreward")

FEATURES_AT_ONCE = 65_536
"""Pooled features sent through a head at once: a few hundred megabytes."""


class RewardScorer:
    """Scores responses with a reward model.

    Args:
        model: what `AutoRewardModel.from_pretrained` returns.
        tokenizer: with a chat template, the one the model was trained with.
        max_length: most tokens per response with its prompt; longer ones are cut as by `truncation="fit"` and counted
            in the log. Default: the number of positions the model has.
        batch_tokens: padded tokens per batch.
        progress: show a progress bar on standard error.
        processes: in a distributed run whose processes all score the same responses (`accelerate launch`): share the
            work among them. Leave it out where every process has responses of its own.
        feature_cache_dir: keep the backbone's pooled features of every text in this folder and take them from there:
            for several models over one frozen backbone (config `freeze_backbone`).

    Raises:
        InputError: the tokenizer has no chat template.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        max_length: int | None = None,
        batch_tokens: int = BATCH_TOKENS,
        progress: bool = False,
        processes: PartialState | None = None,
        feature_cache_dir: str | None = None,
    ):
        require_chat_template(tokenizer)
        ensure_pad_token(tokenizer, model)
        self.model, self.tokenizer = model.eval(), tokenizer
        self.max_length = max_length or number_of_positions(model)
        self.batch_tokens, self.progress, self.processes = batch_tokens, progress, processes
        self.feature_cache_dir = feature_cache_dir
        self._closing = closing_length(tokenizer)
        # an adapter of virtual tokens puts them before every row, also where a row holds several responses
        prompt_tuned = isinstance(model, PeftModel) and model.active_peft_config.is_prompt_learning
        base = model.get_base_model() if isinstance(model, PeftModel) else model
        self._proven = False
        sound = not prompt_tuned and why_not_packed(base, self.max_length) is None
        self._base, self._form = base, packed_form(base) if sound else "padded"

    @classmethod
    def from_pretrained(
        cls,
        path: str,
        max_length: int | None = None,
        progress: bool = False,
        chat_template: str | None = None,
        processes: PartialState | None = None,
        feature_cache_dir: str | None = None,
        **kwargs: Any,
    ) -> "RewardScorer":
        """Open a checkpoint and its tokenizer, on the GPU if there is one.

        Args:
            path: reward model checkpoint (ours or a stock 1-label one), a directory or Hub id.
            max_length, progress, processes, feature_cache_dir: see the class.
            chat_template: Jinja text to use in place of the tokenizer's template.
            kwargs: passed to `AutoRewardModel.from_pretrained`.
        """
        model = AutoRewardModel.from_pretrained(path, **kwargs)
        tokenizer = open_tokenizer(path, **kwargs)
        if chat_template is not None:
            tokenizer.chat_template = chat_template
        if "device_map" not in kwargs and not getattr(model, "is_quantized", False):
            default = "cuda" if torch.cuda.is_available() else "cpu"
            model = model.to(default if processes is None else processes.device)
        return cls(model, tokenizer, max_length, BATCH_TOKENS, progress, processes, feature_cache_dir)

    @property
    def reward_head(self) -> dict[str, Any]:
        """The checkpoint's `reward_head` entry."""
        return self.model.config.reward_head

    def score(self, prompts: Sequence[list[dict]], responses: Sequence[str], bar: tqdm | None = None) -> np.ndarray:
        """Score N responses, each under its prompt.

        Args:
            prompts: N message lists, last message from the user.
            responses: N texts.
            bar: a progress bar to move on, in place of one of its own.

        Returns:
            float64 [N, 11]: expected reward, std, probabilities of ratings 1..5, taste factors; nan where the head has none. Row i
            belongs to response i.
        """
        encoded = (encode_response(self.tokenizer, *one) for one in zip(prompts, responses, strict=True))
        return self._score_encoded(prompts, encoded, bar)

    def _score_encoded(
        self, prompts: Sequence[list[dict]], texts: Iterable[tuple[list[int], int]], bar: tqdm | None = None
    ) -> np.ndarray:
        """`score` of texts that are token ids, each with the number of those that are its prompt's."""
        encoded, n_cut = [], 0
        for ids, prompt_length in texts:
            short = fit_to_length(ids, prompt_length, self._closing, self.max_length, "fit")
            n_cut += len(short) < len(ids)
            encoded.append(short)
        if n_cut:
            logger.warning(
                "cut %d of %d responses to the %d tokens the model takes", n_cut, len(encoded), self.max_length
            )
        if not encoded:
            return np.empty((0, N_COLUMNS))
        if self.feature_cache_dir is not None:
            return self._score_features(encoded, bar)
        if bar is not None:
            return self._score_tokens(prompts, encoded, bar)
        with tqdm(total=len(encoded), desc="Scoring", unit="response", disable=not self.progress) as own_bar:
            return self._score_tokens(prompts, encoded, own_bar)

    def _score_tokens(self, prompts: Sequence[list[dict]], encoded: list[list[int]], bar: tqdm) -> np.ndarray:
        """`score` by running the model, equal prompts encoded once where the model allows it."""
        pad_token_id = self.tokenizer.pad_token_id
        while self._form in ("spans", "mask"):
            groups = self._groups(prompts, encoded)
            if len(groups) == len(encoded):
                break
            if self._proven or self._prove(groups):
                rest = (pad_token_id, self.batch_tokens, bar, self.processes, self._form)
                return run_shared(self.model, groups, self._columns, *rest).astype(np.float64)
        return run_in_batches(
            encoded,
            lambda **batch: self._columns(self.model(**batch)),
            pad_token_id=pad_token_id,
            device=self.model.device,
            batch_tokens=self.batch_tokens,
            progress=bar,
            processes=self.processes,
        ).astype(np.float64)

    def _groups(self, prompts: Sequence[list[dict]], encoded: list[list[int]]) -> list[Group]:
        if self._form == "mask":
            return groups_of(prompts, encoded)
        return groups_of(prompts, encoded, self.batch_tokens, self._base.config.get_text_config().hidden_size)

    def _prove(self, groups: list[Group]) -> bool:
        """Check shared prompts against padded rows once; where they disagree, go on to the next form."""
        self._proven = sharing_agrees(self.model, groups, self.tokenizer.pad_token_id, self._form)
        if not self._proven:
            without_prefix_attention(self._base)
            self._form = "mask" if self._form == "spans" else "padded"
        return self._proven

    @torch.inference_mode()
    def _score_features(self, encoded: list[list[int]], bar: tqdm | None) -> np.ndarray:
        """`score` through the store of features: the backbone runs only over texts it does not hold."""
        text = "Features" if self.progress and bar is None else None
        pad_token_id = self.tokenizer.pad_token_id
        features = torch.from_numpy(features_of(encoded, self.model, pad_token_id, self.feature_cache_dir, text))
        chunks = features.split(FEATURES_AT_ONCE)
        columns = [self._columns(self.model(pooled_features=chunk.to(self.model.device))) for chunk in chunks]
        if bar is not None:
            bar.update(len(encoded))
        return torch.cat(columns).double().cpu().numpy()

    @staticmethod
    def _columns(output: RewardOutput) -> torch.Tensor:
        return output_columns(output)

    def score_pairs(self, dataset: Any) -> PairPredictions:
        """Predictions for every pair of a data set in our schema (columns `prompt`, `response_a`, `response_b`), or
        of a dict of such lists.

        Where the pairs carry their tokens (`TOKEN_COLUMNS`), these are taken.
        """
        prompts = dataset["prompt"][:] * 2
        columns = dataset.column_names if isinstance(dataset, Dataset) else list(dataset)
        if set(TOKEN_COLUMNS) <= set(columns):
            ids_a, ids_b, lengths = (dataset[column][:] for column in TOKEN_COLUMNS)
            both = self._score_encoded(prompts, zip([*ids_a, *ids_b], lengths * 2, strict=True))
        else:
            both = self.score(prompts, [*dataset["response_a"][:], *dataset["response_b"][:]])
        return PairPredictions.from_columns(np.concatenate(np.split(both, 2), axis=1), dict(self.reward_head))


def number_of_positions(model: PreTrainedModel) -> int | None:
    """Most tokens a row may hold; None where the model sets no limit."""
    positions = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    table = getattr(getattr(model.base_model, "embeddings", None), "position_embeddings", None)
    padding_row = getattr(table, "padding_idx", None)
    # RoBERTa and its kin count positions from the row after the padding row, so some rows of the table hold no token
    return positions if positions is None or padding_row is None else positions - padding_row - 1
