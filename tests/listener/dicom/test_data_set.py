"""The four UIDs in the head of a data set."""

import random
import zlib
from io import BytesIO

import pytest
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from listener.dicom.data_set import Identity, UnreadableDataSet, read_identity
from listener.dicom.part10 import file_head
from support.dicom_objects import IMAGES, STUDY, image, image_uid

EXPECTED = Identity("1.2.840.10008.5.1.4.1.1.4", image_uid(1), STUDY, IMAGES)


def encoded(object_: Dataset, transfer_syntax: UID) -> bytes:
    """Return the data set alone, in a transfer syntax."""
    plain = ExplicitVRLittleEndian if transfer_syntax == DeflatedExplicitVRLittleEndian else transfer_syntax
    buffer = BytesIO()
    bare = Dataset(object_)
    dcmwrite(buffer, bare, implicit_vr=plain.is_implicit_VR, little_endian=plain.is_little_endian)
    if plain is transfer_syntax:
        return buffer.getvalue()
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(buffer.getvalue()) + compressor.flush()


@pytest.mark.parametrize(
    "transfer_syntax",
    [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian],
)
def test_the_uids_are_found_in_every_encoding(transfer_syntax: UID) -> None:
    """Study, series, instance and class are read without the pixels, sequences before them notwithstanding."""
    object_ = image(1)
    nested = Dataset()
    nested.StudyInstanceUID = "9.9.9"
    object_.ReferencedImageSequence = Items([nested])
    assert read_identity(encoded(object_, transfer_syntax), transfer_syntax) == EXPECTED


def test_a_head_that_is_cut_asks_for_more() -> None:
    """Wherever the first piece ends, the answer is the right one or None, never a wrong one."""
    content = encoded(image(1), ExplicitVRLittleEndian)
    answers = {read_identity(content[:length], ExplicitVRLittleEndian) for length in range(0, 700, 3)}
    assert answers == {None, EXPECTED}


@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID"])
@pytest.mark.parametrize("value", [None, "", "../../etc", "1.2.3/4"])
def test_missing_and_malformed_uids_are_refused(keyword: str, value: str | None) -> None:
    """A UID of the data set becomes a path: what is not one never does."""
    object_ = image(1)
    if value is None:
        delattr(object_, keyword)
    else:
        object_[keyword]._value = value
    with pytest.raises(UnreadableDataSet, match=keyword):
        read_identity(encoded(object_, ExplicitVRLittleEndian), ExplicitVRLittleEndian, whole=True)


def test_random_bytes_are_unreadable_and_nothing_else() -> None:
    """No input makes the reader raise what its caller does not expect."""
    generator = random.Random(7)
    good = encoded(image(1), ExplicitVRLittleEndian)[:400]
    for _ in range(300):
        content = bytearray(good)
        for _ in range(generator.randrange(1, 12)):
            content[generator.randrange(len(content))] = generator.randrange(256)
        for transfer_syntax in (ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian):
            try:
                identity = read_identity(bytes(content), transfer_syntax, whole=True)
            except UnreadableDataSet:
                continue
            assert isinstance(identity, Identity)


def test_a_deflate_bomb_is_not_inflated() -> None:
    """Megabytes of zeros in a few kilobytes are read to a limit, and refused."""
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    bomb = b"".join(compressor.compress(bytes(1 << 20)) for _ in range(32)) + compressor.flush()
    with pytest.raises(UnreadableDataSet):
        read_identity(bomb, DeflatedExplicitVRLittleEndian, whole=True)


def test_the_file_head_is_read_back() -> None:
    """Preamble and File Meta Information are what PS3.10 section 7.1 asks for, without a sender's name in them."""
    content = file_head(EXPECTED.sop_class_uid, EXPECTED.sop_instance_uid, ExplicitVRLittleEndian)
    meta = dcmread(BytesIO(content)).file_meta
    assert meta.MediaStorageSOPClassUID == EXPECTED.sop_class_uid
    assert meta.MediaStorageSOPInstanceUID == EXPECTED.sop_instance_uid
    assert meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert meta.FileMetaInformationGroupLength == len(content) - 144
    assert "SourceApplicationEntityTitle" not in meta
