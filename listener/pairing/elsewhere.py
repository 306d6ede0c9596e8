"""Images of an outline that are in another study of the spool than the outline says."""

from collections.abc import Iterator

from pydicom.dataset import Dataset

from listener.dicom.data_set import read_attributes
from listener.dicom.uids import is_uid
from listener.pairing.body_parts import BODY_PART_TAGS
from listener.pairing.evidence import Evidence, series_of_study
from listener.spool.spool import Spool

MOST_STUDIES = 3
"""More studies that one series would be split over are not searched."""


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


def image_heads(spool: Spool, study_uid: str, found: Evidence) -> Iterator[Dataset]:
    """Yield the header of one image of each series of a job, as far as it names a part of the body."""
    for series, uids in sorted(found.images.items()):
        for uid in sorted(uids)[:1]:
            head = read_attributes(spool.instance_path(study_uid, series, uid), *BODY_PART_TAGS)
            if head is not None:  # else the worker says what is wrong with it
                yield head
