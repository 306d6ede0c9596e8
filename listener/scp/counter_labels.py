"""The values that the labels of the listener's counters can have, from the enums that they are counted by."""

from listener.metrics.counters import ClosedLabels
from listener.scp.admission import AssociationRejection, ConnectionRefusal
from listener.scp.exchange import AssociationOutcome
from listener.scp.statuses import Status
from listener.settings import ListenerSettings
from listener.spool.spool import Kept
from listener.tls.handshake import HandshakeFailure

_REPORT_ANSWERS = (Status.SUCCESS, Status.INVALID_ARGUMENT, Status.PROCESSING_FAILURE)
"""What `IncomingReport` answers."""
_NOT_OF_OBJECTS = (*_REPORT_ANSWERS, Status.UNRECOGNIZED_OPERATION)


def counter_labels(settings: ListenerSettings) -> ClosedLabels:
    """Return every label that a counter of the listener must show before its first event."""
    rejections = (*(one.label for one in AssociationRejection), *(one.value for one in ConnectionRefusal))
    titles = (*settings.calling_ae_titles, *(peer.ae_title for peer in settings.peers))
    return ClosedLabels(
        association_outcomes=tuple(one.value for one in AssociationOutcome),
        rejections=rejections,
        handshake_failures=tuple(one.value for one in HandshakeFailure),
        report_answers=tuple(status.name.lower() for status in _REPORT_ANSWERS),
        object_outcomes=(
            *(one.value for one in Kept),
            *(status.name.lower() for status in Status if status not in _NOT_OF_OBJECTS),
        ),
        calling_ae_titles=tuple(dict.fromkeys(titles)),
    )
