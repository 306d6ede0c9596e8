"""DIMSE command sets: the few elements that a Storage SCP reads and writes.

A command set is always Implicit VR Little Endian without sequences (PS3.7 section 6.3.1), so a loop over tag, length
and value reads it whole.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum

from listener.scp.statuses import Status

NO_DATA_SET = 0x0101
RESPONSE_BIT = 0x8000
MAX_COMMENT = 64
_ELEMENT = struct.Struct("<HHL")
_PDV = struct.Struct(">LBB")
_PDU = struct.Struct(">BxL")
P_DATA_TF = 0x04
COMMAND_LAST_FRAGMENT = 0x03
COMMAND_FRAGMENT = 0x01


class Operation(IntEnum):
    """The Command Field (0000,0100) of the requests that are served (PS3.7 section E.1)."""

    C_STORE = 0x0001
    C_ECHO = 0x0030
    N_EVENT_REPORT = 0x0100


class InvalidCommand(ValueError):
    """A command set cannot be read, or an element that every request has is missing."""


@dataclass(frozen=True)
class Command:
    """A request as its command set gives it."""

    field: int
    message_id: int
    has_data_set: bool
    sop_class_uid: str
    sop_instance_uid: str
    event_type_id: int | None = None
    """Of an N-EVENT-REPORT."""

    @property
    def is_response(self) -> bool:
        """Whether it is a response, although no request was sent."""
        return bool(self.field & RESPONSE_BIT)


def parse_command(content: bytes) -> Command:
    """Read a command set.

    Raises
    ------
    InvalidCommand
        If it is cut short or lacks the Command Field, Message ID or Command Data Set Type.
    """
    elements = _elements(content)
    try:
        return Command(
            field=_number(elements[0x0100]),
            message_id=_number(elements.get(0x0110) or elements[0x0120]),
            has_data_set=_number(elements[0x0800]) != NO_DATA_SET,
            sop_class_uid=_uid(elements.get(0x0002, b"")),
            sop_instance_uid=_uid(elements.get(0x1000, b"")),
            event_type_id=_number(elements[0x1002]) if 0x1002 in elements else None,
        )
    except (KeyError, struct.error) as error:
        raise InvalidCommand(f"expected a command set with a Command Field and a Message ID: {error!r}") from error


def _elements(content: bytes) -> dict[int, bytes]:
    found, position, end = {}, 0, len(content)
    while position < end:
        if position + _ELEMENT.size > end:
            raise InvalidCommand("the command set ends within an element")
        group, element, length = _ELEMENT.unpack_from(content, position)
        position += _ELEMENT.size
        if group != 0 or length > end - position:
            raise InvalidCommand(
                f"expected elements of group 0000 in the command set, found ({group:04x},{element:04x})"
            )
        found[element] = content[position : position + length]
        position += length
    return found


def _number(value: bytes) -> int:
    number: int = struct.unpack("<H", value)[0]
    return number


def _uid(value: bytes) -> str:
    return value.decode("ascii", "replace").strip("\0 ")


def encode_response(command: Command, status: Status, comment: str = "") -> bytes:
    """Return the command set that answers ``command``; ``comment`` must hold no patient data."""
    elements = [
        (0x0002, _padded(command.sop_class_uid, b"\0")),
        (0x0100, struct.pack("<H", command.field | RESPONSE_BIT)),
        (0x0120, struct.pack("<H", command.message_id)),
        (0x0800, struct.pack("<H", NO_DATA_SET)),
        (0x0900, struct.pack("<H", status)),
    ]
    if comment:
        elements.append((0x0902, _padded(comment[:MAX_COMMENT], b" ")))
    if command.sop_instance_uid:
        elements.append((0x1000, _padded(command.sop_instance_uid, b"\0")))
    if command.event_type_id is not None:
        elements.append((0x1002, struct.pack("<H", command.event_type_id)))
    body = b"".join(_ELEMENT.pack(0, tag, len(value)) + value for tag, value in elements)
    return _ELEMENT.pack(0, 0, 4) + struct.pack("<L", len(body)) + body


def _padded(text: str, padding: bytes) -> bytes:
    value = text.encode("ascii", "replace")
    return value + padding if len(value) % 2 else value


def command_pdus(context_id: int, content: bytes, peer_max_pdu_bytes: int) -> bytes:
    """Return ``content`` as P-DATA-TF PDUs within the peer's maximum length (0: unlimited)."""
    step = max(peer_max_pdu_bytes - _PDV.size, 64) if peer_max_pdu_bytes else len(content)
    pdus = []
    for start in range(0, len(content), step):
        fragment = content[start : start + step]
        control = COMMAND_LAST_FRAGMENT if start + step >= len(content) else COMMAND_FRAGMENT
        pdv = _PDV.pack(len(fragment) + 2, context_id, control) + fragment
        pdus.append(_PDU.pack(P_DATA_TF, len(pdv)) + pdv)
    return b"".join(pdus)
