"""Segmentations, against those that highdicom builds from all slices."""

import io
from typing import Any

import numpy as np
import pytest
from highdicom.seg import Segmentation, SegmentationTypeValues, SegmentDescription
from numpy.typing import NDArray
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from workers.results import codes
from workers.results.common_modules import set_file_meta
from workers.results.instance_reference import InstanceReference
from workers.results.segmentation_frames import SourceGrid, binary_segmentation
from workers.results.source_slices import SourceSlice

ATTRIBUTES: dict[str, Any] = {
    "series_instance_uid": "1.2.5",
    "series_number": 1,
    "sop_instance_uid": "1.2.6",
    "instance_number": 1,
    "manufacturer": "radtme",
    "manufacturer_model_name": "radtme",
    "software_versions": "1",
    "device_serial_number": "1",
    "content_date": "20240101",
    "content_time": "120000",
}
AXIAL, OBLIQUE = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0), (0.8, 0.6, 0.0, 0.0, 0.0, -1.0)


def source_grid(
    orientation: tuple[float, ...], rows: int, columns: int, steps_mm: NDArray[np.float64], sign: int = 1
) -> SourceGrid:
    """Return slices along the normal of an orientation."""
    normal = sign * np.cross(orientation[:3], orientation[3:])
    return SourceGrid(
        [
            SourceSlice(
                InstanceReference("1.2", "1.3", MRImageStorage, f"1.4.{at}"),
                None,
                tuple(np.array([-100 / 3, 2e-7, 30.0]) + step * normal),
                orientation,
                (0.7, 0.8),
                1.1,
            )
            for at, step in enumerate(steps_mm)
        ],
        rows,
        columns,
        "1.2",
        "1.9",
    )


def segment(number: int) -> SegmentDescription:
    """Return a description."""
    return SegmentDescription(number, f"{number}", codes.TISSUE, codes.NEOPLASM, "MANUAL")


def highdicoms(grid: SourceGrid, masks: list[NDArray[np.bool_]]) -> Dataset:
    """Return what highdicom builds from the slices between the first and the last that a segment is on."""
    touched = np.flatnonzero(np.any(masks, axis=(0, 2, 3)))
    part = slice(touched[0], touched[-1] + 1)
    headers = []
    for one in grid.slices[part]:
        header = Dataset()
        for keyword in ("PatientID", "PatientName", "StudyID", "AccessionNumber", "PositionReferenceIndicator"):
            setattr(header, keyword, "")
        for keyword in ("PatientBirthDate", "PatientSex", "StudyDate", "StudyTime"):
            setattr(header, keyword, None)
        header.SOPClassUID, header.SOPInstanceUID = one.reference.sop_class_uid, one.reference.sop_instance_uid
        header.StudyInstanceUID, header.SeriesInstanceUID = one.reference.study_uid, one.reference.series_uid
        header.FrameOfReferenceUID, header.Modality = grid.frame_of_reference_uid, "MR"
        header.Rows, header.Columns = grid.rows, grid.columns
        header.ImagePositionPatient, header.ImageOrientationPatient = list(one.position_mm), list(one.orientation)
        header.PixelSpacing, header.SliceThickness = list(one.pixel_spacing_mm), one.thickness_mm
        headers.append(header)
    return Segmentation(
        source_images=headers,
        pixel_array=np.stack(masks, axis=-1)[part].astype(np.uint8),
        segmentation_type=SegmentationTypeValues.BINARY,
        segment_descriptions=[segment(at + 1) for at in range(len(masks))],
        transfer_syntax_uid=ExplicitVRLittleEndian,
        **ATTRIBUTES,
    )


def reread(instance: Dataset) -> dict[str, object]:
    """Return the attributes of an object as they are read from a file, apart from those of the run."""
    set_file_meta(instance)
    buffer = io.BytesIO()
    dcmwrite(buffer, instance, enforce_file_format=True)
    found = dcmread(io.BytesIO(buffer.getvalue()))
    for keyword in ("InstanceCreationDate", "InstanceCreationTime", "ContributingEquipmentSequence"):
        found.pop(keyword, None)
    for one in (*found.DimensionOrganizationSequence, *found.DimensionIndexSequence):
        one.DimensionOrganizationUID = "1.2.7"  # highdicom's is random
    return {**found.to_json_dict(), "pixels": found.pixel_array.tolist()}


EVEN, UNEVEN = np.arange(9) * 1.5, np.cumsum([0, 1, 1, 2, 1, 1, 1, 1, 1]) * 1.5


@pytest.mark.parametrize(("count", "matrix"), [(1, (8, 9)), (2, (5, 7)), (3, (8, 9))])
@pytest.mark.parametrize(
    ("orientation", "sign", "steps_mm"),
    [(AXIAL, 1, EVEN), (AXIAL, -1, EVEN), (OBLIQUE, 1, EVEN), (OBLIQUE, 1, UNEVEN), (AXIAL, 1, EVEN[:1])],
    ids=["axial", "reversed", "oblique", "irregular", "one slice"],
)
def test_it_is_what_highdicom_builds(
    count: int,
    orientation: tuple[float, ...],
    sign: int,
    steps_mm: NDArray[np.float64],
    matrix: tuple[int, int],
) -> None:
    """Every attribute, frame by frame: with gaps, overlapping segments, frames of one segment alone."""
    rng = np.random.default_rng(count)
    grid = source_grid(orientation, *matrix, steps_mm, sign)
    masks = [rng.random((len(steps_mm), *matrix)) < 0.3 for _ in range(count)]
    for mask in masks:
        mask[rng.random(len(steps_mm)) < 0.3] = False
        mask[len(steps_mm) // 2, 0, 0] = True
    ours = binary_segmentation(grid, masks, [segment(at + 1) for at in range(count)], "1.2.7", **ATTRIBUTES)
    found, expected = reread(ours), reread(highdicoms(grid, masks))
    # All slices, not only those that a segment is on
    all_instances = [one["00081155"]["Value"][0] for one in found.pop("00081115")["Value"][0]["0008114A"]["Value"]]
    assert all_instances == [one.reference.sop_instance_uid for one in grid.slices]
    for tag in ("00081115", "7FE00010"):  # highdicom fills an odd number of bytes up with the character 0
        expected.pop(tag)
    found.pop("7FE00010")
    assert found == expected
