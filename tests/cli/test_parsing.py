"""The strict parser: flags, YAML, and which of them wins."""

from dataclasses import dataclass, field

import pytest

from distreward.cli.parsing import CommandParser, read_config
from distreward.errors import InputError


@dataclass
class Arguments:
    name: str = field(metadata={"help": "A name."})
    rate: float = field(default=0.5, metadata={"help": "A rate."})
    quiet: bool = field(default=False, metadata={"help": "Say less."})


@dataclass
class More:
    depth: int = field(default=3, metadata={"help": "How deep."})


def parse(argv):
    return CommandParser("try", (Arguments, More), "Tries.").parse(argv)


def test_flags_become_dataclasses():
    assert parse(["--name", "x", "--rate", "1e-3", "--depth", "4"]) == (Arguments("x", 0.001), More(4))


def test_yaml_gives_defaults_and_flags_win(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("name: from file\nrate: 1e-3\nquiet: true\n")
    assert parse(["--config", str(path)]) == (Arguments("from file", 0.001, True), More())
    assert parse([f"--config={path}", "--rate", "2"])[0].rate == 2.0


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--name", "x", "--deph", "1"], "did you mean '--depth'?"),
        (["--deph", "1"], "unknown option --deph"),  # before it complains that --name is missing
        (["--name", "x", "--depth", "deep"], "invalid int value"),
        (["--name", "x", "stray"], "'stray'"),
        ([], "--name"),
        (["--config"], "--config needs a file name"),
        (["--config", "a", "--config", "b"], "given twice"),
    ],
)
def test_mistakes_are_one_line(argv, said):
    with pytest.raises(InputError, match=said) as error:
        parse(argv)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"), [("a: [", "line 1"), ("- a\n- b\n", "YAML mapping"), ("", "YAML mapping"), ("a: b: c", "line 1")]
)
def test_broken_yaml_is_named(tmp_path, text, said):
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=said):
        read_config(path)


def test_short_help_shows_the_first_dataclass_and_the_essential_flags(capsys):
    with pytest.raises(SystemExit):
        parse(["--help"])
    short = capsys.readouterr().out
    assert "--rate" in short and "--depth" not in short and "--help_all" in short
    with pytest.raises(SystemExit):
        parse(["--help_all"])
    assert "--depth" in capsys.readouterr().out
