"""Train a distributional reward model, the way TRL's own script trains a plain one.

    accelerate launch recipes/reward_modeling.py --config recipes/synthetic/mean_variance_kl.yaml
    accelerate launch recipes/reward_modeling.py --objective likert_kl --dataset_name labels.jsonl \
        --model_name_or_path Qwen/Qwen2.5-0.5B-Instruct --output_dir out
"""

from dataclasses import dataclass, field

from trl import ModelConfig, TrlParser, get_peft_config, get_quantization_config

from distreward import OBJECTIVES, DistributionalRewardConfig, load_preferences, split_by_prompt


@dataclass
class ScriptArguments:
    dataset_name: str = field(metadata={"help": "Labelled pairs: a file, a directory, a Hub id, or `synthetic`."})
    objective: str = field(default="mean_variance_kl", metadata={"help": "Training loss.", "choices": list(OBJECTIVES)})
    eval_share: float = field(default=0.1, metadata={"help": "Share of the pairs, by prompt, held out for evaluation."})


def main() -> None:
    script_args, training_args, model_args = TrlParser(
        (ScriptArguments, DistributionalRewardConfig, ModelConfig)
    ).parse_args_and_config()
    training_args.model_init_kwargs = {
        "revision": model_args.model_revision,
        "attn_implementation": model_args.attn_implementation,
        "dtype": model_args.dtype,
    }
    splits = split_by_prompt(
        load_preferences(script_args.dataset_name), {"validation": script_args.eval_share, "train": -1}
    )
    if model_args.use_peft:
        model_args.lora_task_type = "SEQ_CLS"

    trainer = OBJECTIVES[script_args.objective](
        model=model_args.model_name_or_path,
        args=training_args,
        train_dataset=splits["train"],
        eval_dataset=splits["validation"],
        quantization_config=get_quantization_config(model_args),
        peft_config=get_peft_config(model_args),
    )
    trainer.train(resume_from_checkpoint=training_args.resume_from_checkpoint)
    trainer.accelerator.print(trainer.evaluate())
    trainer.save_model()
    trainer.end()


if __name__ == "__main__":
    main()
