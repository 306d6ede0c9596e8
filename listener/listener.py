"""The listener as a whole: accepts connections, and starts and stops everything around them."""

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace

from listener.audit.events import application_activity
from listener.audit.forwarder import forwarder
from listener.audit.rejected_peers import RejectedPeers
from listener.audit.trail import AuditLog, NotAudited
from listener.broker.announcer import Announcer
from listener.broker.sweep import Sweep
from listener.dicom.data_set import Identity
from listener.metrics.collectors import BrokerCollector, PairingCollector, SpoolCollector
from listener.metrics.counters import ListenerMetrics
from listener.pairing.arrivals import Arrivals
from listener.pairing.pairer import Pairer
from listener.pairing.retrieve import retrieve
from listener.pairing.retrieve_queue import Fetch
from listener.runtime.health import Check, HealthServer
from listener.runtime.heartbeat import Heartbeat, Part
from listener.runtime.logger import Logger
from listener.scp.admission import Admission
from listener.scp.allow_list import AllowList
from listener.scp.c_store import Inbox
from listener.scp.counter_labels import counter_labels
from listener.scp.left_over import clear_receiving
from listener.scp.quarantine import Quarantine
from listener.scp.server import Server, _server
from listener.settings import AllowedPeer, ListenerSettings, is_loopback
from listener.spool.layout import set_up_at
from listener.spool.spool import Spool
from listener.tls.certificate_metrics import listener_certificates
from listener.tls.contexts import reloading_server_context

log = Logger(__name__)

STALLED_SECONDS = 60.0
"""A loop whose last iteration is older than this, beyond its own pause, counts as dead."""


class Listener:
    """Storage and Verification SCP on a spool. `start` it, and `stop` it once."""

    def __init__(self, settings: ListenerSettings) -> None:
        self.settings = settings
        self.spool = Spool(settings.spool, settings.ledger_url, settings.lease_seconds)
        self.metrics = ListenerMetrics()
        self._tls = None if settings.tls is None else reloading_server_context(settings.tls, "listener.tls")
        self._admission = Admission(
            settings.max_associations,
            settings.max_associations_per_peer,
            settings.max_pending_connections,
            settings.max_pending_connections_per_peer,
            AllowList(settings.calling_ae_titles, settings.peers),
            AllowList(peers=settings.reporters),
        )
        self.metrics.open_associations.set_function(lambda: self._admission.open_associations)
        self._announcer = Announcer(settings.redis_url)
        self._sweep = Sweep(
            self.spool,
            self._announcer.announce,
            self._announcer.depths,
            settings.sweep_seconds,
            settings.reannounce_seconds,
        )
        arrivals = Arrivals(self.spool.receiving, lambda: self._pairer.look_soon())
        self._pairer = Pairer(
            self.spool,
            settings,
            self._sweep.announce_ready,
            _fetch(settings),
            self.metrics.case_received,
            self.metrics.outline_set_aside,
            arrivals.may_bring,
        )
        quarantine = Quarantine(self.spool, settings.max_quarantine_bytes, settings.max_quarantine_objects)
        self.audit = AuditLog(settings.audit, self.metrics.audit_failed)
        self._rejected_peers = RejectedPeers(self.audit)
        self._inbox = Inbox(
            self.spool,
            settings,
            quarantine,
            self._pairer.outline_kept,
            self._object_kept,
            arrivals,
            self.audit,
            self._rejected_peers,
        )
        self._forwarder = forwarder(settings.audit, self.metrics.registry)
        self._server: Server | None = None
        self._health: HealthServer | None = None
        self._heartbeat: Heartbeat | None = None
        self._stopped = False

    def start(self) -> None:
        """Prepare the spool, remove what dead processes left behind, and accept associations.

        Raises
        ------
        OSError
            If the spool or the audit trail cannot be written, or a port is taken.
        """
        self.spool.prepare()
        cleared = clear_receiving(self.spool)
        self.metrics.start_at_zero(counter_labels(self.settings))
        self.metrics.spool_found(set_up_at(self.spool.root), self.spool.last_arrival() or 0.0)
        self.metrics.registry.register(SpoolCollector(self.spool))
        self.metrics.registry.register(BrokerCollector(self._announcer.depths))
        self.metrics.registry.register(PairingCollector(self._pairer.waits, self._pairer.most_cases_of_a_study))
        self.metrics.registry.register(listener_certificates(self.settings, self._tls))
        self._health = HealthServer(
            self.settings.metrics_host, self.settings.metrics_port, self.metrics.registry, self.liveness, self.readiness
        )
        try:
            self._server = _server(self.settings, self._inbox, self._admission, self.metrics, self._tls)
        except OSError:
            self._health.stop()
            raise
        try:
            self.audit.write(application_activity("listener", [self.settings.ae_title], started=True))
        except NotAudited:
            self._health.stop()
            self._server.server_close()
            raise
        self._heartbeat = Heartbeat(
            self.spool.parts, [Part.LISTENER], lambda: all(check.ok for check in self.liveness().values())
        )
        for part in (
            self._announcer,
            self._sweep,
            self._pairer,
            self._health,
            self._server,
            self._forwarder,
            self._heartbeat,
        ):
            if part is not None:
                part.start()
        log.info("listener_started", ae_title=self.settings.ae_title, port=self.port, cleared=cleared)

    def stop(self, drain_seconds: float = 10.0) -> None:
        """Stop accepting, let open associations finish, and abort those that take longer than ``drain_seconds``.

        Does nothing the second time.
        """
        if self._stopped:
            return
        self._stopped = True
        if self._server is not None:
            self._server.stop(drain_seconds)
        self._rejected_peers.end()
        with suppress(NotAudited):  # counted by `audit_failed`; the trail then has a start without an end
            self.audit.write(application_activity("listener", [self.settings.ae_title], started=False))
        for part in (self._pairer, self._sweep, self._announcer, self._health, self._forwarder, self._heartbeat):
            if part is not None:
                part.stop()
        log.info("listener_stopped")

    @property
    def port(self) -> int:
        """The port that associations are accepted on; known after `start`."""
        return self._server.port if self._server else self.settings.port

    @property
    def metrics_port(self) -> int:
        """The port of ``/metrics``, ``/healthz`` and ``/readyz``; known after `start`."""
        return self._health.port if self._health else self.settings.metrics_port

    def allow(
        self,
        calling_ae_titles: Iterable[str],
        peers: Iterable[AllowedPeer],
        reporters: Iterable[AllowedPeer] | None = None,
    ) -> None:
        """Replace the list of peers that may associate; open associations are kept.

        ``reporters`` may report on storage commitment; None leaves them unchanged.

        Raises
        ------
        ValueError
            If it is empty although other machines can reach the listener.
        """
        titles, entries = tuple(calling_ae_titles), tuple(peers)
        if not titles and not entries and not is_loopback(self.settings.host):
            raise ValueError(f"the list of who may associate is empty, and {self.settings.host} can be reached by all")
        self._admission.allowed = AllowList(titles, entries)
        self.metrics.start_at_zero(counter_labels(replace(self.settings, calling_ae_titles=titles, peers=entries)))
        if reporters is not None:
            self._admission.reporters = AllowList(peers=reporters)
        log.info("allow_list_replaced", entries=len(titles) + len(entries))

    def liveness(self) -> Mapping[str, Check]:
        """Return whether all loops are running."""
        now = time.monotonic()
        longest = self.settings.sweep_seconds + STALLED_SECONDS
        return {
            "pairing": _scan_check(now - self._pairer.last_scan, longest),
            "announcing": Check(self._announcer.is_running),
            "sweep": _scan_check(now - self._sweep.last_scan, longest),
            "accepting": Check(self._server is not None and self._server.is_serving),
        }

    def readiness(self) -> Mapping[str, Check]:
        """Return whether an object received now would be stored. Redis is shown, but the intake does not need it."""
        free = self.spool.free_bytes()
        enough = Check(
            free >= self.settings.min_free_bytes,
            f"{free / 1e9:.1f} GB free, {self.settings.min_free_bytes / 1e9:.1f} GB needed",
        )
        return {
            "accepting": Check(self._server is not None and self._server.is_serving),
            "spool_writable": Check(self.spool.is_writable()),
            "disk_space": enough,
            "redis": Check(self._announcer.depths() is not None, required=False),
        }

    def _object_kept(self, identity: Identity) -> None:
        self._pairer.image_kept(identity.study_uid)


def _fetch(settings: ListenerSettings) -> Fetch | None:
    source = settings.retrieve_from
    if source is None:
        return None

    def fetch(study_uid: str, missing: Mapping[str, tuple[str, ...]]) -> None:
        retrieve(source, settings.ae_title, study_uid, missing)

    return fetch


def _scan_check(seconds: float, longest: float) -> Check:
    return Check(seconds <= longest, f"turned {seconds:.1f} s ago")
