"""The settings of an installation, as its file gives them and as the parts use them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from deploy.configuration.ledger_url import LedgerSettings
from deploy.configuration.redis_url import RedisSettings
from deploy.configuration.sections import Locations, RetentionSettings, SinkSettings, StatusPageSettings
from deploy.network.peer import Peer
from listener.settings import AuditSettings, ListenerSettings
from listener.spool.spool import Spool
from workers.settings import WebhookSettings, WorkerSettings
from workers.targets.target import Target

LISTENER_SKIP = frozenset({"reporters", "spool", "ledger_url", "lease_seconds", "redis_url", "audit"})
AUDIT_SKIP = frozenset({"character_sets"})
WORKERS_SKIP = frozenset(
    {"spool", "model_store", "ledger_url", "lease_seconds", "redis_url", "targets", "audit", "webhook"}
)
COMPUTED = {"listener": LISTENER_SKIP, "workers": WORKERS_SKIP, "audit": AUDIT_SKIP}
"""Fields of the sections that follow from other settings: a file cannot set them."""


@dataclass(frozen=True)
class Configuration:
    """The settings of one installation."""

    file: Path | None
    locations: Locations
    redis: RedisSettings
    ledger: LedgerSettings
    listener: ListenerSettings
    workers: WorkerSettings
    sink: SinkSettings
    audit: AuditSettings
    status_page: StatusPageSettings
    retention: RetentionSettings
    webhook: WebhookSettings
    """As written; the workers have it only where it has a URL."""
    origins: Mapping[str, str]
    """File and line, or environment variable, of every setting that is not a default."""
    warnings: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    """Our environment variables at the time of reading: reading it again, also in a child process, needs the same. May
    hold passwords.
    """

    @property
    def spool(self) -> Spool:
        """The spool, with its ledger."""
        return Spool(self.locations.spool, self.listener.ledger_url)

    @property
    def run_folder(self) -> Path:
        """The file in which a running stack states its ports."""
        return self.locations.data / "run"

    def origin_of(self, setting: str) -> str:
        """Return where a setting was given (file and line, or variable), or else the file as a whole."""
        return self.origins.get(setting) or self.origins.get(f"{setting}.name") or str(self.file or "defaults")

    @property
    def origin(self) -> str:
        """Where the configuration comes from, as a URI."""
        return self.file.absolute().as_uri() if self.file else "radtme:defaults"

    def own_listener(self) -> Peer:
        """Return how to reach the listener from this machine."""
        host = "127.0.0.1" if self.listener.host in ("0.0.0.0", "::", "") else self.listener.host  # noqa: S104
        tls = self.listener.tls.as_client if self.listener.tls else None
        return Peer(self.listener.ae_title, host, self.listener.port, tls)

    def with_redis(self, url: str) -> "Configuration":
        """Return the same configuration with the Redis that was found to be running."""
        return replace(
            self, listener=replace(self.listener, redis_url=url), workers=replace(self.workers, redis_url=url)
        )


@dataclass(frozen=True, kw_only=True)
class Document(Locations):
    """The configuration of a radtme installation."""

    redis: RedisSettings
    ledger: LedgerSettings
    listener: ListenerSettings
    workers: WorkerSettings
    targets: tuple[Target, ...] = ()
    """Where results go."""
    sink: SinkSettings
    audit: AuditSettings
    status_page: StatusPageSettings
    retention: RetentionSettings
    webhook: WebhookSettings
