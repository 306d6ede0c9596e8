"""The headers of received instances: read once, pixels left on disk and located."""

import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    EnhancedMRImageStorage,
    ImplicitVRLittleEndian,
    LegacyConvertedEnhancedMRImageStorage,
    MRImageStorage,
)

from workers.elements import text
from workers.errors import Reason, RejectedInput

MR_SOP_CLASSES = (MRImageStorage, EnhancedMRImageStorage, LegacyConvertedEnhancedMRImageStorage)
PIXEL_DATA_TAG = (0x7FE0, 0x0010)
UNDEFINED_LENGTH = 0xFFFFFFFF


@dataclass(frozen=True)
class PixelLocation:
    """Where the value of Pixel Data begins in its file, and how long the element says it is, in bytes."""

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

    @property
    def sop_instance_uid(self) -> str:
        """SOP Instance UID."""
        return text(self.dataset, "SOPInstanceUID")

    @property
    def series_uid(self) -> str:
        """Series Instance UID."""
        return text(self.dataset, "SeriesInstanceUID")

    @property
    def is_multi_frame(self) -> bool:
        """Whether its frames are described by functional groups."""
        return text(self.dataset, "SOPClassUID") != MRImageStorage


def read_header(path: Path) -> Instance:
    """Read one header, up to Pixel Data.

    Raises
    ------
    RejectedInput
        UNREADABLE_OBJECT where the file is no DICOM file or ends before its header does.
    """
    try:
        with open(path, "rb") as file:
            dataset = dcmread(file, stop_before_pixels=True)
            syntax = UID(dataset.file_meta.TransferSyntaxUID)
            deflated = syntax == DeflatedExplicitVRLittleEndian
            pixels = None if deflated else _locate_pixels(file, syntax)
    except (InvalidDicomError, OSError, EOFError, AttributeError, ValueError, struct.error) as error:
        raise RejectedInput(
            Reason.UNREADABLE_OBJECT, f"{path.name}: expected a DICOM file with a complete header ({error})"
        ) from error
    return Instance(path, dataset, syntax, pixels)


def read_image_headers(paths: Iterable[Path]) -> tuple[Instance, ...]:
    """Read the headers of MR images, each SOP Instance UID once.

    Raises
    ------
    RejectedInput
        UNREADABLE_OBJECT where a file cannot be read or is no MR image.
    """
    instances: dict[str, Instance] = {}
    for path in paths:
        instance = read_header(path)
        sop_class = UID(text(instance.dataset, "SOPClassUID"))
        if sop_class not in MR_SOP_CLASSES:
            raise RejectedInput(
                Reason.UNREADABLE_OBJECT,
                f"{instance.sop_instance_uid}: expected an MR, Enhanced MR or Legacy Converted Enhanced MR image, "
                f"found {sop_class.name}",
            )
        instances.setdefault(instance.sop_instance_uid, instance)
    return tuple(instances.values())


def _locate_pixels(file: BinaryIO, syntax: UID) -> PixelLocation | None:
    # pydicom stops at the element that it does not read, and goes back to its first byte.
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
