"""The ``radtme`` command."""

import importlib
import os
import sys
from collections.abc import Mapping
from importlib.metadata import version
from types import TracebackType

import click

from deploy.errors import ExitCode

COMMANDS: Mapping[str, str] = {
    "demo": "deploy.commands.demo:demo",
    "up": "deploy.commands.up:up",
    "listen": "deploy.commands.parts:listen",
    "work": "deploy.commands.parts:work",
    "sink": "deploy.commands.parts:sink",
    "echo": "deploy.commands.network:echo",
    "send": "deploy.commands.network:send",
    "status": "deploy.commands.jobs:status",
    "retry": "deploy.commands.jobs:retry",
    "config": "deploy.commands.config:config",
    "signature": "deploy.signature_cli:signature",
}
"""In the order of `radtme --help`. Imported when used: `radtme status` must not wait for Celery."""


class CommandsByName(click.Group):
    """A group that imports a command when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order in which a person meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command


@click.command(
    cls=CommandsByName,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit codes: 0 done, 1 failed or refused, 2 wrong usage or configuration, 3 not reachable, 130 interrupted.",
)
@click.version_option(version("radtme"), prog_name="radtme")
def radtme() -> None:
    """Score the tumour immune phenotype on breast DCE-MRI, from DICOM to DICOM. For research use only."""


def main() -> None:
    """Run the command line and end the process with its exit code."""
    sys.excepthook = one_line_without_traceback
    try:
        code = radtme(standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        code = ExitCode.INTERRUPTED
    except BrokenPipeError:  # the reader of our output, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = ExitCode.OK
    sys.exit(code if isinstance(code, int) else ExitCode.OK)


def one_line_without_traceback(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    """Say in one line what went wrong inside; the traceback is shown with RADTME_DEBUG=1."""
    if os.environ.get("RADTME_DEBUG"):
        sys.__excepthook__(kind, error, traceback)
        return
    click.echo(f"error: {kind.__name__}: {error}", err=True)
    click.echo("       RADTME_DEBUG=1 before the command shows where", err=True)
