"""One pass over the bytes of a header gives what the full check and pydicom give, or leaves the file to them."""

import struct
import warnings
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import Dataset, dcmwrite
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEG2000Lossless

from listener.dicom.structure_limits import StructureLimits
from support.dicom_objects import image
from workers.errors import RejectedInput
from workers.images import headers
from workers.images.headers import Instance, read_header
from workers.images.plain_header import plain_header
from workers.limits import LIMITS, Limits

CHARACTER_SET = 0x00080005
NARROW = Limits(max_sequence_depth=2, max_sequence_items=6, max_header_bytes=900)


def written(dataset: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    """Return a data set as a file."""
    dataset.file_meta.TransferSyntaxUID = syntax
    content = BytesIO()
    implicit, little = syntax == ImplicitVRLittleEndian, syntax != ExplicitVRBigEndian
    dcmwrite(content, dataset, implicit_vr=implicit, little_endian=little, enforce_file_format=True)
    return content.getvalue()


def nested(depth: int, undefined: bool) -> Dataset:
    """Return an item with sequences inside each other, and two items in the innermost."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "1", "99TEST", "Meaning"
    item.is_undefined_length_sequence_item = undefined
    if depth:
        item.ReferencedImageSequence = [nested(depth - 1, undefined), nested(0, not undefined)]
        item["ReferencedImageSequence"].is_undefined_length = undefined
    return item


def a_file(character_set: str, undefined: bool, private: bool) -> bytes:
    """Return an image with sequences, private elements, an unknown VR and an empty value."""
    dataset = image(3)
    dataset.SpecificCharacterSet = character_set
    dataset.PatientName, dataset.PatientComments, dataset.AccessionNumber = "Doe^Jane", "x" * 300, ""
    dataset.ReferencedStudySequence = []
    dataset.ProcedureCodeSequence = [nested(1, not undefined)]
    dataset.RequestAttributesSequence = [nested(2, undefined), nested(0, undefined)]
    dataset["RequestAttributesSequence"].is_undefined_length = undefined
    if private:
        block = dataset.private_block(0x0029, "RADTME TEST", create=True)
        block.add_new(0x10, "OB", b"\1\2\3\4")
        block.add_new(0x11, "UN", b"FE\xfe\xff\0\xe0")
    return written(dataset)


FILES = [
    a_file("ISO_IR 100", undefined=False, private=True),
    a_file("ISO_IR 192", undefined=True, private=True),
    a_file("", undefined=True, private=False),
]


def outcome(path: Path, limits: Limits) -> object:
    """Return all that is known of a header, or why it was refused."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return facts(read_header(path, limits))
        except RejectedInput as error:
            return error.reason, str(error)


def facts(instance: Instance) -> Sequence[object]:
    """Return an instance's elements, unconverted, and its other fields."""
    dataset = instance.dataset
    characters = dataset.original_character_set, str(dataset.get("SpecificCharacterSet"))
    return elements(dataset), characters, instance.transfer_syntax, instance.pixels, instance.header_bytes


def elements(dataset: Dataset) -> list[object]:
    """Return the elements as they stand in the file, those of items that were read at once included."""
    return [
        one if one.is_raw else (one.tag, one.is_undefined_length, [elements(item) for item in one.value])
        for one in dataset.values()
        if one.tag != CHARACTER_SET
    ]


def compare(content: bytes, path: Path, limits: Limits = LIMITS) -> None:
    """Compare both ways of reading a file."""
    path.write_bytes(content)
    found = outcome(path, limits)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(headers, "plain_header", lambda *_: None)
        assert outcome(path, limits) == found


@pytest.mark.parametrize("content", FILES)
def test_a_plain_file_is_read_in_one_pass(content: bytes, tmp_path: Path) -> None:
    """Elements, character set, transfer syntax, length and place of the pixels are those of pydicom."""
    assert plain_header(content, StructureLimits()) is not None
    compare(content, tmp_path / "image.dcm")


def test_compressed_pixels_are_located(tmp_path: Path) -> None:
    """Encapsulated pixel data has an undefined length, and so it is reported."""
    dataset = image(1)
    dataset.PixelData = b"\xfe\xff\0\xe0\0\0\0\0" + b"\xfe\xff\0\xe0\4\0\0\0\1\2\3\4" + b"\xfe\xff\xdd\xe0\0\0\0\0"
    dataset["PixelData"].is_undefined_length = True
    content = written(dataset, JPEG2000Lossless)
    found = plain_header(content, StructureLimits())
    assert found is not None
    assert (found.transfer_syntax, found.pixels_length) == (JPEG2000Lossless, 0xFFFFFFFF)
    compare(content, tmp_path / "image.dcm")


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_other_encodings_are_left_to_pydicom(syntax: str, tmp_path: Path) -> None:
    """They are rare for images in a spool."""
    content = written(image(1), syntax)
    assert plain_header(content, StructureLimits()) is None
    compare(content, tmp_path / "image.dcm")


@pytest.mark.parametrize("content", FILES)
def test_limits_are_those_of_the_full_check(content: bytes, tmp_path: Path) -> None:
    """A file that exceeds one is left to the check, which names it."""
    assert plain_header(content, NARROW.structure) is None
    compare(content, tmp_path / "image.dcm", NARROW)


TAGS = ((0x7FE0, 0x10), (0x7FE0, 8), (8, 5), (2, 0x10), (0xFFFE, 0xE00D))
EDITS = st.lists(
    st.tuples(
        st.integers(0, 2**16),
        st.one_of(
            st.binary(min_size=1, max_size=4),
            st.sampled_from(
                [b"SQ", b"UN", b"OB", b"A1", b"\xff" * 4, b"\0" * 4, b"\xfe\xff\0\xe0", b"\xfe\xff\xdd\xe0"]
                + [
                    struct.pack("<HH", *tag)
                    for tag in ((0x7FE0, 0x10), (0x7FE0, 8), (8, 5), (2, 0x10), (0xFFFE, 0xE00D))
                ]
            ),
        ),
        st.sampled_from(["replace", "insert", "delete"]),
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.sampled_from(FILES), edits=EDITS, length=st.none() | st.integers(0, 3000), narrow=st.booleans())
def test_damaged_files_are_read_alike(
    content: bytes, edits: Sequence[tuple[int, bytes, str]], length: int | None, narrow: bool, tmp_path: Path
) -> None:
    """Whatever byte of the header is changed, inserted or cut off: the same header, or the same refusal."""
    end = content.index(b"\xe0\x7f\x10\x00") + 14
    for place, new, how in edits:
        at = 128 + place % (end - 128)
        content = content[:at] + (b"" if how == "delete" else new) + content[at + len(new) * (how != "insert") :]
    compare(content[:length], tmp_path / "image.dcm", NARROW if narrow else LIMITS)
