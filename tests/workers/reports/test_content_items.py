"""Content items, plain and encoded, against those that highdicom builds."""

import random

import pytest
from highdicom.sr import CodeContentItem, Measurement, QualitativeEvaluation, RelationshipTypeValues, TextContentItem
from pydicom import Dataset
from pydicom.sr.coding import Code

from support.result_cases import FEATURE_NAMES
from workers.reports.content_items import coded, container, number, plain, text
from workers.reports.encoded_items import EncodedNumber, encoded_content, with_encoded_content
from workers.results import codes
from workers.results.encoding import encoded
from workers.results.feature_codes import feature_concept

VALUES = [0.0, -0.0, 1.0, 1 / 3, -1 / 3, 1e-300, -1.5e300, 123456789.123456789, 5e-324, 1e22, 7.0]


def highdicom_number(name: str, value: float) -> Dataset:
    """Return the measurement as highdicom builds it."""
    concept = feature_concept(name)
    item: Dataset = Measurement(concept.name, value, concept.unit, method=concept.method)[0]
    return item


@pytest.mark.parametrize("name", FEATURE_NAMES[::37])
def test_numbers_equal_highdicoms(name: str) -> None:
    """Item by item, on a sample over all filters and classes."""
    concept = feature_concept(name)
    for value in [*VALUES, random.Random(name).uniform(-1e6, 1e6)]:
        ours = number(concept.name, value, concept.unit, concept.method)
        assert encoded(ours) == encoded(highdicom_number(name, value))


def test_encoded_numbers_equal_plain_ones() -> None:
    """What is encoded at once reads back as what pydicom would have been given."""
    concepts = [feature_concept(name) for name in FEATURE_NAMES]
    values = [VALUES[index % len(VALUES)] * (1 + index % 7) for index in range(len(concepts))]
    items = [EncodedNumber.of(c.name, c.unit, c.method).item(v) for c, v in zip(concepts, values, strict=True)]
    group = with_encoded_content(container(codes.SCORE, []), items)
    for read, concept, value in zip(group.ContentSequence, concepts, values, strict=True):
        assert read == number(concept.name, value, concept.unit, concept.method)
        assert read.MeasuredValueSequence[0].FloatingPointValue.hex() == value.hex()


def test_findings_and_texts_equal_highdicoms() -> None:
    """The other kinds of items."""
    assert coded(codes.PHENOTYPE, codes.HOT) == plain(QualitativeEvaluation(codes.PHENOTYPE, codes.HOT)[0])
    contains = RelationshipTypeValues.CONTAINS
    assert coded(codes.REASON, codes.COLD) == plain(CodeContentItem(codes.REASON, codes.COLD, contains))
    assert text(codes.NOTICE, "ä") == plain(TextContentItem(codes.NOTICE, "ä", contains))


def test_a_code_keeps_the_meaning_that_its_source_gives_it() -> None:
    """Procedures are named by their sources: a worker has seen the same code of another hospital before."""
    found = [coded(codes.PROCEDURE_REPORTED, Code("7", "99LOCAL", meaning)) for meaning in ("MR Mamma", "MRI breast")]
    assert [item.ConceptCodeSequence[0].CodeMeaning for item in found] == ["MR Mamma", "MRI breast"]


def test_encoded_content_is_written_as_it_is() -> None:
    """Writing copies the bytes, in UTF-8, and gives what pydicom would have written itself."""
    items = [text(codes.NOTICE, "Größe 大"), number(codes.SCORE, 0.5, codes.OF_ONE)]
    documents = []
    for group in (
        with_encoded_content(container(codes.SCORE, []), map(encoded_content, items)),
        container(codes.SCORE, items),
    ):
        document = Dataset()
        document.SpecificCharacterSet = "ISO_IR 192"
        document.ContentSequence = [group]
        documents.append(encoded(document))
    assert documents[0] == documents[1]
    assert "Größe 大".encode() in documents[0]
