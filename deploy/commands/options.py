"""Options and help that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

Decorated = Callable[..., Any]


def config_option(command: Decorated) -> Decorated:
    """Add ``--config FILE`` to a command."""
    return click.option(
        "--config",
        "config_file",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Configuration file. Default: $RADTME_CONFIG, else ./radtme.yaml, else defaults, data in ./radtme-data.",
    )(command)
