"""One connection, from its A-ASSOCIATE-RQ to its end, in its own thread.

pynetdicom's reactor polls in steps of a millisecond and lets a peer hold an association with half a PDU for ever. So
its parts are used (PDUs, contexts, roles), and the acceptor's side of the state machine (PS3.8 section 9.2: await
request, established, await close) is `Association` and `Exchange`, which block in recv with a deadline.
"""

import secrets
import shutil
import socket
import ssl
import time
from contextlib import ExitStack, suppress

import structlog
from pynetdicom.presentation import PresentationContext

from listener.audit.events import Node
from listener.audit.received_studies import ReceivedStudies
from listener.ledger.refused_contexts import RefusedContext, note_refused
from listener.metrics.counters import ListenerMetrics
from listener.runtime.logger import Logger
from listener.scp.admission import Admission, AssociationRejection, check_caller
from listener.scp.allow_list import Caller
from listener.scp.c_store import Inbox
from listener.scp.connection import (
    A_ASSOCIATE_RQ,
    UNEXPECTED_PDU,
    Connection,
    PeerDisconnected,
    PeerTooSlow,
    ProtocolError,
    abort_pdu,
)
from listener.scp.exchange import AssociationOutcome, Exchange
from listener.scp.negotiation import Request, negotiate, read_request, refused_contexts, reject_pdu
from listener.scp.part_files import PartFiles
from listener.scp.presentation_contexts import contexts_for, offered_storage
from listener.spool.locks import exclusive
from listener.tls.certificates import subject
from listener.tls.contexts import Reloading
from listener.tls.handshake import HandshakeFailed

log = Logger(__name__)

MOST_WANTED_CONTEXTS = 16
"""A peer that is refused more contexts proposes whatever it knows (storescu: 64 SOP classes), not what it will send:
they are told only where it then sends nothing."""


class Association:
    """Serves one connection. Call `run` in a thread of its own."""

    def __init__(
        self,
        connection: Connection,
        peer: str,
        inbox: Inbox,
        admission: Admission,
        contexts: list[PresentationContext],
        metrics: ListenerMetrics,
        tls: Reloading[ssl.SSLContext] | None = None,
    ) -> None:
        self.id = secrets.token_hex(6)
        self._connection = connection
        self._peer = peer
        self._inbox = inbox
        self._settings = inbox.settings
        self._admission = admission
        self._supported = contexts
        self._metrics = metrics
        self._tls = tls
        self._log = log.bind(association=self.id, peer=peer)
        self._established = False

    def run(self) -> AssociationOutcome:
        """Serve the connection until it ends, close it, and log how it ended."""
        pending = ExitStack()
        pending.callback(self._admission.connection_done, self._peer)
        try:
            with pending, structlog.contextvars.bound_contextvars(association=self.id):
                outcome = self._serve(pending)
        except ProtocolError as error:
            self._log.warning("association_aborted", reason=str(error))
            self._try_to_send(abort_pdu(source=2, reason=error.reason))
            outcome = self._ended(AssociationOutcome.ABORTED_BY_US)
        except HandshakeFailed as error:
            self._log.warning("tls_handshake_failed", reason=error.failure.value, detail=error.detail)
            self._metrics.handshake_failed(error.failure.value)
            self._inbox.rejected_peers.rejected(
                Node("", self._peer), self._settings.ae_title, f"TLS: {error.failure.value}"
            )
            outcome = AssociationOutcome.NEVER_ASSOCIATED
        except PeerTooSlow as error:
            self._log.warning("association_timed_out", reason=str(error))
            self._try_to_send(abort_pdu(source=2, reason=0))
            outcome = self._ended(AssociationOutcome.TIMED_OUT)
        except PeerDisconnected as error:
            self._log.info("connection_lost", reason=str(error))
            outcome = self._ended(AssociationOutcome.CONNECTION_LOST)
        except OSError as error:
            self._log.error("association_failed", reason=f"{type(error).__name__}: {error.strerror}")
            self._try_to_send(abort_pdu(source=2, reason=0))
            outcome = self._ended(AssociationOutcome.ABORTED_BY_US)
        finally:
            self._connection.close()
        self._metrics.association_ended(outcome.value)
        return outcome

    def _ended(self, outcome: AssociationOutcome) -> AssociationOutcome:
        return outcome if self._established else AssociationOutcome.NEVER_ASSOCIATED

    def _try_to_send(self, content: bytes) -> None:
        with suppress(PeerDisconnected, PeerTooSlow):  # only a courtesy to the peer
            self._connection.send(content)

    def _serve(self, pending: ExitStack) -> AssociationOutcome:
        # One deadline for all steps: a peer gets no more time by beginning the next one.
        deadline = time.monotonic() + self._settings.acse_timeout_seconds
        certificate = self._secure()
        pdu_type, body = self._connection.read_pdu(deadline - time.monotonic(), whole=True)
        if pdu_type != A_ASSOCIATE_RQ:
            raise ProtocolError(UNEXPECTED_PDU, f"expected an A-ASSOCIATE-RQ, found PDU type 0x{pdu_type:02x}")
        request = read_request(body)
        self._log = self._log.bind(calling_ae_title=request.calling_ae_title)
        caller = Caller(request.calling_ae_title, self._peer, certificate)
        may_report = self._admission.may_report(caller)
        unwanted = request.rejection or check_caller(
            self._settings, self._admission.allowed, caller, request.called_ae_title, may_report=may_report
        )
        if unwanted:
            self._inbox.rejected_peers.rejected(
                Node(request.calling_ae_title, self._peer), request.called_ae_title, unwanted.label
            )
            return self._reject(unwanted)
        with self._admission.association(self._peer) as no_folder:
            if no_folder:
                return self._reject(no_folder)
            pending.close()
            offered = contexts_for(self._supported, may_send=self._admission.may_send(caller), may_report=may_report)
            return self._accept(request, offered)

    def _secure(self) -> bytes | None:
        """Do the TLS handshake where TLS is configured; return the certificate of the peer."""
        if self._tls is None:
            return None
        certificate = self._connection.secure(self._tls.current(), self._settings.acse_timeout_seconds)
        if certificate is not None:
            self._log = self._log.bind(certificate=subject(certificate))
        return certificate

    def _reject(self, rejection: AssociationRejection) -> AssociationOutcome:
        self._log.warning("association_rejected", reason=rejection.label)
        self._metrics.association_rejected(rejection.label)
        self._connection.send(reject_pdu(rejection))
        self._connection.await_close()
        return AssociationOutcome.REJECTED

    def _accept(self, request: Request, offered: list[PresentationContext]) -> AssociationOutcome:
        contexts, response = negotiate(request, offered, self._settings.max_pdu_bytes)
        with ExitStack() as cleanup:
            try:
                parts = self._part_files(cleanup)
            except OSError as error:  # read-only, full to the last inode, no permission: it may pass
                self._log.error("receiving_folder_failed", reason=f"{type(error).__name__}: {error.strerror}")
                return self._reject(AssociationRejection.NO_STORAGE)
            self._connection.send(response)
            self._established = True
            self._metrics.association_accepted(request.calling_ae_title)
            self._log.info("association_accepted", contexts=len(contexts))
            studies = self._received_studies(request)
            refused = refused_contexts(request, contexts.values()) if offered_storage(offered) else []
            accepted = {context.sop_class_uid for context in contexts.values()}
            wanted = [one for one in refused if one.sop_class_uid not in accepted]
            if len(wanted) > MOST_WANTED_CONTEXTS:
                wanted = []
            self._note_refused(wanted)
            exchange = Exchange(
                self._connection, self._inbox, self._metrics, parts, contexts, request, self._log, studies
            )
            outcome = exchange.run()
            if not exchange.requests:
                # A peer that got a class in one encoding and sends nothing has its objects in the other.
                self._note_refused([one for one in refused if one not in wanted])
            return outcome

    def _note_refused(self, refused: list[RefusedContext]) -> None:
        """Report contexts that were not accepted, so that an administrator sees why no images arrive."""
        for one in refused:
            self._metrics.context_refused(one)
            self._log.info(
                "context_refused", sop_class_uid=one.sop_class_uid, transfer_syntax_uids=list(one.transfer_syntax_uids)
            )
        with suppress(OSError):  # it is in the log; where the ledger is away, the peer waits for one note, not for each
            for one in refused:
                note_refused(self._inbox.spool.ledger, one)

    def _received_studies(self, request: Request) -> ReceivedStudies:
        ourselves = Node(self._settings.ae_title, socket.gethostname())
        return ReceivedStudies(self._inbox.audit, Node(request.calling_ae_title, self._peer), ourselves)

    def _part_files(self, cleanup: ExitStack) -> PartFiles:
        """Create this association's folder, locked while the process lives, so that no other process removes it."""
        self._inbox.arrivals.begin(self.id)
        cleanup.callback(self._inbox.arrivals.end, self.id)
        folder = self._inbox.spool.receiving / self.id
        folder.mkdir()
        with ExitStack() as failed:
            failed.callback(shutil.rmtree, folder, ignore_errors=True)
            if not cleanup.enter_context(exclusive(folder)):
                raise OSError("the new folder below receiving/ is locked by another process")
            parts = PartFiles(folder)
            failed.pop_all()
        cleanup.callback(parts.close)
        return parts
