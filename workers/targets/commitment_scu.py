"""Storage Commitment as SCU: the request, and a report that comes on the same association (PS3.4 annex J)."""

import time
from collections.abc import Callable, Sequence

from pydicom import Dataset
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext, build_context

from listener.dicom.commitment_report import (
    STORAGE_COMMITMENT,
    STORAGE_COMMITMENT_INSTANCE,
    CommitmentReport,
    UnreadableReport,
)
from listener.runtime.logger import Logger
from workers.results.instance_reference import InstanceReference
from workers.targets.association import AssociationRefused, associated
from workers.targets.target import Target
from workers.targets.transport import InvalidResponse

REQUEST_STORAGE_COMMITMENT = 1
"""Action Type ID (PS3.4 section J.3.2.1.1)."""
SUCCESS, PROCESSING_FAILURE, INVALID_ARGUMENT = 0x0000, 0x0110, 0x0115
PERMANENT = frozenset({0x0112, 0x0117, 0x0118, 0x0119, 0x0122, 0x0123, 0x0124, 0x0211, 0x0212})
"""Statuses of an N-ACTION (PS3.7 section 10.1.4.1.10) that the same request would get again."""
PERMANENT_FAILURES = frozenset({0x0119, 0x0122})
"""Failure Reasons (PS3.3 section C.14.1.1) that sending the object again does not change."""
POLL_SECONDS = 0.05

log = Logger(__name__)


def contexts() -> list[PresentationContext]:
    """Return the proposed presentation contexts."""
    return [build_context(STORAGE_COMMITMENT)]


def request_commitment(
    target: Target,
    calling_ae_title: str,
    transaction_uid: str,
    instances: Sequence[InstanceReference],
    keep_report: Callable[[CommitmentReport], None],
    has_report: Callable[[], bool],
) -> None:
    """Request storage commitment for ``instances``, and wait some time for the report.

    ``keep_report`` must store a report durably before it returns: it is answered with success. ``has_report`` tells
    whether it has arrived, on whatever association.

    Raises
    ------
    TransientFailure
        If there is no association, or the request got no good answer.
    AssociationRefused
        If the target offers no storage commitment, or refuses the request permanently.
    """
    handlers: list[evt.EventHandlerType] = [(evt.EVT_N_EVENT_REPORT, lambda event: _take(event, keep_report))]
    with associated(target, calling_ae_title, contexts(), "no storage commitment", handlers=handlers) as association:
        _ask(association, transaction_uid, instances)
        end = time.monotonic() + target.commitment_wait_seconds
        while association.is_established and not has_report() and time.monotonic() < end:
            time.sleep(POLL_SECONDS)
        time.sleep(POLL_SECONDS)  # the answer to a report goes out before the release does


def _ask(association: Association, transaction_uid: str, instances: Sequence[InstanceReference]) -> None:
    request = Dataset()
    request.TransactionUID = transaction_uid
    request.ReferencedSOPSequence = [one.item() for one in instances]
    try:
        response, _ = association.send_n_action(
            request, REQUEST_STORAGE_COMMITMENT, STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE
        )
    except RuntimeError as error:  # the association ended before the request was out
        raise InvalidResponse("the association ended before the commitment request was out") from error
    status = response.get("Status")
    if status == SUCCESS:
        return
    if status is None:  # it may have heard it: a report on it is still welcome
        raise InvalidResponse("no response to the commitment request")
    if status in PERMANENT:
        raise AssociationRefused(f"the target refused the commitment request with 0x{status:04X}")
    raise InvalidResponse(f"the target answered the commitment request with 0x{status:04X}")


def _take(event: evt.Event, keep_report: Callable[[CommitmentReport], None]) -> tuple[int, None]:
    """Answer an N-EVENT-REPORT: with success only when the report is safe."""
    try:
        keep_report(CommitmentReport.of(event.event_information))
    except UnreadableReport as error:
        log.warning("commitment_report_unreadable", error=str(error))
        return INVALID_ARGUMENT, None
    except OSError as error:
        log.error("commitment_report_not_stored", error=error.strerror)
        return PROCESSING_FAILURE, None
    return SUCCESS, None
