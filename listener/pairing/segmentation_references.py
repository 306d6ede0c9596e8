"""The images that an outline was drawn on, as its references state.

Of a segmentation: PS3.3 sections C.8.20.2, C.7.6.16.2.6 and C.12.4; of an RT structure set: C.8.8.5 and C.8.8.6.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.uid import UID

from listener.dicom.data_set import UnreadableDataSet, read_header
from listener.dicom.own_results import OWN_RESULT_TAGS, is_own_result
from listener.dicom.sop_classes import are_source_images, is_image, is_image_class
from listener.dicom.structure_limits import StructureLimits
from listener.dicom.uids import InvalidUid, checked_uid, is_uid
from listener.pairing.body_parts import BODY_PART_TAGS, other_body_part
from listener.runtime.safe_errors import stack_locations
from listener.spool.job_record import UNKNOWN_SERIES, Pairing

OUTLINE_TAGS = [
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "FrameOfReferenceUID",
    "SourceImageSequence",
    "ReferencedSeriesSequence",
    "PredecessorDocumentsSequence",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    *OWN_RESULT_TAGS,
    "ReferencedFrameOfReferenceSequence",
    "StructureSetROISequence",
    "ROIContourSequence",
    *BODY_PART_TAGS,
]


@dataclass(frozen=True)
class SegmentationReferences:
    """A segmentation, as far as pairing needs it."""

    sop_instance_uid: str
    study_uid: str
    series_uid: str
    frame_of_reference_uid: str | None
    pairing: Pairing
    required: Mapping[str, tuple[str, ...]]
    """SOP Instance UIDs by Series Instance UID, sorted; `UNKNOWN_SERIES` where the series is not named."""
    tracking_uids: tuple[str, ...] = ()
    """Tracking UIDs of its segments: a corrected outline keeps them."""
    predecessors: tuple[str, ...] = field(default=())
    """SOP Instance UIDs of the objects that it replaces."""
    is_own_result: bool = False
    """Whether its header identifies it as a result of radtme."""
    image_classes: frozenset[str] = frozenset()
    """SOP Class UIDs of the images that it names."""
    is_structure_set: bool = False
    """Whether it is an RT structure set: some writers of these name every image as CT (plastimatch)."""
    calls_every_image_ct: bool = False
    """Whether its writer is known to name MR images as CT too."""
    other_body_part: str = ""
    """The word by which its header names another part of the body than the breast; empty where it does not."""
    chest: str = ""
    """The word by which its header describes a chest: only its images tell whether a breast was examined."""

    @property
    def never_accepted(self) -> str:
        """The name of the SOP class of its images where the listener never accepts that class; else empty."""
        if not self.image_classes or any(is_image(one) or not UID(one).keyword for one in self.image_classes):
            return ""
        return str(UID(min(self.image_classes)).name)


def read_outline(
    path: Path, data_set_offset: int, transfer_syntax: UID, limits: StructureLimits, max_referenced_instances: int
) -> SegmentationReferences:
    """Read a segmentation's header, without its pixels.

    Raises
    ------
    UnreadableDataSet
        If it cannot be read, exceeds a limit, or a UID that pairing needs is missing or malformed.
    """
    outline = outline_of(read_header(path, data_set_offset, transfer_syntax, OUTLINE_TAGS, limits))
    named = sum(map(len, outline.required.values()))
    if named > max_referenced_instances:
        raise UnreadableDataSet(
            f"it names {named} images, more than the {max_referenced_instances} that are waited for"
        )
    return outline


def outline_of(header: Dataset) -> SegmentationReferences:
    """Return what a segmentation's header says about its images.

    Raises
    ------
    UnreadableDataSet
        If a UID that pairing needs is missing or malformed.
    """
    try:
        return _outline(header)
    except InvalidUid as error:
        raise UnreadableDataSet(f"the segmentation's references cannot be read: {error}") from error
    except AttributeError as error:
        raise UnreadableDataSet(f"the segmentation's references cannot be read: no {error.name}") from error
    except (TypeError, KeyError) as error:
        raise UnreadableDataSet(
            f"the segmentation's references cannot be read ({type(error).__name__} at {stack_locations(error)[-1]})"
        ) from error


def _outline(header: Dataset) -> SegmentationReferences:
    pairing, required = _required(header)
    frame_of_reference = header.get("FrameOfReferenceUID") or _frame_of_reference_of_structures(header)
    return SegmentationReferences(
        sop_instance_uid=checked_uid(header.SOPInstanceUID, "SOPInstanceUID"),
        study_uid=checked_uid(header.StudyInstanceUID, "StudyInstanceUID"),
        series_uid=checked_uid(header.SeriesInstanceUID, "SeriesInstanceUID"),
        frame_of_reference_uid=checked_uid(frame_of_reference, "FrameOfReferenceUID") if frame_of_reference else None,
        pairing=pairing,
        required=required,
        tracking_uids=_sorted(item.get("TrackingUID") for item in header.get("SegmentSequence", [])),
        predecessors=_sorted(
            reference.get("ReferencedSOPInstanceUID")
            for study in header.get("PredecessorDocumentsSequence", [])
            for series in study.get("ReferencedSeriesSequence", [])
            for reference in series.get("ReferencedSOPSequence", [])
        ),
        is_own_result=is_own_result(header),
        image_classes=frozenset(_image_classes(header)),
        is_structure_set="StructureSetROISequence" in header,
        calls_every_image_ct=str(header.get("Manufacturer") or "") == "Plastimatch",
        other_body_part=other_body_part([header], is_chest_another=False),
        chest=other_body_part([header]),
    )


def _required(header: Dataset) -> tuple[Pairing, Mapping[str, tuple[str, ...]]]:
    listed = [(image, series) for series, images in _listed(header) for image in images]
    references = [*(image for image, _ in listed), *_frame_references(header)]
    chosen = set(_images(references))
    series_of = {
        uid: checked_uid(series.SeriesInstanceUID, "SeriesInstanceUID of a referenced series")
        for image, series in listed
        if (uid := str(image.get("ReferencedSOPInstanceUID"))) in chosen
    }
    if chosen:
        return Pairing.INSTANCES, _by_series(chosen, series_of)
    sources = set(_images(header.get("SourceImageSequence", [])))
    if sources:
        return Pairing.SOURCE_IMAGES, _by_series(sources, series_of)
    return Pairing.FRAME_OF_REFERENCE, {}


def _listed(header: Dataset) -> Iterator[tuple[Dataset, Sequence[Dataset]]]:
    """Yield the series that an outline lists, each with its images."""
    for series in header.get("ReferencedSeriesSequence", []):
        yield series, series.get("ReferencedInstanceSequence", [])
    for series in _series_of_structures(header):
        yield series, series.get("ContourImageSequence", [])


def _image_classes(header: Dataset) -> Iterator[str]:
    """Yield the SOP class of each image that is named."""
    listed = [reference for _, images in _listed(header) for reference in images]
    for reference in (*listed, *_frame_references(header), *header.get("SourceImageSequence", [])):
        sop_class = str(reference.get("ReferencedSOPClassUID") or "")
        if sop_class and is_image_class(sop_class):
            yield sop_class


def _frame_references(header: Dataset) -> Iterator[Dataset]:
    """Yield the source images of all frames, and those of all contours."""
    for name in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        for group in header.get(name, []):
            for derivation in group.get("DerivationImageSequence", []):
                yield from derivation.get("SourceImageSequence", [])
    for structure in header.get("ROIContourSequence", []):
        for contour in structure.get("ContourSequence", []):
            yield from contour.get("ContourImageSequence", [])


def _series_of_structures(header: Dataset) -> Iterator[Dataset]:
    """Yield the series that a structure set lists (RT Referenced Series Sequence)."""
    for frame_of_reference in header.get("ReferencedFrameOfReferenceSequence", []):
        for study in frame_of_reference.get("RTReferencedStudySequence", []):
            yield from study.get("RTReferencedSeriesSequence", [])


def _frame_of_reference_of_structures(header: Dataset) -> str:
    """Return the frame of reference that the contours of a structure set are given in, if one."""
    items = (*header.get("StructureSetROISequence", []), *header.get("ReferencedFrameOfReferenceSequence", []))
    found = {str(item.get("ReferencedFrameOfReferenceUID") or item.get("FrameOfReferenceUID") or "") for item in items}
    found.discard("")
    return found.pop() if len(found) == 1 else ""


def _images(references: Iterable[Dataset]) -> Iterator[str]:
    """Yield the instances that are images: a job does not wait for reports or other outlines."""
    found = list(references)
    classes = [reference.get("ReferencedSOPClassUID") for reference in found]
    for reference, is_source in zip(found, are_source_images(classes), strict=True):
        if is_source:
            yield checked_uid(reference.ReferencedSOPInstanceUID, "ReferencedSOPInstanceUID")


def _by_series(instances: Iterable[str], series_of: Mapping[str, str]) -> Mapping[str, tuple[str, ...]]:
    grouped: dict[str, list[str]] = defaultdict(list)
    for instance in instances:
        grouped[series_of.get(instance, UNKNOWN_SERIES)].append(instance)
    return {series: tuple(sorted(grouped[series])) for series in sorted(grouped)}


def _sorted(uids: Iterable[object]) -> tuple[str, ...]:
    """Return the valid UIDs among these: nothing depends on them, so an invalid one is ignored."""
    return tuple(sorted({str(uid) for uid in uids if is_uid(str(uid or ""))}))
