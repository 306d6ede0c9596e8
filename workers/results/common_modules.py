"""Modules that all results share: patient, study, series, equipment, SOP common."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from types import MappingProxyType

from highdicom import ContributingEquipment
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from listener.dicom.own_results import MANUFACTURER, RESULT_MODEL_NAME
from listener.dicom.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from workers.results import codes
from workers.results.instance_reference import InstanceReference
from workers.results.patient_study import ContentDateTime, content_date_time, decoded, patient_and_study
from workers.results.result_classes import RESULT_CLASSES
from workers.results.result_roles import ResultRole
from workers.results.uids import ResultUids
from workers.scoring.case_result import SignatureIdentity
from workers.texts.wording import ENGLISH, Wording

SERIES_PER_VERSION = 10
SERIES_ORDER = (
    ResultRole.SUMMARY_REPORT,
    ResultRole.SEGMENTATION,
    ResultRole.KEY_IMAGE,
    ResultRole.FEATURE_REPORT,
)
"""The order of results in viewers that sort by series number."""
SERIES_PER_TUMOUR = 1000
SCANNER = (
    "Manufacturer",
    "InstitutionName",
    "StationName",
    "ManufacturerModelName",
    "DeviceSerialNumber",
    "SoftwareVersions",
)
"""Attributes of a scanner as contributing equipment (PS3.3 C.12.1)."""
SEE_WARNINGS = "(see warnings)"
"""Appended to the Series Description of each result whose case has a warning."""
NOTHING_REPLACED: Mapping[ResultRole, InstanceReference] = MappingProxyType({})


@dataclass(frozen=True)
class ResultVersion:
    """The number of this result of the outline, and the objects that it replaces."""

    number: int = 1
    replaced: Mapping[ResultRole, InstanceReference] = field(default_factory=lambda: NOTHING_REPLACED)
    """The objects of the previous version, by role."""


@dataclass(frozen=True)
class TumourOfSeveral:
    """One of several tumours in an outline, that the results are about."""

    number: int
    """Position in the order of the segments, from 1."""
    count: int
    name: str = ""
    """Its name for readers: label, side and volume."""

    def __str__(self) -> str:
        return f"tumour {self.number} of {self.count}" + (f": {self.name}" if self.name else "")

    def describe(self, content: str) -> str:
        """Return a Series Description that begins with the tumour's number, because lists of series cut it off."""
        return f"{self.number}/{self.count} {content}" + (f", {self.name}" if self.name else "")


@dataclass(frozen=True)
class Origin:
    """The sources of the results of one case."""

    seg_header: Dataset
    """Header of the outline; of a damaged outline, the readable part."""
    outline: InstanceReference
    image_headers: Sequence[Dataset]
    """Headers of the measured instances in slice order; one of any image where none was measured; empty without images.
    """
    signature: SignatureIdentity | None
    version: ResultVersion
    uids: ResultUids
    institution_name: str = ""
    tumour: TumourOfSeveral | None = None
    """None where the outline has one tumour."""
    has_warnings: bool = False
    """Whether a note affects the interpretation of the score."""
    wording: Wording = ENGLISH
    """The words of the results for people."""
    engine: str = ""
    """Name and version of the engine that measured the features; empty where nothing was measured."""

    @property
    def headers(self) -> tuple[Dataset, ...]:
        """The headers that patient and study are taken from, in order of preference."""
        return (*self.image_headers[:1], self.seg_header)

    @functools.cached_property
    def image_references(self) -> tuple[InstanceReference, ...]:
        """The references to the instances of the headers."""
        return tuple(map(InstanceReference.of, self.image_headers))

    @functools.cached_property
    def date_time(self) -> ContentDateTime:
        """The date and time of the results."""
        return content_date_time(self.seg_header, self.image_headers)

    @functools.cached_property
    def equipment(self) -> tuple[Dataset, ...]:
        """The items of the equipment that contributed to the results."""
        return (*acquisition_equipment(self), contributing_equipment(self))

    @functools.cached_property
    def shared_attributes(self) -> Dataset:
        """The attributes of patient and study."""
        attributes = patient_and_study(self.headers)
        if not self.image_headers:
            attributes.StudyInstanceUID = self.outline.study_uid
        return attributes


@functools.cache
def software_version() -> str:
    """Return the installed version of this program."""
    return metadata.version("radtme")


def series_number(role: ResultRole, origin: Origin) -> int:
    """Return the series number of a result; those of further tumours follow those of the first."""
    version, tumour = origin.version.number, origin.tumour.number if origin.tumour else 1
    within = SERIES_PER_VERSION * (version - 1) + SERIES_ORDER.index(role)
    return origin.wording.first_series_number + SERIES_PER_TUMOUR * (tumour - 1) + within


def composite(origin: Origin, role: ResultRole, modality: str, description: str) -> Dataset:
    """Return a new instance without content.

    It is in the study of its sources, in a series of its own, in UTF-8, and has the same attributes in every run.
    """
    date_time = origin.date_time
    instance = Dataset()
    instance.update(origin.shared_attributes)
    instance.SpecificCharacterSet = "ISO_IR 192"
    instance.SOPClassUID = RESULT_CLASSES[role][0]
    instance.SOPInstanceUID = origin.uids.instance(role)
    instance.InstanceCreationDate, instance.InstanceCreationTime = date_time.date, date_time.time
    instance.SeriesDate, instance.SeriesTime = date_time.date, date_time.time
    instance.ContentDate, instance.ContentTime = date_time.date, date_time.time
    instance.Modality = modality
    instance.SeriesInstanceUID = origin.uids.series(role)
    instance.SeriesNumber = series_number(role, origin)
    shown = f"{description} {SEE_WARNINGS}" if origin.has_warnings else description
    instance.SeriesDescription = origin.tumour.describe(shown)[:64] if origin.tumour else shown
    instance.InstanceNumber = 1
    instance.Manufacturer = MANUFACTURER
    instance.ManufacturerModelName = RESULT_MODEL_NAME
    instance.SoftwareVersions = software_version()
    instance.DeviceSerialNumber = f"{RESULT_MODEL_NAME}-{software_version()}"
    if origin.institution_name:
        instance.InstitutionName = origin.institution_name
    instance.CodingSchemeIdentificationSequence = codes.coding_schemes()
    instance.ContributingEquipmentSequence = origin.equipment
    set_file_meta(instance)
    return instance


def acquisition_equipment(origin: Origin) -> list[Dataset]:
    """Return the item of the scanner that acquired the images; empty where they do not name its manufacturer."""
    header = origin.image_headers[0] if origin.image_headers else Dataset()
    item = decoded(header, (keyword for keyword in SCANNER if header.get(keyword)))
    if not str(item.get("Manufacturer") or "").strip():
        return []
    item.PurposeOfReferenceCodeSequence = [codes.code_item(codes.ACQUISITION_EQUIPMENT)]
    return [item]


def contributing_equipment(origin: Origin) -> Dataset:
    """Return the item that describes the signature as equipment; its Device UID follows the signature (IHE AIR)."""
    signature = origin.signature
    item: Dataset = ContributingEquipment(
        manufacturer=MANUFACTURER,
        purpose_of_reference=codes.PROCESSING_EQUIPMENT,
        manufacturer_model_name=signature.id[:64] if signature else RESULT_MODEL_NAME,
        software_versions=[signature.version[:64], signature.digest[:64]] if signature else software_version(),
        contribution_description=f"Radiomics score, feature profile {signature.profile}" if signature else "No score",
    )
    item.DeviceUID = origin.uids.device()
    return item


def set_file_meta(instance: Dataset) -> None:
    """Add the file meta information to ``instance`` (PS3.10 section 7.1)."""
    instance.file_meta = FileMetaDataset()
    instance.file_meta.MediaStorageSOPClassUID = instance.SOPClassUID
    instance.file_meta.MediaStorageSOPInstanceUID = instance.SOPInstanceUID
    instance.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    instance.file_meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    instance.file_meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
