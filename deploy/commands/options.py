"""What several commands share: options, the registry of the configuration, and readable errors."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deploy.configuration.folder_checks import why_unusable
from deploy.errors import CommandError, WrongUsage
from deploy.terminal import time_or_ago
from listener.settings import ClientTls
from model_store.errors import SignatureError

if TYPE_CHECKING:
    from model_store.signatures.registry import Registry

Decorated = Callable[..., Any]


def time_argument(text: str) -> datetime:
    """Return a time in UTC: ``2026-11-25``, ``2026-11-25T08:00`` (local unless it says so), or ``12h``, ``7d`` ago."""
    try:
        return time_or_ago(text)
    except ValueError as error:
        raise click.BadParameter(
            f"expected a time such as 2026-11-25, 2026-11-25T08:00Z or 12h (ago), found {text!r}"
        ) from error


def config_option(command: Decorated) -> Decorated:
    """Add ``--config FILE`` to a command."""
    return click.option(
        "--config",
        "config_file",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Configuration file. Default: $RADTME_CONFIG, else ./radtme.yaml, else defaults, data in ./radtme-data.",
    )(command)


class OutputFile(click.Path):
    """A file to be written: that its folder is not there is said before the work, not after it."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, dir_okay=False, writable=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path."""
        path: Any = super().convert(value, param, ctx)
        if not path.absolute().parent.is_dir():
            self.fail(f"there is no folder {path.parent}", param, ctx)
        return path


class OutputFolder(click.Path):
    """A folder to write into: that it cannot be made or written is said before the work, not after it."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, file_okay=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path."""
        path: Any = super().convert(value, param, ctx)
        if why := why_unusable(path.absolute()):
            self.fail(why, param, ctx)
        return path


class _FormerArgument(click.Argument):
    """An argument that an option has replaced: accepted, and not shown in the help."""

    def get_usage_pieces(self, ctx: click.Context) -> list[str]:
        return []


def output_folder_option(command: Decorated) -> Decorated:
    """Add ``--output FOLDER``, which has to be given, to a command. The folder is accepted as an argument too."""
    folder = OutputFolder()

    @click.option("--output", metavar="FOLDER", type=folder, help="Folder to write into. Required.")
    @click.argument("former_output", cls=_FormerArgument, type=folder, required=False)
    @wraps(command)
    def with_output(*args: Any, output: Path | None, former_output: Path | None, **kwargs: Any) -> Any:
        if (output is None) == (former_output is None):
            raise WrongUsage("one output folder has to be given", "name it with --output FOLDER")
        if former_output is not None:
            click.echo("warning: the output folder is given with --output now", err=True)
        return command(*args, output=output or former_output, **kwargs)

    return with_output


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


def registry_of(config_file: Path | None) -> "Registry":
    """Return the signature registry of the configuration."""
    from deploy.configuration.load import read_configuration
    from model_store.signatures.registry import Registry

    return Registry(read_configuration(config_file).locations.model_store)


@contextmanager
def readable_errors() -> Iterator[None]:
    """Turn an error in a signature into an error message of one or two lines."""
    try:
        yield
    except SignatureError as error:
        message, _, advice = str(error).partition("; ")
        raise CommandError(message, advice) from error
