"""New versions of jobs whose images, or other phases of whose examination, came after they were made ready."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from listener.pairing.evidence import Evidence, series_of_study, sync_names
from listener.pairing.other_phases import OtherPhases
from listener.pairing.readiness import next_version, settle_seconds
from listener.pairing.series_watch import SeriesWatch
from listener.pairing.touched_studies import TouchedStudies
from listener.runtime.logger import Logger
from listener.settings import ListenerSettings
from listener.spool.job_record import UNKNOWN_SERIES, JobRecord
from listener.spool.jobs import Job, JobState
from listener.spool.spool import Spool

log = Logger(__name__)


class LateVersions:
    """Finds what came late in the studies in which something happened lately, and makes the next version of the job."""

    def __init__(
        self,
        spool: Spool,
        settings: ListenerSettings,
        watch: SeriesWatch,
        other_phases: OtherPhases,
        touched: TouchedStudies,
        evidence_of: Callable[[JobRecord], Evidence],
        announce: Callable[[str], None],
    ) -> None:
        self._spool = spool
        self._settings = settings
        self._watch = watch
        self._other_phases = other_phases
        self._touched = touched
        self._evidence_of = evidence_of
        self._announce = announce

    def candidates(self, touched: Iterable[str]) -> list[Job]:
        """Return the jobs of these studies that may get a new version."""
        return [job for study in touched for job in self._latest_past_waiting(study)]

    def review(self, job: Job) -> float:
        """Create a new version of a job whose series has grown since, or beside which another phase came.

        Returns the seconds until one may be due.
        """
        record = job.record
        # Every folder is examined: each has its own time from which it counts as settled.
        grown = [
            series
            for series, count in self._instance_counts(record).items()
            if self._watch.has_grown(self._spool.series_folder(record.study_uid, series), count)
        ]
        other_phase_came = self._other_phases.came(record)
        if not grown and not other_phase_came:
            return self._settings.sweep_seconds
        found = self._evidence_of(record)
        if not found.complete or (not other_phase_came and _same_instances(record, found)):
            return self._settings.sweep_seconds
        longer = self._settings.settle_unreferenced_seconds
        settle = longer if other_phase_came else settle_seconds(found, self._settings)
        unsettled = settle - self._watch.quiet_seconds(record)
        if unsettled > 0:
            self._touched.touch([record.study_uid])
            return unsettled
        self._make_version(record, found)
        return self._settings.sweep_seconds

    def _latest_past_waiting(self, study_uid: str) -> list[Job]:
        """Return, for each outline of a study whose newest job is past waiting, that job.

        Not of one that a person holds or has dropped: nothing new comes of it before they say so. Nor of an outline
        that another one has corrected: its results are replaced. A worker makes the jobs of further tumours beside the
        outline's own, and their next versions, too.
        """
        jobs = [job for job in self._spool.jobs(study_uid=study_uid) if job.record.segment_number is None]
        replaced = {job.record.replaces: _outline_of(job) for job in jobs if job.record.replaces}
        corrected = {_outline_of(job) for job in jobs if replaced.get(job.id, _outline_of(job)) != _outline_of(job)}
        newest = {_outline_of(job): job for job in sorted(jobs, key=lambda job: job.record.version)}
        stays = (JobState.WAITING, JobState.DROPPED)
        return [
            job
            for outline, job in newest.items()
            if job.state not in stays and not job.is_held and outline not in corrected
        ]

    def _instance_counts(self, record: JobRecord) -> Mapping[str, int]:
        """Return how many instances of each series a job was made ready with, of every series that may concern it."""
        counts = dict.fromkeys(set(record.required) - {UNKNOWN_SERIES}, 0)
        if record.watches_study:
            others = set(series_of_study(self._spool, record.study_uid)) - {record.seg.series_uid}
            counts = dict.fromkeys(others, 0) | counts
        return counts | {series: len(uids) for series, uids in (record.instances or {}).items()}

    def _make_version(self, previous: JobRecord, found: Evidence) -> None:
        version = next_version(previous, found, datetime.now(UTC), self._other_phases.beside(previous, found))
        sync_names(self._spool, version, found)
        if self._spool.create_job(version, JobState.READY):
            log.info("job_version_created", job=version.job_id, replaces=previous.job_id, images=found.image_count)
            self._announce(version.job_id)


def _outline_of(job: Job) -> str:
    return job.record.seg.sop_instance_uid


def _same_instances(job: JobRecord, found: Evidence) -> bool:
    return {series: frozenset(uids) for series, uids in (job.instances or {}).items()} == dict(found.images)
