"""Outlines that make no case: our own results, and what was drawn on images of another kind or part of the body."""

import shutil
from collections.abc import Callable, Iterator

from pydicom.dataset import Dataset

from listener.dicom.data_set import read_attributes
from listener.ledger.set_aside_outlines import SetAside, set_aside
from listener.pairing.body_parts import BODY_PART_TAGS, TECHNIQUE_TAGS, other_body_part
from listener.pairing.evidence import Evidence
from listener.pairing.readiness import PairingDecision
from listener.pairing.reconcile import outline_at
from listener.pairing.segmentation_references import SegmentationReferences
from listener.runtime.logger import Logger
from listener.settings import ListenerSettings
from listener.spool import job_rows
from listener.spool.job_record import JobRecord
from listener.spool.jobs import Job, JobState
from listener.spool.spool import Spool

log = Logger(__name__)

OutlineUids = tuple[str, str, str]
"""Study, Series and SOP Instance UID."""


class OutlinesWithoutCase:
    """Decides which outlines make no case, and notes them in the ledger with the reason."""

    def __init__(self, spool: Spool, settings: ListenerSettings, noted: Callable[[SetAside], None]) -> None:
        self._spool = spool
        self._settings = settings
        self._noted = noted

    def note(self, uids: OutlineUids, reason: SetAside, message: str, calling_ae_title: str | None) -> None:
        """Note that an outline makes no case, unless that was noted before."""
        if set_aside(self._spool.ledger, uids, reason, message, calling_ae_title):
            log.info("outline_set_aside", reason=reason.value, sop_instance_uid=uids[-1])
            self._noted(reason)

    def removed(self, job: Job, found: Evidence, step: PairingDecision) -> bool:
        """Remove a waiting job whose images show another part of the body, or are none that can be measured.

        Returns whether it was removed.
        """
        record = job.record
        reason = None if record.is_self_test else self._by_images(record, found, step)
        if reason is None:
            return False
        uids = (record.study_uid, record.seg.series_uid, record.seg.sop_instance_uid)
        self.note(uids, *reason, record.calling_ae_title)
        with self._spool.ledger.writing() as connection:
            job_rows.remove(connection, [job.id], [JobState.WAITING])
        shutil.rmtree(job.folder, ignore_errors=True)
        return True

    def by_outline(self, outline: SegmentationReferences) -> tuple[SetAside, str] | None:
        """Return why an outline makes no case, as far as its own header tells; None if it makes one."""
        if outline.is_own_result or self._is_issued(outline):
            return SetAside.OWN_RESULT, "a result of radtme"
        if outline.never_accepted and not outline.is_structure_set:
            return SetAside.OTHER_IMAGES, f"drawn on {outline.never_accepted}, which is never measured"
        if outline.other_body_part and self._settings.set_aside_other_body_parts:
            return _of_another_body_part(outline.other_body_part)
        return None

    def _by_images(self, record: JobRecord, found: Evidence, step: PairingDecision) -> tuple[SetAside, str] | None:
        """Return why a waiting outline makes no case, as far as its images tell: those that came, or that none came.

        None if it makes one.
        """
        if not found.image_count:
            uids = (record.study_uid, record.seg.series_uid, record.seg.sop_instance_uid)
            outline = outline_at(self._spool.instance_path(*uids))
            will_fetch = step is PairingDecision.FETCH and outline is not None and outline.calls_every_image_ct
            if outline is not None and outline.never_accepted and not will_fetch:
                return SetAside.OTHER_IMAGES, f"drawn on {outline.never_accepted}; no MR image that it names came"
            ends = step is PairingDecision.CLOSE and self._settings.set_aside_other_body_parts
            if ends and outline is not None and outline.chest:
                return _of_another_body_part(outline.chest)
        if self._settings.set_aside_other_body_parts:
            word = other_body_part(_image_heads(self._spool, record.study_uid, found))
            if word:
                message = f"the headers of its images say {word!r}, and nothing of a breast"
                return SetAside.OTHER_BODY_PART, message
        return None

    def _is_issued(self, outline: SegmentationReferences) -> bool:
        """Tell whether an outline is a result that a job of its study gave, whatever became of its header since."""
        issued = (job.issued() for job in self._spool.jobs(study_uid=outline.study_uid))
        return any(one and outline.sop_instance_uid in one.objects.values() for one in issued)


def _of_another_body_part(word: str) -> tuple[SetAside, str]:
    return SetAside.OTHER_BODY_PART, f"its header says {word!r}, and nothing of a breast"


def _image_heads(spool: Spool, study_uid: str, found: Evidence) -> Iterator[Dataset]:
    """Yield the header of one image of each series of a job, as far as it names a part of the body."""
    for series, uids in sorted(found.images.items()):
        for uid in sorted(uids)[:1]:
            head = read_attributes(spool.instance_path(study_uid, series, uid), *BODY_PART_TAGS, *TECHNIQUE_TAGS)
            if head is not None:  # else the worker says what is wrong with it
                yield head
