"""Storage commitment of one delivery: sends requests, and applies their reports to the delivery record."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from pydicom.uid import generate_uid

from listener.dicom.commitment_report import CommitmentReport
from listener.ledger import commitments
from listener.runtime.logger import Logger
from listener.spool.spool import Spool
from workers.delivery.record import CommitmentRequest, DeliveryRecord
from workers.results.instance_reference import InstanceReference
from workers.targets.commitment_scu import PERMANENT_FAILURES, request_commitment
from workers.targets.target import Target

log = Logger(__name__)


class CommitmentOutcome(StrEnum):
    """The counted events."""

    REQUESTED = "requested"
    """Requests that were sent."""
    UNANSWERED = "unanswered"
    """Requests that were not reported on in time."""
    COMMITTED = "committed"
    """Objects that a target took responsibility for."""
    FAILED = "failed"
    """Objects that a target could not keep."""


class Commitment:
    """Sends requests and reads their reports."""

    def __init__(
        self, spool: Spool, job_id: str, target: Target, calling_ae_title: str, clock: Callable[[], datetime]
    ) -> None:
        self._ledger = spool.ledger
        self._job_id = job_id
        self._target = target
        self._calling_ae_title = calling_ae_title
        self._clock = clock
        self.outcomes: Counter[CommitmentOutcome] = Counter()
        """The events so far."""

    def note(self, instances: Sequence[InstanceReference]) -> CommitmentRequest:
        """Record a new Transaction UID before it is sent, so that its report is recognised however early it comes."""
        uid = str(generate_uid(prefix=None))
        now = self._clock()
        awaited = commitments.AwaitedReport(uid, self._job_id, self._target.name, now)
        commitments.note_request(self._ledger, awaited)
        return CommitmentRequest(uid, now, frozenset(one.sop_instance_uid for one in instances))

    def ask(self, request: CommitmentRequest, instances: Sequence[InstanceReference]) -> None:
        """Send the request, and wait for a report on the same association for as long as the target's settings say.

        Raises
        ------
        TransientFailure
            If the request got no answer.
        AssociationRefused
            If the target does not offer this, or refuses it permanently.
        """
        uid = request.transaction_uid
        self.outcomes[CommitmentOutcome.REQUESTED] += 1
        log.info("commitment_requested", transaction=uid, objects=len(instances))
        request_commitment(
            self._target,
            self._calling_ae_title,
            uid,
            instances,
            keep_report=lambda report: self._keep(report),
            has_report=lambda: commitments.report_on(self._ledger, uid) is not None,
        )

    def _keep(self, report: CommitmentReport) -> None:
        commitments.keep_report(self._ledger, report, self._target.ae_title)

    def unanswered(self) -> None:
        """Note that the last request was not reported on in time."""
        self.outcomes[CommitmentOutcome.UNANSWERED] += 1
        log.warning("commitment_unanswered", timeout_seconds=self._target.commitment_timeout_seconds)

    def reports(self, entry: DeliveryRecord) -> Mapping[CommitmentRequest, CommitmentReport]:
        """Return the stored reports for a delivery, by the request that each answers, the oldest first."""
        found = ((one, commitments.report_on(self._ledger, one.transaction_uid)) for one in entry.requests)
        return {request: report for request, report in found if report is not None}

    def apply(
        self, entry: DeliveryRecord, reports: Mapping[CommitmentRequest, CommitmentReport]
    ) -> tuple[DeliveryRecord, tuple[str, ...]]:
        """Return the record after the reports, and a description of the objects that the target could not keep.

        What the target takes responsibility for is committed, whichever request it answers. What it could not keep is
        sent again, or refused where that would not help. What it does not mention waits for another report. Applying a
        report twice changes nothing.
        """
        lost: list[str] = []
        for request, report in reports.items():
            current = _still_asked(entry, request)
            failed = {uid: reason for uid, reason in report.failed.items() if uid in current}
            committed = current & frozenset(report.committed) - frozenset(failed)
            for role, word in entry.taken.items():
                reason = failed.get(word.instance.sop_instance_uid)
                if reason in PERMANENT_FAILURES:
                    entry = entry.with_refused(role, replace(word, status=f"commitment refused with 0x{reason:04X}"))
            entry = entry.with_committed(committed).with_reported(request.transaction_uid, committed).without(failed)
            self.outcomes[CommitmentOutcome.COMMITTED] += len(committed)
            self.outcomes[CommitmentOutcome.FAILED] += len(failed)
            lost += [f"{uid}: 0x{reason:04X}" for uid, reason in failed.items()]
            log.info(
                "commitment_reported", transaction=report.transaction_uid, committed=len(committed), failed=len(failed)
            )
        return entry, tuple(lost)

    def drop(self, entry: DeliveryRecord, reports: Mapping[CommitmentRequest, CommitmentReport]) -> None:
        """Remove reports that the record contains, and forget requests whose report no longer matters."""
        waiting = {request.transaction_uid for request in entry.requests}
        for request in reports:
            if request.transaction_uid in waiting:
                commitments.drop_report(self._ledger, request.transaction_uid)
            else:
                commitments.forget(self._ledger, [request.transaction_uid])

    def forget(self, requests: Iterable[CommitmentRequest]) -> None:
        """Stop waiting for reports on these."""
        commitments.forget(self._ledger, [request.transaction_uid for request in requests])


def _still_asked(entry: DeliveryRecord, request: CommitmentRequest) -> frozenset[str]:
    """Return the instances that a request still covers: another report may have settled some of them meanwhile."""
    now = (one.instances for one in entry.requests if one.transaction_uid == request.transaction_uid)
    return next(now, frozenset())
