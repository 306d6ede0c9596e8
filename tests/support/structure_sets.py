"""RT structure sets as treatment planning systems write them: contours in millimetres on each image."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, RTStructureSetStorage

Contours = Mapping[int, Sequence[NDArray[np.float64]]]
"""By index of the image: contours of n points x 3, in mm and patient coordinates."""


def write_structure_set(
    path: Path,
    images: Sequence[Path],
    regions: Mapping[str, Contours],
    *,
    interpreted: Mapping[str, str] | None = None,
    names_images: bool = True,
    geometry: str = "CLOSED_PLANAR",
    converted: Path | None = None,
    first_frame: int = 1,
) -> Path:
    """Write the named regions of interest; ``images`` are those of one series, by index.

    ``converted``: they name frames of this object instead, ``first_frame`` for the first of the images.
    """
    headers = [dcmread(image, stop_before_pixels=True) for image in images]
    if converted is not None:
        enhanced = dcmread(converted, stop_before_pixels=True)
        for at, header in enumerate(headers):
            for keyword in ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID"):
                setattr(header, keyword, enhanced[keyword].value)
            header.ReferencedFrameNumber = first_frame + at
    first = headers[0]
    found = Dataset()
    found.file_meta = FileMetaDataset()
    found.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    found.SOPClassUID, found.SOPInstanceUID = RTStructureSetStorage, f"{first.StudyInstanceUID[:50]}.77"
    found.file_meta.MediaStorageSOPClassUID = found.SOPClassUID
    found.file_meta.MediaStorageSOPInstanceUID = found.SOPInstanceUID
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyDate"):
        setattr(found, keyword, first.get(keyword))
    found.SeriesInstanceUID, found.Modality = f"{first.StudyInstanceUID[:50]}.76", "RTSTRUCT"
    found.StructureSetLabel = "TUMOUR"
    found.StructureSetROISequence = [
        _item(ROINumber=at, ReferencedFrameOfReferenceUID=first.FrameOfReferenceUID, ROIName=name)
        for at, name in enumerate(regions, start=1)
    ]
    found.RTROIObservationsSequence = [
        _item(ObservationNumber=at, ReferencedROINumber=at, RTROIInterpretedType=(interpreted or {}).get(name, ""))
        for at, name in enumerate(regions, start=1)
    ]
    found.ROIContourSequence = [
        _item(
            ReferencedROINumber=at,
            ContourSequence=[
                _contour(headers[index] if names_images else None, points, geometry)
                for index, contours in region.items()
                for points in contours
            ],
        )
        for at, region in enumerate(regions.values(), start=1)
    ]
    if names_images:
        series = _item(SeriesInstanceUID=first.SeriesInstanceUID, ContourImageSequence=[_image(one) for one in headers])
        study = _item(ReferencedSOPInstanceUID=first.StudyInstanceUID, RTReferencedSeriesSequence=[series])
        found.ReferencedFrameOfReferenceSequence = [
            _item(FrameOfReferenceUID=first.FrameOfReferenceUID, RTReferencedStudySequence=[study])
        ]
    found.save_as(path, enforce_file_format=True)
    return path


def contours_of(mask: NDArray[np.bool_], images: Sequence[Path]) -> Contours:
    """Return the rows of a mask (z, y, x) as one contour on each sagittal slice that has two or more of them."""
    found = {}
    for index, path in enumerate(images):
        rows = np.flatnonzero(mask[index].any(axis=1))
        if rows.size < 2:
            continue
        header = dcmread(path, stop_before_pixels=True)
        x, y, z = header.ImagePositionPatient
        down, across = header.PixelSpacing
        left = [(int(np.flatnonzero(mask[index, row])[0]), int(row)) for row in rows]
        right = [(int(np.flatnonzero(mask[index, row])[-1]), int(row)) for row in rows[::-1]]
        found[index] = [np.array([(x, y + across * column, z - down * row) for column, row in [*left, *right]])]
    return found


def _item(**values: object) -> Dataset:
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


def _image(header: Dataset) -> Dataset:
    found = _item(ReferencedSOPClassUID=header.SOPClassUID, ReferencedSOPInstanceUID=header.SOPInstanceUID)
    if "ReferencedFrameNumber" in header:
        found.ReferencedFrameNumber = header.ReferencedFrameNumber
    return found


def _contour(header: Dataset | None, points: NDArray[np.float64], geometry: str) -> Dataset:
    contour = _item(
        ContourGeometricType=geometry,
        NumberOfContourPoints=len(points),
        ContourData=[f"{value:.4f}" for value in points.ravel()],
    )
    if header is not None:
        contour.ContourImageSequence = [_image(header)]
    return contour
