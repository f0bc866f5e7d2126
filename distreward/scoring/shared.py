"""Scoring with shared prompts: responses to one prompt in one row, the prompt encoded once (`data.packing`)."""

import json
import logging
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from accelerate import PartialState
from accelerate.utils import gather_object
from torch import Tensor
from tqdm.auto import tqdm
from transformers import PreTrainedModel

from distreward.data.packing import Group, pack, padded_sub_batches, share_prefix, sub_batches, taken_apart
from distreward.modeling import RewardOutput
from distreward.modeling.packing import disagreement

logger = logging.getLogger("distreward")

ROW_TOKENS = 2048
"""Most tokens in a row that holds several responses: its mask, and on most devices its time, grow with the square."""


def groups_of(prompts: Sequence[list[dict]], encoded: Sequence[Sequence[int]]) -> list[Group]:
    """Responses of equal prompts together, as many to a group as `ROW_TOKENS` hold.

    Args:
        prompts: N message lists.
        encoded: N token lists, the prompt's and the response's.
    """
    together: dict[str, list[int]] = {}
    for number, prompt in enumerate(prompts):
        together.setdefault(json.dumps(prompt), []).append(number)
    groups = []
    for numbers in together.values():
        whole = share_prefix([encoded[number] for number in numbers], numbers)
        groups += list(split(whole))
    return groups


def split(group: Group) -> Iterator[Group]:
    """A group in parts of at most `ROW_TOKENS` tokens, each with the prefix and at least one response."""
    part = Group(group.prefix, [], [])
    for ending, number in zip(group.endings, group.numbers, strict=True):
        if part.endings and len(part) + len(ending) > ROW_TOKENS:
            yield part
            part = Group(group.prefix, [], [])
        part.endings.append(ending)
        part.numbers.append(number)
    yield part


@torch.inference_mode()
def run_shared(
    model: PreTrainedModel,
    groups: Sequence[Group],
    read: Callable[[RewardOutput], Tensor],
    pad_token_id: int,
    batch_tokens: int,
    bar: tqdm,
    processes: PartialState | None,
) -> np.ndarray:
    """Score the responses of all groups.

    Args:
        model: one that packed rows are sound for.
        groups: with N responses, numbered 0 .. N - 1.
        read: the numbers kept of an output of K responses, [K, C].
        pad_token_id: id to pad with.
        batch_tokens: most tokens, padding included, in a batch of several rows.
        bar, processes: as in `run_in_batches`.

    Returns:
        float32 [N, C].
    """
    batches = sub_batches(pack(groups), pad_token_id, max_tokens=batch_tokens)
    own = batches if processes is None else batches[processes.process_index :: processes.num_processes]
    found = []
    for batch in own:
        columns = read(model(sub_batches=[placed(batch, model.device)])).float().cpu().numpy()
        numbers = torch.sort(batch["numbers"]).values.tolist()
        found.append((numbers, columns))
        bar.update(len(numbers) if processes is None else len(numbers) * processes.num_processes)
    if processes is not None and processes.num_processes > 1:
        found = gather_object(found)
    results = np.empty((sum(len(group.numbers) for group in groups), found[0][1].shape[1]), dtype=np.float32)
    for numbers, columns in found:
        results[numbers] = columns
    return results


@torch.inference_mode()
def sharing_agrees(model: PreTrainedModel, groups: Sequence[Group], pad_token_id: int) -> bool:
    """Whether the shortest group of several responses gets the rewards that its responses get in padded rows."""
    group = min((group for group in groups if len(group.numbers) > 1), key=len)
    group = Group(group.prefix, group.endings[:2], [0, 1])
    batches = sub_batches(pack([group]), pad_token_id)
    packed = model(sub_batches=[placed(batch, model.device) for batch in batches]).mean
    padded = padded_sub_batches(taken_apart(batches), pad_token_id)
    plain = model(sub_batches=[placed(batch, model.device) for batch in padded]).mean
    difference = disagreement(packed, plain, model.dtype)
    if difference is not None:
        logger.warning("prompts are not shared in scoring: rewards differed by %.1e from padded ones", difference)
    return difference is None


def placed(batch: dict[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """A batch on a device."""
    return {name: tensor.to(device) for name, tensor in batch.items()}
