"""What must be known of a data set before it is stored: four UIDs from its head. Pixel data are never read."""

import struct
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from pydicom.datadict import keyword_for_tag
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.filereader import data_element_generator, dcmread, read_dataset
from pydicom.tag import BaseTag, Tag
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from listener.dicom.character_sets import register_character_sets
from listener.dicom.patient_texts import shown_text
from listener.dicom.plain_head import NotPlain, plain_values
from listener.dicom.structure_check import PIXEL_DATA, TooComplex, check_file, check_structure
from listener.dicom.structure_limits import StructureLimits
from listener.dicom.uids import InvalidUid, checked_uid

register_character_sets()

# As plain numbers: each comparison of a `BaseTag` is a call, for every element of every head.
_TAGS = {
    int(Tag("SOPClassUID")): "sop_class_uid",
    int(Tag("SOPInstanceUID")): "sop_instance_uid",
    int(Tag("StudyInstanceUID")): "study_uid",
    int(Tag("SeriesInstanceUID")): "series_uid",
}
_KEYWORDS = {name: keyword_for_tag(tag) for tag, name in _TAGS.items()}
_LAST_TAG = max(_TAGS)
_PATIENT_TAGS = (Tag("SpecificCharacterSet"), Tag("PatientName"), Tag("PatientID"))
HEAD_BYTES = 64 * 1024
"""Bytes of an object that are kept in memory while it is received: enough for nearly every head."""
MAX_HEAD_BYTES = 4 * 1024**2
"""A data set whose Series Instance UID comes after more bytes than this is not read further."""
INFLATE_STEP_BYTES = 1024**2
UNREADABLE_BYTES = (
    AttributeError,
    BytesLengthException,
    EOFError,
    KeyError,
    MemoryError,
    NotImplementedError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""What pydicom and zlib raise for bytes that are not a data set; see also `is_cut_short`."""
UNREADABLE_FILE = (OSError, InvalidDicomError, *UNREADABLE_BYTES)
"""What pydicom raises for a file that is not an instance."""


def is_cut_short(error: OSError) -> bool:
    """Return whether this is pydicom's error for a sequence that is cut short: errors of the system have a number."""
    return error.errno is None


def read_attributes(path: Path, *keywords: str) -> Dataset | None:
    """Return some attributes of an instance in the spool; None where its file is damaged or gone."""
    try:
        return dcmread(path, stop_before_pixels=True, specific_tags=list(keywords))
    except UNREADABLE_FILE:
        return None


class UnreadableDataSet(ValueError):
    """The head of a data set cannot be read, or lacks a required attribute."""


@dataclass(frozen=True)
class Identity:
    """The four UIDs that identify an object and its study and series; each one is checked."""

    sop_class_uid: str
    sop_instance_uid: str
    study_uid: str
    series_uid: str


def read_identity(head: bytes | bytearray, transfer_syntax: UID, whole: bool = False) -> Identity | None:
    """Return the identity that ``head`` gives, or None where more of the data set is needed.

    ``whole`` says that there is no more.

    Raises
    ------
    UnreadableDataSet
        If the bytes are no data set, or a UID is missing or malformed.
    """
    with suppress(NotPlain):
        return _checked(_plain_uids(head, transfer_syntax))
    found: dict[str, str] = {}
    passed = False

    def past_the_last(tag: BaseTag, vr: str | None, length: int) -> bool:
        nonlocal passed
        passed = bool(tag > _LAST_TAG)
        return passed

    try:
        elements = data_element_generator(
            BytesIO(_inflated(bytes(head), transfer_syntax, MAX_HEAD_BYTES)),
            transfer_syntax.is_implicit_VR,
            transfer_syntax.is_little_endian,
            stop_when=past_the_last,
            specific_tags=list(_TAGS),
        )
        for element in elements:
            value = element.value
            if element.tag in _TAGS and isinstance(value, bytes):
                found[_TAGS[element.tag]] = _text(value)
    except UNREADABLE_BYTES as error:
        if not whole:
            return None  # cut within an element, perhaps
        raise UnreadableDataSet(f"the head of the data set cannot be read ({type(error).__name__})") from error
    return _checked(found) if passed or whole else None


def _plain_uids(head: bytes | bytearray, transfer_syntax: UID) -> dict[str, str]:
    is_implicit = _is_implicit(transfer_syntax)
    if is_implicit is None:
        raise NotPlain
    values = plain_values(head, is_implicit=is_implicit, wanted=_TAGS, last=_LAST_TAG)
    return {_TAGS[tag]: _text(value) for tag, value in values.items()}


@lru_cache
def _is_implicit(transfer_syntax: UID) -> bool | None:
    """Return whether its VRs are implicit; None where a data set in it is never plain."""
    if transfer_syntax == DeflatedExplicitVRLittleEndian or not transfer_syntax.is_little_endian:
        return None
    return bool(transfer_syntax.is_implicit_VR)


def _text(uid: bytes | bytearray) -> str:
    return uid.decode("ascii", "replace").strip("\0 ")


def _checked(found: dict[str, str]) -> Identity:
    missing = [keyword for name, keyword in _KEYWORDS.items() if not found.get(name)]
    if missing:
        raise UnreadableDataSet(f"the data set lacks {', '.join(missing)}")
    try:
        return Identity(**{name: checked_uid(value, _KEYWORDS[name]) for name, value in found.items()})
    except InvalidUid as error:
        raise UnreadableDataSet(str(error)) from error


def read_identity_from(part: Path, offset: int, transfer_syntax: UID) -> Identity:
    """Return the identity of a whole file whose data set begins at ``offset``.

    Raises
    ------
    UnreadableDataSet
        As `read_identity`, and where the head is longer than `MAX_HEAD_BYTES`.
    """
    with open(part, "rb") as file:
        file.seek(offset)
        identity = read_identity(file.read(MAX_HEAD_BYTES), transfer_syntax, whole=True)
    assert identity is not None  # noqa: S101 - `whole` leaves only the identity or an error
    return identity


def read_patient(part: Path | str, offset: int, transfer_syntax: UID, character_set: str = "") -> tuple[str, str]:
    """Return Patient ID and Patient's Name of a file, in Unicode, for the audit trail alone; empty where absent.

    ``character_set`` is that of the sender, for a data set that declares none.

    Raises
    ------
    UnreadableDataSet
        If the data set cannot be read as far as the patient.
    """
    with open(part, "rb") as file:
        file.seek(offset)
        head = _inflated(file.read(HEAD_BYTES), transfer_syntax, MAX_HEAD_BYTES)
    try:
        header = read_dataset(
            BytesIO(head),
            transfer_syntax.is_implicit_VR,
            transfer_syntax.is_little_endian,
            stop_when=lambda tag, vr, length: tag > _PATIENT_TAGS[-1],
            specific_tags=list(_PATIENT_TAGS),
        )
        return shown_text(header, "PatientID", character_set), shown_text(header, "PatientName", character_set)
    except UNREADABLE_BYTES as error:
        raise UnreadableDataSet(f"the patient cannot be read ({type(error).__name__})") from error


def read_header(part: Path, offset: int, transfer_syntax: UID, tags: Sequence[str], limits: StructureLimits) -> Dataset:
    """Read the named elements of a file, up to its pixel data, after a check of depth, width and length.

    Raises
    ------
    UnreadableDataSet
        If the data set cannot be read as far as its pixels, or exceeds a limit.
    """
    try:
        if transfer_syntax == DeflatedExplicitVRLittleEndian:
            content = _inflated_head(part, offset, limits.max_header_bytes + INFLATE_STEP_BYTES)
            check_structure(content, 0, transfer_syntax, limits)
            return _parsed(BytesIO(content), transfer_syntax, tags)
        check_file(part, offset, transfer_syntax, limits)
    except TooComplex as error:
        raise UnreadableDataSet(str(error)) from error
    except zlib.error as error:
        raise UnreadableDataSet("the deflated data set is damaged") from error
    with open(part, "rb") as file:
        file.seek(offset)
        return _parsed(file, transfer_syntax, tags)


def _inflated_head(part: Path, offset: int, limit: int) -> bytes:
    """Return the first ``limit`` bytes of a deflated data set; what they were deflated to is hardly ever longer."""
    with open(part, "rb") as file:
        file.seek(offset)
        return _inflated(file.read(limit), DeflatedExplicitVRLittleEndian, limit)


def inflates_within(part: Path | str, offset: int, transfer_syntax: UID, limit: int) -> bool:
    """Return whether a data set, if it is deflated, inflates to at most ``limit`` bytes; nothing is kept of it.

    Raises
    ------
    UnreadableDataSet
        If the deflated bytes are damaged.
    """
    if transfer_syntax != DeflatedExplicitVRLittleEndian:
        return True
    inflater, total = zlib.decompressobj(-zlib.MAX_WBITS), 0
    with open(part, "rb") as file:
        file.seek(offset)
        try:
            while block := inflater.unconsumed_tail or file.read(INFLATE_STEP_BYTES):
                total += len(inflater.decompress(block, INFLATE_STEP_BYTES))
                if total > limit:
                    return False
        except zlib.error as error:
            raise UnreadableDataSet("the deflated data set is damaged") from error
    return True


def _parsed(file: BinaryIO, transfer_syntax: UID, tags: Sequence[str]) -> Dataset:
    try:
        header = read_dataset(
            file,
            transfer_syntax.is_implicit_VR,
            transfer_syntax.is_little_endian,
            stop_when=lambda tag, vr, length: tag >= PIXEL_DATA,
            specific_tags=[Tag(tag) for tag in tags],
        )
        for _ in header.iterall():
            pass  # pydicom converts values on access: one that cannot be converted raises here
    except (OSError, *UNREADABLE_BYTES) as error:
        if isinstance(error, OSError) and not is_cut_short(error):
            raise
        raise UnreadableDataSet(f"the header cannot be read ({type(error).__name__})") from error
    return header


def _inflated(content: bytes, transfer_syntax: UID, limit: int) -> bytes:
    """Return up to ``limit`` bytes of a deflated data set (PS3.5 section A.5); any other is returned as it is."""
    if transfer_syntax != DeflatedExplicitVRLittleEndian:
        return content
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(content, limit)
