"""What a command asks of the spool and its ledger before it uses them, without what reads or changes them."""

from deploy.configuration.folder_checks import unusable_folders
from deploy.configuration.settings import Configuration
from deploy.errors import CommandError
from deploy.terminal import path_from_here
from listener.spool.jobs import IN_WORK
from listener.spool.layout import WrongLayout, check_layout, layout_of
from listener.spool.spool import Spool


class NoSpool(CommandError):
    """There is no spool yet: nothing ever ran with this configuration."""


def existing_spool(configuration: Configuration) -> Spool:
    """Return the spool of the configuration.

    Raises
    ------
    NoSpool
        If there is none yet.
    CommandError
        If it cannot be made, or has another layout than this program.
    """
    spool = configuration.spool
    if not spool.root.is_dir() or layout_of(spool.root) is None:
        for setting, why in unusable_folders(configuration):
            raise CommandError(f"{setting}: {why}", "correct owner, mode or path")
        raise NoSpool(
            f"there is no spool at {path_from_here(spool.root)}",
            "nothing ever ran with this configuration; radtme up starts it, --config names another one",
        )
    require_layout(configuration)
    return spool


def require_layout(configuration: Configuration) -> None:
    """Accept a spool of this program's layout, and one that does not exist yet.

    Raises
    ------
    CommandError
        If the spool has another layout.
    """
    try:
        check_layout(configuration.locations.spool)
    except WrongLayout as error:
        raise CommandError(error.message, error.remedy) from error


def require_ledger(configuration: Configuration) -> None:
    """Accept an embedded ledger that can be used, and one that does not exist yet; one on a server may be away.

    Raises
    ------
    CommandError
        If the file is damaged where the open cases are, or a newer program wrote it.
    """
    from listener.ledger.database import SQLITE_NAME
    from listener.spool.job_queries import ids_in

    if configuration.listener.ledger_url is not None or not (configuration.locations.spool / SQLITE_NAME).exists():
        return
    try:
        ids_in(configuration.spool.ledger, *IN_WORK)  # what a start needs; radtme doctor reads all of it
    except OSError as error:
        raise CommandError(
            f"the ledger cannot be used: {error.strerror}", "docs/operations/upgrade.md, Backup"
        ) from error
