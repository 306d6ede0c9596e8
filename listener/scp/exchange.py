"""The established association: requests come in, responses go out, one at a time (PS3.7 chapter 9)."""

import struct
import time
from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum

import structlog

from listener.audit.received_studies import ReceivedStudies
from listener.metrics.counters import ListenerMetrics
from listener.runtime.fault_points import FaultPoint, reach
from listener.scp.c_store import Inbox, IncomingObject, StoreReply
from listener.scp.command_set import (
    P_DATA_TF,
    Command,
    InvalidCommand,
    Operation,
    command_pdus,
    encode_response,
    parse_command,
)
from listener.scp.commitment_events import IncomingReport, is_report
from listener.scp.connection import (
    A_ABORT,
    A_RELEASE_RQ,
    INVALID_PDU_PARAMETER,
    UNEXPECTED_PDU,
    Connection,
    PeerTooSlow,
    ProtocolError,
    release_response_pdu,
)
from listener.scp.negotiation import Request
from listener.scp.part_files import MOST_FRAGMENTS, PartFiles
from listener.scp.presentation_contexts import Context
from listener.scp.statuses import Status

MAX_COMMAND_BYTES = 64 * 1024
_PDV = struct.Struct(">LBB")


class AssociationOutcome(StrEnum):
    """How a connection ended."""

    RELEASED = "released"
    REJECTED = "rejected"
    ABORTED_BY_PEER = "aborted_by_peer"
    ABORTED_BY_US = "aborted_by_us"
    CONNECTION_LOST = "connection_lost"
    TIMED_OUT = "timed_out"
    NEVER_ASSOCIATED = "never_associated"
    """Closed, silent or not DICOM, before an association was established."""


class Exchange:
    """The established association: requests come in, responses go out, one at a time."""

    def __init__(
        self,
        connection: Connection,
        inbox: Inbox,
        metrics: ListenerMetrics,
        parts: PartFiles,
        contexts: Mapping[int, Context],
        request: Request,
        logger: structlog.typing.FilteringBoundLogger,
        studies: ReceivedStudies,
    ) -> None:
        self._connection = connection
        self._inbox = inbox
        self._settings = inbox.settings
        self._metrics = metrics
        self._parts = parts
        self._contexts = contexts
        self._request = request
        self._log = logger
        self._studies = studies
        self._command_bytes = bytearray()
        self._command: Command | None = None
        self._object: IncomingObject | IncomingReport | None = None
        self._fragments: list[memoryview] = []
        """Of the object's data set, in the connection's buffer."""
        self._began: float | None = None
        self._kept = 0
        self.requests = 0
        """Messages that began, C-ECHO counted too."""
        self._message_bytes = 0

    def run(self) -> AssociationOutcome:
        """Serve requests until the peer releases or aborts.

        Raises
        ------
        ProtocolError, PeerTooSlow, PeerDisconnected
            If the association cannot go on; an unfinished object is forgotten.
        """
        try:
            while True:
                if self._fragments and not self._connection.has_pdu:  # reading overwrites them
                    self._hand_over()
                pdu_type, body = self._connection.read_pdu(self._settings.idle_timeout_seconds)
                if pdu_type == P_DATA_TF:
                    self._p_data(body)
                elif pdu_type == A_RELEASE_RQ:
                    self._log.info("association_released", objects=self._kept)
                    self._connection.send(release_response_pdu())
                    self._connection.await_close()
                    return AssociationOutcome.RELEASED
                elif pdu_type == A_ABORT:
                    self._log.warning("association_aborted_by_peer", objects=self._kept)
                    return AssociationOutcome.ABORTED_BY_PEER
                else:
                    raise ProtocolError(UNEXPECTED_PDU, f"unexpected PDU type 0x{pdu_type:02x}")
        finally:
            if self._object is not None:
                self._object.discard()
            self._studies.end()

    def _p_data(self, body: memoryview) -> None:
        """Take the presentation data values of a P-DATA-TF PDU (PS3.8 section 9.3.5)."""
        if not body:
            raise ProtocolError(INVALID_PDU_PARAMETER, "a P-DATA-TF PDU holds no item")
        self._check_pace()
        self._message_bytes += len(body)
        position = 0
        while position < len(body):
            if position + _PDV.size > len(body):
                raise ProtocolError(INVALID_PDU_PARAMETER, "a P-DATA-TF PDU ends within the header of an item")
            length, context_id, control = _PDV.unpack_from(body, position)
            if length < 2 or position + 4 + length > len(body):
                raise ProtocolError(INVALID_PDU_PARAMETER, "an item of a P-DATA-TF PDU is longer than its PDU")
            fragment = body[position + _PDV.size : position + 4 + length]
            position += 4 + length
            self._fragment(context_id, bool(control & 1), bool(control & 2), fragment)

    def _check_pace(self) -> None:
        """End a peer that sends whole PDUs, but so small or so seldom that its message would never end.

        Raises
        ------
        PeerTooSlow
            If the message takes longer than its size allows.
        """
        if self._began is None:
            return
        allowed = self._settings.message_timeout_seconds + self._message_bytes / self._settings.min_bytes_per_second
        if time.perf_counter() - self._began > allowed:
            raise PeerTooSlow(f"a request was not whole after {allowed:.0f} s: {self._message_bytes} bytes of it came")

    def _fragment(self, context_id: int, is_command: bool, is_last: bool, fragment: memoryview) -> None:
        context = self._contexts.get(context_id)
        if context is None:
            raise ProtocolError(INVALID_PDU_PARAMETER, f"presentation context {context_id} was not accepted")
        if is_command:
            self._command_fragment(context, is_last, fragment)
        else:
            self._data_fragment(context, is_last, fragment)

    def _command_fragment(self, context: Context, is_last: bool, fragment: memoryview) -> None:
        if self._command is not None:
            raise ProtocolError(INVALID_PDU_PARAMETER, "a command came before the data set of the last one ended")
        if len(self._command_bytes) + len(fragment) > MAX_COMMAND_BYTES:
            raise ProtocolError(INVALID_PDU_PARAMETER, "the command set is too long")
        if self._began is None:
            self._begin_message()
        self._command_bytes += fragment
        if is_last:
            try:
                command = parse_command(bytes(self._command_bytes))
            except InvalidCommand as error:
                raise ProtocolError(INVALID_PDU_PARAMETER, str(error)) from error
            self._command_bytes.clear()
            self._begin(context, command)

    def _begin_message(self) -> None:
        self.requests += 1
        if self.requests > self._settings.max_objects_per_association:
            raise ProtocolError(0, "more requests than one association may make (max_objects_per_association)")
        self._began = time.perf_counter()
        self._message_bytes = 0

    def _begin(self, context: Context, command: Command) -> None:
        if command.is_response:
            raise ProtocolError(INVALID_PDU_PARAMETER, "a response without a request")
        if command.has_data_set:
            self._command = command
            self._object = self._incoming(context, command)
            return
        self._began = None
        statuses: dict[int, Status] = {Operation.C_ECHO: Status.SUCCESS, Operation.C_STORE: Status.CANNOT_UNDERSTAND}
        self._respond(context, command, StoreReply(statuses.get(command.field, Status.UNRECOGNIZED_OPERATION)))

    def _incoming(self, context: Context, command: Command) -> IncomingObject | IncomingReport | None:
        """Return the receiver of the next data set; None where this operation is not served on the context."""
        caller = self._request.calling_ae_title
        match command.field:
            case Operation.C_STORE if not is_report(context):
                return IncomingObject(self._inbox, self._parts, context, command, caller, self._studies)
            case Operation.N_EVENT_REPORT if is_report(context):
                return IncomingReport(self._inbox.spool, context, command, caller)
        return None

    def _data_fragment(self, context: Context, is_last: bool, fragment: memoryview) -> None:
        if self._command is None:
            raise ProtocolError(INVALID_PDU_PARAMETER, "a data set came without a command")
        if self._object is not None:
            self._fragments.append(fragment)
            if is_last or len(self._fragments) == MOST_FRAGMENTS:
                self._hand_over()
        if is_last:
            self._end_of_message(context, self._command)

    def _hand_over(self) -> None:
        """Let the object take the fragments that came together, before the next ones are read into their place."""
        if self._object is None:
            return
        self._object.write(self._fragments)
        self._fragments.clear()
        if self._object.received_bytes > 2 * self._settings.max_object_bytes:
            raise ProtocolError(0, "the object goes on far beyond the size that is taken")

    def _end_of_message(self, context: Context, command: Command) -> None:
        incoming, self._object, self._command = self._object, None, None
        began, self._began = self._began or 0.0, None
        if incoming is None:
            self._respond(context, command, StoreReply(Status.UNRECOGNIZED_OPERATION))
            return
        answer = incoming.finish()
        if isinstance(incoming, IncomingReport):
            self._respond(context, command, answer)
            self._metrics.commitment_reported(answer.status.name.lower())
            return
        self._kept += answer.status is Status.SUCCESS
        self._respond(context, command, answer)
        reach(FaultPoint.RECEIVE_ACKNOWLEDGED)
        self._prepare_for_next()
        self._metrics.object_received(
            context.sop_class_uid,
            self._request.calling_ae_title,
            answer.outcome,
            incoming.received_bytes,
            time.perf_counter() - began,
        )

    def _prepare_for_next(self) -> None:
        with suppress(OSError):  # the next object reports the error
            self._parts.prepare()

    def _respond(self, context: Context, command: Command, answer: StoreReply) -> None:
        content = encode_response(command, answer.status, answer.comment)
        self._connection.send(command_pdus(context.id, content, self._request.peer_max_pdu_bytes))
