"""Corrected headers under known UIDs: a PACS that corrected a patient's name sends the same UIDs again.

The listener keeps the first copy of an object and puts the other into quarantine: it cannot know which of two is right.
A person decides it here. Pixels must be the same, because the outline was drawn on them.
"""

import os
from pathlib import Path

from pydicom import Dataset, dcmread

from deploy.errors import CommandError
from deploy.operations.retry import Retried, held_lock, retry, score_next_version
from listener.broker.messages import score_announcement
from listener.dicom.data_set import UNREADABLE_FILE, read_attributes
from listener.ledger.quarantine import note_superseded, read_quarantined
from listener.scp.statuses import Status
from listener.spool.atomic_files import fsync_folder
from listener.spool.job_notes import RESULT_NAME
from listener.spool.jobs import Job, JobState
from listener.spool.locks import LOCK_NAME
from listener.spool.spool import Spool

PATIENT = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex")
DUPLICATE = Status.DUPLICATE_SOP_INSTANCE.name.lower()
"""The quarantine reason of second copies."""
SUPERSEDED = "superseded"
"""The quarantine reason of objects that a corrected copy has replaced."""


def retry_corrected(spool: Spool, job: Job) -> Retried:
    """Let corrected headers of a job's study take their places, then let the job be scored with them.

    A job that has a result gets a new version that replaces it, whatever became of it. One that has none yet waits on,
    or is tried again.

    Raises
    ------
    CommandError
        If there is nothing to correct, a copy has other pixels, the job is held or is being scored.
    """
    if job.state is not JobState.DROPPED and job.is_held:
        return retry(spool, job)  # which says how to release it
    if job.state is JobState.RUNNING:
        raise CommandError(
            f"{job.id} is being scored with the headers that came first",
            "repeat the command when radtme status says done",
        )
    if job.state in (JobState.WAITING, JobState.READY):
        return _correct_before_scoring(spool, job)
    taken = _take(spool, job)
    done = score_next_version(spool, job) if (job.folder / RESULT_NAME).exists() else retry(spool, job)
    return Retried(f"{taken} corrected objects taken; {done.message}", done.announcements)


def _correct_before_scoring(spool: Spool, job: Job) -> Retried:
    """Correct a job that has no result while nobody moves it: no worker may read half of the new headers."""
    with held_lock(job.folder, LOCK_NAME, job.id):
        taken = _take(spool, job)
    if job.state is JobState.WAITING:
        return Retried(f"{taken} corrected objects taken; {job.id} waits for its images, and is scored with them", ())
    return Retried(f"{taken} corrected objects taken; {job.id} is scored with them", (score_announcement(job.id),))


def _take(spool: Spool, job: Job) -> int:
    study_uid = job.record.study_uid
    taken = _take_corrections(spool, job)
    if not taken and not were_taken(spool, study_uid):
        raise CommandError(
            f"{job.id}: no corrected copy of an object of its study is in quarantine",
            "send the corrected study first: the PACS is told 0x0111, and its copies are kept there",
        )
    return taken


def _check_one_patient(spool: Spool, job: Job, newest: dict[Path, Path]) -> None:
    """Check that corrected headers do not leave a case of two patients."""
    record = job.record
    case = [spool.instance_path(record.study_uid, record.seg.series_uid, record.seg.sop_instance_uid)]
    for series, instances in (record.instances or record.required).items():
        case += [spool.instance_path(record.study_uid, series, instance) for instance in instances if series]
    case = [path for path in case if path.exists()]  # images that a waiting job still lacks have no patient yet
    before, after = ({_patient(of.get(path, path)) for path in case} for of in (dict[Path, Path](), newest))
    if len(after) > len(before):
        corrected = sum(path in newest for path in case)
        raise CommandError(
            f"{job.id}: corrected copies of {corrected} of its {len(case)} objects are in quarantine, and the "
            "others have another patient's name, ID, birth date or sex",
            "send the whole study again; a sender that stops at the warning 0x0111 must be told to go on",
        )


def _patient(path: Path) -> tuple[str, ...]:
    header = read_attributes(path, *PATIENT) or Dataset()
    return tuple(str(header.get(keyword) or "").strip() for keyword in PATIENT)


def _take_corrections(spool: Spool, job: Job) -> int:
    """Replace each object of a study with its newest corrected copy, and put the former one into quarantine.

    Returns the number of replaced objects.

    Raises
    ------
    CommandError
        If a copy has other pixels, or the case would hold two patients: nothing is taken then.
    """
    study_uid = job.record.study_uid
    newest: dict[Path, Path] = {}
    for one in reversed(read_quarantined(spool.ledger, reason=DUPLICATE)):
        corrected = spool.quarantine / f"{one.name}.dcm"
        place = _place_of(spool, corrected, study_uid)
        if place is not None:
            newest[place] = corrected
    for place, corrected in newest.items():
        _check_same_pixels(place, corrected)
    _check_one_patient(spool, job, newest)
    for place, corrected in newest.items():
        _exchange(spool, place, corrected)
    return len(newest)


def were_taken(spool: Spool, study_uid: str) -> bool:
    """Return whether objects of a study were replaced before: it may have several cases."""
    former = (spool.quarantine / f"{one.name}.dcm" for one in read_quarantined(spool.ledger, reason=SUPERSEDED))
    return any(_place_of(spool, path, study_uid) for path in former)


def _place_of(spool: Spool, path: Path, study_uid: str) -> Path | None:
    """Return the path that the quarantined object belongs to; None where it is no copy of one of this study."""
    try:
        header = dcmread(path, stop_before_pixels=True)
        if str(header.StudyInstanceUID) != study_uid:
            return None
        place = spool.instance_path(study_uid, str(header.SeriesInstanceUID), str(header.SOPInstanceUID))
    except (*UNREADABLE_FILE, AttributeError):
        return None
    return place if place.is_file() else None


def _check_same_pixels(place: Path, corrected: Path) -> None:
    if _pixels(dcmread(place)) != _pixels(dcmread(corrected)):
        raise CommandError(
            f"{place.stem}: the copy in quarantine has other pixels, not only another header",
            "an image or outline that was changed needs a UID of its own: let its sender give it one",
        )


def _pixels(instance: Dataset) -> tuple[object, ...]:
    return instance.file_meta.TransferSyntaxUID, instance.get("PixelData"), instance.get("ROIContourSequence")


def _exchange(spool: Spool, place: Path, corrected: Path) -> None:
    before = corrected.with_name(f".{corrected.name}")
    os.link(place, before)
    os.replace(corrected, place)
    fsync_folder(place.parent)
    os.replace(before, corrected)
    size = corrected.stat().st_size
    note_superseded(spool.ledger, corrected.stem, SUPERSEDED, "a corrected copy took its place", size)
