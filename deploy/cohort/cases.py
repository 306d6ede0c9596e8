"""The outlines of a cohort: each tumour of each SEG or RT structure set, and each mask beside an image."""

import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path

from deploy.cohort.index import IMAGE, OUTLINE, IndexedFile
from model_store.signatures.profile import FeatureProfile
from workers.outline.outline import NO_RULES
from workers.outline.segment_rules import SegmentRules

RESULT_FORMAT = 3
"""Of the kept results: one of another format is measured again."""


@dataclass(frozen=True)
class OutlineCase:
    """One outline, and the files that it is measured from. Files are given by their full path."""

    case: str
    """The outline's SOP Instance UID, with the segment's number where it holds several tumours; or the pair's name."""
    patient: str
    images: tuple[str, ...]
    outline: str
    study_uid: str = ""
    series_uid: str = ""
    seg_uid: str = ""
    seg_series_uid: str = ""
    segment_number: int | None = None
    """Of one of several tumours in an outline."""
    label: int | None = None
    """Of the tumour in a mask that holds several values."""
    is_pair: bool = False
    phase: int | None = None
    """Of a pair whose image holds several phases: from 1."""
    phase_files: tuple[str, ...] = ()
    """Of a pair whose phases are a file each: all of them in order of time, the image too."""
    resample_mask: bool = False
    """Of a pair: a mask on another grid takes that of the image."""
    site: str = ""
    scanner: str = ""
    reader: str = ""
    drawn: str = ""
    other_series: tuple[tuple[str, ...], ...] = ()
    """The study's other series: they tell whether the phase lies before contrast, or hold images in another form."""
    rules: SegmentRules = NO_RULES
    """They decide which segments are tumours, or are excluded from the ring."""

    @property
    def key(self) -> str:
        """A name for files that belong to the case."""
        return hashlib.sha256(self.case.encode()).hexdigest()[:24]

    def inputs(self, profile: FeatureProfile) -> str:
        """Return a key of everything that the measurement of the case depends on."""
        others = (name for series in self.other_series for name in series)
        files = [(name, *_stamp(name)) for name in (self.outline, *self.images, *self.phase_files, *others)]
        said = [asdict(self), profile.to_json(), files, version("radtme"), RESULT_FORMAT]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _stamp(name: str) -> tuple[int, int]:
    try:
        status = os.stat(name)
    except OSError:
        return (0, 0)
    return status.st_size, status.st_mtime_ns


def dicom_cases(
    folder: Path, files: Iterable[IndexedFile], readers: Mapping[str, str], rules: SegmentRules = NO_RULES
) -> list[OutlineCase]:
    """Return a case for each tumour of each outline, with the images that the service would measure it on.

    Those are the series of the images that the outline names, else everything of its study in its frame of reference.
    An outline that was copied, or sent twice, counts once.
    """
    files = list(files)
    images = [one for one in files if one.kind == IMAGE]
    series_of = {one.sop_instance_uid: one.series_uid for one in images}
    by_series: dict[str, list[IndexedFile]] = defaultdict(list)
    by_study: dict[str, list[IndexedFile]] = defaultdict(list)
    for one in images:
        by_series[one.series_uid].append(one)
        by_study[one.study_uid].append(one)
    segs = {one.sop_instance_uid: one for one in reversed(files) if one.kind == OUTLINE}
    cases: list[OutlineCase] = []
    for seg in sorted(segs.values(), key=lambda one: one.path):
        named = sorted({series_of[uid] for uid in seg.references if uid in series_of})
        found = [one for series in named for one in by_series[series]]
        if not seg.references:
            found = [
                one for one in by_study[seg.study_uid] if one.frame_of_reference_uid in ("", seg.frame_of_reference_uid)
            ]
        others = _other_series(folder, by_study[seg.study_uid], {one.series_uid for one in found})
        cases.extend(_cases_of(folder, seg, found, others, readers.get(seg.sop_instance_uid, seg.reader)))
    return [replace(case, rules=rules) for case in cases]


def studies_without_outline(images: Iterable[IndexedFile], cases: Iterable[OutlineCase]) -> list[OutlineCase]:
    """Return a case for each study that has images and no recognisable outline."""
    outlined = {uid for case in cases for uid in (case.study_uid, case.series_uid)}
    studies: dict[str, OutlineCase] = {}
    for one in images:
        if not outlined & {one.study_uid, one.series_uid}:
            case = OutlineCase(one.study_uid, one.patient, (), "", one.study_uid, site=one.site, scanner=one.scanner)
            studies.setdefault(one.study_uid, case)
    return list(studies.values())


def _other_series(folder: Path, images: Iterable[IndexedFile], known: Collection[str]) -> tuple[tuple[str, ...], ...]:
    found: dict[str, list[str]] = defaultdict(list)
    for one in images:
        if one.series_uid not in known:
            found[one.series_uid].append(str(folder / one.path))
    return tuple(tuple(sorted(found[series])) for series in sorted(found))


def _cases_of(
    folder: Path, seg: IndexedFile, images: list[IndexedFile], others: tuple[tuple[str, ...], ...], reader: str
) -> Iterator[OutlineCase]:
    first = images[0] if images else seg
    for number in seg.tumours if len(seg.tumours) > 1 else (None,):
        yield OutlineCase(
            case=seg.sop_instance_uid if number is None else f"{seg.sop_instance_uid}#{number}",
            patient=seg.patient or first.patient,  # a SEG that was cut short may name its images only
            images=tuple(str(folder / one.path) for one in images),
            outline=str(folder / seg.path),
            study_uid=seg.study_uid or first.study_uid,
            series_uid=first.series_uid if images else "",
            seg_uid=seg.sop_instance_uid,
            seg_series_uid=seg.series_uid,
            segment_number=number,
            site=first.site,
            scanner=first.scanner if images else "",
            reader=reader,
            drawn=seg.drawn,
            other_series=others,
        )
