"""What the fuzzers found, each made by hand again: a refusal with its reason, where there was a traceback."""

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian, SegmentationStorage
from pynetdicom.pdu import A_ASSOCIATE_RQ

from deploy.simulation.phantom import write_phantom
from fuzz.listener_targets import run_association, run_store
from listener.dicom.data_set import UnreadableDataSet, read_header
from listener.dicom.part10 import file_head
from listener.dicom.structure_limits import StructureLimits
from listener.scp.connection import ProtocolError
from listener.scp.negotiation import read_request
from support.broken_studies import SMALL
from support.dicom_objects import outline_uid
from support.hostile_objects import element, segmentation
from support.listening import association_request
from workers.errors import Reason, RejectedInput
from workers.images.attributes import integer, text
from workers.outline.outline import read_outline

OUTLINE_IN_EXPLICIT_VR = b"\x04"


def test_a_presentation_context_without_a_transfer_syntax_ends_the_association() -> None:
    """PS3.8 section 9.3.2.2 wants one or more; pynetdicom's negotiation takes the first without looking."""
    pdu = A_ASSOCIATE_RQ()
    pdu.decode(association_request())
    pdu.variable_items[1].abstract_transfer_syntax_sub_items[1:] = []
    request = pdu.encode()
    with pytest.raises(ProtocolError, match="without a transfer syntax"):
        read_request(memoryview(request)[6:])
    run_association(request)


def test_a_presentation_context_without_an_abstract_syntax_ends_the_association() -> None:
    """PS3.8 section 9.3.2.2 wants one; pynetdicom's negotiation fails where it is absent."""
    pdu = A_ASSOCIATE_RQ()
    pdu.decode(association_request())
    del pdu.variable_items[1].abstract_transfer_syntax_sub_items[0]
    request = pdu.encode()
    with pytest.raises(ProtocolError, match="without an abstract syntax"):
        read_request(memoryview(request)[6:])
    run_association(request)


@pytest.mark.parametrize("read", [text, integer])
def test_an_element_of_an_unknown_kind_is_refused(read: Callable[[Dataset, str], object]) -> None:
    """Without a value pydicom converts it at once, and raises what is no ValueError."""
    header = Dataset()
    header[Tag("Rows")] = RawDataElement(Tag("Rows"), "U\0", 0, None, 0, False, True)
    with pytest.raises(RejectedInput) as refused:
        read(header, "Rows")
    assert refused.value.reason is Reason.UNREADABLE_OBJECT


def test_a_number_of_the_wrong_length_in_a_sequence_is_an_unreadable_outline() -> None:
    """The error that pydicom raises for it is no ValueError."""
    number = element(0x00189073, b"UL", bytes(6))
    item = struct.pack("<HHL", 0xFFFE, 0xE000, len(number)) + number
    run_store(OUTLINE_IN_EXPLICIT_VR + segmentation(after=[element(0x00620002, b"SQ", item)]))


def outline_cut_in_a_sequence(kept: int) -> bytes:
    """Return a segmentation whose last sequence has ``kept`` bytes of a hundred."""
    items = struct.pack("<HHL", 0xFFFE, 0xE000, 92) + bytes(92)
    kind = element(0x00620001, b"CS", b"BINARY")
    return segmentation(after=[kind, element(0x52009230, b"SQ", items)])[: kept - len(items)]


def test_an_outline_whose_frame_names_no_segment_is_refused(tmp_path: Path) -> None:
    """PS3.3 section C.8.20.3.1 wants Referenced Segment Number (Type 1): what lacks it is no defect of ours."""
    outline = dcmread(write_phantom(tmp_path, 3, **SMALL).seg_path)
    del outline.SharedFunctionalGroupsSequence[0].SegmentIdentificationSequence[0].ReferencedSegmentNumber
    outline.save_as(tmp_path / "seg.dcm")
    with pytest.raises(RejectedInput) as refused:
        read_outline(tmp_path / "seg.dcm")
    assert refused.value.reason is Reason.UNREADABLE_OBJECT


@pytest.mark.parametrize("kept", [2, 4, 6])
def test_an_outline_that_ends_in_a_sequence_is_refused(kept: int, tmp_path: Path) -> None:
    """The error that pydicom raises for it is an OSError: not the disk's, and it does not pass."""
    content = outline_cut_in_a_sequence(kept)
    run_store(OUTLINE_IN_EXPLICIT_VR + content)
    path = tmp_path / "seg.dcm"
    path.write_bytes(file_head(SegmentationStorage, outline_uid(1), ExplicitVRLittleEndian) + content)
    with pytest.raises(RejectedInput) as refused:
        read_outline(path)
    assert refused.value.reason is Reason.UNREADABLE_OBJECT
    part = path.with_suffix(".part")
    part.write_bytes(content)
    with pytest.raises(UnreadableDataSet):
        read_header(part, 0, ExplicitVRLittleEndian, ["PerFrameFunctionalGroupsSequence"], StructureLimits())


@pytest.mark.parametrize("value", [b"\xff" * 2000, b"\1", bytes(6)], ids=["2000 bytes", "one byte", "three values"])
def test_an_integer_of_any_other_length_is_refused(value: bytes) -> None:
    """Rows of 2,000 bytes made a number that Python refuses to write into the message about it."""
    header = Dataset()
    header[Tag("Rows")] = RawDataElement(Tag("Rows"), "US", len(value), value, 0, False, True)
    with pytest.raises(RejectedInput) as refused:
        integer(header, "Rows")
    assert refused.value.reason is Reason.UNREADABLE_OBJECT
