"""A card of ours is written anew; one that a person wrote or touched is left alone."""

import pytest

from distreward.errors import InputError
from distreward.hub.facts import read_facts
from distreward.hub.secrets import find_secrets
from distreward.hub.writing import EMPTY_TEMPLATE, card_kept, card_naming, given_for, is_ours, write_card


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
