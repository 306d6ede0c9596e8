"""Settings of storage, retention, sink and status page."""

from dataclasses import dataclass
from pathlib import Path

from listener.settings import Count, Days, FreePort, ServerTls


@dataclass(frozen=True)
class SinkSettings:
    """A small Storage SCP in place of a PACS: for trials, not for keeping anything.

    Where it is enabled, `radtme up` starts it, and it is a target of that name.
    """

    enabled: bool = False
    ae_title: str = "SINK"
    host: str = "127.0.0.1"
    port: FreePort = 11113
    """0 takes a free port."""
    folder: Path = Path("sink")
    tls: ServerTls | None = None


@dataclass(frozen=True)
class Locations:
    """Folders on disk."""

    data: Path = Path("radtme-data")
    """The parent of all folders below, unless they are set themselves."""
    spool: Path = Path("spool")
    model_store: Path = Path("signatures")


@dataclass(frozen=True)
class RetentionSettings:
    """After how many days `radtme retention --apply` may remove data; empty: never. Nothing else removes data.

    A study goes together with its jobs, when each of them and its own last object are old enough.
    """

    studies_days: Days | None = 30
    """Since the last object of the study was received."""
    done_days: Days | None = 30
    """Since the results of a job were delivered."""
    dropped_days: Days | None = 90
    """Since the job was dropped."""
    failed_days: Days | None = 90
    """Since a job failed that has no result. One with a result that a target refused is kept."""
    quarantine_days: Days | None = 30
    """Since the object was put into quarantine."""


@dataclass(frozen=True)
class StatusPageSettings:
    """The status page: cases, targets, signature and disk in a browser, read only."""

    enabled: bool = False
    """Let `radtme up` serve it; `radtme status-page` does in any case."""
    host: str = "127.0.0.1"
    port: FreePort = 9180
    """0 takes a free port."""
    username: str = "radtme"
    password_file: Path | None = None
    """A file that holds the password, for its owner only; needed on anything but loopback."""
    show_patients: bool = False
    """Show Patient's Name and Patient ID of each case. Without it, the page shows no patient data."""
    newest: Count = 50
    """How many finished cases are listed."""
