"""A small Storage SCP in place of a PACS: it writes each instance that it receives to a file in a folder."""

import socket
import socketserver
import ssl
import threading
from collections.abc import Sequence
from typing import Any

from pydicom.uid import AllTransferSyntaxes
from pynetdicom import AE, AllStoragePresentationContexts, evt
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]
from pynetdicom.transport import ThreadedAssociationServer

from deploy.configuration.sections import SinkSettings
from listener.dicom.uids import InvalidUid, checked_uid
from listener.runtime.logger import Logger
from listener.spool.atomic_files import write_bytes
from listener.tls.contexts import server_context
from listener.tls.handshake import HandshakeFailed, shake_hands

HANDSHAKE_SECONDS = 15.0
SUCCESS, OUT_OF_RESOURCES, CANNOT_UNDERSTAND = 0x0000, 0xA700, 0xC000
"""C-STORE statuses (PS3.4 table B.2-1)."""

log = Logger(__name__)


class _Server(ThreadedAssociationServer):
    """pynetdicom's server with the TLS handshake in the connection's thread: a slow peer does not block others."""

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = socketserver.TCPServer.get_request(self)
        if self.ssl_context is not None:
            connection = self.ssl_context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            if isinstance(request, ssl.SSLSocket):
                shake_hands(request, HANDSHAKE_SECONDS)
                request.settimeout(self.ae.network_timeout)
        except HandshakeFailed as failed:
            log.warning("tls_handshake_failed", peer=str(client_address[0]), reason=failed.failure.value)
            self.shutdown_request(request)
            return
        super().process_request_thread(request, client_address)


class Sink:
    """The server. Its folder then holds ``<SOP Instance UID>.dcm``; a second copy replaces the first.

    ``callers`` are the AE titles that may send; empty means any.
    """

    def __init__(self, settings: SinkSettings, callers: Sequence[str] = ()) -> None:
        self._settings = settings
        self._callers = list(callers)
        self._server: ThreadedAssociationServer | None = None

    @property
    def port(self) -> int:
        """The port that it listens on, also where the settings have 0."""
        return int(self._server.server_address[1]) if self._server else self._settings.port

    def start(self) -> None:
        """Listen from now on, in threads."""
        self._settings.folder.mkdir(parents=True, exist_ok=True)
        entity = AE(self._settings.ae_title)
        entity.maximum_pdu_size = 131072
        entity.require_calling_aet = self._callers
        entity.require_called_aet = bool(self._callers)
        entity.add_supported_context(Verification)
        for context in AllStoragePresentationContexts:
            if context.abstract_syntax is not None:
                entity.add_supported_context(context.abstract_syntax, AllTransferSyntaxes)
        self._server = entity.make_server(
            (self._settings.host, self._settings.port),
            evt_handlers=[(evt.EVT_C_STORE, self._store)],
            ssl_context=None if self._settings.tls is None else server_context(self._settings.tls),
            server_class=_Server,
        )
        entity._servers.append(self._server)  # shutdown() removes it
        threading.Thread(target=self._server.serve_forever, name="sink", daemon=True).start()

    def stop(self) -> None:
        """End the server and the associations that are open."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def _store(self, event: evt.Event) -> int:
        try:
            uid = checked_uid(getattr(event.request, "AffectedSOPInstanceUID", ""))
        except InvalidUid:
            return CANNOT_UNDERSTAND
        try:
            write_bytes(self._settings.folder / f"{uid}.dcm", event.encoded_dataset(include_meta=True))
        except OSError:
            return OUT_OF_RESOURCES
        return SUCCESS
