"""Shared by both reports: a measurement report (TID 1500) that viewers display as text.

Two properties decide whether a viewer displays it. Title: for an "Imaging Measurement Report", OHIF expects an outline
in each group, and otherwise shows a black viewport. Continuity: in a CONTINUOUS container, viewers print the values
without their names, so every container is SEPARATE.

TID 1500 is extensible: the summary for readers comes first, before language, observer and procedure.
"""

import functools
from collections.abc import Iterable, Sequence
from copy import deepcopy

from highdicom.sr import AlgorithmIdentification
from pydicom import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import UID

from listener.dicom.own_results import MANUFACTURER, RESULT_MODEL_NAME
from workers.images.attributes import items
from workers.reports.content_items import (
    HAS_CONCEPT_MOD,
    HAS_OBS_CONTEXT,
    coded,
    container,
    of_template,
    plain,
    text,
    uid_reference,
)
from workers.results import codes
from workers.results.common_modules import Origin, composite, set_file_meta, software_version
from workers.results.encoded_elements import references_by_series, with_encoded
from workers.results.instance_reference import InstanceReference
from workers.results.patient_study import decoded
from workers.results.result_roles import ResultRole
from workers.results.uids import derived_uid
from workers.results.valid_attributes import fits
from workers.scoring.case_result import SignatureIdentity

TEMPLATE = "1500"


def measurement_report(
    origin: Origin,
    role: ResultRole,
    description: str,
    groups: Sequence[Dataset],
    referenced: Iterable[InstanceReference],
    before: Sequence[Dataset] = (),
    after: Sequence[Dataset] = (),
    language: Code = codes.ENGLISH,
) -> Dataset:
    """Return a Comprehensive 3D SR with these measurement groups.

    ``description`` is the Series Description. ``referenced`` are the instances that the report is about, in addition to
    the outline and the measured images. ``before`` and ``after`` are further items of the root, around those of the
    template.
    """
    instance = composite(origin, role, "SR", description)
    instance.CompletionFlag = "COMPLETE"
    instance.VerificationFlag = "UNVERIFIED"
    instance.PreliminaryFlag = "PRELIMINARY"
    instance.PerformedProcedureCodeSequence = []
    instance.ReferencedPerformedProcedureStepSequence = []
    if request := referenced_request(origin):
        instance.ReferencedRequestSequence = [request]
    evidence = [*referenced, origin.outline, *origin.image_references]
    references = {"CurrentRequestedProcedureEvidenceSequence": references_by_series(evidence)}
    if replaced := origin.version.replaced.get(role):
        references["PredecessorDocumentsSequence"] = references_by_series([replaced])
    instance = with_encoded(instance, references)
    measurements = container(codes.IMAGING_MEASUREMENTS, groups)
    root = of_template(
        container(codes.REPORT_TITLE, [*before, *_context(origin, language), measurements, *after]), TEMPLATE
    )
    del root.RelationshipType
    instance.update(root)
    return instance


def _context(origin: Origin, language: Code) -> list[Dataset]:
    """Return language, observer (this program, as a device: TID 1004) and procedure."""
    return [
        coded(codes.LANGUAGE, language, HAS_CONCEPT_MOD),
        coded(codes.OBSERVER_TYPE, codes.DEVICE, HAS_OBS_CONTEXT),
        uid_reference(codes.DEVICE_UID, origin.uids.device(), HAS_OBS_CONTEXT),
        text(codes.DEVICE_NAME, f"{RESULT_MODEL_NAME} {software_version()}", HAS_OBS_CONTEXT),
        *(coded(codes.PROCEDURE, procedure, HAS_CONCEPT_MOD) for procedure in procedures_reported(origin)),
    ]


def procedures_reported(origin: Origin) -> list[Code]:
    """Return the procedure codes of the source images; the generic code of the template (CID 100) without any."""
    header = origin.image_headers[0] if origin.image_headers else Dataset()
    found = [code for item in items(header, "ProcedureCodeSequence") if (code := _code_of(item)) is not None]
    return list(dict.fromkeys(found)) or [codes.PROCEDURE_REPORTED]


def _code_of(item: Dataset) -> Code | None:
    """Return a code of a source; None where it is incomplete or would be invalid in a result."""
    value, scheme, meaning = (_value(item, name) for name in ("CodeValue", "CodingSchemeDesignator", "CodeMeaning"))
    is_valid = fits("SH", value) and fits("SH", scheme) and fits("LO", meaning)
    return Code(value, scheme, meaning) if value and scheme and meaning and is_valid else None


def referenced_request(origin: Origin) -> Dataset | None:
    """Return the request that the images were acquired for (PS3.3 C.17.2); None where they name none."""
    header = origin.image_headers[0] if origin.image_headers else Dataset()
    attributes = next(iter(items(header, "RequestAttributesSequence")), Dataset())
    accession = _value(attributes, "AccessionNumber") or _value(header, "AccessionNumber")
    requested = _value(attributes, "RequestedProcedureID") or _value(header, "RequestedProcedureID")
    requested = requested if fits("SH", requested) else ""
    if not accession and not requested:
        return None
    request = decoded(attributes, ["RequestedProcedureDescription", "RequestedProcedureCodeSequence"])
    request.StudyInstanceUID = _value(header, "StudyInstanceUID")
    request.AccessionNumber, request.RequestedProcedureID = accession, requested
    for keyword in ("PlacerOrderNumberImagingServiceRequest", "FillerOrderNumberImagingServiceRequest"):
        setattr(request, keyword, _value(header, keyword))
    request.ReferencedStudySequence = []
    for keyword, empty in (("RequestedProcedureDescription", ""), ("RequestedProcedureCodeSequence", [])):
        if keyword not in request:
            setattr(request, keyword, empty)
    return request


def _value(dataset: Dataset, keyword: str) -> str:
    return str(dataset.get(keyword) or "").strip()


def algorithm_items(origin: Origin) -> tuple[Dataset, ...]:
    """Return the signature as an algorithm (TID 4019), with one parameter, because readers may keep only the first."""
    return _algorithm(origin.signature, origin.engine) if origin.signature is not None else ()


@functools.lru_cache(maxsize=16)
def _algorithm(signature: SignatureIdentity, engine: str) -> tuple[Dataset, ...]:
    measured_by = f", feature engine {engine}" if engine else ""
    algorithm = AlgorithmIdentification(
        name=signature.id,
        version=signature.version,
        parameters=[f"feature profile {signature.profile}, sha256 {signature.digest}{measured_by}"],
        manufacturer=MANUFACTURER,
        family=codes.ARTIFICIAL_INTELLIGENCE,
    )
    return tuple(map(plain, algorithm))


def as_sop_class(report: Dataset, sop_class_uid: str) -> Dataset:
    """Return the same report in another SR class, for archives that do not accept Comprehensive 3D SR.

    The content has no coordinates and no references between items, so it is valid as Comprehensive SR and Enhanced SR.
    The copy is a separate instance in a series of its own, always with the same UIDs.
    """
    other = deepcopy(report)
    other.SOPClassUID = UID(sop_class_uid)
    other.SOPInstanceUID = derived_uid("radtme report as", sop_class_uid, report.SOPInstanceUID)
    other.SeriesInstanceUID = derived_uid("radtme series as", sop_class_uid, report.SeriesInstanceUID)
    set_file_meta(other)
    return other
