"""Content items of structured reports as plain data sets, equal to those of highdicom.

highdicom checks each item thoroughly, which takes a millisecond; a thousand numbers of the same form need one check.
The tests compare each kind of item with highdicom's.
"""

import functools
from collections.abc import Iterator, Sequence

from pydicom import DataElement, Dataset
from pydicom import Sequence as DicomSequence
from pydicom.sr.coding import Code
from pydicom.tag import BaseTag, Tag
from pydicom.uid import UID, SecondaryCaptureImageStorage, SegmentationStorage
from pydicom.valuerep import format_number_as_ds

from listener.dicom.sop_classes import LABEL_MAP_SEGMENTATION_STORAGE
from workers.results import codes
from workers.results.instance_reference import InstanceReference

CONTAINS = "CONTAINS"
HAS_CONCEPT_MOD = "HAS CONCEPT MOD"
HAS_OBS_CONTEXT = "HAS OBS CONTEXT"
IMAGE_CLASSES = (SegmentationStorage, UID(LABEL_MAP_SEGMENTATION_STORAGE), SecondaryCaptureImageStorage)


def _shared_code(code: Code) -> Dataset:
    return _code_item(*code)  # codes are equal whatever their meanings say


@functools.lru_cache(maxsize=1024)
def _code_item(value: str, scheme: str, meaning: str, version: str | None) -> Dataset:
    return codes.code_item(Code(value, scheme, meaning, version))


def _item(relationship: str, value_type: str, name: Code, *content: DataElement) -> Dataset:
    elements = (
        _element("RelationshipType", "CS", relationship),
        _element("ValueType", "CS", value_type),
        _sequence("ConceptNameCodeSequence", [_shared_code(name)]),
        *content,
    )
    return Dataset({element.tag: element for element in elements})


def _element(keyword: str, vr: str, value: object) -> DataElement:
    """Return an element whose value pydicom would keep as it is: converting and checking it takes ten times as long."""
    return DataElement(_tag(keyword), vr, value, already_converted=True)


def _sequence(keyword: str, items: Sequence[Dataset]) -> DataElement:
    return _element(keyword, "SQ", DicomSequence(items))


@functools.cache
def _tag(keyword: str) -> BaseTag:
    return Tag(keyword)


def number(
    name: Code,
    value: float,
    unit: Code,
    method: Code | None = None,
    decimal: str = "",
    derivation: Code | None = None,
) -> Dataset:
    """Return a measurement (TID 300).

    Numeric Value is text of at most 16 characters: ``decimal``, where it is given. Floating Point Value holds the
    double itself.
    """
    measured = Dataset()
    measured.NumericValue = decimal or format_number_as_ds(value)
    measured.FloatingPointValue = value
    measured.MeasurementUnitsCodeSequence = [_shared_code(unit)]
    item = _item(CONTAINS, "NUM", name)
    item.MeasuredValueSequence = [measured]
    modifiers = ((codes.MEASUREMENT_METHOD, method), (codes.DERIVATION, derivation))
    if modified := [coded(name, code, HAS_CONCEPT_MOD) for name, code in modifiers if code is not None]:
        item.ContentSequence = modified
    return item


def coded(name: Code, value: Code, relationship: str = CONTAINS) -> Dataset:
    """Return a coded finding."""
    return _item(relationship, "CODE", name, _sequence("ConceptCodeSequence", [_shared_code(value)]))


def text(name: Code, value: str, relationship: str = CONTAINS) -> Dataset:
    """Return a text item."""
    return _item(relationship, "TEXT", name, _element("TextValue", "UT", value))


def uid_reference(name: Code, uid: str, relationship: str = CONTAINS) -> Dataset:
    """Return a UID."""
    return _item(relationship, "UIDREF", name, _element("UID", "UI", UID(uid)))


def object_reference(name: Code, reference: InstanceReference, segment_number: int | None = None) -> Dataset:
    """Return a reference to another instance: IMAGE for images and segmentations, COMPOSITE for other objects."""
    is_image = UID(reference.sop_class_uid) in IMAGE_CLASSES
    item = _item(CONTAINS, "IMAGE" if is_image else "COMPOSITE", name)
    referenced = reference.item()
    if segment_number is not None:
        referenced.ReferencedSegmentNumber = segment_number
    item.ReferencedSOPSequence = [referenced]
    return item


def of_template(item: Dataset, template: str) -> Dataset:
    """Return a container that names its template in PS3.16."""
    used = Dataset()
    used.MappingResource, used.TemplateIdentifier = "DCMR", template
    item.ContentTemplateSequence = [used]
    return item


def container(name: Code, children: Sequence[Dataset]) -> Dataset:
    """Return a container as a heading for its children, each of which is displayed separately."""
    continuity = _element("ContinuityOfContent", "CS", "SEPARATE")
    return _item(CONTAINS, "CONTAINER", name, continuity, _sequence("ContentSequence", children))


def plain(dataset: Dataset) -> Dataset:
    """Return a copy of highdicom's content as data sets that can be changed and written without its checks."""
    copied = Dataset()
    for element in dataset:
        if element.VR == "SQ":
            items = DicomSequence([plain(item) for item in element.value])
            copied.add(DataElement(element.tag, "SQ", items))
        else:
            copied.add(element)
    return copied


def descendants(item: Dataset) -> Iterator[Dataset]:
    """Yield ``item`` and all its descendants."""
    yield item
    for child in item.get("ContentSequence", []):
        yield from descendants(child)
