"""A pad token that is not the EOS token, for tokenizers that have none or use EOS.

transformers' own pooling takes the last token that is not padding. With pad == EOS that is the token BEFORE the final
EOS, so the same checkpoint would give other rewards under plain transformers than under our mask-based pooling.
"""

import logging
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerBase

logger = logging.getLogger("distreward")

NEW_PAD_TOKEN = "<|pad|>"


def ensure_pad_token(tokenizer: PreTrainedTokenizerBase, model: PreTrainedModel) -> None:
    """Give tokenizer and model a pad token of their own, and say so when it has to be chosen.

    Keeps the tokenizer's pad token if it has one that is not EOS. Otherwise takes a reserved or unknown token already in
    the vocabulary; otherwise adds one, growing the embedding only if it has no spare row. A reward model that was trained
    to be read before its EOS (`skipped_token_id`) keeps padding with it: there is nothing to mistake.
    """
    config = model.config.get_text_config()
    skipped = (getattr(model.config, "reward_head", None) or {}).get("skipped_token_id")
    if skipped is not None:
        tokenizer.pad_token = tokenizer.convert_ids_to_tokens(skipped)
        return
    if tokenizer.pad_token is None or tokenizer.pad_token_id == tokenizer.eos_token_id:
        why = "has no pad token" if tokenizer.pad_token is None else "uses its EOS token as pad token"
        spare = _spare_token(tokenizer)
        if spare is None:
            tokenizer.add_special_tokens({"pad_token": NEW_PAD_TOKEN})
            if len(tokenizer) > model.get_input_embeddings().num_embeddings:
                model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
        else:
            tokenizer.pad_token = spare
        logger.warning(
            "the tokenizer %s, so pooling could not tell padding from the end of a response; using %r as pad token.",
            why,
            tokenizer.pad_token,
        )
    config.pad_token_id = tokenizer.pad_token_id


def _spare_token(tokenizer: Any) -> str | None:
    """A token of the vocabulary that never ends a text: reserved for padding, reserved, or unknown."""
    taken = {tokenizer.eos_token, tokenizer.bos_token, tokenizer.cls_token, tokenizer.sep_token, None}
    vocabulary = tokenizer.get_vocab()
    marked = sorted(token for token in vocabulary if token.startswith("<") and token.endswith(">"))
    for wanted in ("pad", "reserved", "unused"):
        for token in marked:
            if wanted in token.lower() and token not in taken:
                return token
    return tokenizer.unk_token if tokenizer.unk_token not in taken else None
