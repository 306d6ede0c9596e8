"""An outline is measured on images of its own patient and study only."""

from pathlib import Path

import pytest
from pydicom import dcmread

from support.placed_outlines import ARRAY, MASK, TUMOUR, WriteSeg, WriteSeries, placed, reason_of
from workers.errors import Reason

CYRILLIC, GREEK = "ISO_IR 144", "ISO_IR 126"


@pytest.mark.parametrize(
    ("image", "seg", "is_same"),
    [
        ({"PatientID": "A"}, {"PatientID": "A"}, True),
        ({"PatientID": "A"}, {"PatientID": "A "}, True),
        ({"PatientID": "A"}, {"PatientID": "B"}, False),
        ({"PatientID": "A"}, {"PatientID": "a"}, False),
        ({"PatientID": "A"}, {"PatientID": ""}, False),
        ({"PatientID": ""}, {"PatientID": "A"}, False),
        ({"PatientID": "A"}, {"PatientID": None}, False),
        ({"PatientID": None}, {"PatientID": "A"}, False),
        ({"PatientID": None}, {"PatientID": None}, True),
        ({"PatientID": "A", "IssuerOfPatientID": "X"}, {"PatientID": "A", "IssuerOfPatientID": "Y"}, False),
        ({"PatientID": "A", "IssuerOfPatientID": "X"}, {"PatientID": "A", "IssuerOfPatientID": "X"}, True),
        ({"PatientID": "A", "IssuerOfPatientID": "X"}, {"PatientID": "A"}, True),
        ({"PatientID": "A"}, {"PatientID": "A", "IssuerOfPatientID": "Y"}, True),
        (
            {"SpecificCharacterSet": CYRILLIC, "PatientID": "\u0416\u0416"},
            {"SpecificCharacterSet": CYRILLIC, "PatientID": "\u0424\u0424"},
            False,
        ),
        (
            {"SpecificCharacterSet": CYRILLIC, "PatientID": "\u0416"},
            {"SpecificCharacterSet": "ISO_IR 192", "PatientID": "\u0416"},
            True,
        ),
        (
            {"SpecificCharacterSet": CYRILLIC, "PatientID": b"\xb6\xb6".decode("iso8859_5")},
            {"SpecificCharacterSet": GREEK, "PatientID": b"\xb6\xb6".decode("iso8859_7")},
            False,
        ),
        ({"StudyInstanceUID": "1.2.3"}, {"StudyInstanceUID": "1.2.4"}, False),
        ({"StudyInstanceUID": None}, {"StudyInstanceUID": "1.2.4"}, False),
        ({"StudyInstanceUID": "1.2.4"}, {"StudyInstanceUID": None}, False),
    ],
)
def test_an_outline_of_another_patient_or_study_is_refused(
    write_series: WriteSeries,
    write_seg: WriteSeg,
    image: dict[str, str | None],
    seg: dict[str, str | None],
    is_same: bool,
) -> None:
    """Compared in Unicode: equal bytes in two character sets are two patients.

    A missing ID is not that of the other side; an issuer counts where both name one.
    """
    images = write_series(ARRAY)
    path = write_seg(images, [(TUMOUR, MASK)])
    for target, changes in [*((one, image) for one in images), (dcmread(path), seg)]:
        for keyword, value in changes.items():
            if value is None:
                if keyword in target:
                    del target[keyword]
            else:
                setattr(target, keyword, value)
        target.save_as(target.filename)
    if is_same:
        assert placed(images, path).tumour.any()
    else:
        assert reason_of(images, path) is Reason.PATIENT_MISMATCH


def test_ids_that_cannot_be_decoded_are_equal_to_nothing(write_series: WriteSeries, write_seg: WriteSeg) -> None:
    """Two different bytes that UTF-8 does not know would both be read as its replacement character."""
    images = write_series(ARRAY)
    path = write_seg(images, [(TUMOUR, MASK)])
    for file, byte in ((path, b"\xb6"), *((Path(one.filename), b"\xb7") for one in images)):
        header = dcmread(file)
        header.SpecificCharacterSet, header.PatientID = "ISO_IR 192", "XQXQ"
        header.save_as(file)
        file.write_bytes(file.read_bytes().replace(b"XQXQ", 4 * byte))
    with pytest.warns(UserWarning, match="Failed to decode"):
        assert reason_of(images, path) is Reason.UNREADABLE_OBJECT
