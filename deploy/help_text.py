"""What `--help` shows beyond click's own: examples on lines of their own, whole summaries, plain names of values."""

import click

EXAMPLE = "Example: "
MAX_SUMMARY = 1000
"""Characters; click cuts longer ones."""
PLAIN_VALUES = {"integer": "NUMBER", "integer range": "NUMBER", "float range": "NUMBER", "directory": "FOLDER"}
"""What the help calls the value of an option, by click's name of its type."""


def show_examples_on_lines(command: click.Command) -> None:
    """Give each example of a command, and of its subcommands, a line of its own, which is not wrapped."""
    if command.epilog and command.epilog.startswith(EXAMPLE):
        examples = command.epilog.removeprefix(EXAMPLE).split("; radtme ")
        lines = [examples[0], *(f"radtme {rest}" for rest in examples[1:])]
        command.epilog = "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
    if isinstance(command, click.Group):
        for each in command.commands.values():
            show_examples_on_lines(each)


def show_whole_summaries(command: click.Command) -> None:
    """Let a group list each subcommand with its whole first sentence, over several lines where it is long."""
    if isinstance(command, click.Group):
        for each in command.commands.values():
            each.short_help = each.get_short_help_str(limit=MAX_SUMMARY)
            show_whole_summaries(each)


def show_plain_values(command: click.Command) -> None:
    """Name the values of options in words that are not those of a programming language."""
    for option in command.params:
        if isinstance(option, click.Option) and option.metavar is None and not option.is_flag:
            option.metavar = PLAIN_VALUES.get(option.type.name)
    if isinstance(command, click.Group):
        for each in command.commands.values():
            show_plain_values(each)
