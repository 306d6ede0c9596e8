"""Builds a BINARY segmentation on the grid of its source images, with references to these images.

highdicom builds it from two slices; the items and pixels of all frames are encoded here in the same form, in a tenth of
the time. highdicom gets substitutes of the source headers, because missing Type 2 attributes, several phases in one
series and frames of an Enhanced MR image would be errors.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from highdicom import DimensionOrganizationTypeValues
from highdicom.seg import Segmentation, SegmentationTypeValues, SegmentDescription, SegmentsOverlapValues
from highdicom.spatial import get_normal_vector, get_volume_positions
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage
from pydicom.valuerep import DSfloat, format_number_as_ds

from workers.results import codes
from workers.results.encoded_elements import (
    code_sequence,
    reference,
    sequence,
    series_of_references,
    short_element,
    with_encoded,
)
from workers.results.encoding import encoded_item
from workers.results.instance_reference import InstanceReference
from workers.results.source_slices import SourceSlice
from workers.results.uids import derived_uid

SAMPLE = 2
"""Slices that highdicom builds: the least that have a distance. They have as many rows and columns."""


@dataclass(frozen=True)
class SourceGrid:
    """The slices that the segmentation is drawn on, and their common attributes."""

    slices: Sequence[SourceSlice]
    rows: int
    columns: int
    study_uid: str
    frame_of_reference_uid: str
    position_reference: str = ""
    """Position Reference Indicator (PS3.3 C.7.4.1)."""
    instances: Sequence[InstanceReference] = ()
    """The source instances, where they are more than those of ``slices``."""


def binary_segmentation(
    grid: SourceGrid,
    masks: Sequence[NDArray[np.bool_]],
    segments: Sequence[SegmentDescription],
    dimension_organization_uid: str,
    **attributes: Any,
) -> Dataset:
    """Return the segmentation of ``masks`` (z, y, x), one for each segment, without frames that are empty.

    ``attributes`` are further arguments of `highdicom.seg.Segmentation`. The data set is prepared for being written in
    Explicit VR Little Endian; its sequences of frames and instances are decoded where they are accessed.
    """
    filled = np.array([mask.any(axis=(1, 2)) for mask in masks])
    touched = np.flatnonzero(filled.any(axis=0))
    part = slice(int(touched[0]), int(touched[-1]) + 1)
    slices, filled, masks = grid.slices[part], filled[:, part], [mask[part] for mask in masks]
    built = _sample(grid, slices[:SAMPLE], _distance_mm(slices), segments, attributes)
    for dimensions in (built.DimensionOrganizationSequence, built.DimensionIndexSequence):
        for item in dimensions:
            item.DimensionOrganizationUID = dimension_organization_uid  # highdicom generates a random one
    _describe(built, slices, filled, masks)
    order = _order(slices)
    frames = [(number, at) for number in range(len(masks)) for at in order if filled[number, at]]
    ranks = _ranks(order, filled)
    built.NumberOfFrames = len(frames)
    built.PixelData = _packed([masks[number][at] for number, at in frames])
    built["PixelData"].VR = "OB"
    # A single series, because viewers read only the first item
    series = series_of_references("ReferencedInstanceSequence", grid.instances or _instances(grid.slices))
    return with_encoded(
        built,
        {
            "ReferencedSeriesSequence": [series],
            "SourceImageSequence": (encoded_item(reference(one)) for one in _instances(slices)),
            "PerFrameFunctionalGroupsSequence": (
                encoded_item(_frame(number + 1, ranks[at], slices[at], is_only_segment=len(masks) == 1))
                for number, at in frames
            ),
        },
    )


def _source_header(grid: SourceGrid, number: int, source: SourceSlice, thickness_mm: float) -> Dataset:
    """Return a header with the attributes that highdicom reads from a source, and no others."""
    header = Dataset()
    for keyword in ("PatientID", "PatientName", "StudyID", "AccessionNumber"):
        setattr(header, keyword, "")
    for keyword in ("PatientBirthDate", "PatientSex", "StudyDate", "StudyTime"):
        setattr(header, keyword, None)
    header.SOPClassUID = MRImageStorage
    header.SOPInstanceUID = derived_uid("stand-in", str(number))
    header.StudyInstanceUID = grid.study_uid
    header.SeriesInstanceUID = source.reference.series_uid
    header.FrameOfReferenceUID = grid.frame_of_reference_uid
    header.PositionReferenceIndicator = grid.position_reference
    header.Modality = "MR"
    header.Rows = header.Columns = SAMPLE
    header.ImagePositionPatient = list(source.position_mm)
    header.ImageOrientationPatient = list(source.orientation)
    header.PixelSpacing = list(source.pixel_spacing_mm)
    header.SliceThickness = source.thickness_mm or thickness_mm
    return header


def _distance_mm(slices: Sequence[SourceSlice]) -> float:
    """Return the distance between neighbouring slices in mm; 1 mm for a single slice."""
    if len(slices) == 1:
        return 1.0
    return float(np.linalg.norm(np.subtract(slices[1].position_mm, slices[0].position_mm)))


def _sample(
    grid: SourceGrid,
    slices: Sequence[SourceSlice],
    distance_mm: float,
    segments: Sequence[SegmentDescription],
    attributes: dict[str, Any],
) -> Segmentation:
    """Return what highdicom builds from the first slices, with every voxel in every segment."""
    built = Segmentation(
        source_images=[_source_header(grid, number, source, distance_mm) for number, source in enumerate(slices)],
        pixel_array=np.ones((len(slices), SAMPLE, SAMPLE, len(segments)), dtype=np.uint8),
        segmentation_type=SegmentationTypeValues.BINARY,
        segment_descriptions=segments,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        **attributes,
    )
    built.Rows, built.Columns = grid.rows, grid.columns
    return built


def _describe(
    built: Dataset, slices: Sequence[SourceSlice], filled: NDArray[np.bool_], masks: Sequence[NDArray[np.bool_]]
) -> None:
    """Set what describes all frames together, as highdicom does."""
    overlap = any((one & other).any() for at, one in enumerate(masks) for other in masks[:at])
    built.SegmentsOverlap = (SegmentsOverlapValues.YES if overlap else SegmentsOverlapValues.NO).value
    measures = built.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    measures.pop("SpacingBetweenSlices", None)
    if (spacing_mm := _spacing_mm(slices)) is not None:
        measures.SpacingBetweenSlices = format_number_as_ds(spacing_mm)
    built.pop("DimensionOrganizationType", None)
    planes = [one for at, one in enumerate(slices) if filled[:, at].any()]
    if len(masks) == 1 and len(planes) > 1 and (_spacing_mm(planes, sort=False) or 0.0) > 0:
        built.DimensionOrganizationType = DimensionOrganizationTypeValues.THREE_DIMENSIONAL.value


def _spacing_mm(slices: Sequence[SourceSlice], *, sort: bool = True) -> float | None:
    """Return the distance of regular slices; None where they are irregular."""
    spacing_mm, _ = get_volume_positions(
        [one.position_mm for one in slices], image_orientation=slices[0].orientation, sort=sort
    )
    return spacing_mm


def _instances(slices: Sequence[SourceSlice]) -> tuple[InstanceReference, ...]:
    """Return the source instances; a multi-frame one is the source of several slices."""
    return tuple({one.reference.sop_instance_uid: one.reference for one in slices}.values())


def _order(slices: Sequence[SourceSlice]) -> list[int]:
    """Return the slices in the order of their frames: along the normal that makes (slice, row, column) right-handed."""
    normal = get_normal_vector(slices[0].orientation, index_convention="DR")
    return list(np.argsort(np.array([one.position_mm for one in slices]) @ normal, kind="stable"))


def _ranks(order: Sequence[int], filled: NDArray[np.bool_]) -> dict[int, int]:
    """Return the position, from 1, of each slice among those that have a frame."""
    return {at: rank for rank, at in enumerate((at for at in order if filled[:, at].any()), start=1)}


def _packed(frames: Sequence[NDArray[np.bool_]]) -> bytes:
    """Return the voxels of all frames, eight in a byte (PS3.5 section 8.1.1)."""
    if frames[0].size % 8:
        return np.packbits(np.concatenate([frame.reshape(-1) for frame in frames]), bitorder="little").tobytes()
    return b"".join(np.packbits(frame, bitorder="little").tobytes() for frame in frames)


def _frame(segment_number: int, rank: int, source: SourceSlice, *, is_only_segment: bool) -> bytes:
    """Return the content of a frame's item of the Per-Frame Functional Groups Sequence.

    Where there is only one segment, the shared groups name it.
    """
    segment = sequence(0x0062, 0x000A, short_element(0x0062, 0x000B, b"US", struct.pack("<H", segment_number)))
    number = b"" if source.frame_number is None else short_element(0x0008, 0x1160, b"IS", b"%d" % source.frame_number)
    position = "\\".join(str(DSfloat(value, auto_format=True)) for value in source.position_mm)
    image = b"".join(
        (
            reference(source.reference),
            number,
            short_element(0x0028, 0x135A, b"CS", b"YES"),
            code_sequence(0x0040, 0xA170, codes.SOURCE_IMAGE),
        )
    )
    return b"".join(
        (
            sequence(
                0x0008, 0x9124, sequence(0x0008, 0x2112, image) + code_sequence(0x0008, 0x9215, codes.SEGMENTATION)
            ),
            sequence(0x0020, 0x9111, short_element(0x0020, 0x9157, b"UL", struct.pack("<LL", segment_number, rank))),
            sequence(0x0020, 0x9113, short_element(0x0020, 0x0032, b"DS", position.encode("ascii"))),
            b"" if is_only_segment else segment,
        )
    )
