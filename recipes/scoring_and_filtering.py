"""Score pairs with a reward model and keep those on which people would not diverge, as data for TRL's DPOTrainer.

python recipes/scoring_and_filtering.py --model_name_or_path out --dataset_name pairs.jsonl --output_file kept.jsonl
... --threshold 0.3 --n_annotators 5      # distreward filter does the same with a report, and more (docs/filtering.md)
"""

from dataclasses import dataclass, field

from transformers import HfArgumentParser

from distreward import RewardScorer, load_preferences


@dataclass
class ScriptArguments:
    model_name_or_path: str = field(metadata={"help": "A checkpoint with a mean-variance or a Likert head."})
    dataset_name: str = field(metadata={"help": "Pairs: a file, a directory, a Hub id, or a named set."})
    output_file: str = field(metadata={"help": "JSONL of `prompt`, `chosen`, `rejected` for TRL."})
    threshold: float = field(
        default=0.5,
        metadata={
            "help": "Pairs with this chance of divergence or more leave; of a calibrated model few may have 0.5."
        },
    )
    n_annotators: int = field(default=4, metadata={"help": "How many people are asked in thought."})


def main() -> None:
    (args,) = HfArgumentParser(ScriptArguments).parse_args_into_dataclasses()
    pairs = load_preferences(args.dataset_name)
    predicted = RewardScorer.from_pretrained(args.model_name_or_path, progress=True).score_pairs(pairs)
    chance = predicted.diverging_probability(args.n_annotators)
    if chance is None:
        raise SystemExit("this checkpoint has a scalar head, which predicts no divergence: train a distributional one.")

    def for_trl(pair: dict, row: int) -> dict:
        a, b = ([{"role": "assistant", "content": pair[f"response_{side}"]}] for side in "ab")
        chosen, rejected = (a, b) if predicted.reward_gap[row] >= 0 else (b, a)
        scored = {"diverging_probability": chance[row], "reward_gap": abs(predicted.reward_gap[row])}
        return {"prompt": pair["prompt"], "chosen": chosen, "rejected": rejected, **scored}

    rows = pairs.map(for_trl, with_indices=True, remove_columns=pairs.column_names)
    kept = rows.filter(lambda probability: probability < args.threshold, input_columns="diverging_probability")
    kept.to_json(args.output_file)
    print(f"kept {kept.num_rows} of {rows.num_rows} pairs: {args.output_file}")


if __name__ == "__main__":
    main()
