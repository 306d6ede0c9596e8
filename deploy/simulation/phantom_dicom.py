"""Phantom voxels as DICOM: classic MR images and the outline of the tumour as a SEG."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol

import highdicom
import numpy as np
from highdicom.sr.coding import CodedConcept
from numpy.typing import NDArray
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileDataset
from pydicom.filereader import read_dataset
from pydicom.uid import UID, MRImageStorage

from workers.results.common_modules import set_file_meta

_NAMESPACE = uuid.UUID("8d9c2b52-5f0e-4f0c-9a86-4a1f2b7ad3f1")
DATE, HOUR = "20240301", 10
ORIGIN_MM = (122.0, -150.0, 76.0)
"""Centre of the first voxel in the patient's coordinates: a left breast."""


class Acquisition(Protocol):
    """What must be known about how the images were taken; `deploy.simulation.phantom.PhantomSpec` is one."""

    @property
    def seed(self) -> int: ...  # noqa: D102
    @property
    def spacing_mm(self) -> tuple[float, float, float]: ...  # noqa: D102
    @property
    def seconds_after_contrast(self) -> tuple[float, ...]: ...  # noqa: D102
    @property
    def separate_series(self) -> bool: ...  # noqa: D102
    @property
    def temporal_positions(self) -> bool: ...  # noqa: D102


@dataclass(frozen=True)
class WrittenImages:
    """The images on disk, and their headers for what refers to them."""

    study_uid: str
    series_uids: tuple[str, ...]
    paths: tuple[tuple[Path, ...], ...]
    """By phase, then by slice."""
    datasets: tuple[tuple[Dataset, ...], ...]


def derived_uid(*parts: object) -> UID:
    """Return the UID that belongs to these parts (PS3.5 B.2: derived from a UUID)."""
    return UID(f"2.25.{uuid.uuid5(_NAMESPACE, '/'.join(map(str, parts))).int}")


def write_images(
    folder: Path,
    key: str,
    phases: Sequence[NDArray[np.uint16]],
    acquisition: Acquisition,
    attributes: Mapping[str, str] | None = None,
) -> WrittenImages:
    """Write every slice of every phase as MR Image Storage, numbered phase by phase as scanners do.

    ``attributes`` replace those of every image, such as those of patient, institution and equipment.

    ``phases`` are ``z, y, x``: slices towards the patient's right, rows towards the feet, columns towards the back.
    """
    folder.mkdir(parents=True, exist_ok=True)
    datasets, paths = [], []
    for phase, voxels in enumerate(phases):
        common = _encoded(_common(key, acquisition, phase) | dict(attributes or {}))
        first = 1 if acquisition.separate_series else 1 + phase * len(voxels)
        slices = [
            _slice(
                common,
                {"SOPInstanceUID": derived_uid(key, "image", phase, index), "InstanceNumber": first + index},
                plane,
                index * acquisition.spacing_mm[0],
            )
            for index, plane in enumerate(voxels)
        ]
        files = [folder / f"phase{phase + 1}_slice{index + 1:03d}.dcm" for index in range(len(slices))]
        for dataset, path in zip(slices, files, strict=True):
            dataset.save_as(path, enforce_file_format=True)
        datasets.append(tuple(slices))
        paths.append(tuple(files))
    series = tuple(dict.fromkeys(str(phase[0].SeriesInstanceUID) for phase in datasets))
    return WrittenImages(str(datasets[0][0].StudyInstanceUID), series, tuple(paths), tuple(datasets))


def _time(seconds: float) -> str:
    """Return a DICOM time this long after the study's begin."""
    return f"{HOUR:02d}{int(seconds // 60) % 60:02d}{int(seconds) % 60:02d}.000000"


def _common(key: str, acquisition: Acquisition, phase: int) -> dict[str, Any]:
    """Return the attributes that all slices of a phase share."""
    series = phase if acquisition.separate_series else 0
    start = 300.0 + acquisition.seconds_after_contrast[phase]
    after, between_rows, between_columns = acquisition.spacing_mm
    values: dict[str, Any] = {
        "SOPClassUID": MRImageStorage,
        "SpecificCharacterSet": "ISO_IR 192",
        "ImageType": ["ORIGINAL", "PRIMARY", "OTHER"],
        "InstanceCreationDate": DATE,
        "InstanceCreationTime": _time(start),
        "StudyDate": DATE,
        "SeriesDate": DATE,
        "AcquisitionDate": DATE,
        "ContentDate": DATE,
        "StudyTime": _time(0),
        "SeriesTime": _time(300.0 + (start - 300.0) * (series > 0)),
        "AcquisitionTime": _time(start),
        "ContentTime": _time(start),
        "AccessionNumber": f"PH{acquisition.seed}",
        "Modality": "MR",
        "Manufacturer": "radtme",
        "ManufacturerModelName": "phantom",
        "DeviceSerialNumber": "0",
        "SoftwareVersions": "1",
        "InstitutionName": "Simulated",
        "ReferringPhysicianName": "",
        "StudyDescription": "SIMULATED breast DCE-MRI",
        "SeriesDescription": "SIMULATED Sag T1 FS DCE" + (f" phase {phase + 1}" if acquisition.separate_series else ""),
        "PatientName": f"PHANTOM^SIMULATED {acquisition.seed}",
        "PatientID": f"PHANTOM-{acquisition.seed}",
        "PatientBirthDate": "19700101",
        "PatientSex": "F",
        "PatientAge": "054Y",
        "PatientWeight": "65",
        "BodyPartExamined": "BREAST",
        "Laterality": "L",
        "PatientPosition": "HFP",
        "ContrastBolusAgent": "SIMULATED",
        "ScanningSequence": "GR",
        "SequenceVariant": "SP",
        "ScanOptions": "FS",
        "MRAcquisitionType": "3D",
        "SequenceName": "SIM3D",
        "AngioFlag": "N",
        "SliceThickness": after,
        "SpacingBetweenSlices": after,
        "RepetitionTime": "7.4",
        "EchoTime": "3.3",
        "NumberOfAverages": "1",
        "MagneticFieldStrength": "1.5",
        "ImagingFrequency": "63.87",
        "ImagedNucleus": "1H",
        "EchoTrainLength": "1",
        "FlipAngle": "10",
        "ProtocolName": "SIMULATED DCE",
        "StudyInstanceUID": derived_uid(key, "study"),
        "SeriesInstanceUID": derived_uid(key, "series", series),
        "FrameOfReferenceUID": derived_uid(key, "frame of reference"),
        "PositionReferenceIndicator": "",
        "StudyID": "1",
        "SeriesNumber": 3 + series,
        "AcquisitionNumber": phase + 1,
        "ImageOrientationPatient": [0, 1, 0, 0, 0, -1],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "PixelSpacing": [between_rows, between_columns],
        "BitsAllocated": 16,
        "BitsStored": 12,
        "HighBit": 11,
        "PixelRepresentation": 0,
        "WindowCenter": "300",
        "WindowWidth": "600",
    }
    if acquisition.temporal_positions:
        values["TemporalPositionIdentifier"] = phase + 1
        values["NumberOfTemporalPositions"] = len(acquisition.seconds_after_contrast)
    return values


def _encoded(values: dict[str, Any]) -> Dataset:
    """Return these attributes as they are read from a file: pydicom writes such elements without encoding them."""
    dataset, file = Dataset(), BytesIO()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    dcmwrite(file, dataset, implicit_vr=False, little_endian=True)
    file.seek(0)
    return read_dataset(file, is_implicit_VR=False, is_little_endian=True)


def _slice(common: Dataset, values: dict[str, Any], plane: NDArray[np.uint16], offset_mm: float) -> FileDataset:
    """Return one slice, this far from the first, as a data set with file meta information."""
    dataset = FileDataset("", dict(common.items()), preamble=b"\0" * 128)
    dataset.set_original_encoding(False, True, common.original_character_set)
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    set_file_meta(dataset)
    x, y, z = ORIGIN_MM
    dataset.ImagePositionPatient = [round(x - offset_mm, 4), y, z]
    dataset.SliceLocation = round(offset_mm, 4)
    dataset.Rows, dataset.Columns = plane.shape
    dataset.add_new("SmallestImagePixelValue", "US", int(plane.min()))
    dataset.add_new("LargestImagePixelValue", "US", int(plane.max()))
    dataset.add_new("PixelData", "OW", plane.astype("<u2").tobytes())
    return dataset


def write_segmentation(
    path: Path, key: str, images: WrittenImages, tumour: NDArray[np.bool_], phase: int, reader: str | None = None
) -> Path:
    """Write the tumour's outline as a BINARY SEG that names the instances of one phase; ``tumour`` is ``z, y, x``."""
    sources = list(images.datasets[phase])
    seg = highdicom.seg.Segmentation(
        source_images=sources,
        pixel_array=tumour,
        segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[_tumour_description(key)],
        series_instance_uid=derived_uid(key, "seg series"),
        series_number=100,
        sop_instance_uid=derived_uid(key, "seg"),
        instance_number=1,
        manufacturer="radtme",
        manufacturer_model_name="phantom",
        software_versions="1",
        device_serial_number="0",
        content_label="TUMOUR",
        content_description="Outline of the simulated tumour",
        content_creator_name=reader,
        series_description="SIMULATED tumour outline",
        omit_empty_frames=True,
    )
    _make_repeatable(seg, key)
    set_file_meta(seg)
    path.parent.mkdir(parents=True, exist_ok=True)
    seg.save_as(path, enforce_file_format=True)
    return path


def _tumour_description(key: str) -> highdicom.seg.SegmentDescription:
    """Return the segment's meaning, in the codes of PS3.16 CID 7159 and SNOMED CT."""
    return highdicom.seg.SegmentDescription(
        segment_number=1,
        segment_label="Tumour",
        segmented_property_category=CodedConcept("49755003", "SCT", "Morphologically Abnormal Structure"),
        segmented_property_type=CodedConcept("108369006", "SCT", "Neoplasm"),
        algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.MANUAL,
        anatomic_regions=[CodedConcept("76752008", "SCT", "Breast")],
        tracking_uid=derived_uid(key, "tracking"),
        tracking_id="Simulated tumour",
    )


def _make_repeatable(seg: Dataset, key: str) -> None:
    """Put derived UIDs and the study's time where highdicom takes random ones and the clock."""
    organization = derived_uid(key, "dimension organization")
    for item in (*seg.DimensionOrganizationSequence, *seg.DimensionIndexSequence):
        item.DimensionOrganizationUID = organization
    for prefix in ("InstanceCreation", "Content", "Series"):
        setattr(seg, prefix + "Date", DATE)
        setattr(seg, prefix + "Time", _time(1800))
    for item in seg.get("ContributingEquipmentSequence", ()):
        item.ContributionDateTime = DATE + _time(1800)
