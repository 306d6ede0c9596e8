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
    from deploy.cli import radtme

    script = get_completion_class(shell)
    assert script is not None  # noqa: S101 - click has one for each of SHELLS
    click.echo(script(radtme, {}, "radtme", "_RADTME_COMPLETE").source())
