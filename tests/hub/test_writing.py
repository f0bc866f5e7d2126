"""A card of ours is written anew; one that a person wrote or touched is left alone."""

import pytest

from distreward.cli.evaluation import refresh_card
from distreward.errors import InputError
from distreward.hub.facts import read_facts
from distreward.hub.secrets import find_secrets
from distreward.hub.writing import EMPTY_TEMPLATE, card_kept, card_naming, given_for, is_ours, write_card
from tests.hub.conftest import evaluate


def test_ours_is_written_anew_and_remembers_what_was_given(model_folder):
    folder = model_folder()
    path = write_card(
        read_facts(folder, licence_of_data="odc-by", license="mit"), repo_id="ann/helpful", tags=["x", "trl"]
    )
    first = path.read_text()
    assert is_ours(first) and "# helpful" in first and "license: mit" in first
    assert given_for(first) == {"repo_id": "ann/helpful", "tags": ["x"], "license": "mit", "licence_of_data": "odc-by"}
    write_card(read_facts(folder))  # as `distreward evaluate` does
    assert path.read_text() == first
    write_card(read_facts(folder, license="apache-2.0"))
    assert "license: apache-2.0" in path.read_text() and "`odc-by`" in path.read_text()


@pytest.mark.parametrize("edit", [lambda text: text.replace("# out", "# My model"), lambda text: text + "\nMore.\n"])
def test_an_edited_card_is_left_alone(model_folder, edit, caplog):
    folder = model_folder()
    path = write_card(read_facts(folder))
    edited = edit(path.read_text())
    path.write_text(edited)
    with caplog.at_level("WARNING", logger="distreward"):
        assert write_card(read_facts(folder)) is None
    assert path.read_text() == edited and "edited by a person" in caplog.text
    with pytest.raises(InputError, match="--overwrite true"):
        write_card(read_facts(folder), overwrite=False)
    write_card(read_facts(folder), overwrite=True)
    assert is_ours(path.read_text())


def test_a_person_s_card_stays_and_an_empty_one_goes(model_folder):
    folder = model_folder()
    (folder / "README.md").write_text("# Mine\n")
    assert write_card(read_facts(folder)) is None
    (folder / "README.md").write_text(f"---\nlibrary_name: peft\n---\n{EMPTY_TEMPLATE}\n")
    assert write_card(read_facts(folder)) is not None


def test_nothing_secret_that_was_given_is_kept_in_the_mark(model_folder):
    folder, token = model_folder(), "hf_" + "a1B2" * 9
    path = write_card(read_facts(folder), repo_id="/home/somebody/out", model_name="of /Users/somebody", tags=[token])
    text = path.read_text()
    assert is_ours(text) and find_secrets(text) == []
    assert given_for(text) == {"model_name": "of ~", "repo_id": "~/out", "tags": ["<token>"]}
    assert find_secrets(card_naming(folder, "/home/somebody/again")) == []


def test_the_evaluations_that_were_chosen_stay_chosen(model_folder, pairs, caplog):
    folder = model_folder()
    entry = read_facts(folder).value("reward_head")
    evaluate(folder, entry, pairs, "again")
    (folder / "deep").mkdir()
    chosen = evaluate(folder / "deep", entry, pairs, "down")
    path = write_card(read_facts(folder, [chosen]))
    first = path.read_text()
    assert given_for(first) == {"evaluations": ["deep/down/results.json"]}
    assert "`deep/down/results.json`" in first and "`again/results.json`" not in first
    write_card(read_facts(folder))
    assert path.read_text() == first
    named = card_naming(folder, "ann/helpful")
    assert "ann/helpful" in named and "`deep/down/results.json`" in named and "`again/results.json`" not in named
    refresh_card(folder, folder / "again")  # after a new evaluation, which joins them
    assert given_for(path.read_text())["evaluations"] == ["deep/down/results.json", "again/results.json"]
    assert "`again/results.json`" in path.read_text() and "`evaluation/results.json`" not in path.read_text()
    (chosen / "results.json").unlink()
    write_card(read_facts(folder))
    assert "no results.json there" in caplog.text
    assert "`deep/down/results.json`" not in path.read_text() and "`again/results.json`" in path.read_text()
    assert given_for(path.read_text())["evaluations"] == ["again/results.json"]
    (folder / "again/results.json").unlink()
    write_card(read_facts(folder))
    assert given_for(path.read_text()) == {} and "`evaluation/results.json`" in path.read_text()  # all there are
    write_card(read_facts(folder, [folder / "evaluation"]))
    assert given_for(path.read_text())["evaluations"] == ["evaluation/results.json"]


def test_a_chosen_evaluation_elsewhere_is_found_again(model_folder, pairs, tmp_path, monkeypatch):
    folder = model_folder()
    elsewhere = evaluate(tmp_path, read_facts(folder).value("reward_head"), pairs, "elsewhere")
    first = write_card(read_facts(folder, [elsewhere])).read_text()
    assert given_for(first) == {"evaluations": ["../elsewhere/results.json"]}
    monkeypatch.chdir(folder)  # by a path from the model's folder, wherever the command runs
    assert write_card(read_facts(".")).read_text() == first


def test_an_evaluation_that_no_push_would_take_joins_no_card(model_folder, pairs):
    folder = model_folder()
    first = write_card(read_facts(folder)).read_text()
    (folder / "deep").mkdir()
    refresh_card(folder, evaluate(folder / "deep", read_facts(folder).value("reward_head"), pairs))
    assert (folder / "README.md").read_text() == first


def test_what_is_given_cannot_end_the_comment(model_folder):
    folder = model_folder()
    path = write_card(read_facts(folder), model_name="a --> b")
    assert is_ours(path.read_text()) and given_for(path.read_text())["model_name"] == "a --> b"


def test_what_others_write_into_our_card_is_undone_and_into_a_person_s_not(model_folder):
    folder = model_folder()
    path = write_card(read_facts(folder))
    before = path.read_text()
    with card_kept(folder):
        path.write_text(before + "\n### Framework versions\n")
    assert path.read_text() == before
    path.write_text("# Mine\n")
    with card_kept(folder):
        path.write_text("# Mine\n\nMore.\n")
    assert path.read_text() == "# Mine\n\nMore.\n"
