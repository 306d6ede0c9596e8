"""An RT structure set as an outline: each region of interest is a segment, its closed planar contours become masks.

PS3.3 sections C.8.8.5 (Structure Set), C.8.8.6 (ROI Contour) and C.8.8.8 (RT ROI Observations).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from listener.dicom.data_set import UNREADABLE_BYTES
from workers.errors import Reason, RejectedInput
from workers.images.attributes import text
from workers.images.frames import Plane
from workers.images.headers import Instance, read_header
from workers.images.placed_frames import placed_frames
from workers.images.slice_geometry import normal_of
from workers.limits import LIMITS, Limits, is_out_of_memory
from workers.notes import Note
from workers.outline.contours import filled
from workers.outline.outline import NO_RULES, Outline, name_of
from workers.outline.segment_choice import choose_segments
from workers.outline.segment_rules import SegmentRules
from workers.outline.source_images import References, image_references

CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
GROSS_TUMOUR_VOLUME = ("228791009", "SCT", "Gross tumor volume")
INTERPRETED_AS_TUMOUR = "GTV"
OFF_SLICE_MM = 0.25
"""How far a contour may be from the slice that it was drawn on."""


@dataclass(frozen=True, eq=False)
class ContouredOutline(Outline):
    """An outline whose masks are rasterised from contours on access."""

    contours: tuple[tuple[NDArray[np.float64], ...], ...] = ()
    """The contours of each frame, in pixels (column, row)."""

    def masks(self) -> Iterator[tuple[int, Plane, NDArray[np.bool_]]]:
        """Yield segment number, plane and mask of each slice that holds tumour or other tissue."""
        wanted = self.other_tissue_numbers | {self.tumour_number}
        for number, plane, contours in zip(self.segment_numbers, self.planes, self.contours, strict=True):
            if number in wanted:
                yield number, plane, filled(contours, plane.rows, plane.columns)


@dataclass(frozen=True, eq=False)
class _Slice:
    """An image that contours may lie on."""

    reference: tuple[str, int | None]
    """SOP Instance UID and frame number."""
    plane: Plane

    def is_named(self, references: References) -> bool:
        """Return whether references include this image, by its frame or as part of a whole instance."""
        return self.reference in references or (self.reference[0], None) in references

    def distance_mm(self, points: NDArray[np.float64]) -> float:
        """Return the largest distance of points (x, y, z in mm) from the slice."""
        return float(np.abs((points - self.plane.position) @ normal_of(self.plane)).max())

    def pixels_of(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return points in patient coordinates (mm) as column and row."""
        offsets = points - np.array(self.plane.position)
        return np.column_stack(
            [
                offsets @ np.array(self.plane.row_direction) / self.plane.column_spacing,
                offsets @ np.array(self.plane.column_direction) / self.plane.row_spacing,
            ]
        )


@dataclass(frozen=True, eq=False)
class _PlaneContours:
    """The contours of one region of interest on one slice."""

    number: int
    """Number of the region of interest, in their order, from 1."""
    uid: str
    """SOP Instance UID of the slice's image."""
    plane: Plane
    contours: tuple[NDArray[np.float64], ...]
    """In pixels (column, row)."""


def read_structure_set(
    path: Path,
    images: Sequence[Instance],
    limits: Limits = LIMITS,
    segment_number: int | None = None,
    rules: SegmentRules = NO_RULES,
) -> Outline:
    """Read a structure set and place its contours on the planes of ``images``.

    ``segment_number`` selects one of several tumours, by its position in the Structure Set ROI Sequence, from 1.

    Raises
    ------
    RejectedInput
        NO_TUMOUR_SEGMENT, SEVERAL_TUMOUR_SEGMENTS, UNSUPPORTED_SEGMENTATION where the tumour has no closed planar
        contour or a contour is off the slices, UNREADABLE_OBJECT, OVER_LIMITS.
    """
    instance = read_header(path, limits)
    try:
        return _outline(instance, images, limits, segment_number, rules)
    except UNREADABLE_BYTES as error:
        if is_out_of_memory(error):
            raise
        raise RejectedInput(
            Reason.UNREADABLE_OBJECT,
            f"{name_of(instance)}: expected valid attributes of a structure set ({type(error).__name__})",
        ) from error


def _outline(
    instance: Instance, images: Sequence[Instance], limits: Limits, segment_number: int | None, rules: SegmentRules
) -> Outline:
    header = instance.dataset
    segments = segments_of(header)
    if len(segments) > limits.max_segments:
        raise RejectedInput(
            Reason.OVER_LIMITS,
            f"{name_of(instance)}: {len(segments)} regions of interest, at most {limits.max_segments}",
        )
    chosen = choose_segments(segments, rules, name_of(instance), empty_regions(header))
    tumour = chosen.tumour(segment_number, name_of(instance))
    others = chosen.beside(tumour)
    number = int(tumour.SegmentNumber)
    items = {at: _closed_contours(header, at, segments) for at in (number, *sorted(others))}
    if not items[number]:
        raise _refuse(instance, f"its region of interest {tumour.SegmentLabel!r} has no closed planar contour")
    named = _images_of(items[number]) or _images_of_series(header)
    slices = [_Slice(frame.reference, frame.plane) for frame in placed_frames(images)]
    mine = [one for one in slices if one.is_named(named)] or slices
    on_planes = [
        *_contours_by_plane(instance, number, items.pop(number), mine, must_lie=True),
        # Other tissue may be on slices next to the tumour's, which the ring reaches.
        *(
            one
            for at, contours in items.items()
            for one in _contours_by_plane(instance, at, contours, slices, must_lie=False)
        ),
    ]
    own = [one.plane for one in on_planes if one.number == number]
    return ContouredOutline(
        instance=_with_frame_of_reference(instance),
        tumour_segment=tumour,
        other_tissue_numbers=others,
        references=named,
        planes=tuple(one.plane for one in on_planes),
        segment_numbers=tuple(one.number for one in on_planes),
        frame_sources=tuple(frozenset({one.uid}) for one in on_planes),
        notes=(*chosen.notes, *_gap_note(mine, own)),
        contours=tuple(one.contours for one in on_planes),
    )


def _refuse(instance: Instance, message: str) -> RejectedInput:
    return RejectedInput(Reason.UNSUPPORTED_SEGMENTATION, f"{name_of(instance)}: {message}")


def segments_of(header: Dataset) -> list[Dataset]:
    """Return the regions of interest as items of a Segment Sequence, numbered from 1 in their order."""
    observations = {item.get("ReferencedROINumber"): item for item in header.get("RTROIObservationsSequence") or ()}
    found = []
    for at, roi in enumerate(header.get("StructureSetROISequence") or (), start=1):
        observation = observations.get(roi.get("ROINumber"), Dataset())
        segment = Dataset()
        segment.SegmentNumber = at
        segment.SegmentLabel = str(roi.get("ROIName") or observation.get("ROIObservationLabel") or f"ROI {at}")[:64]
        segment.SegmentAlgorithmType = "MANUAL"
        codes = observation.get("RTROIIdentificationCodeSequence") or roi.get("RTROIIdentificationCodeSequence")
        if codes:
            segment.SegmentedPropertyTypeCodeSequence = codes
        elif str(observation.get("RTROIInterpretedType") or "") == INTERPRETED_AS_TUMOUR:
            segment.SegmentedPropertyTypeCodeSequence = [_gross_tumour_volume()]
        found.append(segment)
    return found


def empty_regions(header: Dataset) -> frozenset[int]:
    """Return the numbers, as in `segments_of`, of the regions of interest without contours: rows of a template."""
    drawn = {
        item.get("ReferencedROINumber")
        for item in header.get("ROIContourSequence") or ()
        if item.get("ContourSequence")
    }
    regions = enumerate(header.get("StructureSetROISequence") or (), start=1)
    return frozenset(at for at, roi in regions if roi.get("ROINumber") not in drawn)


def contour_references(header: Dataset) -> References:
    """Return the images that the contours of any region reference; else those of the series that the object lists."""
    contours = (
        contour for item in header.get("ROIContourSequence") or () for contour in item.get("ContourSequence") or ()
    )
    return _images_of(contours) or _images_of_series(header)


def frame_of_reference_of(header: Dataset) -> str:
    """Return the frame of reference of the contours, from the header or, if they agree, from its items; else empty."""
    own = text(header, "FrameOfReferenceUID")
    items = (
        *(header.get("StructureSetROISequence") or ()),
        *(header.get("ReferencedFrameOfReferenceSequence") or ()),
    )
    found = {str(one.get("ReferencedFrameOfReferenceUID") or one.get("FrameOfReferenceUID") or "") for one in items}
    return own or ((found - {""}).pop() if len(found - {""}) == 1 else "")


def _gross_tumour_volume() -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = GROSS_TUMOUR_VOLUME
    return item


def _closed_contours(header: Dataset, number: int, segments: Sequence[Dataset]) -> list[Dataset]:
    roi_number = header.StructureSetROISequence[number - 1].get("ROINumber")
    return [
        contour
        for item in header.get("ROIContourSequence") or ()
        if item.get("ReferencedROINumber") == roi_number
        for contour in item.get("ContourSequence") or ()
        if str(contour.get("ContourGeometricType") or "") in CLOSED and len(contour.get("ContourData") or ()) >= 3
    ]


def _images_of(contours: Iterable[Dataset]) -> References:
    return image_references(image for contour in contours for image in contour.get("ContourImageSequence") or ())


def _images_of_series(header: Dataset) -> References:
    return image_references(
        item
        for frame_of_reference in header.get("ReferencedFrameOfReferenceSequence") or ()
        for study in frame_of_reference.get("RTReferencedStudySequence") or ()
        for series in study.get("RTReferencedSeriesSequence") or ()
        for item in series.get("ContourImageSequence") or ()
    )


def _contours_by_plane(
    instance: Instance, number: int, contours: Sequence[Dataset], slices: Sequence[_Slice], *, must_lie: bool
) -> list[_PlaneContours]:
    """Return the contours of a region of interest by slice; among several slices, a referenced one is preferred."""
    found: dict[int, list[NDArray[np.float64]]] = defaultdict(list)
    for contour in contours:
        points = np.array(contour.ContourData, dtype=np.float64).reshape(-1, 3)
        named = _images_of([contour])
        distances = [one.distance_mm(points) for one in slices]
        near = [at for at, distance in enumerate(distances) if distance <= OFF_SLICE_MM]
        if near:
            at = min(near, key=lambda at: (not slices[at].is_named(named), round(distances[at], 2), at))
            found[at].append(slices[at].pixels_of(points))
        elif must_lie:
            raise _refuse(
                instance,
                f"a contour lies more than {OFF_SLICE_MM:g} mm off the slices of the images: draw closed contours "
                "on the slices of the original images",
            )
    return [_PlaneContours(number, slices[at].reference[0], slices[at].plane, tuple(found[at])) for at in sorted(found)]


def _gap_note(slices: Sequence[_Slice], drawn: Sequence[Plane]) -> list[Note]:
    """Return a note where slices between the first and the last contour have none: contours are not interpolated."""
    normal = normal_of(drawn[0])

    def depth(plane: Plane) -> float:
        return round(float(np.dot(plane.position, normal)), 2)

    outlined = {depth(plane) for plane in drawn}
    between = {depth(one.plane) for one in slices if min(outlined) < depth(one.plane) < max(outlined)}
    missing = len(between - outlined)
    text = f"{missing} slices between the outlined ones have no contour; contours were not interpolated."
    return [Note(text)] if missing else []


def _with_frame_of_reference(instance: Instance) -> Instance:
    """Return the object with the frame of reference of its contours where its own header has none."""
    if found := frame_of_reference_of(instance.dataset):
        instance.dataset.FrameOfReferenceUID = found
    return instance
