"""Command sets against pynetdicom's encoder and decoder."""

import struct
from io import BytesIO

import pytest
from pydicom.dataset import Dataset
from pynetdicom.dsutils import decode, encode

from listener.scp.command_set import Command, InvalidCommand, command_pdus, encode_response, parse_command
from listener.scp.statuses import Status


def store_request(**changes: object) -> Dataset:
    """Return a C-STORE-RQ command set."""
    request = Dataset()
    request.AffectedSOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
    request.CommandField = 0x0001
    request.MessageID = 7
    request.Priority = 0
    request.CommandDataSetType = 0x0001
    request.AffectedSOPInstanceUID = "1.2.3.4"
    for keyword, value in changes.items():
        setattr(request, keyword, value)
    return request


def encoded(command: Dataset) -> bytes:
    """Return what pynetdicom makes of a command set."""
    content = encode(command, True, True)
    assert content is not None
    return content


def test_a_request_of_another_toolkit_is_read() -> None:
    """What pynetdicom encodes is read back, element by element."""
    assert parse_command(encoded(store_request())) == Command(1, 7, True, "1.2.840.10008.5.1.4.1.1.4", "1.2.3.4")
    assert not parse_command(encoded(store_request(CommandDataSetType=0x0101))).has_data_set


def test_another_toolkit_reads_the_response() -> None:
    """Status, ids and comment arrive; the group length is right; values have even length (PS3.7 section 9.3.1.2)."""
    command = parse_command(encoded(store_request()))
    content = encode_response(command, Status.OUT_OF_RESOURCES, "not enough free space")
    response = decode(BytesIO(content), True, True)
    assert response.CommandField == 0x8001
    assert response.MessageIDBeingRespondedTo == 7
    assert response.Status == 0xA700
    assert response.ErrorComment == "not enough free space"
    assert response.AffectedSOPInstanceUID == "1.2.3.4"
    assert response.CommandGroupLength == len(content) - 12


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 5,
        encoded(store_request())[:-3],
        struct.pack("<HHL", 8, 0x18, 4) + b"1.2\0",
        struct.pack("<HHLH", 0, 0x0100, 2, 1),
        struct.pack("<HHL", 0, 0x0100, 0xFFFFFFFF),
    ],
)
def test_a_broken_command_set_is_told_apart(content: bytes) -> None:
    """Cut short, of another group, incomplete: one error class, never an IndexError."""
    with pytest.raises(InvalidCommand):
        parse_command(content)


@pytest.mark.parametrize("peer_max_pdu_bytes", [0, 128, 4096])
def test_responses_keep_to_the_peers_pdu_length(peer_max_pdu_bytes: int) -> None:
    """A peer with a small maximum length gets several fragments, only the last marked as last."""
    content = bytes(range(200))
    stream, rebuilt, lasts = command_pdus(3, content, peer_max_pdu_bytes), b"", []
    while stream:
        pdu_type, length = struct.unpack(">BxL", stream[:6])
        item_length, context_id, control = struct.unpack(">LBB", stream[6:12])
        assert (pdu_type, context_id, item_length) == (4, 3, length - 4)
        assert not peer_max_pdu_bytes or length <= peer_max_pdu_bytes
        rebuilt += stream[12 : 6 + length]
        lasts.append(control)
        stream = stream[6 + length :]
    assert rebuilt == content
    assert lasts == [1] * (len(lasts) - 1) + [3]
