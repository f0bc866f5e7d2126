"""`distreward card`: the model card of a trained model, from the files that training and evaluation left."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from distreward.cli.parsing import CommandParser
from distreward.errors import InputError
from distreward.hub.facts import FILES, RELIABILITY_FIGURE, ModelFacts, read_facts, recalled
from distreward.hub.writing import CARD, given_at, write_card

DESCRIPTION = """Write a model's card (README.md with the Hub's metadata) from the files that training and evaluation left beside the
model. Every number in it names its file; what no file tells is listed as not known.

  distreward card --model_dir out
  distreward card --model_dir out --evaluation out/evaluation other/evaluation --repo_id me/my-reward-model

`distreward train` writes the card at its end and `distreward evaluate` brings it up to date, so this command is for what they
cannot know: licences, the repository's name, evaluations elsewhere.
"""


@dataclass
class CardArguments:
    """Whose card, and what no file tells."""

    model_dir: str = field(default=None, metadata={"help": "Folder of the model."})
    evaluation: list[str] | None = field(
        default=None,
        metadata={
            "help": "Folders that `distreward evaluate` wrote to; those elsewhere are copied into the model's folder. Default: "
            "those that were chosen for this card before, else all inside the folder.",
            "nargs": "+",
        },
    )
    repo_id: str | None = field(
        default=None, metadata={"help": "Hub id or path that the card's code opens; default: the folder's name."}
    )
    license: str | None = field(default=None, metadata={"help": "Licence of the model, as apache-2.0."})
    license_of_data: str | None = field(
        default=None, metadata={"help": "Licence of the training data, where the run does not know it."}
    )
    output_file: str | None = field(
        default=None, metadata={"help": "Where the card goes; default README.md in the model's folder."}
    )
    overwrite: bool = field(default=False, metadata={"help": "Also overwrite a card that a person wrote or edited."})


def main(argv: Sequence[str]) -> int:
    """Run the command; returns the exit status."""
    (arguments,) = CommandParser("card", (CardArguments,), DESCRIPTION).parse(argv)
    if arguments.model_dir is None:
        raise InputError("--model_dir is missing; see distreward card --help")
    folder = Path(arguments.model_dir)
    given = {"licence_of_data": arguments.license_of_data, "license": arguments.license}
    facts = read_facts(folder, arguments.evaluation, **given)
    if not facts.files.keys() & FILES:
        raise InputError(
            f"--model_dir {folder}: no model, it has no config.json or adapter_config.json; name the folder that training "
            "saved it to."
        )
    path = folder / CARD if arguments.output_file is None else Path(arguments.output_file)
    if path.is_dir():
        raise InputError(f"--output_file {path}: a folder; name a file, as {path / CARD}.")
    if arguments.evaluation is not None and arguments.output_file is None:
        facts = read_facts(folder, gathered(facts), **given)
    facts = recalled(facts, given_at(path))
    written = write_card(facts, repo_id=arguments.repo_id, path=path, overwrite=arguments.overwrite)
    for words in facts.missing():
        print(f"not known: {words}")
    print(f"model card: {written}")
    return 0


def gathered(facts: ModelFacts) -> list[Path]:
    """The evaluations' files one folder down in the model's, where a push takes them; copied if they lie elsewhere."""
    files = []
    for evaluation in facts.evaluations:
        file = evaluation.file
        if facts.folder.resolve() not in file.resolve().parents[:2]:
            copy = facts.folder / file.resolve().parent.name / file.name
            if copy.exists() and copy.read_bytes() != file.read_bytes():
                raise InputError(
                    f"--evaluation {file.parent}: {copy.parent} holds another one; rename one of the two folders."
                )
            copy.parent.mkdir(exist_ok=True)
            shutil.copyfile(file, copy)
            if evaluation.file in facts.figures:
                shutil.copyfile(facts.figures[evaluation.file], copy.with_name(RELIABILITY_FIGURE))
            file = copy
        files.append(file)
    return files
