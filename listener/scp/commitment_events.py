"""A storage commitment report on its way from the wire to the spool (PS3.4 section J.3.3)."""

from collections.abc import Sequence

from listener.dicom.commitment_report import (
    MAX_REPORT_BYTES,
    STORAGE_COMMITMENT,
    CommitmentReport,
    UnreadableReport,
    decode_report,
)
from listener.ledger.commitments import keep_report
from listener.runtime.logger import Logger
from listener.scp.c_store import StoreReply
from listener.scp.command_set import Command
from listener.scp.presentation_contexts import Context
from listener.scp.statuses import Status
from listener.spool.spool import Spool

log = Logger(__name__)


def is_report(context: Context) -> bool:
    """Return whether a context is for storage commitment."""
    return context.sop_class_uid == STORAGE_COMMITMENT


class IncomingReport:
    """The data set that an N-EVENT-REPORT brings: `write` its fragments, then `finish`."""

    def __init__(self, spool: Spool, context: Context, command: Command, calling_ae_title: str) -> None:
        self._spool = spool
        self._context = context
        self._command = command
        self._calling_ae_title = calling_ae_title
        self._content = bytearray()
        self.received_bytes = 0
        """Of the data set, whether they were kept or not."""

    def write(self, fragments: Sequence[memoryview]) -> None:
        """Take the next bytes; of a report that is too long they are dropped."""
        self.received_bytes += sum(map(len, fragments))
        if self.received_bytes <= MAX_REPORT_BYTES:
            self._content += b"".join(fragments)

    def finish(self) -> StoreReply:
        """Return the answer: success only when the report is stored, or no delivery waits for it any more."""
        if self.received_bytes > MAX_REPORT_BYTES:
            return StoreReply(Status.INVALID_ARGUMENT, "the report is too long")
        try:
            report = decode_report(bytes(self._content), self._context.transfer_syntax)
        except UnreadableReport as error:
            log.warning("commitment_report_unreadable", error=str(error))
            return StoreReply(Status.INVALID_ARGUMENT, "the report cannot be read")
        return self._keep(report)

    def _keep(self, report: CommitmentReport) -> StoreReply:
        counts = {"committed": len(report.committed), "failed": len(report.failed)}
        try:
            kept = keep_report(self._spool.ledger, report, self._calling_ae_title)
        except OSError as error:
            log.error("commitment_report_not_stored", transaction=report.transaction_uid, error=error.strerror)
            return StoreReply(Status.PROCESSING_FAILURE, "the report could not be written")
        event = "commitment_report_stored" if kept else "commitment_report_unknown"
        log.info(event, transaction=report.transaction_uid, **counts)
        return StoreReply(Status.SUCCESS)

    def discard(self) -> None:
        """Forget a report that did not come whole."""
        self._content.clear()
