"""Content items of structured reports as plain data sets, equal to those of highdicom.

highdicom checks each item thoroughly, which takes a millisecond; a thousand numbers of the same form need one check.
The tests compare each kind of item with highdicom's.
"""

import functools
from collections.abc import Iterator, Sequence

from pydicom import DataElement, Dataset
from pydicom import Sequence as DicomSequence
from pydicom.sr.coding import Code
from pydicom.valuerep import format_number_as_ds

from workers.results import codes

CONTAINS = "CONTAINS"
HAS_CONCEPT_MOD = "HAS CONCEPT MOD"


@functools.lru_cache(maxsize=1024)
def _shared_code(code: Code) -> Dataset:
    return codes.code_item(code)


def _item(relationship: str, value_type: str, name: Code) -> Dataset:
    item = Dataset()
    item.RelationshipType = relationship
    item.ValueType = value_type
    item.ConceptNameCodeSequence = [_shared_code(name)]
    return item


def number(name: Code, value: float, unit: Code, method: Code | None = None) -> Dataset:
    """Return a measurement (TID 300).

    Numeric Value is text of at most 16 characters; Floating Point Value holds the double itself.
    """
    measured = Dataset()
    measured.NumericValue = format_number_as_ds(value)
    measured.FloatingPointValue = value
    measured.MeasurementUnitsCodeSequence = [_shared_code(unit)]
    item = _item(CONTAINS, "NUM", name)
    item.MeasuredValueSequence = [measured]
    if method is not None:
        item.ContentSequence = [coded(codes.MEASUREMENT_METHOD, method, HAS_CONCEPT_MOD)]
    return item


def coded(name: Code, value: Code, relationship: str = CONTAINS) -> Dataset:
    """Return a coded finding."""
    item = _item(relationship, "CODE", name)
    item.ConceptCodeSequence = [_shared_code(value)]
    return item


def text(name: Code, value: str, relationship: str = CONTAINS) -> Dataset:
    """Return a text item."""
    item = _item(relationship, "TEXT", name)
    item.TextValue = value
    return item


def container(name: Code, children: Sequence[Dataset]) -> Dataset:
    """Return a container as a heading for its children, each of which is displayed separately."""
    item = _item(CONTAINS, "CONTAINER", name)
    item.ContinuityOfContent = "SEPARATE"
    item.ContentSequence = list(children)
    return item


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
