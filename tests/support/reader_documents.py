"""Documents by which a reader assesses results: rejection notes, verified copies of a report, coded decisions."""

import io
from pathlib import Path

from highdicom.ko import KeyObjectSelection, KeyObjectSelectionDocument
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.uid import EnhancedSRStorage, ExplicitVRLittleEndian, generate_uid


def rejection_note(results: list[Dataset], path: Path) -> Path:
    """Write a rejection note of IHE IOCM on these results."""
    content = KeyObjectSelection(codes.DCM.RejectedForQualityReasons, results)
    KeyObjectSelectionDocument(results, content, generate_uid(), 1, generate_uid(), 1, "Viewer").save_as(path)
    return path


def assessment_report(result: Dataset, path: Path, code: str, reader: str) -> Path:
    """Write a report of the form of IHE's AIRA: a coded decision on a result, and who decided."""
    document = Dataset()
    document.file_meta = FileMetaDataset()
    document.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    document.SOPClassUID, document.SOPInstanceUID = EnhancedSRStorage, generate_uid()
    document.StudyInstanceUID, document.SeriesInstanceUID = result.StudyInstanceUID, generate_uid()
    document.PatientID, document.PatientName = result.PatientID, result.PatientName
    document.Modality, document.CompletionFlag, document.VerificationFlag = "SR", "COMPLETE", "UNVERIFIED"
    document.ValueType, document.ConceptNameCodeSequence = "CONTAINER", [_code("AIRA-001")]
    decision, assessor, reference = Dataset(), Dataset(), Dataset()
    decision.RelationshipType, decision.ValueType = "CONTAINS", "CODE"
    decision.ConceptNameCodeSequence, decision.ConceptCodeSequence = [_code("AIRA-010")], [_code(code)]
    assessor.RelationshipType, assessor.ValueType = "HAS OBS CONTEXT", "PNAME"
    assessor.ConceptNameCodeSequence, assessor.PersonName = [_code("AIRA-020")], reader
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = result.SOPClassUID, result.SOPInstanceUID
    document.ContentSequence, document.ReferencedSOPSequence = [decision, assessor], [reference]
    dcmwrite(path, document, enforce_file_format=True)
    return path


def _code(value: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "99PACS", value
    return code


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
