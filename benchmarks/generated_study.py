"""Studies for the benchmarks: one DCE phase of MR images with a breast, air and a ball of a tumour in it, and br06."""

from dataclasses import dataclass
from pathlib import Path

import highdicom as hd
import numpy as np
from aims import CannotBeMeasured
from numpy.typing import NDArray
from pydicom import Dataset, FileDataset
from pydicom.dataset import FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid
from scipy import ndimage

BR06 = Path(__file__).resolve().parents[2] / "shared" / "data" / "breast_dce_ucsf_br06"
PLACES = ((0.5, 0.45, 0.35), (0.5, 0.45, 0.65), (0.3, 0.45, 0.35), (0.3, 0.45, 0.65))
"""Of the tumours, as shares of the image (z, y, x)."""
UIDS = ("study", "series", "frame of reference", "seg series", "seg", "tracking")


@dataclass(frozen=True)
class StudyFiles:
    """Where the study lies."""

    images: tuple[Path, ...]
    seg: Path


def write_study(
    folder: Path,
    shape: tuple[int, int, int] = (160, 448, 448),
    spacing_mm: tuple[float, float, float] = (0.8, 0.8, 1.0),
    tumour_diameter_mm: float = 20.0,
    seed: int = 2024,
    tumours: int = 1,
) -> StudyFiles:
    """Write the images (z, y, x; spacing x, y, z) and a BINARY SEG of it; a seed is a patient."""
    rng = np.random.default_rng(seed)
    balls = [_ball(shape, spacing_mm, tumour_diameter_mm / 2, place) for place in PLACES[:tumours]]
    array = _signal(shape, np.logical_or.reduce(balls), rng)
    uids = {name: generate_uid(entropy_srcs=[f"{name} {seed}"]) for name in UIDS}
    headers, paths = [], []
    for at, plane in enumerate(array):
        header = _image(at, plane, spacing_mm, uids)
        header.PatientID = f"BENCHMARK{seed}"
        path = folder / f"{at:04d}.dcm"
        header.save_as(path, enforce_file_format=True)
        headers.append(header)
        paths.append(path)
    seg = folder / "seg.dcm"
    _segmentation(headers, balls, uids).save_as(seg)
    return StudyFiles(tuple(paths), seg)


def br06() -> StudyFiles:
    """Return the files of a real tumour of 36 mL, which are not part of the repository.

    Raises
    ------
    CannotBeMeasured
        They are not beside it.
    """
    if not BR06.is_dir():
        raise CannotBeMeasured(f"br06: there is no ../shared/data/{BR06.name}")
    return StudyFiles(tuple(sorted((BR06 / "dce").glob("*.dcm"))), BR06 / "tumour_seg" / "seg.dcm")


def _ball(
    shape: tuple[int, int, int],
    spacing_mm: tuple[float, float, float],
    radius_mm: float,
    place: tuple[float, float, float],
) -> NDArray[np.bool_]:
    centre = [size * share for size, share in zip(shape, place, strict=True)]
    z, y, x = np.ogrid[: shape[0], : shape[1], : shape[2]]
    sx, sy, sz = spacing_mm
    squared = ((z - centre[0]) * sz) ** 2 + ((y - centre[1]) * sy) ** 2 + ((x - centre[2]) * sx) ** 2
    return np.asarray(squared <= radius_mm**2)


def _signal(shape: tuple[int, int, int], tumour: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.int16]:
    """Air, a breast on each side of the chest wall, glandular texture, and a tumour that enhances unevenly."""
    z, y, x = np.ogrid[: shape[0], : shape[1], : shape[2]]
    relative = [(axis - size / 2) / size for axis, size in zip((z, y, x), shape, strict=True)]
    breast = (relative[0] / 0.48) ** 2 + ((relative[1] + 0.05) / 0.4) ** 2 + ((np.abs(relative[2]) - 0.18) / 0.17) ** 2
    body = (breast <= 1) | np.broadcast_to(relative[1] > 0.25, shape)
    texture = np.empty(shape, dtype=np.float32)
    for at in range(shape[0]):
        texture[at] = ndimage.gaussian_filter(rng.standard_normal(shape[1:], dtype=np.float32), 1.5)
    signal = np.where(body, 300 + 400 * texture, 0).astype(np.float32)
    signal[tumour] = 900 + 1500 * texture[tumour]
    noise = rng.standard_normal(shape, dtype=np.float32) * 12
    return np.clip(np.hypot(signal, noise), 0, 4095).astype(np.int16)


def _image(
    at: int, plane: NDArray[np.int16], spacing_mm: tuple[float, float, float], uids: dict[str, str]
) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = MRImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[f"{uids['series']} {at}"])
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    header.update(_identity(uids))
    header.SOPClassUID, header.SOPInstanceUID = MRImageStorage, meta.MediaStorageSOPInstanceUID
    header.InstanceNumber = at + 1
    x, y, z = spacing_mm
    header.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    header.ImagePositionPatient = [-160.0, -170.0, round(at * z - 80, 3)]
    header.PixelSpacing, header.SliceThickness, header.SpacingBetweenSlices = [y, x], z, z
    header.Rows, header.Columns = plane.shape
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
    header.BitsAllocated, header.BitsStored, header.HighBit, header.PixelRepresentation = 16, 16, 15, 1
    header.PixelData = plane.tobytes()
    return header


def _identity(uids: dict[str, str]) -> Dataset:
    common = Dataset()
    common.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND"]
    common.StudyDate = common.SeriesDate = common.ContentDate = common.AcquisitionDate = "20240105"
    common.StudyTime = common.SeriesTime = common.ContentTime = common.AcquisitionTime = "101500"
    common.Modality, common.Manufacturer, common.AccessionNumber = "MR", "radtme benchmark", ""
    common.ReferringPhysicianName = common.PatientName = ""
    common.PatientID, common.PatientBirthDate, common.PatientSex = "", "", "F"
    common.ScanningSequence, common.SequenceVariant, common.ScanOptions = "GR", "SP", ""
    common.MRAcquisitionType, common.EchoTime, common.RepetitionTime, common.EchoTrainLength = "3D", "2.1", "4.6", "1"
    common.MagneticFieldStrength, common.FlipAngle, common.PatientPosition = "3", "12", "HFP"
    common.StudyInstanceUID, common.SeriesInstanceUID = uids["study"], uids["series"]
    common.FrameOfReferenceUID, common.PositionReferenceIndicator = uids["frame of reference"], ""
    common.StudyID, common.SeriesNumber = "1", 1
    return common


def _segmentation(
    headers: list[FileDataset], tumours: list[NDArray[np.bool_]], uids: dict[str, str]
) -> hd.seg.Segmentation:
    descriptions = [
        hd.seg.SegmentDescription(
            segment_number=number,
            segment_label="Tumour",
            segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
            segmented_property_type=codes.SCT.NeoplasmPrimary,
            algorithm_type=hd.seg.SegmentAlgorithmTypeValues.MANUAL,
            tracking_uid=uids["tracking"] if number == 1 else generate_uid(entropy_srcs=[f"{uids['seg']} {number}"]),
            tracking_id=f"Lesion {number}",
        )
        for number in range(1, len(tumours) + 1)
    ]
    return hd.seg.Segmentation(
        source_images=headers,
        pixel_array=np.stack(tumours, axis=-1).astype(np.uint8),
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=descriptions,
        series_instance_uid=uids["seg series"],
        series_number=2,
        sop_instance_uid=uids["seg"],
        instance_number=1,
        manufacturer="radtme benchmark",
        manufacturer_model_name="generated",
        software_versions="1",
        device_serial_number="1",
    )
