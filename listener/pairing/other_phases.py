"""Series of a study that came after a job became ready, and may be other phases of the examination that it measures.

They show which phase an outline was drawn on. A worker decides whether they change its result; here only series are
left out that, by the header of their first image, lie elsewhere in space, are of another technique or were computed.
"""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from listener.dicom.data_set import read_attributes
from listener.dicom.sop_classes import is_image
from listener.pairing.evidence import Evidence, series_of_study
from listener.pairing.series_watch import SeriesWatch
from listener.spool.job_record import JobRecord
from listener.spool.spool import Spool

TECHNIQUE = ("EchoTime", "RepetitionTime")
"""Equal in all phases, where both state them: Enhanced objects have them in their functional groups."""
HEADER = ("FrameOfReferenceUID", "ImageType", *TECHNIQUE)


class OtherPhases:
    """The series beside those of a job's images. Used by one thread; the header of each series is read once."""

    def __init__(self, spool: Spool, watch: SeriesWatch) -> None:
        self._spool = spool
        self._watch = watch
        self._headers: dict[Path, tuple[str, ...]] = {}
        self._listed: dict[str, list[str]] = {}

    def beside(self, record: JobRecord, found: Evidence) -> Mapping[str, int | None]:
        """Return the number of instances of each other series of a job's study; None for one that is no phase."""
        study = record.study_uid
        others = set(series_of_study(self._spool, study)) - {record.seg.series_uid, *found.images}
        return {
            series: len(self._spool.instances(study, series)) if self._is_phase(study, series, found.images) else None
            for series in sorted(others)
        }

    def came(self, record: JobRecord) -> bool:
        """Return whether such a series came or grew since the job became ready."""
        if record.other_series is None:
            return False
        known = {series: count for series, count in record.other_series.items() if count is not None}
        known |= dict.fromkeys(self._new_phases(record), 0)
        # Every folder is examined: each has its own time from which it counts as settled.
        grown = [
            series
            for series, count in known.items()
            if self._watch.has_grown(self._spool.series_folder(record.study_uid, series), count)
        ]
        return bool(grown)

    def _new_phases(self, record: JobRecord) -> Iterator[str]:
        images = [series for series, uids in (record.instances or {}).items() if uids]
        known = {*images, *(record.other_series or ()), record.seg.series_uid}
        for series in self._series(record.study_uid):
            if series not in known and self._is_phase(record.study_uid, series, images):
                yield series

    def _series(self, study_uid: str) -> list[str]:
        has_changed = self._watch.may_have_changed(self._spool.studies / study_uid)
        if has_changed or study_uid not in self._listed:
            self._listed[study_uid] = series_of_study(self._spool, study_uid)
        return self._listed[study_uid]

    def _is_phase(self, study_uid: str, series: str, images: Collection[str]) -> bool:
        header = self._header(self._spool.series_folder(study_uid, series))
        own = [self._header(self._spool.series_folder(study_uid, one)) for one in images]
        return any(_are_alike(header, other) for other in own)

    def _header(self, folder: Path) -> tuple[str, ...]:
        """Return frame of reference and technique of a series; empty if it holds no images that can be measured."""
        for path in () if folder in self._headers else folder.glob("*.dcm"):
            head = read_attributes(path, "SOPClassUID", *HEADER)
            if head is not None:  # else another instance of the series may say it
                found = tuple(str(head.get(keyword) or "") for keyword in HEADER)
                self._headers[folder] = found if is_image(str(head.get("SOPClassUID"))) else ()
                break
        return self._headers.get(folder, ())


def _are_alike(header: tuple[str, ...], own: tuple[str, ...]) -> bool:
    """Return whether a series may be another phase, or the original of a series that was computed from it."""
    if not header or not own:
        return False
    (space, image_type, *technique), (own_space, own_image_type, *own_technique) = header, own
    if space != own_space or ("DERIVED" in image_type and image_type != own_image_type):
        return False
    return all(one == two or not (one and two) for one, two in zip(technique, own_technique, strict=True))
