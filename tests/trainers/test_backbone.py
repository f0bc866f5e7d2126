"""TRL's options for the backbone as a trainer takes them; the rest is run by the tests of the commands."""

import pytest
from trl import ModelConfig

from distreward.trainers.backbone import adapter_config


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (["q_proj"], {"q_proj"}),  # which alone was taken for a pattern, and fitted no path
        (["q_proj", "v_proj"], {"q_proj", "v_proj"}),
        (["all-linear"], "all-linear"),
        ([r".*\.0\..*_proj"], r".*\.0\..*_proj"),
        (None, None),  # PEFT knows those of the architecture
    ],
)
def test_a_lone_module_is_a_name(given, wanted):
    options = ModelConfig(use_peft=True, lora_task_type="SEQ_CLS", lora_target_modules=given)
    assert adapter_config(options).target_modules == wanted
    assert adapter_config(ModelConfig()) is None
