"""A PACS that stores objects and reports storage commitment: at once, later, in part or never."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, AllStoragePresentationContexts, build_role, evt
from pynetdicom.association import Association
from pynetdicom.sop_class import (
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
    StudyRootQueryRetrieveInformationModelFind,
    Verification,
)

from workers.targets.target import Target

ALL_COMMITTED, SOME_FAILED = 1, 2
"""Event Type IDs (PS3.4 section J.3.3.1.1)."""
PROCESSING_FAILURE = 0x0110


@dataclass
class Committing:
    """What the PACS got, and how it behaves; a test may change that at any time."""

    port: int = 0
    """0 takes a free one."""
    statuses: list[int] = field(default_factory=list)
    """C-STORE statuses, one after the other, then success."""
    stored: list[str] = field(default_factory=list)
    """SOP Instance UIDs in the order in which they came."""
    ends_at: int | None = None
    """The connection is closed in the place of the response to the object of this number, once."""
    swallows: threading.Event | None = None
    """While it is there and not set, objects arrive and no response leaves."""
    listed: set[str] | None = None
    """What C-FIND finds; None: everything that was stored."""
    asked: list[Dataset] = field(default_factory=list)
    """Commitment requests, in their order."""
    action_status: int = 0x0000
    report_at_once: bool = True
    """On the same association, while it is open."""
    failing: Mapping[str, int] = field(default_factory=dict)
    """Failure Reason by SOP Instance UID, of what cannot be kept."""
    silent_about: frozenset[str] = frozenset()
    """What a report does not mention."""
    answers: list[int] = field(default_factory=list)
    """What its reports were answered with."""
    echoes: int = 0

    def store(self, event: evt.Event) -> int:
        """Answer a C-STORE, or not."""
        if self.ends_at == len(self.stored):
            self.ends_at = None
            event.assoc.dul.socket.close()
            return 0x0000
        status = self.statuses.pop(0) if self.statuses else 0x0000
        self.stored.append(str(event.request.AffectedSOPInstanceUID))
        if self.swallows is not None:
            self.swallows.wait(120)
        return status

    def report(self, request: Dataset) -> tuple[Dataset, int]:
        """Return the data set and Event Type ID that answer a request."""
        event = Dataset()
        event.TransactionUID = request.TransactionUID
        items = [item for item in request.ReferencedSOPSequence if self._mentions(item)]
        event.ReferencedSOPSequence = [item for item in items if item.ReferencedSOPInstanceUID not in self.failing]
        failed = [item for item in items if item.ReferencedSOPInstanceUID in self.failing]
        if not failed:
            return event, ALL_COMMITTED
        for item in failed:
            item.FailureReason = self.failing[item.ReferencedSOPInstanceUID]
        event.FailedSOPSequence = failed
        return event, SOME_FAILED

    def _mentions(self, item: Dataset) -> bool:
        return item.ReferencedSOPInstanceUID not in self.silent_about

    def report_later(self, port: int, request: Dataset, ae_title: str = "PACS", *, roles: bool = True) -> int | None:
        """Report on an association of its own; return the status of the answer, or None where there is none."""
        entity = AE(ae_title)
        entity.add_requested_context(StorageCommitmentPushModel, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
        negotiation = [build_role(StorageCommitmentPushModel, scp_role=True)] if roles else []
        association = entity.associate("127.0.0.1", port, ae_title="RADTME", ext_neg=negotiation)
        if not association.is_established:
            return None
        event, kind = self.report(request)
        status, _ = association.send_n_event_report(
            event, kind, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
        )
        association.release()
        answer: int | None = status.get("Status")
        return answer


@contextmanager
def committing_pacs(**behaviour: object) -> Iterator[tuple[Target, Committing]]:
    """Run such a PACS for the block."""
    pacs = Committing(**behaviour)  # type: ignore[arg-type]
    entity = AE("PACS")
    for context in AllStoragePresentationContexts:
        entity.add_supported_context(str(context.abstract_syntax), ExplicitVRLittleEndian)
    for service in (Verification, StorageCommitmentPushModel, StudyRootQueryRetrieveInformationModelFind):
        entity.add_supported_context(service)
    server = entity.start_server(("127.0.0.1", pacs.port), block=False, evt_handlers=_handlers(pacs))
    pacs.port = server.server_address[1]
    try:
        yield Target("pacs", "PACS", "127.0.0.1", pacs.port, timeout_seconds=20, commitment_wait_seconds=20), pacs
    finally:
        server.shutdown()


def _handlers(pacs: Committing) -> list[tuple[object, Callable[..., object]]]:
    due: list[Dataset] = []

    def echo(event: evt.Event) -> int:
        pacs.echoes += 1
        return 0x0000

    def action(event: evt.Event) -> tuple[int, None]:
        request = event.action_information
        pacs.asked.append(request)
        if pacs.report_at_once and pacs.action_status == 0x0000:
            due.append(request)
        return pacs.action_status, None

    def answered(event: evt.Event) -> None:
        # The response to the N-ACTION is on its way: now the report may follow on the same association.
        if not due or type(event.message).__name__ != "N_ACTION_RSP":
            return
        report, kind = pacs.report(due.pop())
        association = event.assoc
        threading.Thread(target=lambda: _report(pacs, association, report, kind), daemon=True).start()

    def find(event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        for uid in pacs.stored if pacs.listed is None else pacs.listed:
            match = Dataset()
            match.QueryRetrieveLevel, match.SOPInstanceUID = "IMAGE", uid
            yield 0xFF00, match

    return [
        (evt.EVT_C_STORE, pacs.store),
        (evt.EVT_C_ECHO, echo),
        (evt.EVT_N_ACTION, action),
        (evt.EVT_DIMSE_SENT, answered),
        (evt.EVT_C_FIND, find),
    ]


def _report(pacs: Committing, association: Association, report: Dataset, kind: int) -> None:
    time.sleep(0.2)
    status, _ = association.send_n_event_report(
        report, kind, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
    )
    pacs.answers.append(status.get("Status"))
