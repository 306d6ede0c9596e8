"""The headers of received instances: each is read once, and its pixel data is located but left on disk."""

import mmap
import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from pydicom import Dataset, dcmread
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian, MRImageStorage

from listener.dicom.data_set import UNREADABLE_FILE
from listener.dicom.part10 import check_stored
from listener.dicom.sop_classes import is_image
from listener.dicom.structure_check import TooComplex
from workers.errors import Reason, RejectedInput, is_of_the_machine
from workers.images.attributes import integer, numbers, text
from workers.images.plain_header import KnownElements, plain_header
from workers.limits import LIMITS, Limits, is_out_of_memory

PIXEL_DATA_TAG = (0x7FE0, 0x0010)
UNDEFINED_LENGTH = 0xFFFFFFFF
HEADER_BYTES = 16 * 1024
"""Read of a file at first: nearly every header of a classic image is shorter."""


@dataclass(frozen=True)
class PixelLocation:
    """The offset of the value of Pixel Data in its file, and the length that the element declares, in bytes."""

    offset: int
    length: int
    """`UNDEFINED_LENGTH` where the pixel data is encapsulated."""


@dataclass(frozen=True, eq=False)
class Instance:
    """One received object: its header as a pydicom data set without pixels."""

    path: Path
    dataset: Dataset
    transfer_syntax: UID
    pixels: PixelLocation | None
    """None where the object has no Pixel Data, or holds it deflated."""
    header_bytes: int = 0
    """In bytes, of everything before Pixel Data."""
    frames: list[Any] = field(default_factory=list, repr=False)
    """What `frames_of` has found: several steps ask for it."""

    @cached_property
    def sop_instance_uid(self) -> str:
        """SOP Instance UID."""
        return text(self.dataset, "SOPInstanceUID")

    @cached_property
    def series_uid(self) -> str:
        """Series Instance UID."""
        return text(self.dataset, "SeriesInstanceUID")

    @cached_property
    def is_multi_frame(self) -> bool:
        """Whether functional groups describe its frames."""
        return text(self.dataset, "SOPClassUID") != MRImageStorage


def read_header(path: Path, limits: Limits = LIMITS, known: KnownElements | None = None) -> Instance:
    """Read one header, up to Pixel Data; ``known`` as in `plain_header`.

    Raises
    ------
    RejectedInput
        UNREADABLE_OBJECT where the file is not a DICOM file or its header is incomplete, OVER_LIMITS.
    """
    try:
        instance = read_plain(path, limits, known) or _read_fully(path, limits)
    except TooComplex as error:
        raise RejectedInput(Reason.OVER_LIMITS, f"{path.name}: {error}") from error
    except UNREADABLE_FILE as error:
        if is_out_of_memory(error) or is_of_the_machine(error):
            raise
        raise RejectedInput(
            Reason.UNREADABLE_OBJECT,
            f"{path.name}: expected a DICOM file with a complete header ({type(error).__name__})",
        ) from error
    _check_frames(instance, limits)
    return instance


def read_plain(path: Path, limits: Limits = LIMITS, known: KnownElements | None = None) -> Instance | None:
    """Read a header in one pass; None where that is not possible. ``known`` as in `plain_header`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        found = plain_header(os.pread(descriptor, HEADER_BYTES, 0), limits.structure, known)
        if found is None and os.fstat(descriptor).st_size > HEADER_BYTES:
            with mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) as content:
                found = plain_header(content, limits.structure, known)
    finally:
        os.close(descriptor)
    if found is None:
        return None
    pixels = PixelLocation(found.pixels_at, found.pixels_length)
    return Instance(path, found.dataset, found.transfer_syntax, pixels, found.header_bytes)


def _read_fully(path: Path, limits: Limits) -> Instance:
    """Check the structure of a file, then read its header with pydicom."""
    header_bytes = check_stored(path, limits.structure, limits.max_inflated_bytes)
    with open(path, "rb") as file:
        dataset = dcmread(file, stop_before_pixels=True)
        syntax = UID(dataset.file_meta.TransferSyntaxUID)
        deflated = syntax == DeflatedExplicitVRLittleEndian
        pixels = None if deflated else _locate_pixels(file, syntax)
    return Instance(path, dataset, syntax, pixels, header_bytes)


def _check_frames(instance: Instance, limits: Limits) -> None:
    """Check the number of pixels that the header declares, before memory is allocated for them."""
    frames = frame_count(instance)
    pixels = frames * (integer(instance.dataset, "Rows") or 0) * (integer(instance.dataset, "Columns") or 0)
    if frames > limits.max_frames:
        raise RejectedInput(Reason.OVER_LIMITS, f"{instance.path.name}: {frames} frames, at most {limits.max_frames}")
    if pixels > limits.max_voxels:
        raise RejectedInput(
            Reason.OVER_LIMITS, f"{instance.path.name}: {pixels} pixels in {frames} frames, at most {limits.max_voxels}"
        )


def frame_count(instance: Instance) -> int:
    """Return NumberOfFrames; 1 where it is absent.

    Raises
    ------
    RejectedInput
        UNREADABLE_OBJECT where it is not a valid number of frames.
    """
    found = numbers(instance.dataset, "NumberOfFrames")
    if not found:
        return 1
    if len(found) > 1 or not found[0] >= 1 or not found[0].is_integer():
        raise RejectedInput(
            Reason.UNREADABLE_OBJECT, f"{instance.path.name}: its NumberOfFrames is not a valid number of frames"
        )
    return int(found[0])


def read_image_headers(paths: Iterable[Path], limits: Limits = LIMITS) -> tuple[Instance, ...]:
    """Read the headers of MR images, one for each SOP Instance UID.

    Raises
    ------
    RejectedInput
        UNREADABLE_OBJECT where a file cannot be read or is not an MR image, OVER_LIMITS.
    """
    images = list(islice(paths, limits.max_images + 1))
    if len(images) > limits.max_images:
        raise RejectedInput(Reason.OVER_LIMITS, f"a case has at most {limits.max_images} images, this one has more")
    instances: dict[str, Instance] = {}
    known: KnownElements = {}
    header_bytes = 0
    for path in images:
        instance = read_header(path, limits, known)
        header_bytes += instance.header_bytes
        if header_bytes > limits.max_headers_bytes:
            raise RejectedInput(
                Reason.OVER_LIMITS, f"the headers of its images have more than {limits.max_headers_bytes} bytes"
            )
        sop_class = text(instance.dataset, "SOPClassUID")
        if not is_image(sop_class):
            raise RejectedInput(
                Reason.OTHER_TECHNIQUE,
                f"{instance.sop_instance_uid}: expected an MR, Enhanced MR or Legacy Converted Enhanced MR image, "
                f"found {UID(sop_class).name}",
            )
        instances.setdefault(instance.sop_instance_uid, instance)
    return tuple(instances.values())


def _locate_pixels(file: BinaryIO, syntax: UID) -> PixelLocation | None:
    # pydicom stops before the first element that it does not read, and seeks back to its first byte.
    start = file.tell()
    order = "<" if syntax.is_little_endian else ">"
    head = file.read(12)
    if len(head) < 8 or struct.unpack(order + "HH", head[:4]) != PIXEL_DATA_TAG:
        return None
    if syntax == ImplicitVRLittleEndian:
        return PixelLocation(start + 8, struct.unpack("<L", head[4:8])[0])
    return PixelLocation(start + 12, struct.unpack(order + "L", head[8:12])[0])


def file_bytes_after(instance: Instance) -> int:
    """Return how many bytes the file holds from the value of Pixel Data on; 0 where it has none."""
    if instance.pixels is None:
        return 0
    return max(0, os.stat(instance.path).st_size - instance.pixels.offset)
