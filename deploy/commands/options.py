"""Options and help that several commands share, with the settings that they give."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from deploy.errors import WrongUsage
from listener.settings import ClientTls

Decorated = Callable[..., Any]


def config_option(command: Decorated) -> Decorated:
    """Add ``--config FILE`` to a command."""
    return click.option(
        "--config",
        "config_file",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Configuration file. Default: $RADTME_CONFIG, else ./radtme.yaml, else defaults, data in ./radtme-data.",
    )(command)


def tls_options(command: Decorated) -> Decorated:
    """Add the TLS options for a peer that is not in the configuration."""
    path = click.Path(path_type=Path, dir_okay=False)
    for option in (
        click.option("--any-host", is_flag=True, help="Check the peer's certificate, but not its host name."),
        click.option("--key", type=path, help="Our private key (PEM)."),
        click.option("--certificate", type=path, help="Our certificate (PEM), if the peer requires one."),
        click.option("--ca", type=path, help="Use TLS, and trust the certificates in this file (PEM)."),
    ):
        command = option(command)
    return command


def tls_given(ca: Path | None, certificate: Path | None, key: Path | None, *, any_host: bool) -> ClientTls | None:
    """Return the settings from the options of `tls_options`; None where none was given."""
    if ca is None:
        if certificate is not None or key is not None or any_host:
            raise WrongUsage(
                "--certificate, --key and --any-host need --ca", "name the trusted certificates: --ca FILE"
            )
        return None
    if (certificate is None) != (key is None):
        raise WrongUsage("--certificate and --key need each other", "use both or neither")
    return ClientTls(ca, certificate, key, check_hostname=not any_host)
