"""Which segmentations are results of radtme: no others may be lost, and none of those be scored."""

import pytest
from pydicom import Dataset

from listener.dicom.own_results import is_own_result
from support.dicom_objects import outline


def made_by(maker: str | None, model: str | None, scheme: str = "SCT", label: str = "") -> Dataset:
    """Return a segmentation with this equipment and content label, whose segment is coded in this scheme."""
    found = outline(range(3))
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "1", scheme, "one"
    found.SegmentSequence[0].SegmentedPropertyTypeCodeSequence = [code]
    found.ContentLabel = label
    if maker is not None:
        found.Manufacturer = maker
    if model is not None:
        found.ManufacturerModelName = model
    return found


@pytest.mark.parametrize(
    ("maker", "model", "scheme", "own"),
    [
        ("radtme", "radtme", "SCT", True),
        ("radtme ", "radtme ", "SCT", True),  # as some archives pad it
        (None, None, "99RADTME", True),  # a de-identifier took the maker away
        ("", "", "99RADTME", True),
        (None, None, "SCT", False),
        ("radtme", "phantom", "SCT", False),  # the study of radtme demo and selftest
        ("radtme", "radtme outline", "SCT", False),  # an input that radtme outline made
        ("QIICR", "dcmqi", "99RADTME", False),  # a person loaded our result, corrected it and saved it
        ("SIEMENS", "radtme", "SCT", False),
    ],
)
def test_own_results_are_known_by_maker_and_model(maker: str | None, model: str | None, scheme: str, own: bool) -> None:
    """Of any version and installation; what radtme makes as an input, and what others made of ours, is scored."""
    assert is_own_result(made_by(maker, model, scheme)) is own


@pytest.mark.parametrize(
    ("maker", "model", "scheme", "label", "own"),
    [
        ("RADTME", "Radtme", "SCT", "", True),
        ("ANONYMIZED", None, "99RADTME", "TUMOUR_AND_RING", True),
        ("dcm4che", "archive", "99RADTME", "TUMOUR_AND_RING", True),
        ("OHIF", "viewer", "99RADTME", "SEGMENTATION", False),  # a person corrected our result and saved it
        ("SIEMENS", "syngo", "SCT", "TUMOUR_AND_RING", False),
    ],
)
def test_a_result_whose_header_was_changed_is_known(
    maker: str, model: str | None, scheme: str, label: str, own: bool
) -> None:
    """Archives and de-identifiers replace the manufacturer: the ring's code and the content label remain."""
    assert is_own_result(made_by(maker, model, scheme, label)) is own
