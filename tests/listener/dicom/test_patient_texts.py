"""Patients' names that senders write without saying in which character set: the right letters, or the bytes."""

from io import BytesIO

import pytest
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from listener.dicom.patient_texts import shown_text

CHINESE = "王^小东"


def read_back(name: bytes, declared: str | None = None) -> Dataset:
    """Return the header of an object with these bytes as its Patient's Name, as a file gives it."""
    written = Dataset()
    if declared is not None:
        written.SpecificCharacterSet = declared
    written.SOPClassUID, written.SOPInstanceUID, written.PatientID = MRImageStorage, "1.2.3", "P1"
    written.file_meta = FileMetaDataset()
    written.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    name += b" " * (len(name) % 2)
    written.PatientName = "N" * len(name)
    buffer = BytesIO()
    dcmwrite(buffer, written, enforce_file_format=True)
    return dcmread(BytesIO(buffer.getvalue().replace(b"N" * len(name), name)))


@pytest.mark.parametrize(
    ("name", "declared", "sender", "shown"),
    [
        (CHINESE.encode("gb18030"), None, "GB18030", CHINESE),
        ("ﾔﾏﾀﾞ^ﾀﾛｳ".encode("shift_jis"), None, "ISO_IR 13", "ﾔﾏﾀﾞ^ﾀﾛｳ"),
        ("Müller^J".encode("latin-1"), None, "ISO_IR 100", "Müller^J"),
        ("Müller^J".encode("latin-1"), "", "", "M\\xfcller^J"),
        (CHINESE.encode("gb18030"), None, "", "\\xcd\\xf5^\\xd0\\xa1\\xb6\\xab"),
        (CHINESE.encode("gb18030"), "ISO_IR 6", "", "\\xcd\\xf5^\\xd0\\xa1\\xb6\\xab"),
        (b"\x81^\xff\xff", None, "ISO 2022 IR 149", "\\x81^\\xff\\xff"),
        ("Müller^Jö".encode(), "ISO_IR 192", "GB18030", "Müller^Jö"),
        (b"Miller^Jo", None, "", "Miller^Jo"),
    ],
)
def test_undeclared_letters_are_those_of_the_sender_or_none(
    name: bytes, declared: str | None, sender: str, shown: str
) -> None:
    """A declared set counts; else the configured one of the sender; else escaped bytes, which are no name."""
    assert shown_text(read_back(name, declared), "PatientName", sender).strip() == shown
