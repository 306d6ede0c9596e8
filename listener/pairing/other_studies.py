"""Images of an outline that are in another study of the spool than the outline says."""

import time
from collections.abc import Iterable

from listener.dicom.uids import is_uid
from listener.pairing.evidence import Evidence, series_of_study
from listener.spool.job_record import JobRecord
from listener.spool.spool import Spool

SEARCH_AGAIN_SECONDS = 10.0

MOST_STUDIES = 3
"""More studies that one series would be split over are not searched."""


class OtherStudiesSearch:
    """Searches for the missing images of waiting jobs, of each job only now and then."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._searched: dict[str, float] = {}

    def sentence(self, record: JobRecord, found: Evidence, *, at_once: bool) -> str:
        """Return a sentence naming the studies that hold all missing images; searched for only now and then."""
        if not found.missing_count:
            return ""
        before = self._searched.get(record.job_id)
        if not at_once and before is not None and time.monotonic() - before < SEARCH_AGAIN_SECONDS:
            return ""
        self._searched[record.job_id] = time.monotonic()
        studies = studies_of_missing(self._spool, record.study_uid, found)
        if not studies:
            return ""
        is_split = len(studies) > 1 or found.missing_count < found.waiting().required
        where = "and all of its images in one study" if is_split else "in the study of its images"
        return f"they lie in study {' and '.join(studies)}: send the outline {where}"

    def keep_only(self, job_ids: Iterable[str]) -> None:
        """Forget when the images of any other job were searched for."""
        self._searched = {job: self._searched[job] for job in job_ids if job in self._searched}


def studies_of_missing(spool: Spool, study_uid: str, found: Evidence) -> tuple[str, ...]:
    """Return the Study Instance UIDs of the other studies that hold all missing instances; empty where none do.

    One of them is looked for in every series, which costs a look at each folder; the others only where it is found.
    """
    missing = {uid for uids in found.missing.values() for uid in uids}
    studies: list[str] = []
    while missing and len(studies) < MOST_STUDIES:
        lying = {
            other: frozenset().union(*(spool.instances(other, series) for series in series_of_study(spool, other)))
            for path in spool.studies.glob(f"*/*/{min(missing)}.dcm")
            if is_uid(other := path.parent.parent.name) and other != study_uid
        }
        if not lying:
            return ()
        studies.append(max(sorted(lying), key=lambda other: len(missing & lying[other])))
        missing -= lying[studies[-1]]
    return () if missing else tuple(studies)
