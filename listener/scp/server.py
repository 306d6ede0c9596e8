"""The TCP server that puts an association behind each connection."""

import ssl
import threading
import time
from typing import Any

from pynetdicom import AE
from pynetdicom.transport import AssociationServer

from listener.audit.events import Node
from listener.dicom.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from listener.metrics.counters import ListenerMetrics
from listener.runtime.logger import Logger
from listener.scp.admission import Admission, ConnectionRefusal
from listener.scp.association import Association
from listener.scp.c_store import Inbox
from listener.scp.connection import Connection
from listener.scp.presentation_contexts import supported_contexts
from listener.settings import ListenerSettings
from listener.tls.contexts import Reloading

log = Logger(__name__)


class Server(AssociationServer):
    """pynetdicom's server with our own association behind each connection, in a thread that can be waited for."""

    request_queue_size = 128

    def __init__(
        self,
        *args: Any,
        inbox: Inbox,
        admission: Admission,
        metrics: ListenerMetrics,
        tls: Reloading[ssl.SSLContext] | None,
        **kwargs: Any,
    ) -> None:
        self._tls = tls
        self._inbox = inbox
        self._admission = admission
        self._metrics = metrics
        self._connections: dict[threading.Thread, Connection] = {}
        self._lock = threading.Lock()
        super().__init__(*args, **kwargs)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.1,), name="accept", daemon=True)

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self.server_address[1])

    @property
    def is_serving(self) -> bool:
        """Whether connections are accepted."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin to accept."""
        self._thread.start()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a new connection in its own thread, or close it at once where too many wait to associate."""
        peer = str(client_address[0])
        if not self._admission.knows_address(peer):
            why = ConnectionRefusal.ADDRESS_NOT_ALLOWED.value
            log.warning("connection_refused", peer=peer, reason=why)
            self._metrics.association_rejected(why)
            self._inbox.rejected_peers.rejected(Node("", peer), self._inbox.settings.ae_title, why)
            request.close()
            return
        if not self._admission.admit_connection(peer):
            self._metrics.association_rejected(ConnectionRefusal.TOO_MANY_CONNECTIONS.value)
            request.close()
            return
        settings = self._inbox.settings
        connection = Connection(request, settings.max_pdu_bytes, settings.pdu_timeout_seconds)
        association = Association(
            connection, peer, self._inbox, self._admission, self.contexts, self._metrics, self._tls
        )
        thread = threading.Thread(
            target=self._serve, args=(association,), name=f"association-{association.id}", daemon=True
        )
        with self._lock:
            self._connections[thread] = connection
        thread.start()

    def _serve(self, association: Association) -> None:
        try:
            association.run()
        finally:
            with self._lock:
                self._connections.pop(threading.current_thread(), None)

    def service_actions(self) -> None:
        """Do nothing: pynetdicom collects its dead association threads here, and we have none of those."""

    def stop(self, drain_seconds: float) -> None:
        """Accept no more, wait for the associations, abort the rest."""
        self.shutdown()
        self._thread.join()
        deadline = time.monotonic() + drain_seconds
        for thread in self._threads():
            thread.join(max(0.0, deadline - time.monotonic()))
        with self._lock:
            left = dict(self._connections)
        for connection in left.values():
            connection.interrupt()
        for thread in left:
            thread.join(5.0)

    def _threads(self) -> list[threading.Thread]:
        with self._lock:
            return list(self._connections)


def _server(
    settings: ListenerSettings,
    inbox: Inbox,
    admission: Admission,
    metrics: ListenerMetrics,
    tls: Reloading[ssl.SSLContext] | None,
) -> Server:
    entity = AE(settings.ae_title)
    entity.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    entity.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    entity.supported_contexts = supported_contexts(documents=settings.assessments is not None)
    server = entity.make_server(
        (settings.host, settings.port),
        server_class=Server,
        inbox=inbox,
        admission=admission,
        metrics=metrics,
        tls=tls,
    )
    assert isinstance(server, Server)  # noqa: S101 - make_server's annotation is wider than what it returns
    entity._servers.append(server)  # type: ignore[arg-type]  # shutdown() takes it out again
    return server
