"""``radtme completion``: completes commands and options in a shell."""

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.command(epilog='Example: eval "$(radtme completion bash)"; radtme completion fish > radtme.fish')
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print a script for SHELL that completes commands, options and file names with the Tab key.

    For every new shell, put the first example into ~/.bashrc, with your shell's name.
    """
    script = get_completion_class(shell)
    assert script is not None  # noqa: S101 - click has one for each of SHELLS
    program = click.get_current_context().find_root().command
    click.echo(script(program, {}, "radtme", "_RADTME_COMPLETE").source())
