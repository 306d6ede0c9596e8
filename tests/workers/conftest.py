"""Small MR series and outlines, written as DICOM files in whatever way a test asks for."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.pixels.utils import pack_bits
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, SegmentationStorage, generate_uid

STUDY_UID, SERIES_UID, FRAME_OF_REFERENCE_UID = (generate_uid(entropy_srcs=[name]) for name in ("st", "se", "fr"))

WriteSeries = Callable[..., list[FileDataset]]
WriteSeg = Callable[..., Path]


def code(value: str, scheme: str = "SCT", meaning: str = "meaning") -> Dataset:
    """Return an item of a code sequence."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _file(sop_class: str, uid: str) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = sop_class, uid
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, uid
    dataset.PatientID, dataset.PatientName, dataset.StudyInstanceUID = "P1", "", STUDY_UID
    dataset.FrameOfReferenceUID = FRAME_OF_REFERENCE_UID
    return dataset


@pytest.fixture
def write_series(tmp_path: Path) -> WriteSeries:
    """Write one phase as classic MR images, z slice by z slice; ``extra(z)`` gives more attributes."""

    def write(
        array: NDArray[np.integer[Any]],
        *,
        name: str = "a",
        spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
        origin: tuple[float, float, float] = (0.0, 0.0, 0.0),
        extra: Callable[[int], Mapping[str, Any]] = lambda z: {},
    ) -> list[FileDataset]:
        folder = tmp_path / "images"
        folder.mkdir(exist_ok=True)
        written = []
        for z, plane in enumerate(array):
            image = _file(MRImageStorage, generate_uid(entropy_srcs=[name, str(z)]))
            image.SeriesInstanceUID, image.InstanceNumber = SERIES_UID, z + 1
            image.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
            image.ImagePositionPatient = [origin[0], origin[1], origin[2] + z * spacing[2]]
            image.PixelSpacing, image.SliceThickness = [spacing[1], spacing[0]], spacing[2]
            image.Rows, image.Columns = plane.shape
            image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
            image.BitsAllocated = image.BitsStored = plane.dtype.itemsize * 8
            image.HighBit, image.PixelRepresentation = image.BitsStored - 1, int(plane.dtype.kind == "i")
            image.PixelData = plane.tobytes()
            for keyword, value in extra(z).items():
                setattr(image, keyword, value)
            path = folder / f"{name}{z:03d}.dcm"
            image.save_as(path, enforce_file_format=True)
            image.filename = str(path)
            written.append(image)
        return written

    return write


@pytest.fixture
def write_seg(tmp_path: Path) -> WriteSeg:
    """Write a SEG of masks (z, y, x) on the grid of ``images``, one segment for each (type code, mask)."""

    def write(
        images: Sequence[Dataset],
        segments: Sequence[tuple[Dataset, NDArray[np.bool_]]],
        *,
        kind: str = "BINARY",
        refer: bool = True,
        change: Callable[[FileDataset], None] = lambda seg: None,
    ) -> Path:
        seg = _file(SegmentationStorage, generate_uid(entropy_srcs=["seg"]))
        seg.SeriesInstanceUID, seg.SegmentationType = generate_uid(entropy_srcs=["seg series"]), kind
        seg.Rows, seg.Columns, seg.SamplesPerPixel = images[0].Rows, images[0].Columns, 1
        seg.PhotometricInterpretation, seg.PixelRepresentation = "MONOCHROME2", 0
        seg.SegmentSequence = [_segment(number, kind) for number, (kind, _) in enumerate(segments, start=1)]
        shared = Dataset()
        shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [Dataset()], [Dataset()]
        shared.PixelMeasuresSequence[0].PixelSpacing = images[0].PixelSpacing
        shared.PlaneOrientationSequence[0].ImageOrientationPatient = images[0].ImageOrientationPatient
        seg.SharedFunctionalGroupsSequence = [shared]
        frames, groups = [], []
        for number, (_, mask) in enumerate(segments, start=1):
            for image, plane in zip(images, mask, strict=True):
                if plane.any() or not mask.any():
                    frames.append(plane)
                    groups.append(_frame_groups(image, number, refer))
        seg.NumberOfFrames, seg.PerFrameFunctionalGroupsSequence = len(frames), groups
        stack = np.stack(frames)
        bits = 1 if kind == "BINARY" else 8
        seg.BitsAllocated, seg.BitsStored, seg.HighBit = bits, bits, bits - 1
        seg.PixelData = pack_bits(stack.astype(np.uint8)) if bits == 1 else (stack * np.uint8(255)).tobytes()
        if kind == "FRACTIONAL":
            seg.SegmentationFractionalType, seg.MaximumFractionalValue = "OCCUPANCY", 255
        change(seg)
        path = tmp_path / "seg.dcm"
        seg.save_as(path, enforce_file_format=True)
        return path

    return write


def _segment(number: int, kind: Dataset) -> Dataset:
    segment = Dataset()
    segment.SegmentNumber, segment.SegmentLabel, segment.SegmentAlgorithmType = number, f"segment {number}", "MANUAL"
    segment.SegmentedPropertyCategoryCodeSequence = [code("49755003")]
    segment.SegmentedPropertyTypeCodeSequence = [kind]
    return segment


def _frame_groups(image: Dataset, number: int, refer: bool) -> Dataset:
    groups = Dataset()
    groups.SegmentIdentificationSequence, groups.PlanePositionSequence = [Dataset()], [Dataset()]
    groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber = number
    groups.PlanePositionSequence[0].ImagePositionPatient = image.ImagePositionPatient
    if refer:
        source, derivation = Dataset(), Dataset()
        source.ReferencedSOPClassUID, source.ReferencedSOPInstanceUID = image.SOPClassUID, image.SOPInstanceUID
        derivation.SourceImageSequence = [source]
        groups.DerivationImageSequence = [derivation]
    return groups


def ball(shape: tuple[int, int, int], centre: Sequence[float], radius: float) -> NDArray[np.bool_]:
    """Voxels (z, y, x) within ``radius`` of ``centre``, in voxels."""
    grid = np.indices(shape)
    return np.asarray(sum((grid[axis] - centre[axis]) ** 2 for axis in range(3)) <= radius**2)
