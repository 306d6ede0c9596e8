"""The canary case as a generated DICOM study, which `radtme selftest` sends."""

import uuid
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from deploy.network.dicom_files import DicomFile, files_below, read_all
from deploy.simulation.phantom import PhantomSpec
from deploy.simulation.phantom_dicom import write_images, write_segmentation
from listener.dicom.sop_classes import is_outline
from workers.features.canary import SPACING_MM, canary_case

PATIENT_ID = "RADTME-SELFTEST"
PATIENT_NAME = "SELFTEST^RADTME"


@dataclass(frozen=True)
class SelfTestStudy:
    """The files of one self-test. Its UIDs are new each time: so that it cannot be confused with an earlier study."""

    study_uid: str
    outline: DicomFile
    images: tuple[DicomFile, ...]

    @property
    def files(self) -> tuple[DicomFile, ...]:
        """All of it."""
        return (*self.images, self.outline)


def write_self_test(folder: Path) -> SelfTestStudy:
    """Write the case that `workers.features.canary` has the expected features of."""
    key = f"self-test {uuid.uuid4()}"
    volume, roi = canary_case()
    columns_mm, rows_mm, slices_mm = SPACING_MM
    spec = PhantomSpec(0, phases=1, spacing_mm=(slices_mm, rows_mm, columns_mm))
    written = write_images(folder / "images", key, [volume.array.astype(np.uint16)], spec, _attributes())
    write_segmentation(folder / "seg.dcm", key, written, roi.tumour, 0)
    files = [file for file in read_all(files_below(folder)) if isinstance(file, DicomFile)]
    (outline,) = (file for file in files if is_outline(file.sop_class_uid))
    return SelfTestStudy(written.study_uid, outline, tuple(file for file in files if file is not outline))


def _attributes() -> dict[str, str]:
    """Return the attributes that mark every object as belonging to no real patient."""
    today = date.today().strftime("%Y%m%d")  # noqa: DTZ011 - the day as the people at the PACS know it
    return {
        **dict.fromkeys(("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate", "InstanceCreationDate"), today),
        "AccessionNumber": "SELFTEST",
        "ManufacturerModelName": "self-test",
        "PatientName": PATIENT_NAME,
        "PatientID": PATIENT_ID,
        "PatientBirthDate": "",
        "StudyDescription": "SELF-TEST of radtme, no patient",
        "SeriesDescription": "SELF-TEST generated images",
        "StudyID": "SELFTEST",
    }
