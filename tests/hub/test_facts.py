"""Facts are read from the files beside a model, each with its file; what is missing is named, what is another model's refused."""

import json
from pathlib import Path

import pytest

from distreward.errors import InputError
from distreward.hub.facts import TRAINING_FACTS, WANTED, read_facts, shown
from tests.hub.conftest import change, evaluate


def test_every_fact_names_its_file(model_folder):
    folder = model_folder()
    facts = read_facts(folder)
    assert facts.fact("objective") == ("mean_variance_kl", folder / "results.json")
    assert facts.fact("reward_head").file == folder / "config.json"
    assert facts.value("reward_head")["lambda"] == 1.5
    assert facts.value("annotators_per_pair") == {"3": 12}
    assert [evaluation.file for evaluation in facts.evaluations] == [folder / "evaluation" / "results.json"]
    assert facts.missing() == ["the licence of the data", "the licence of the model"]


def test_what_the_caller_gives_is_known(model_folder):
    facts = read_facts(model_folder(), licence_of_data="cc0-1.0", license="mit")
    assert facts.missing() == []
    assert facts.fact("licence_of_data") == ("cc0-1.0", None)


def test_a_bare_checkpoint_is_missing_almost_everything(model_folder):
    folder = model_folder(evaluated=False)
    (folder / "results.json").unlink()
    facts = read_facts(folder)
    assert facts.value("reward_head")["type"] == "mean_variance"
    assert facts.value("objective") == "mean_variance_kl"  # the head's entry knows it too
    known = {"reward_head", "objective"}
    assert facts.missing()[:-1] == [row.words for name, row in WANTED.items() if name not in known]
    assert "an evaluation on held-out pairs" in facts.missing()[-1]


def test_the_trainers_own_file_tells_where_there_is_no_other(model_folder):
    folder = model_folder()
    (folder / "results.json").rename(folder / TRAINING_FACTS)
    assert read_facts(folder).fact("steps") == (120, folder / TRAINING_FACTS)
    (folder / "results.json").write_text(json.dumps({"command": "agreement", "steps": 7}))  # tells nothing of training
    assert read_facts(folder).fact("steps") == (120, folder / TRAINING_FACTS)


def test_of_two_runs_in_one_folder_the_newer_counts(model_folder):
    folder = model_folder(evaluated=False)
    (folder / TRAINING_FACTS).write_text((folder / "results.json").read_text())
    assert read_facts(folder).fact("steps").file.name == "results.json"  # the same run: it knows more
    change(folder / TRAINING_FACTS, steps=500)
    assert read_facts(folder).fact("steps") == (500, folder / TRAINING_FACTS)


def test_another_models_evaluation_is_refused_or_left_out(model_folder, pairs, tmp_path, caplog):
    folder = model_folder()
    other = evaluate(tmp_path, {**read_facts(folder).value("reward_head"), "lambda": 9.0}, pairs, "other")
    with pytest.raises(InputError, match="of a model with another reward head"):
        read_facts(folder, [other])
    other.rename(folder / "older")  # left by an earlier run
    with caplog.at_level("WARNING", logger="distreward"):
        assert len(read_facts(folder).evaluations) == 1
    assert "left out of the model card" in caplog.text


def test_a_calibration_set_later_does_not_make_it_another_model(model_folder):
    folder = model_folder()
    config = json.loads((folder / "config.json").read_text())
    config["reward_head"]["calibration"] = {"tie": 0.4}
    (folder / "config.json").write_text(json.dumps(config))
    assert len(read_facts(folder).evaluations) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "cannot be read as JSON"),
        ("[1]", "holds a list, wanted a JSON object"),
        ('{"command": "score"}', "not of `dis"),
    ],
)
def test_broken_evaluations_are_named(model_folder, tmp_path, content, message):
    folder = model_folder(evaluated=False)
    (tmp_path / "results.json").write_text(content)
    with pytest.raises(InputError, match=message):
        read_facts(folder, [tmp_path])


def test_missing_folders_are_named(model_folder, tmp_path):
    with pytest.raises(InputError, match="--model_dir .*nowhere"):
        read_facts(tmp_path / "nowhere")
    with pytest.raises(InputError, match="--evaluation .*nowhere: no results.json"):
        read_facts(model_folder(), [tmp_path / "nowhere"])


def test_files_far_away_do_not_tell_where_they_lie():
    assert shown(Path("/data/ann/run/results.json"), Path("/srv/x/y/z")) == "run/results.json"
    assert shown(Path("/x/results/demo/results.json"), Path("/x/model_cards")) == "../results/demo/results.json"
