"""Depth, width and length of a data set are known before anything is built from it."""

import struct
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from listener.dicom.data_set import UnreadableDataSet, inflates_within, read_header
from listener.dicom.structure_check import TooComplex, check_file, check_structure
from listener.dicom.structure_limits import StructureLimits
from listener.pairing.segmentation_references import OUTLINE_TAGS
from support.dicom_objects import file_bytes, outline, transcoded
from support.hostile_objects import DEFLATED, deflate_bomb, deflated, element, many_items, nested, segmentation

LIMITS = StructureLimits(max_sequence_depth=32, max_sequence_items=1000, max_header_bytes=1 << 20)


def check(content: bytes, syntax: UID = ExplicitVRLittleEndian, limits: StructureLimits = LIMITS) -> None:
    """Check a data set that begins at its first byte."""
    check_structure(content, 0, syntax, limits)


@pytest.mark.parametrize("lengths", [False, True], ids=["delimiters", "lengths"])
def test_deep_nesting_is_refused_and_the_allowed_depth_is_not(lengths: bool) -> None:
    """Ten thousand nested sequences are counted in a loop; as many as are allowed pass."""
    check(segmentation(nested(32, lengths=lengths)))
    for depth in (33, 10_000):
        with pytest.raises(TooComplex, match="nested deeper"):
            check(segmentation(nested(depth, lengths=lengths)))


def test_depth_is_of_nesting_and_not_of_number() -> None:
    """Sequences side by side are no nesting."""
    check(segmentation(*[nested(30)] * 20))


def test_items_are_counted_in_all_sequences() -> None:
    """A few megabytes of empty items would become gigabytes of objects."""
    check(segmentation(after=[many_items(1000)]))
    with pytest.raises(TooComplex, match="items"):
        check(segmentation(many_items(600, 0x00081140), after=[many_items(600)]))


def test_bytes_before_the_pixels_are_counted_and_pixels_are_not() -> None:
    """The header is read into memory; pixels stay on disk."""
    check(segmentation(after=[element(0x7FE00010, b"OW", bytes(2 << 20))]))
    with pytest.raises(TooComplex, match="before its pixels"):
        check(segmentation(after=[element(0x00420011, b"OB", bytes(2 << 20))]))


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_other_encodings_are_walked_too(syntax: UID, tmp_path: Path) -> None:
    """Implicit VR and big endian: the same object has the same number of items."""
    path = tmp_path / "a.dcm"
    path.write_bytes(file_bytes(outline(images=range(1, 51))))
    other = transcoded(path, syntax, tmp_path / "b.dcm")
    content = other.read_bytes()
    offset = 144 + int.from_bytes(content[140:144], "little")
    items = 50 * 3 + 1 + 50 + 1  # frames, derivations, sources; series, instances; segment
    check_file(other, offset, syntax, StructureLimits(max_sequence_items=items))
    with pytest.raises(TooComplex):
        check_file(other, offset, syntax, StructureLimits(max_sequence_items=items - 1))


def test_unknown_vr_that_is_a_sequence_is_walked() -> None:
    """A sequence that came through a gateway as UN is one to the reader (PS3.5 section 6.2.2), so it is one here."""
    inner = b""
    for _ in range(40):
        inner = (
            struct.pack("<HHL", 0x0008, 0x1140, len(inner) + 8)
            + struct.pack("<HHL", 0xFFFE, 0xE000, len(inner))
            + inner
        )
    with pytest.raises(TooComplex):
        check(segmentation(element(0x00081140, b"UN", struct.pack("<HHL", 0xFFFE, 0xE000, len(inner)) + inner)))


def test_nonsense_is_left_to_the_reader() -> None:
    """What is cut short or no data set at all ends the walk without an error of its own."""
    content = segmentation(nested(5), after=[many_items(20)])
    for end in range(len(content)):
        check(content[:end])


def test_real_outlines_pass_with_room(br06: Path) -> None:
    """Real outlines use a small part of what is allowed."""
    for path in (br06 / "tumour_seg" / "seg.dcm", br06 / "seg" / "1-1.dcm"):
        content = path.read_bytes()
        offset = 144 + int.from_bytes(content[140:144], "little")
        syntax = UID(dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID)
        check_file(path, offset, syntax, StructureLimits(max_sequence_depth=8, max_sequence_items=20_000))


def test_a_deflated_header_is_checked_after_inflating(tmp_path: Path) -> None:
    """The limits hold for what the bytes become."""
    path = tmp_path / "a.part"
    path.write_bytes(deflated(segmentation(nested(10_000))))
    with pytest.raises(UnreadableDataSet, match="nested"):
        read_header(path, 0, DEFLATED, OUTLINE_TAGS, LIMITS)


def test_a_deflate_bomb_is_seen_without_being_held(tmp_path: Path) -> None:
    """Counting stops at the limit; damaged bytes are no data set."""
    path = tmp_path / "a.part"
    path.write_bytes(deflate_bomb(20, "1.2.3", "1.2.4"))
    assert path.stat().st_size < 100_000
    assert not inflates_within(path, 0, DEFLATED, 10 << 20)
    assert inflates_within(path, 0, DEFLATED, 21 << 20)
    path.write_bytes(b"\xff" * 100)
    with pytest.raises(UnreadableDataSet):
        inflates_within(path, 0, DEFLATED, 10 << 20)
