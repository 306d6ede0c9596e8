"""Several tumours in one outline: each is a separate job with its own results.

The outline's job scores the first tumour, and creates a job for each further one, which is scored, delivered, shown and
retried like any other. Their ids are derived from outline and segment, so that a second run creates no second job.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from listener.dicom.data_set import UNREADABLE_BYTES
from listener.spool.job_record import JobRecord
from listener.spool.jobs import JobState, job_id_for
from listener.spool.spool import Spool
from workers.errors import RejectedInput
from workers.features.measurement import Measurement
from workers.features.regions import Region
from workers.images.attributes import text
from workers.images.headers import read_header
from workers.jobs.case import CaseInputs, came_converted
from workers.limits import Limits
from workers.outline.tumours import tumours_of
from workers.results.common_modules import TumourOfSeveral
from workers.results.valid_attributes import one_line


def tumours_in(inputs: CaseInputs, limits: Limits) -> tuple[int, ...]:
    """Return the segment numbers of an outline's tumours, in order.

    Empty where it cannot be read, has too many, or its images did not come, in whatever form.
    """
    try:
        found = tumours_of(read_header(inputs.seg_path, limits).dataset, inputs.rules)
    except (RejectedInput, *UNREADABLE_BYTES):  # the measurement reports it
        return ()
    is_complete = inputs.not_complete is None or not found
    return found if is_complete or came_converted(replace(inputs, segment_number=found[0]), limits) else ()


def further_jobs(spool: Spool, record: JobRecord, tumours: Sequence[int]) -> tuple[str, ...]:
    """Create a ready job for each tumour after the first, if this is the outline's own job; return their ids."""
    if record.segment_number is not None:
        return ()
    replaced = spool.find_job(record.replaces) if record.replaces else None
    before = replaced.record if replaced is not None else None
    ids = []
    for number in tumours[1:]:
        job_id = job_id_for(record.seg.sop_instance_uid, record.version, number)
        earlier = before and job_id_for(before.seg.sop_instance_uid, before.version, number)
        known = spool.find_job(earlier) if earlier else None
        further = replace(
            record,
            job_id=job_id,
            segment_number=number,
            replaces=known.id if known else None,
            created=datetime.now(UTC),
        )
        spool.create_job(further, JobState.READY)
        ids.append(job_id)
    return tuple(ids)


def which_tumour(
    segment_number: int | None, tumours: Sequence[int], measurement: Measurement | None
) -> TumourOfSeveral | None:
    """Return the tumour's number among several, with a name that readers recognise."""
    if segment_number not in tumours or len(tumours) < 2:
        return None
    return TumourOfSeveral(
        tumours.index(segment_number or 0) + 1, len(tumours), _name(measurement) if measurement else ""
    )


def _name(measurement: Measurement) -> str:
    """Return label, side and volume, as far as outline and images state them."""
    segment = measurement.tumour_segment
    side = next(
        (
            text(modifier, "CodeMeaning")
            for region in segment.get("AnatomicRegionSequence") or ()
            for modifier in region.get("AnatomicRegionModifierSequence") or ()
        ),
        "",
    )
    volume = next(one.volume_ml for one in measurement.regions if one.region is Region.TUMOUR)
    parts = (one_line(text(segment, "SegmentLabel"))[:24], one_line(side)[:12], f"{volume:.1f} mL")
    return ", ".join(part for part in parts if part)
