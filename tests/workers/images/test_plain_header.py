"""One pass over the bytes of a header gives what the full check and pydicom give, or leaves the file to them."""

import gc
import struct
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import Dataset, dcmwrite
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEG2000Lossless
from pydicom.valuerep import EXPLICIT_VR_LENGTH_16, STANDARD_VR

from listener.dicom.structure_limits import StructureLimits
from support.compiled_modules import compiled_from
from support.dicom_objects import image
from support.header_facts import both_outcomes
from workers.images import headers
from workers.images.headers import HEADER_BYTES
from workers.images.plain_header import SOURCES_DIGEST, KnownElements, plain_header
from workers.limits import LIMITS, Limits

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


def compare(content: bytes, path: Path, limits: Limits = LIMITS, known: KnownElements | None = None) -> None:
    """Compare both ways of reading a file."""
    path.write_bytes(content)
    found, expected = both_outcomes(path, limits, known)
    assert found == expected


def test_the_loaded_module_is_compiled_from_these_sources() -> None:
    """After a change of the sources, `make install` compiles them again; until then, this test fails."""
    assert compiled_from(Path(headers.__file__).with_name("source")) == SOURCES_DIGEST


@pytest.mark.parametrize("content", FILES)
def test_a_plain_file_is_read_in_one_pass(content: bytes, tmp_path: Path) -> None:
    """Elements, character set, transfer syntax, length and place of the pixels are those of pydicom."""
    assert plain_header(content, StructureLimits()) is not None
    compare(content, tmp_path / "image.dcm")


def test_every_vr_of_the_standard_is_known(tmp_path: Path) -> None:
    """With the size of its length, and with what pydicom keeps of an empty value."""
    content = written(image(1))
    pixels = content.index(struct.pack("<HH2s", 0x7FE0, 0x10, b"OW"))
    added = struct.pack("<HH2sH", 0x7FDF, 0x10, b"LO", 4) + b"TEST"
    for at, vr in enumerate(sorted(STANDARD_VR)):
        for place, value in ((0x1000 + 2 * at, b""), (0x1001 + 2 * at, b"12345678")):
            if vr == "SQ":
                value = b""
            length = "<H" if vr in EXPLICIT_VR_LENGTH_16 else "<xxL"
            added += struct.pack("<HH2s", 0x7FDF, place, vr.encode()) + struct.pack(length, len(value)) + value
    content = content[:pixels] + added + content[pixels:]
    found = plain_header(content, StructureLimits())
    assert found is not None
    assert {found.dataset.get_item((0x7FDF, 0x1000 + 2 * at)).VR for at in range(len(STANDARD_VR))} == set(STANDARD_VR)
    compare(content, tmp_path / "image.dcm")


def test_a_header_longer_than_what_is_read_at_first(tmp_path: Path) -> None:
    """The whole file is then looked at; what is cut off by the first bytes alone is not plain."""
    dataset = image(1)
    dataset.TextValue = "x" * HEADER_BYTES
    content = written(dataset)
    assert plain_header(content[:HEADER_BYTES], StructureLimits()) is None
    assert plain_header(content, StructureLimits()) is not None
    compare(content, tmp_path / "image.dcm")


def test_equal_elements_of_a_series_are_kept_once(tmp_path: Path) -> None:
    """What an image shares with the one before is the same object; what is larger, moved or different is its own."""
    known: KnownElements = {}
    first, second = image(1), image(2)
    for one in (first, second):
        one.PatientComments, one.ImageComments = "equal", "moved"
    second.InstitutionName = "behind which all lies elsewhere"
    contents = [written(first), written(second), written(second)]
    headers_ = [plain_header(content, StructureLimits(), known) for content in contents]
    assert None not in headers_
    found = [{raw.tag: raw for raw in one.dataset.elements()} for one in headers_ if one is not None]
    assert found[1] == found[2]
    assert all(found[1][tag] is found[2][tag] for tag in found[1])
    assert found[0][0x00080016] is found[1][0x00080016]
    assert found[0][0x00080018].value != found[1][0x00080018].value
    assert found[0][0x00204000] is not found[1][0x00204000]
    for content in contents:
        compare(content, tmp_path / "image.dcm", known=known)


def test_no_element_is_an_object_of_the_collector() -> None:
    """Reading thousands of headers makes no look for reference cycles longer."""
    found = plain_header(FILES[0], StructureLimits())
    assert found is not None
    raw = [found.dataset.get_item(tag) for tag in found.dataset.keys()]  # noqa: SIM118 - the keys, unconverted
    assert not any(map(gc.is_tracked, raw))


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


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(content=st.sampled_from(FILES), edits=EDITS, length=st.none() | st.integers(0, 3000), narrow=st.booleans())
def test_damaged_files_are_read_alike(
    content: bytes, edits: Sequence[tuple[int, bytes, str]], length: int | None, narrow: bool, tmp_path: Path
) -> None:
    """Whatever byte of the header is changed, inserted or cut off: the same header, or the same refusal.

    Also where the undamaged header was read before, and shares its elements.
    """
    known: KnownElements = {}
    assert plain_header(content, StructureLimits(), known) is not None
    end = content.index(b"\xe0\x7f\x10\x00") + 14
    for place, new, how in edits:
        at = 128 + place % (end - 128)
        content = content[:at] + (b"" if how == "delete" else new) + content[at + len(new) * (how != "insert") :]
    compare(content[:length], tmp_path / "image.dcm", NARROW if narrow else LIMITS, known)
