"""Decodes compressed pixel data, after checking the size that each frame declares."""

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.encaps import generate_frames
from pydicom.pixels.utils import pixel_array
from pydicom.uid import RLELossless

from workers.errors import is_of_the_machine
from workers.images.attributes import integer, text
from workers.images.codestream import declared_size, is_whole
from workers.limits import is_out_of_memory

MAX_RLE_RATIO = 1.1
"""Largest RLE frame as a ratio of the uncompressed one. RLE lengthens noise by less than 1 %; decoders expand all of
it."""
RLE_HEADER_BYTES = 1024


class UndecodablePixels(ValueError):
    """The stream is damaged, or its size differs from the header's."""


def decode_pixels(path: Path) -> NDArray[np.generic]:
    """Return all frames of an object (frame, y, x) as stored values.

    Raises
    ------
    UndecodablePixels
        If it cannot be decoded, or a frame declares another size than the header.
    MemoryError
        If there is not enough memory for it.
    """
    try:
        dataset = dcmread(path)
        _check_streams(dataset)
        # raw: stored values as they are, whatever the photometric interpretation
        values = pixel_array(with_bits_in_order(dataset), raw=True)
    # On a damaged stream a decoder raises any of these, depending on its C library or plugin.
    except (
        ArithmeticError,
        AttributeError,
        EOFError,
        LookupError,
        OSError,
        RuntimeError,
        TypeError,
        ValueError,
        struct.error,
    ) as error:
        if is_out_of_memory(error):
            raise MemoryError("a decoder ran out of memory") from error
        if is_of_the_machine(error):
            raise
        raise UndecodablePixels(f"{type(error).__name__}: {error}") from error
    return values.reshape((-1, *values.shape[-2:]))


def with_bits_in_order(dataset: Dataset) -> Dataset:
    """Swap the bytes of packed bits within each word of OW, to undo Explicit VR Big Endian."""
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax.is_little_endian or dataset.BitsAllocated != 1 or dataset["PixelData"].VR != "OW":
        return dataset
    element = dataset["PixelData"]
    element.value = np.frombuffer(element.value, dtype=np.uint16).byteswap().tobytes()
    return dataset


def _check_streams(dataset: Dataset) -> None:
    syntax = dataset.file_meta.TransferSyntaxUID
    if not syntax.is_encapsulated:
        return
    rows, columns = integer(dataset, "Rows") or 0, integer(dataset, "Columns") or 0
    count = int(text(dataset, "NumberOfFrames") or 1)
    longest = MAX_RLE_RATIO * rows * columns * (integer(dataset, "BitsAllocated") or 0) / 8 + RLE_HEADER_BYTES
    for at, stream in enumerate(generate_frames(dataset.PixelData, number_of_frames=count)):
        if at >= count:
            raise UndecodablePixels(f"expected {count} frames, found more")
        size = declared_size(stream)
        if size is None and syntax != RLELossless:  # a decoder searches on for it, past garbage and other headers
            raise UndecodablePixels(f"expected frames of {rows} x {columns}, frame {at + 1} declares none")
        if size is not None and size != (rows, columns):
            raise UndecodablePixels(
                f"expected frames of {rows} x {columns}, frame {at + 1} declares {size[0]} x {size[1]}"
            )
        if not is_whole(stream):
            raise UndecodablePixels(f"frame {at + 1} is damaged or incomplete")
        if syntax == RLELossless and len(stream) > longest:
            raise UndecodablePixels(f"frame {at + 1} is longer than RLE can produce")
