"""Shared by both reports: a measurement report (TID 1500) that viewers display as text.

Two properties decide whether a viewer displays it. Title: for an "Imaging Measurement Report", OHIF expects an outline
in each group, and otherwise shows a black viewport. Continuity: in a CONTINUOUS container, viewers print the values
without their names, so every container is SEPARATE.
"""

from collections.abc import Iterable, Sequence
from copy import deepcopy

from highdicom.sr import (
    AlgorithmIdentification,
    CodedConcept,
    DeviceObserverIdentifyingAttributes,
    LanguageOfContentItemAndDescendants,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    VolumetricROIMeasurementsAndQualitativeEvaluations,
)
from pydicom import Dataset
from pydicom.sr.codedict import codes as public_codes
from pydicom.uid import UID

from listener.dicom.own_results import MANUFACTURER, RESULT_MODEL_NAME
from workers.reports.content_items import descendants, plain
from workers.results import codes
from workers.results.common_modules import Origin, composite, set_file_meta, software_version
from workers.results.instance_reference import InstanceReference
from workers.results.patient_study import references_by_series
from workers.results.result_roles import ResultRole
from workers.results.uids import derived_uid

Group = MeasurementsAndQualitativeEvaluations | VolumetricROIMeasurementsAndQualitativeEvaluations


def measurement_report(
    origin: Origin,
    role: ResultRole,
    description: str,
    groups: Sequence[Group],
    referenced: Iterable[InstanceReference],
) -> Dataset:
    """Return a Comprehensive 3D SR with these measurement groups.

    ``description`` is the Series Description. ``referenced`` are the instances that the report is about, in addition to
    the outline and the measured images.
    """
    instance = composite(origin, role, "SR", description)
    instance.CompletionFlag = "COMPLETE"
    instance.VerificationFlag = "UNVERIFIED"
    instance.PreliminaryFlag = "PRELIMINARY"
    instance.PerformedProcedureCodeSequence = []
    instance.ReferencedPerformedProcedureStepSequence = []
    evidence = [*referenced, origin.outline, *map(InstanceReference.of, origin.image_headers)]
    instance.CurrentRequestedProcedureEvidenceSequence = references_by_series(evidence)
    if replaced := origin.version.replaced.get(role):
        instance.PredecessorDocumentsSequence = references_by_series([replaced])
    instance.update(plain(_document(origin, groups)))
    for item in descendants(instance):
        if item.ValueType == "CONTAINER":
            item.ContinuityOfContent = "SEPARATE"
    return instance


def _document(origin: Origin, groups: Sequence[Group]) -> Dataset:
    """Return the root of the content tree."""
    report = MeasurementReport(
        observation_context=_observation_context(origin),
        procedure_reported=codes.PROCEDURE_REPORTED,
        imaging_measurements=groups,
        title=codes.REPORT_TITLE,
        language_of_content_item_and_descendants=LanguageOfContentItemAndDescendants(
            CodedConcept.from_code(codes.ENGLISH)
        ),
    )
    root: Dataset = report[0]
    return root


def _observation_context(origin: Origin) -> ObservationContext:
    """Return the observer context: this program, as a device (TID 1004)."""
    device = DeviceObserverIdentifyingAttributes(
        uid=origin.uids.device(), name=f"{RESULT_MODEL_NAME} {software_version()}"
    )
    return ObservationContext(observer_device_context=ObserverContext(public_codes.DCM.Device, device))


def algorithm_identification(origin: Origin) -> AlgorithmIdentification | None:
    """Return the signature as an algorithm (TID 4019), with one parameter, because readers may keep only the first."""
    signature = origin.signature
    if signature is None:
        return None
    return AlgorithmIdentification(
        name=signature.id,
        version=signature.version,
        parameters=[f"feature profile {signature.profile}, sha256 {signature.digest}"],
        manufacturer=MANUFACTURER,
        family=codes.ARTIFICIAL_INTELLIGENCE,
    )


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
