"""What a crash, a power failure or a restored backup left in the spool, and what is done about it. Changes nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from listener.pairing.reconcile import outlines_without_job, studies_to_look_at
from listener.spool.job_notes import RESULT_NAME
from listener.spool.jobs import IN_WORK
from listener.spool.lost_results import jobs_without_result
from listener.spool.quarantined import without_object, without_reason
from listener.spool.spool import Spool


class SpoolDefect(StrEnum):
    """What can be found."""

    TEMPORARY_FILE = "temporary_file"
    REASON_WITHOUT_OBJECT = "reason_without_object"
    OBJECT_WITHOUT_REASON = "object_without_reason"
    RESULT_UNREADABLE = "result_unreadable"
    OUTLINE_WITHOUT_JOB = "outline_without_job"


REMEDIES = {
    SpoolDefect.TEMPORARY_FILE: "removed, at the latest when the job is scored: nobody was told that it is there",
    SpoolDefect.REASON_WITHOUT_OBJECT: "forgotten: its object is gone",
    SpoolDefect.OBJECT_WITHOUT_REASON: "kept, and given a reason that says so",
    SpoolDefect.RESULT_UNREADABLE: "scored again, with the same results",
    SpoolDefect.OUTLINE_WITHOUT_JOB: "gets its case",
}


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be."""

    defect: SpoolDefect
    path: Path
    job_id: str | None = None

    @property
    def remedy(self) -> str:
        """What the next start does about it."""
        return REMEDIES[self.defect]


def check(spool: Spool) -> Iterator[Finding]:
    """Yield what is wrong. What someone works on right now may be among it."""
    for job in spool.jobs(*IN_WORK):
        for path in sorted(job.folder.rglob(".*.tmp")):
            yield Finding(SpoolDefect.TEMPORARY_FILE, path, job.id)
    for folder in (spool.root, spool.quarantine):
        for path in sorted(folder.glob(".*.tmp")):
            yield Finding(SpoolDefect.TEMPORARY_FILE, path)
    for name in without_object(spool):
        yield Finding(SpoolDefect.REASON_WITHOUT_OBJECT, spool.quarantine / f"{name}.dcm")
    for path in without_reason(spool):
        yield Finding(SpoolDefect.OBJECT_WITHOUT_REASON, path)
    for job in jobs_without_result(spool):
        yield Finding(SpoolDefect.RESULT_UNREADABLE, job.folder / RESULT_NAME, job.id)
    outlines: list[Path] = []
    outlines_without_job(spool, studies_to_look_at(spool), lambda step: step(), outlines.append)
    for path in outlines:
        yield Finding(SpoolDefect.OUTLINE_WITHOUT_JOB, path)
