"""The URL of an external ledger: PostgreSQL by its driver psycopg. The embedded one (SQLite) needs no settings."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, quote, urlsplit, urlunsplit

from listener.settings import Seconds, is_loopback
from listener.tls.certificates import CredentialFileError, read_secret

EXPECTED_URL = "expected postgresql://[user[:password]@]host[:port]/database"
DRIVER_SCHEME = "postgresql+psycopg"
ENCRYPTED = frozenset({"require", "verify-ca", "verify-full"})
"""Values of libpq's ``sslmode`` with which nothing is sent in the clear."""


@dataclass(frozen=True)
class LedgerSettings:
    """Where the ledger is: what is known about objects, jobs and targets."""

    url: str | None = field(default=None, repr=False)
    """Of a PostgreSQL database; without it, SQLite in the spool. Parameters of libpq, such as ``sslmode``, go into its
    query. May hold a password: never shown."""
    url_file: Path | None = None
    """A file that holds the URL, for its owner only."""
    password_file: Path | None = None
    """A file that holds the password, for its owner only."""
    lease_seconds: Seconds = 60.0
    """A case whose worker on another machine gave no sign of life for so long is taken over."""


class LedgerProblem(ValueError):
    """The settings of the ledger cannot be used; ``setting`` names the one to change. Holds no secret."""

    def __init__(self, setting: str, message: str) -> None:
        super().__init__(message)
        self.setting = setting


def ledger_url(settings: LedgerSettings) -> str | None:
    """Return the URL for SQLAlchemy, password in it; None where the ledger is embedded.

    Raises
    ------
    LedgerProblem
        If a file cannot be read, or two settings contradict each other.
    """
    if settings.url and settings.url_file:
        raise LedgerProblem("ledger.url_file", "ledger.url is also set; remove one of the two")
    if not settings.url and not settings.url_file:
        if settings.password_file:
            raise LedgerProblem("ledger.password_file", "requires a PostgreSQL database: set ledger.url")
        return None
    setting = "ledger.url" if settings.url else "ledger.url_file"
    parts = ledger_parts(settings.url or _secret(settings.url_file, setting))
    if parts is None:
        raise LedgerProblem(setting, f"{EXPECTED_URL}, found something else")
    if "password" in parse_qs(parts.query):
        raise LedgerProblem(setting, "password is not allowed as a URL parameter; set ledger.password_file")
    return urlunsplit(parts._replace(scheme=DRIVER_SCHEME, netloc=_netloc(settings, parts)))


def ledger_parts(url: str) -> SplitResult | None:
    """Return the parts of the URL of a PostgreSQL database; None where it is no such URL."""
    with suppress(ValueError):
        parts = urlsplit(url)
        if parts.scheme == "postgresql" and parts.hostname and parts.port != 0 and parts.path.strip("/"):
            return parts
    return None


def in_the_clear(url: str | None) -> Iterator[str]:
    """Yield a warning where what the ledger holds may cross the network unencrypted."""
    parts = urlsplit(url or "")
    mode = parse_qs(parts.query).get("sslmode", [""])[-1]
    if parts.hostname and not is_loopback(parts.hostname) and mode not in ENCRYPTED:
        yield f"ledger: data may go to {parts.hostname} in the clear; add ?sslmode=verify-full to ledger.url"


def _netloc(settings: LedgerSettings, parts: SplitResult) -> str:
    if settings.password_file is None:
        return parts.netloc
    if parts.password:
        raise LedgerProblem("ledger.password_file", "the URL also contains a password; remove one of the two")
    if not parts.username:
        raise LedgerProblem("ledger.password_file", "the URL must name the user whose password this is")
    password = quote(_secret(settings.password_file, "ledger.password_file"), safe="")
    return f"{parts.username}:{password}@{parts.netloc.rpartition('@')[2]}"


def _secret(file: Path | None, setting: str) -> str:
    try:
        return read_secret(file) if file else ""
    except CredentialFileError as error:
        raise LedgerProblem(setting, str(error)) from error
