"""Builds a BINARY segmentation on the grid of its source images with highdicom, with references to these images.

highdicom gets substitutes of the source headers, because missing Type 2 attributes, several phases in one series and
frames of an Enhanced MR image would be errors.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from highdicom.seg import Segmentation, SegmentationTypeValues, SegmentDescription
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from workers.results.source_slices import SourceSlice
from workers.results.uids import derived_uid


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

    @property
    def referenced_series(self) -> Dataset:
        """The item of the Referenced Series Sequence: a single series, because viewers read only the first item."""
        item = Dataset()
        instances = {source.reference.sop_instance_uid: source.reference for source in self.slices}
        item.ReferencedInstanceSequence = [reference.item() for reference in instances.values()]
        item.SeriesInstanceUID = self.slices[0].reference.series_uid
        return item


def binary_segmentation(
    grid: SourceGrid,
    masks: NDArray[np.bool_],
    segments: Sequence[SegmentDescription],
    dimension_organization_uid: str,
    **attributes: Any,
) -> Dataset:
    """Return the segmentation of ``masks`` (segment, z, y, x), without slices that no segment is on.

    ``attributes`` are further arguments of `highdicom.seg.Segmentation`.
    """
    touched = np.flatnonzero(masks.any(axis=(0, 2, 3)))
    first, last = int(touched[0]), int(touched[-1])
    slices = grid.slices[first : last + 1]
    thickness_mm = _distance_mm(slices)
    built = Segmentation(
        source_images=[_source_header(grid, number, source, thickness_mm) for number, source in enumerate(slices)],
        # The segment is the last axis for highdicom, but the first in memory: its sums along it are 20 times faster
        pixel_array=np.moveaxis(np.ascontiguousarray(masks[:, first : last + 1]).view(np.uint8), 0, -1),
        segmentation_type=SegmentationTypeValues.BINARY,
        segment_descriptions=segments,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        **attributes,
    )
    _replace_references(built, slices)
    for sequence in (built.DimensionOrganizationSequence, built.DimensionIndexSequence):
        for item in sequence:
            item.DimensionOrganizationUID = dimension_organization_uid  # highdicom generates a random one
    built.ReferencedSeriesSequence = [grid.referenced_series]
    return built


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
    header.Rows, header.Columns = grid.rows, grid.columns
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


def _replace_references(built: Dataset, slices: Sequence[SourceSlice]) -> None:
    """Reference the source instance in each frame, and its frame where it has several."""
    real = {derived_uid("stand-in", str(number)): source for number, source in enumerate(slices)}
    for group in built.PerFrameFunctionalGroupsSequence:
        item = group.DerivationImageSequence[0].SourceImageSequence[0]
        if item.ReferencedSOPInstanceUID in real:  # frames of one slice share an item, which is already complete
            item.update(real[item.ReferencedSOPInstanceUID].item())
