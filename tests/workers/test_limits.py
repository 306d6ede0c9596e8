"""What a header claims is checked before memory is taken for it; what a job takes is held by the kernel."""

import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from pydicom import Dataset, dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless, JPEGLosslessSV1, JPEGLSLossless, MRImageStorage, RLELossless

from listener.dicom.part10 import file_head
from support.dicom_objects import IMAGES, image_uid, outline_uid
from support.hostile_objects import DEFLATED, deflate_bomb, element, many_items, nested, segmentation
from workers.errors import Reason, RejectedInput
from workers.images.codestream import declared_size, is_whole
from workers.images.compressed_pixels import UndecodablePixels, decode_pixels
from workers.images.headers import read_header, read_image_headers
from workers.limits import LIMITS, data_bytes, is_out_of_memory, memory_limited
from workers.outline.outline import read_outline

EXPLICIT = "1.2.840.10008.1.2.1"
MEBIBYTE = 1 << 20


def stored(path: Path, data_set: bytes, syntax: str = EXPLICIT) -> Path:
    """Write a data set as the listener keeps it."""
    path.write_bytes(file_head(str(MRImageStorage), image_uid(1), syntax) + data_set)
    return path


def reason_of(read: Callable[[], object]) -> Reason:
    """Return what reading is refused for."""
    with pytest.raises(RejectedInput) as refused:
        read()
    return refused.value.reason


@pytest.mark.parametrize(
    "data_set",
    [
        segmentation(nested(10_000)),
        segmentation(nested(10_000, lengths=True)),
        segmentation(after=[many_items(500_000)]),
        segmentation(after=[element(0x00420011, b"OB", bytes(65 * MEBIBYTE))]),
    ],
    ids=["nested, delimiters", "nested, lengths", "items", "header"],
)
def test_a_monstrous_header_is_refused_before_it_is_built(tmp_path: Path, data_set: bytes) -> None:
    """No recursion, no gigabytes: the case ends as not scored for its limits, and with little memory."""
    path = stored(tmp_path / f"{outline_uid()}.dcm", data_set)
    del data_set
    with memory_limited(200 * MEBIBYTE):
        assert reason_of(lambda: read_header(path)) is Reason.OVER_LIMITS


def test_a_deflate_bomb_is_refused_without_being_held(tmp_path: Path) -> None:
    """A few kilobytes that inflate beyond the limit are refused."""
    bomb = deflate_bomb(60, str(MRImageStorage), image_uid(1))
    path = stored(tmp_path / "a.dcm", bomb, DEFLATED)
    assert len(bomb) < MEBIBYTE
    limits = replace(LIMITS, max_inflated_bytes=50 * MEBIBYTE)
    with memory_limited(30 * MEBIBYTE):
        assert reason_of(lambda: read_header(path, limits)) is Reason.OVER_LIMITS


@pytest.mark.parametrize("frames", ["65535", "1e300", "nan", "-5", "0", "abc", "1\\2", "inf"])
def test_impossible_numbers_of_frames_are_refused(tmp_path: Path, frames: str) -> None:
    """65,535 frames of 65,535 x 65,535 pixels take no memory, and what is no number is no defect of ours."""
    matrix = element(0x00280008, b"IS", frames.encode())
    matrix += element(0x00280010, b"US", b"\xff\xff") + element(0x00280011, b"US", b"\xff\xff")
    path = stored(tmp_path / "a.dcm", segmentation(after=[matrix, element(0x7FE00010, b"OW", bytes(100))]))
    with memory_limited(50 * MEBIBYTE):
        assert reason_of(lambda: read_outline(path)) in (Reason.OVER_LIMITS, Reason.UNREADABLE_OBJECT)


def test_images_segments_and_headers_of_a_case_are_counted(tmp_path: Path) -> None:
    """Many small objects count like a large one."""
    head = element(0x00080016, b"UI", str(MRImageStorage).encode())
    paths = []
    for number in range(1, 6):
        tail = element(0x00080018, b"UI", image_uid(number).encode()) + element(0x0020000E, b"UI", IMAGES.encode())
        paths.append(stored(tmp_path / f"{number}.dcm", head + tail + element(0x00204000, b"LT", b"x" * 1000)))
    assert len(read_image_headers(paths)) == 5
    for few in ({"max_images": 4}, {"max_headers_bytes": 4000}):
        assert reason_of(lambda few=few: read_image_headers(paths, replace(LIMITS, **few))) is Reason.OVER_LIMITS


def test_segments_are_counted(tmp_path: Path) -> None:
    """A segmentation with more segments than anyone draws is not one of a tumour."""
    matrix = element(0x00280010, b"US", b"\x10\0") + element(0x00280011, b"US", b"\x10\0")
    own = [element(0x00620001, b"CS", b"BINARY"), many_items(1001, 0x00620002), matrix, many_items(1)]
    path = stored(tmp_path / "a.dcm", segmentation(after=own))
    assert reason_of(lambda: read_outline(path)) is Reason.OVER_LIMITS


JPEG_LS = b"\xff\xd8\xff\xf7\0\x0b\x10" + struct.pack(">HH", 65535, 65000) + b"\x01\x01\x11\0"
JPEG = b"\xff\xd8\xff\xe0\0\x04ab\xff\xff\xc3\0\x0b\x10" + struct.pack(">HH", 65535, 65000) + b"\x01\x01\x11\0"
J2K = b"\xff\x4f\xff\x51\0\x29\0\0" + struct.pack(">LLLL", 65010, 65540, 10, 5) + bytes(20)

JP2 = b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0\0\0\x14ftypjp2 \0\0\0\0jp2 " + b"\0\0\0\0jp2c" + J2K
"""The file format around the codestream, which decoders read and PS3.5 section A.4.4 forbids."""


@pytest.mark.parametrize("stream", [JPEG_LS, JPEG, J2K], ids=["JPEG-LS", "JPEG", "JPEG 2000"])
def test_a_stream_says_how_large_it_becomes(stream: bytes) -> None:
    """Rows and columns stand in its head; every cut of it is survived."""
    assert declared_size(stream) == (65535, 65000)
    for end in range(len(stream)):
        assert declared_size(stream[:end]) in (None, (65535, 65000))
    assert declared_size(b"GIF89a") is None


@pytest.mark.parametrize(
    ("syntax", "stream"),
    [
        (JPEGLSLossless, JPEG_LS),
        (JPEGLosslessSV1, JPEG),
        (JPEG2000Lossless, J2K),
        (JPEG2000Lossless, JP2),
        (JPEGLosslessSV1, JPEG[:2] + b"\0\0" + JPEG[2:]),
        (RLELossless, struct.pack("<16L", 1, 64, *[0] * 14) + b"\x81\0" * 100_000),
    ],
)
def test_a_stream_larger_than_its_header_is_not_decoded(tmp_path: Path, syntax: str, stream: bytes) -> None:
    """A decoder would believe the stream, 65,535 x 65,000 pixels for a header of 16 x 16, and looks further for it."""
    image = Dataset()
    image.SOPClassUID, image.SOPInstanceUID = MRImageStorage, image_uid(1)
    image.Rows = image.Columns = 16
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 16, 15, 0
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.ensure_file_meta()
    image.file_meta.TransferSyntaxUID = syntax
    image.PixelData = encapsulate([stream])
    image["PixelData"].is_undefined_length = True
    image.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    with memory_limited(100 * MEBIBYTE), pytest.raises(UndecodablePixels, match=r"declares|longer"):
        decode_pixels(tmp_path / "a.dcm")


def _segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


SOF3, SCAN = _segment(0xC3, b"\x10" + struct.pack(">HH", 16, 16) + b"\x01\x01\x11\0"), _segment(0xDA, b"\1\1\0\1\0\0")
ENTROPY = b"\x12\xff\0\x34\xff\xd0\x56" * 40


@pytest.mark.parametrize(
    ("stream", "whole"),
    [
        (b"\xff\xd8" + SOF3 + SCAN + ENTROPY + b"\xff\xd9", True),
        (b"\xff\xd8" + SOF3 + SCAN + ENTROPY + b"\xff\xd9\0", True),
        (b"\xff\xd8" + _segment(0xFE, b"\xff\xd9") + SOF3 + b"\xff" + SCAN + ENTROPY + b"\xff\xd9", True),
        (b"\xff\xd8" + SOF3 + b"\0\0" + SCAN + ENTROPY + b"\xff\xd9", False),
        (b"\xff\xd8" + SOF3 + SCAN + ENTROPY[:90] + b"\xff\xd9" + ENTROPY[90:] + b"\xff\xd9", False),
        (b"\xff\xd8" + SOF3 + SCAN + ENTROPY[:90] + bytes(192), False),
        (b"\xff\xd8" + SOF3 + SCAN + ENTROPY, False),
        (b"\xff\xd8" + SOF3 + SCAN[:5], False),
        (b"\xff\xd8", False),
        (J2K + ENTROPY + b"\xff\xd9\0", True),
        (J2K + ENTROPY + bytes(192), False),
    ],
    ids=[
        "whole",
        "padded",
        "with a comment",
        "garbage",
        "ends early",
        "zeros",
        "cut",
        "cut in a head",
        "head",
        "J2K",
        "J2K in zeros",
    ],
)
def test_a_damaged_jpeg_is_told_from_a_whole_one(stream: bytes, whole: bool) -> None:
    """A decoder makes pixels of most of them, without an error, and they are not those of the image."""
    assert is_whole(stream) is whole


def test_memory_beyond_the_limit_is_refused_by_the_kernel_and_the_process_lives() -> None:
    """NumPy, Python and ITK each say it in their own way; afterwards all is as before."""
    before = data_bytes()

    def resample() -> None:
        sitk.Resample(sitk.Image(9, 9, 9, sitk.sitkFloat64), (900, 900, 900), sitk.Transform(), sitk.sitkLinear)

    for take in (
        lambda: np.ones(400 * MEBIBYTE, np.uint8),
        lambda: [bytes(MEBIBYTE) for _ in range(400)],
        resample,
    ):
        with pytest.raises((MemoryError, RuntimeError)) as failed, memory_limited(200 * MEBIBYTE):
            take()
        assert is_out_of_memory(failed.value)
        del failed
    assert np.ones(400 * MEBIBYTE, np.uint8).sum() == 400 * MEBIBYTE
    assert data_bytes() - before < 200 * MEBIBYTE
    assert not is_out_of_memory(ValueError("x"))


def test_a_real_outline_is_far_from_every_limit(br06: Path) -> None:
    """A tenth of each limit is enough for real objects."""
    small = replace(LIMITS, max_sequence_items=40_000, max_header_bytes=6 * MEBIBYTE, max_frames=2000, max_segments=100)
    outline = read_outline(br06 / "tumour_seg" / "seg.dcm", small)
    assert outline.planes
    assert read_image_headers(sorted((br06 / "dce").iterdir())[:3], small)
    assert dcmread(br06 / "tumour_seg" / "seg.dcm", stop_before_pixels=True).Rows
