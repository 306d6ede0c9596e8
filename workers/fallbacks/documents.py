"""A report or a segmentation as a readable document, for archives that accept neither: PDF or Secondary Capture.

It is made from the written result and the key image beside it, so it has the same content, and it names first the
object that it replaces. A PDF is read and printed without its header, so it names patient and study; a picture does
not, because a name could not be removed from its pixels. Both quote descriptions and labels of the sources, which are
free text, so both are marked with Burned In Annotation YES.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.uid import UID, EncapsulatedPDFStorage, SecondaryCaptureImageStorage

from workers.fallbacks.text_pages import Document, Line, as_pdf, as_pixels
from workers.results import codes
from workers.results.common_modules import set_file_meta
from workers.results.result_roles import ResultRole
from workers.results.uids import derived_uid

FALLBACK_NOTICE = "This archive did not take the {kind} that belongs here. {content} Original: SOP Instance UID {uid}."
TEXT_ONLY = "This is its content as text to read, not for measuring or for programs."
PICTURE_ONLY = "This describes it and shows one slice; the outlined voxels themselves are not in here."
REVISION = "revision 4"
"""Step it where the same result would give another document: one SOP Instance UID never stands for two contents."""
WITH_PICTURE = (ResultRole.SUMMARY_REPORT, ResultRole.SEGMENTATION)
"""Results whose document shows the key image."""
SHARED = (
    "SpecificCharacterSet",
    *("StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "StudyDescription", "AccessionNumber"),
    *("ReferringPhysicianName", "PatientName", "PatientID", "IssuerOfPatientID", "OtherPatientIDsSequence"),
    *("PatientBirthDate", "PatientSex", "PatientAge", "PatientSize", "PatientWeight"),
    *("PatientIdentityRemoved", "DeidentificationMethod", "DeidentificationMethodCodeSequence"),
    *("InstanceCreationDate", "InstanceCreationTime", "SeriesDate", "SeriesTime", "ContentDate", "ContentTime"),
    *("SeriesNumber", "SeriesDescription", "InstanceNumber", "Manufacturer", "ManufacturerModelName"),
    *("SoftwareVersions", "DeviceSerialNumber", "InstitutionName", "ContributingEquipmentSequence"),
)
"""Attributes of patient, study, series and equipment, which have the same meaning in every IOD."""


def as_encapsulated_pdf(result: Dataset, path: Path) -> Dataset:
    """Return a result as a PDF document in a series of its own; the key image is in the folder of its file ``path``."""
    document = document_of(result, path)
    document = replace(document, lines=[*_identity(result), *document.lines])
    other = _other(result, path, EncapsulatedPDFStorage, "DOC")
    other.AcquisitionDateTime = ""
    other.DocumentTitle = document.title
    other.ConceptNameCodeSequence = result.get("ConceptNameCodeSequence") or []
    other.SourceInstanceSequence = list(_evidence(result))
    other.MIMETypeOfEncapsulatedDocument = "application/pdf"
    content = as_pdf(document)
    other.EncapsulatedDocumentLength = len(content)
    other.EncapsulatedDocument = content + b"\0" * (len(content) % 2)
    return other


def as_secondary_capture(result: Dataset, path: Path) -> Dataset:
    """Return the first page of the same document as a picture."""
    pixels = as_pixels(document_of(result, path))
    other = _other(result, path, SecondaryCaptureImageStorage, "OT")
    other.ImageType = ["DERIVED", "SECONDARY"]
    other.PatientOrientation = None
    other.Laterality = result.get("Laterality")
    other.DerivationDescription = f"Text replacement for {result.SOPInstanceUID}"
    other.SourceImageSequence = [item for item in _evidence(result) if "SR" not in UID(item.ReferencedSOPClassUID).name]
    other.SamplesPerPixel, other.PhotometricInterpretation, other.PlanarConfiguration = 3, "RGB", 0
    other.Rows, other.Columns = pixels.shape[:2]
    other.BitsAllocated, other.BitsStored, other.HighBit, other.PixelRepresentation = 8, 8, 7, 0
    content = pixels.tobytes()
    other.PixelData = content + b"\0" * (len(content) % 2)
    other["PixelData"].VR = "OB"
    return other


def document_of(result: Dataset, path: Path) -> Document:
    """Return the readable content."""
    is_report = "ContentSequence" in result
    kind = UID(result.SOPClassUID).name.removesuffix(" Storage")
    notice = FALLBACK_NOTICE.format(
        kind=kind, content=TEXT_ONLY if is_report else PICTURE_ONLY, uid=str(result.SOPInstanceUID)
    )
    lines = list(_items(result, 0)) if is_report else list(_segments(result))
    image = _key_image(path)
    warnings = [line.text for line in lines if line.text.startswith(f"{codes.NOTICE.meaning}: ")]
    foot = "".join(f"{warning}   " for warning in dict.fromkeys(warnings))
    return Document(
        str(result.get("SeriesDescription") or kind), notice, lines, foot, None if image is None else _pixels(image)
    )


def _identity(result: Dataset) -> Iterator[Line]:
    """Yield patient and study, as far as the result states them."""
    name = str(result.get("PatientName") or "").replace("=", " / ").replace("^", " ").strip()
    patient = (_shown(result, keyword) for keyword in ("PatientID", "PatientBirthDate", "PatientSex"))
    study = (_shown(result, keyword) for keyword in ("StudyDate", "StudyDescription", "AccessionNumber"))
    # The name has a line of its own: its letters may need a font that the reader of the document lacks.
    for heading, values in (("Patient", [name]), ("Patient ID", patient), ("Study", study)):
        if known := ", ".join(filter(None, values)):
            yield Line(f"{heading}: {known}", bold=True)


def _shown(result: Dataset, keyword: str) -> str:
    """Return an attribute as text; a date (VR DA) as 2024-03-01."""
    value = str(result.get(keyword) or "")
    return re.sub(r"^(\d{4})(\d\d)(\d\d)$", r"\1-\2-\3", value) if keyword.endswith("Date") else value


def _other(result: Dataset, path: Path, sop_class_uid: UID, modality: str) -> Dataset:
    other = Dataset()
    image = _key_image(path)
    shown = (result.SOPInstanceUID,) if image is None else (result.SOPInstanceUID, image.SOPInstanceUID)
    for keyword in SHARED:
        if keyword in result:
            other[keyword] = result[keyword]
    other.SOPClassUID, other.Modality = sop_class_uid, modality
    other.SOPInstanceUID = derived_uid("radtme result as", REVISION, sop_class_uid, *shown)
    other.SeriesInstanceUID = derived_uid("radtme series as", REVISION, sop_class_uid, result.SeriesInstanceUID)
    other.ConversionType = "SYN"
    other.BurnedInAnnotation, other.RecognizableVisualFeatures = "YES", "NO"
    set_file_meta(other)
    return other


def _evidence(result: Dataset) -> Iterator[Dataset]:
    """Yield a reference to each instance that the result is based on."""
    for keyword in ("CurrentRequestedProcedureEvidenceSequence", "PertinentOtherEvidenceSequence"):
        for study in result.get(keyword) or ():
            for series in study.ReferencedSeriesSequence:
                yield from map(_reference, series.ReferencedSOPSequence)
    for series in result.get("ReferencedSeriesSequence") or ():
        yield from map(_reference, series.ReferencedInstanceSequence)


def _reference(item: Dataset) -> Dataset:
    reference = Dataset()
    reference.ReferencedSOPClassUID = item.ReferencedSOPClassUID
    reference.ReferencedSOPInstanceUID = item.ReferencedSOPInstanceUID
    return reference


def _items(parent: Dataset, depth: int) -> Iterator[Line]:
    """Yield a content tree, one line for each item."""
    for item in parent.get("ContentSequence") or ():
        value = _value(item)
        names = item.get("ConceptNameCodeSequence")
        name = names[0].CodeMeaning if names else ""
        text = f"{name}: {value}" if name and value else name or value
        if item.ValueType == "NUM":  # what qualifies a number belongs beside it: there may be a thousand of them
            details = [line.text for line in _items(item, 0)]
            yield Line(f"{text} ({'; '.join(details)})" if details else text, depth)
        else:
            yield Line(text, depth, item.ValueType == "CONTAINER")
            yield from _items(item, depth + 1)


def _value(item: Dataset) -> str:
    match item.ValueType:
        case "TEXT":
            return str(item.TextValue)
        case "CODE":
            return str(item.ConceptCodeSequence[0].CodeMeaning)
        case "NUM":
            measured = item.MeasuredValueSequence[0]
            unit = measured.MeasurementUnitsCodeSequence[0]
            name = {"1": "", "/1": unit.CodeMeaning}.get(unit.CodeValue, unit.CodeValue)
            return f"{measured.NumericValue} {name}".strip()
        case "UIDREF":
            return str(item.UID)
        case "IMAGE" | "COMPOSITE":
            return str(item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID)
        case _:
            return ""


def _segments(result: Dataset) -> Iterator[Line]:
    frames = [
        frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        for frame in result.get("PerFrameFunctionalGroupsSequence") or ()
    ]
    for segment in result.get("SegmentSequence") or ():
        yield Line(f"Segment {segment.SegmentNumber}: {segment.SegmentLabel}", bold=True)
        yield Line(f"on {frames.count(segment.SegmentNumber)} slices", 1)
        yield Line(f"Tracking UID {segment.get('TrackingUID', 'none')}", 1)
    for series in result.get("ReferencedSeriesSequence") or ():
        yield Line(f"Drawn on series {series.SeriesInstanceUID}")
    yield Line("Made by a program, not verified by a person.")


def _key_image(path: Path) -> Dataset | None:
    """Return the key image that the document of the result in ``path`` shows, if it shows one."""
    file = path.with_name("key_image.dcm")
    return dcmread(file) if path.stem in WITH_PICTURE and file.exists() else None


def _pixels(image: Dataset) -> NDArray[np.uint8]:
    return np.frombuffer(image.PixelData, np.uint8, image.Rows * image.Columns * 3).reshape(
        image.Rows, image.Columns, 3
    )
