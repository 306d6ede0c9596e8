"""Headers as careless writers leave them: optional attributes missing, empty, or with values against their VR."""

import random
from collections.abc import Mapping, Sequence
from io import BytesIO

from pydicom import Dataset, config, dcmread
from pydicom.datadict import dictionary_VR
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ImplicitVRLittleEndian, MRImageStorage

ODD: Mapping[str, Sequence[object]] = {
    "AS": ("054Y", "54", "54 Y", "999Y", "0054Y", "Y054"),
    "CS": ("F", "left", "L R", "A VERY LONG CODE STRING", "BREAST", "breast", "X-1"),
    "DA": ("20240301", "2024.03.01", "20241399", "1", "0000", "20240301-20240302"),
    "DS": ("1.70", "1,70", "abc", "1.234567890123456789", "-0", "1e400"),
    "IS": ("7", "1.5", "abc", "12345678901234"),
    "LO": ("Plain", " padded ", "x" * 90, "two\\values", "line\nbreak", "tab\tstop", "\x1b$B;3", "\x07bell"),
    "LT": ("Plain", "x" * 11000, "line\r\nbreak", "\x0cpage", "\x07bell"),
    "PN": ("Doe^Jane", "^^^^", "a^b^c^d^e^f", "=", "x" * 80, "A=B=C=D", "Doe^Jane\\Roe^Mary", "line\nbreak"),
    "SH": ("Short", "longer than sixteen characters", "a\\b", "line\nbreak"),
    "ST": ("Plain", "x" * 1100, "\x07bell"),
    "TM": ("101500", "10:15:00", "251500", "1015", "101560.5", "101500.1234567", "noon"),
    "UC": ("Plain", "x" * 300),
    "UI": ("1.2.840.1", "1.2.03", "not a uid", "1." + "2" * 70, "1.2.3\0"),
    "UT": ("Plain", "\x07bell"),
}
"""By VR: values that are right, then values that are wrong in length, characters, multiplicity or meaning."""


def perturbed(header: Dataset, keywords: Sequence[str], rng: random.Random) -> Dataset:
    """Return a header as it is read from a file, in which each of these attributes is left, missing, empty or odd."""
    changed = Dataset()
    changed.update(header)
    for keyword in keywords:
        match rng.randrange(4):
            case 0:
                changed.pop(keyword, None)
            case 1:
                _put(changed, keyword, [] if dictionary_VR(keyword) == "SQ" else "")
            case 2:
                _put(changed, keyword, odd_value(keyword, rng))
    return read_back(changed)


def odd_value(keyword: str, rng: random.Random) -> object:
    """Return a value of the attribute's VR that may break its rules."""
    vr = dictionary_VR(keyword)
    return [_odd_item(rng) for _ in range(rng.randrange(3))] if vr == "SQ" else rng.choice(ODD[vr])


def _odd_item(rng: random.Random) -> Dataset:
    item = Dataset()
    for keyword in ("CodeValue", "CodingSchemeDesignator", "CodingSchemeVersion", "CodeMeaning", "PatientID"):
        if rng.randrange(3):
            _put(item, keyword, rng.choice(ODD[dictionary_VR(keyword)]))
    return item


def _put(dataset: Dataset, keyword: str, value: object) -> None:
    vr = dictionary_VR(keyword)
    dataset.add_new(keyword, "LO" if vr in ("DS", "IS") else vr, value)  # pydicom refuses to make a wrong number


def read_back(dataset: Dataset) -> Dataset:
    """Return the data set as it comes from a file."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID, dataset.file_meta.MediaStorageSOPInstanceUID = MRImageStorage, "1.2.3"
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian  # the VRs come from the dictionary
    dataset.preamble = b"\0" * 128
    buffer = BytesIO()
    with config.disable_value_validation():
        dataset.save_as(buffer, enforce_file_format=True)
    return dcmread(BytesIO(buffer.getvalue()))
