"""One vocabulary over all commands: each option and each kind of value has one name, and a reader learns it once."""

import re
from collections.abc import Iterator, Mapping

import click
import pytest
from click.testing import CliRunner

from deploy.cli import radtme

ALLOWED: Mapping[str, set[str]] = {
    # Where things are, and how much is done at once.
    "--config": {"FILE"},
    "--input": {"FOLDER"},
    "--output": {"FOLDER", "FILE"},
    "--logs": {"FOLDER"},
    "--concurrency": {"NUMBER"},
    "--timeout": {"SECONDS"},
    # Peers.
    "--target": {"NAME"},
    "--calling": {"AET"},
    "--ca": {"FILE"},
    "--certificate": {"FILE"},
    "--key": {"FILE"},
    "--any-host": set(),
    "--sink-host": {"ADDRESS"},
    "--send": set(),
    "--no-delivery": set(),
    "--connect": set(),
    # What is shown.
    "--json": set(),
    "--all": set(),
    "--history": set(),
    "--show-patients": set(),
    "--identifiers": set(),
    "--strict": set(),
    # Which jobs, studies and records.
    "--failed": set(),
    "--corrected": set(),
    "--reason": {"CODE"},
    "--study": {"UID"},
    "--event": {"EVENT"},
    "--since": {"TIME"},
    "--state": {"STATE"},
    "--score": {"SCORES"},
    "--until": {"TIME"},
    "--queues": {"NAMES"},
    # Decisions of an operator.
    "--why": {"REASON"},
    "--apply": set(),
    "--check": set(),
    "--off": set(),
    # Outlines, cohorts and signatures.
    "--label": {"VALUE[=NAME]"},
    "--labels": {"FILE"},
    "--phase": {"NUMBER"},
    "--table": {"FILE"},
    "--pairs": {"FILE"},
    "--profile": {"NAME"},
    "--signature": {"NAME"},
    "--bundle-version": {"VERSION"},
    "--cases": {"NUMBER"},
    "--held-out": {"NUMBER"},
    "--other-spacings": {"NUMBER"},
    "--patients": {"NUMBER"},
    "--sites": {"NUMBER"},
    "--seed": {"NUMBER"},
    "--repeated": {"SHARE"},
    "--no-effect": set(),
    "--five-cohorts": set(),
    "--auc": {"AUC"},
    "--bar": {"AUC"},
    "--hot-share": {"SHARE"},
    "--features": {"FILE", "NUMBER"},
    "--own": {"FILE"},
    "--clinical": {"FILE"},
    "--group": {"COLUMN"},
    "--site": {"NAME"},
    "--smallest": {"NUMBER"},
    "--public-key": {"FILE"},
    "--reproduce": set(),
    "--cohort": {"NAME"},
    "--version": set(),
}
"""All options, each with what its value may be called; a flag has none. A new option needs its name here."""

RAW_TYPES = ("TEXT", "INTEGER", "FLOAT", "RANGE", "BOOLEAN", "DIRECTORY", "PATH", "FILENAME", "UUID", "DATETIME", "DIR")


def commands(command: click.Command = radtme, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Yield each command and group, with its path."""
    yield " ".join(path), command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from commands(found, (*path, name))


EVERY_COMMAND = dict(commands())


def test_every_option_has_a_name_of_the_vocabulary() -> None:
    """And none of the vocabulary is unused."""
    used: dict[str, set[str]] = {}
    for command in EVERY_COMMAND.values():
        for option in command.params:
            if isinstance(option, click.Option):
                names = [name for name in option.opts if name.startswith("--")]
                values = set() if option.is_flag else {option.make_metavar(click.Context(command))}
                for name in names:
                    used[name] = used.get(name, set()) | values
    assert used == ALLOWED


@pytest.mark.parametrize("path", EVERY_COMMAND)
def test_no_help_shows_the_name_of_a_type(path: str) -> None:
    """Such as click's FLOAT RANGE: a value is called by what it is."""
    shown = CliRunner().invoke(radtme, [*path.split(), "--help"], terminal_width=80).output
    options = re.findall(r"^  (?:-\w, )?(--[\w-]+)(?: (\S.*?))?(?:  |$)", shown, re.MULTILINE)
    assert options or path == ""
    assert [one for one in options if set(re.findall(r"\w+", one[1])) & set(RAW_TYPES)] == []


@pytest.mark.parametrize("path", [path for path, command in EVERY_COMMAND.items() if isinstance(command, click.Group)])
def test_the_help_of_a_group_has_an_example_of_several_subcommands(path: str) -> None:
    """One for each where there are three or fewer: who looks there does not know them yet."""
    if path == "":
        return
    group = EVERY_COMMAND[path]
    assert isinstance(group, click.Group)
    shown = CliRunner().invoke(radtme, [*path.split(), "--help"], terminal_width=80).output
    examples = set(re.findall(rf"^    radtme {path} ([\w-]+)", shown, re.MULTILINE))
    assert examples <= set(group.commands)
    assert len(examples) >= min(3, len(group.commands)), shown
