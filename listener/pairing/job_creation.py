"""Creates the job of an outline that was received."""

from collections.abc import Callable
from datetime import UTC, datetime

from listener.ledger.database import LedgerUnavailable
from listener.ledger.self_tests import self_test_of
from listener.ledger.set_aside_outlines import is_set_aside
from listener.pairing.corrected_outlines import corrected_by
from listener.pairing.outlines_without_case import OutlinesWithoutCase
from listener.pairing.readiness import new_job
from listener.pairing.segmentation_references import SegmentationReferences
from listener.runtime.logger import Logger
from listener.spool import job_rows
from listener.spool.atomic_files import make_folder
from listener.spool.jobs import JobState, job_id_for
from listener.spool.spool import Spool

log = Logger(__name__)


class JobCreation:
    """Creates jobs, once for each outline; those of outlines that came while the ledger was away, when it is back."""

    def __init__(
        self, spool: Spool, without_case: OutlinesWithoutCase, job_created: Callable[[str | None], None]
    ) -> None:
        self._spool = spool
        self._without_case = without_case
        self._job_created = job_created
        self._delayed: dict[str, tuple[SegmentationReferences, str | None]] = {}

    def create(self, outline: SegmentationReferences, calling_ae_title: str | None) -> None:
        """Create the job of an outline, or note that it makes no case; later, while the ledger cannot be used."""
        try:
            self._create(outline, calling_ae_title)
        except LedgerUnavailable as error:
            self._delayed[outline.sop_instance_uid] = (outline, calling_ae_title)
            log.warning("job_delayed", sop_instance_uid=outline.sop_instance_uid, error=error.strerror)

    def create_delayed(self) -> None:
        """Create the jobs of outlines that were received while the ledger was away."""
        for uid in list(self._delayed):
            delayed = self._delayed.pop(uid)  # one that fails otherwise is found again by `reconcile`
            try:
                self._create(*delayed)
            except LedgerUnavailable:
                self._delayed[uid] = delayed
                raise

    def sender_of_delayed(self, sop_instance_uid: str) -> str | None:
        """Return the calling AE title of an outline whose job is delayed; None for any other."""
        _, calling_ae_title = self._delayed.get(sop_instance_uid, (None, None))
        return calling_ae_title

    def _create(self, outline: SegmentationReferences, calling_ae_title: str | None) -> None:
        """Create the job of an outline, or note that it makes no case, unless that was done before."""
        uids = (outline.study_uid, outline.series_uid, outline.sop_instance_uid)
        job_id = job_id_for(outline.sop_instance_uid, 1)
        if self._spool.find_job(job_id) is not None or is_set_aside(self._spool.ledger, *uids):
            return
        reason = self._without_case.by_outline(outline)
        if reason is not None:
            self._without_case.note(uids, *reason, calling_ae_title)
            return
        recipients = self_test_of(self._spool.ledger, outline.study_uid)
        make_folder(self._spool.job_folder(job_id))
        with self._spool.ledger.writing() as connection:
            job_rows.lock_study(connection, outline.study_uid)  # two outlines of a study must not correct the same one
            earlier = job_rows.rows().where(job_rows.jobs.c.study_uid == outline.study_uid)
            records = [job.record for job in job_rows.read(connection, earlier, self._spool.results)]
            record = new_job(outline, calling_ae_title, corrected_by(records, outline), datetime.now(UTC), recipients)
            created = job_rows.insert(connection, record, JobState.WAITING)
        if created:
            log.info("job_created", job=job_id, pairing=outline.pairing.value, replaces=record.replaces)
            self._job_created(calling_ae_title)
