"""Documents by which a reader assesses results: rejection notes, and verified copies of a report."""

import io
from pathlib import Path

from highdicom.ko import KeyObjectSelection, KeyObjectSelectionDocument
from pydicom import Dataset, dcmread
from pydicom.sr.codedict import codes
from pydicom.uid import generate_uid


def rejection_note(results: list[Dataset], path: Path) -> Path:
    """Write a rejection note of IHE IOCM on these results."""
    content = KeyObjectSelection(codes.DCM.RejectedForQualityReasons, results)
    KeyObjectSelectionDocument(results, content, generate_uid(), 1, generate_uid(), 1, "Viewer").save_as(path)
    return path


def verified_copy(report: Dataset, path: Path, verdict: str = "") -> Path:
    """Write a copy of a report that a reader verified, with another sentence where ``verdict`` is given."""
    copy = dcmread(io.BytesIO(Path(report.filename).read_bytes()))
    reference, series, study = Dataset(), Dataset(), Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = report.SOPClassUID, report.SOPInstanceUID
    series.SeriesInstanceUID, series.ReferencedSOPSequence = report.SeriesInstanceUID, [reference]
    study.StudyInstanceUID, study.ReferencedSeriesSequence = report.StudyInstanceUID, [series]
    copy.PredecessorDocumentsSequence = [study]
    observer = Dataset()
    observer.VerifyingObserverName, observer.VerifyingOrganization = "Meitner^Lise", "Hospital"
    observer.VerificationDateTime, observer.VerifyingObserverIdentificationCodeSequence = "20260102030405", []
    copy.VerificationFlag, copy.VerifyingObserverSequence = "VERIFIED", [observer]
    copy.SOPInstanceUID = copy.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    copy.SeriesInstanceUID = generate_uid()
    if verdict:
        next(one for one in copy.ContentSequence if one.ValueType == "TEXT").TextValue = verdict
    copy.save_as(path)
    return path
