"""Which earlier job a new outline corrects."""

from collections.abc import Iterable

from listener.pairing.segmentation_references import SegmentationReferences
from listener.spool.job_record import UNKNOWN_SERIES, JobRecord


def corrected_by(earlier: Iterable[JobRecord], outline: SegmentationReferences) -> str | None:
    """Return the id of the job whose result a new outline replaces, or None; ``earlier`` are the jobs of its study.

    An outline corrects an earlier one of its study, on the same images, when it says so (Predecessor Documents
    Sequence), lies in the same series, or has a segment with the same Tracking UID. Of several, the one that came
    last is corrected.
    """
    found = [job for job in earlier if _is_corrected_by(job, outline)]
    return max(found, key=lambda job: (job.created, job.version)).job_id if found else None


def _is_corrected_by(job: JobRecord, outline: SegmentationReferences) -> bool:
    if job.segment_number is not None or job.seg.sop_instance_uid == outline.sop_instance_uid:
        return False
    return _same_images(job, outline) and (
        job.seg.sop_instance_uid in outline.predecessors
        or job.seg.series_uid == outline.series_uid
        or not frozenset(job.tracking_uids).isdisjoint(outline.tracking_uids)
    )


def _same_images(job: JobRecord, outline: SegmentationReferences) -> bool:
    """Tell whether both were drawn on one series; where either names none, on one frame of reference."""
    earlier, later = set(job.required) - {UNKNOWN_SERIES}, set(outline.required) - {UNKNOWN_SERIES}
    if earlier and later:
        return not earlier.isdisjoint(later)
    return job.frame_of_reference_uid is not None and job.frame_of_reference_uid == outline.frame_of_reference_uid
