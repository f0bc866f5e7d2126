"""`distreward completion`: the scripts are ones the shells take, and bash really completes with them."""

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from distreward.cli.completion import SHELLS, command_parser, whole_parser
from distreward.cli.main import COMMANDS, main
from distreward.cli.subcommands import SubcommandsFound

pytest.importorskip("shtab")


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    """Shell -> the file with its script."""
    import shtab

    parser, folder = whole_parser(COMMANDS), tmp_path_factory.mktemp("completion")
    files = {}
    for shell in SHELLS:
        files[shell] = folder / f"distreward.{shell}"
        files[shell].write_text(shtab.complete(parser, shell))
    return files


@pytest.mark.parametrize("shell", SHELLS)
def test_the_shell_takes_the_script(shell, script):
    text = script[shell].read_text()
    assert all(command in text for command in COMMANDS)
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    subprocess.run([shell, "-n", str(script[shell])], check=True)


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("tr", {"train"}),
        ("train --objec", {"--objective"}),
        ("train --cdf ''", {"logistic", "tanh", "normal"}),
        ("judge ''", {"audit", "labeller", "run", "strategies", "underspecification"}),
        ("judge run --base_u", {"--base_url"}),
        ("score --input", {"--input_file"}),
    ],
)
def test_bash_completes(typed, offered, script):
    ask = f"source {script['bash']}; COMP_WORDS=(distreward {typed}); COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 )); "
    ask += "_shtab_distreward; printf '%s\\n' \"${COMPREPLY[@]}\""
    done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == offered


def test_the_command_prints_the_script(capsys):
    assert main(["completion", "fish"]) == 0
    assert "distreward" in capsys.readouterr().out


@pytest.mark.parametrize(("version", "taken"), [("1.8.2", False), ("1.9.1", False), ("1.9.2", True), ("1.13.0", True)])
def test_the_extra_installs_a_shtab_that_knows_fish_and_our_parser(version, taken):
    """Fish came with 1.9.0; the tests above fail with that and with 1.9.1 and pass with 1.9.2."""
    options = configparser.ConfigParser(interpolation=None)
    options.read(Path(__file__).parents[2] / "setup.cfg")
    wanted = Requirement(options["options.extras_require"]["completion"].strip())
    assert wanted.name == "shtab" and wanted.specifier.contains(version) is taken


def test_mistakes(capsys):
    assert main(["completion"]) == 2 and "wanted one of bash, zsh, fish" in capsys.readouterr().err
    assert main(["completion", "bsh"]) == 2 and "did you mean 'bash'?" in capsys.readouterr().err


def test_every_command_gives_its_parser_before_it_does_anything():
    for command in COMMANDS:
        try:
            parser = command_parser(command)
            assert parser.prog == f"distreward {command}"
        except SubcommandsFound as found:
            for module, _ in found.subcommands.values():
                assert command_parser(module).prog.startswith(f"distreward {command} ")
    with pytest.raises(SystemExit):  # and afterwards commands run again
        main(["env", "--help"])
