"""What the listener remembers of each job, so that it need not read all of them again."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog

from listener.pairing.segmentation_references import SegmentationReferences
from listener.spool.job_files import is_held
from listener.spool.job_record import UNKNOWN_SERIES, JobRecord
from listener.spool.jobs import Job, JobState
from listener.spool.record_file import UnreadableRecord
from listener.spool.spool import Spool

log = structlog.get_logger()


@dataclass(frozen=True)
class JobFacts:
    """The facts of a job that a new instance or a new outline may concern."""

    job_id: str
    version: int
    study_uid: str
    seg_uid: str
    seg_series_uid: str
    created: datetime
    tracking_uids: frozenset[str]
    image_series: frozenset[str]
    frame_of_reference_uid: str | None
    instance_counts: Mapping[str, int]
    """Of a job that is past waiting: how many instances of each series it was made ready with; 0 for a series that is
    named and had none."""
    other_series: Mapping[str, int | None] | None
    """As in `JobRecord`."""
    replaces: str | None
    """Id of the job whose result this one's replaces."""
    watches_study: bool
    """Whether a series that is not counted here may concern it too."""
    is_of_further_tumour: bool = False
    """A worker made it beside the outline's own job, and makes its next versions too."""

    @classmethod
    def of(cls, job: JobRecord) -> "JobFacts":
        """Return the facts of a job."""
        instances = job.instances or {}
        return cls(
            job_id=job.job_id,
            version=job.version,
            study_uid=job.study_uid,
            seg_uid=job.seg.sop_instance_uid,
            seg_series_uid=job.seg.series_uid,
            created=job.created,
            tracking_uids=frozenset(job.tracking_uids),
            image_series=frozenset(job.required),
            frame_of_reference_uid=job.frame_of_reference_uid,
            instance_counts=dict.fromkeys(set(job.required) - {UNKNOWN_SERIES}, 0)
            | {series: len(uids) for series, uids in instances.items()},
            other_series=job.other_series,
            replaces=job.replaces,
            watches_study=job.watches_study,
            is_of_further_tumour=job.segment_number is not None,
        )


class JobIndex:
    """Facts of all jobs in the spool; `refresh` reads those that are new or have left the waiting state.

    Not safe for several threads: its owner locks.
    """

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._facts: dict[str, JobFacts] = {}
        self._waiting: dict[str, Job] = {}
        self._unreadable: set[str] = set()
        self._set_aside: frozenset[str] = frozenset()

    def refresh(self) -> None:
        """Read what other processes changed: new jobs, jobs that changed their state, jobs that were removed."""
        waiting = {job.id: job for job in self._spool.jobs(JobState.WAITING)}
        further = {job.id: job for job in self._spool.jobs(*(set(JobState) - {JobState.WAITING}))}
        self._set_aside = frozenset(job.id for job in further.values() if _is_set_aside(job))
        moved_on = set(self._waiting) & set(further)
        for job_id, job in {**further, **waiting}.items():
            if (job_id not in self._facts or job_id in moved_on) and job_id not in self._unreadable:
                self._read(job)
        for job_id in set(self._facts) - set(waiting) - set(further):
            # A job that is being moved from one state to the next may be missing from one listing.
            if self._spool.find_job(job_id) is None:
                del self._facts[job_id]
        self._waiting = {
            job_id: job for job_id, job in waiting.items() if job_id not in further and job_id not in self._unreadable
        }

    def _read(self, job: Job) -> None:
        try:
            self._facts[job.id] = JobFacts.of(job.read())
        except FileNotFoundError:
            return  # it moved on between the listing and now: the next refresh finds it
        except UnreadableRecord as error:
            # One damaged job must not stop all the others. Logged once; read again after a restart.
            log.error("job_unreadable", job=job.id, state=job.state.value, error=str(error))
            self._unreadable.add(job.id)

    @property
    def waiting(self) -> list[Job]:
        """The jobs in the waiting state, by id."""
        return list(self._waiting.values())

    def latest_past_waiting(self) -> Iterator[JobFacts]:
        """Yield, for each outline whose newest job is past waiting, the facts of that job.

        Not of one that a person holds or has dropped: nothing new comes of it before they say so. Nor of an outline
        that another one has corrected: its results are replaced.
        """
        newest: dict[str, JobFacts] = {}
        replaced = {facts.replaces: facts.seg_uid for facts in self._facts.values() if facts.replaces}
        corrected = {
            facts.seg_uid
            for facts in self._facts.values()
            if replaced.get(facts.job_id, facts.seg_uid) != facts.seg_uid
        }
        for facts in self._facts.values():
            if facts.is_of_further_tumour or facts.seg_uid in corrected:
                continue
            if facts.seg_uid not in newest or facts.version > newest[facts.seg_uid].version:
                newest[facts.seg_uid] = facts
        return (facts for facts in newest.values() if facts.job_id not in {*self._waiting, *self._set_aside})

    def issued(self, study_uid: str, sop_instance_uid: str) -> bool:
        """Tell whether an object is a result that a job of this study gave, whatever became of its header since."""
        for facts in self._facts.values():
            job = self._spool.find_job(facts.job_id) if facts.study_uid == study_uid else None
            issued = job.issued() if job is not None else None
            if issued is not None and sop_instance_uid in issued.objects.values():
                return True
        return False

    def most_cases_of_a_study(self, since: datetime) -> int:
        """Return how many jobs the study has that got most of them since a moment."""
        counts = Counter(facts.study_uid for facts in self._facts.values() if facts.created >= since)
        return max(counts.values(), default=0)

    def corrected_by(self, outline: SegmentationReferences) -> str | None:
        """Return the id of the job whose result a new outline replaces, or None.

        An outline corrects an earlier one of its study, on the same images, when it says so (Predecessor Documents
        Sequence), lies in the same series, or has a segment with the same Tracking UID. Of several, the one that came
        last is corrected.
        """
        earlier = [facts for facts in self._facts.values() if _is_corrected_by(facts, outline)]
        return max(earlier, key=lambda facts: (facts.created, facts.version)).job_id if earlier else None


def _is_set_aside(job: Job) -> bool:
    over = job.state in (JobState.DONE, JobState.FAILED)
    return job.state is JobState.DROPPED or (not over and is_held(job.folder))


def _is_corrected_by(facts: JobFacts, outline: SegmentationReferences) -> bool:
    if facts.is_of_further_tumour or facts.study_uid != outline.study_uid or facts.seg_uid == outline.sop_instance_uid:
        return False
    return _same_images(facts, outline) and (
        facts.seg_uid in outline.predecessors
        or facts.seg_series_uid == outline.series_uid
        or not facts.tracking_uids.isdisjoint(outline.tracking_uids)
    )


def _same_images(facts: JobFacts, outline: SegmentationReferences) -> bool:
    """Tell whether both were drawn on one series; where either names none, on one frame of reference."""
    earlier, later = facts.image_series - {UNKNOWN_SERIES}, set(outline.required) - {UNKNOWN_SERIES}
    if earlier and later:
        return not earlier.isdisjoint(later)
    return facts.frame_of_reference_uid is not None and facts.frame_of_reference_uid == outline.frame_of_reference_uid
