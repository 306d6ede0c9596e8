"""Options and help that several commands share."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from deploy.configuration import PART_VARIABLE, Configuration, find_configuration, load_configuration
from deploy.configuration_history import notice_configuration
from deploy.errors import CommandError
from deploy.terminal import path_from_here
from listener.spool.layout import WrongLayout, check_layout

Decorated = Callable[..., Any]


def config_option(command: Decorated) -> Decorated:
    """Add ``--config FILE`` to a command."""
    return click.option(
        "--config",
        "config_file",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Configuration file. Default: $RADTME_CONFIG, else ./radtme.yaml, else defaults in ./radtme-data.",
    )(command)


def audited_start(configuration: Configuration, command: str) -> None:
    """Audit what is new in the configuration, unless ``command`` is a part of a stack that has done so.

    Raises
    ------
    CommandError
        If the audit trail cannot be written: then nothing is started.
    """
    if PART_VARIABLE in os.environ:
        return
    try:
        notice_configuration(configuration, command)
    except OSError as error:
        raise cannot_audit(configuration, error) from error


def require_layout(configuration: Configuration) -> None:
    """Let pass a spool of this program's layout, and one that is still to be made.

    Raises
    ------
    CommandError
        If the spool has another layout.
    """
    try:
        check_layout(configuration.locations.spool)
    except WrongLayout as error:
        raise CommandError(error.message, error.remedy) from error


def cannot_audit(configuration: Configuration, error: OSError) -> CommandError:
    """Return what to tell where the audit trail cannot be written."""
    where = path_from_here(configuration.audit.folder)
    cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
    return CommandError(
        f"the audit trail in {where} cannot be written: {cause.strerror or cause}",
        "nothing runs unaudited: make room, set its permissions, or place it elsewhere with data: or audit.folder:",
    )


def read_configuration(config_file: Path | None) -> Configuration:
    """Return the configuration that a command was given, or finds."""
    return load_configuration(find_configuration(config_file))
