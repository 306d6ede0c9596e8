"""Pixel values of frames, read directly into one array where they are uncompressed."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from workers.errors import Reason, RejectedInput
from workers.images.attributes import integer, text
from workers.images.compressed_pixels import UndecodablePixels, decode_pixels
from workers.images.frames import Frame
from workers.images.headers import Instance, PixelLocation, file_bytes_after, frame_count
from workers.limits import LIMITS

NATIVE_SYNTAXES = (ImplicitVRLittleEndian, ExplicitVRLittleEndian)


@dataclass(frozen=True, eq=False)
class Pixels:
    """Values of frames, with their limits."""

    values: NDArray[np.generic]
    """z, y, x: one slice for each frame."""
    lowest: float
    highest: float


def with_limits(values: NDArray[np.generic]) -> Pixels:
    """Return values with their limits."""
    return Pixels(values, float(values.min()), float(values.max()))


def read_pixels(frames: Sequence[Frame], max_voxels: int = LIMITS.max_voxels) -> Pixels:
    """Return the stored values of frames in the given order.

    Raises
    ------
    RejectedInput
        UNREADABLE_PIXELS where pixel data is missing, truncated, damaged or invalid for an MR image; OVER_LIMITS
        where the frames have more than ``max_voxels`` voxels together.
    """
    first = frames[0].plane
    stored = {id(frame.instance): _stored_dtype(frame.instance) for frame in _one_per_instance(frames)}
    dtype = np.result_type(*set(stored.values()))
    if len(frames) * first.rows * first.columns > max_voxels:
        raise RejectedInput(
            Reason.OVER_LIMITS,
            f"{frames[0].instance.sop_instance_uid}: {len(frames)} frames of this matrix are too many",
        )
    for frame in _one_per_instance(frames):
        _check_length(frame, stored[id(frame.instance)])
    array = np.empty((len(frames), first.rows, first.columns), dtype=dtype)
    decoded: dict[str, NDArray[np.generic]] = {}
    limits = []
    for at, frame in enumerate(frames):
        target = array[at]
        values = _stored_values(frame, stored[id(frame.instance)], decoded, into=target)
        if values is not target:
            target[...] = values
        limits.append((int(target.min()), int(target.max())))  # while the processor's cache holds the slice
    return Pixels(array, min(lowest for lowest, _ in limits), max(highest for _, highest in limits))


def stored_bytes(instance: Instance) -> bytes:
    """Return the bytes of the value of Pixel Data as stored in the file."""
    if instance.pixels is None:
        return b""
    with open(instance.path, "rb") as file:
        file.seek(instance.pixels.offset)
        return file.read()


def _stored_values(
    frame: Frame, own: np.dtype[np.generic], decoded: dict[str, NDArray[np.generic]], into: NDArray[np.generic]
) -> NDArray[np.generic]:
    """Return a frame's values in the type of its own header; in ``into`` itself where it has that type."""
    if _is_native(frame.instance):
        values = into if own == into.dtype else np.empty(into.shape, dtype=own)
        _read_into(values, frame)
    else:
        values = _decoded(frame, decoded)
    return _without_unused_bits(values, integer(frame.instance.dataset, "BitsStored"))


def _one_per_instance(frames: Sequence[Frame]) -> list[Frame]:
    return list({id(frame.instance): frame for frame in frames}.values())


def _stored_dtype(instance: Instance) -> np.dtype[np.generic]:
    header, uid = instance.dataset, instance.sop_instance_uid
    interpretation = text(header, "PhotometricInterpretation")
    samples = integer(header, "SamplesPerPixel")
    allocated = integer(header, "BitsAllocated")
    if interpretation not in ("MONOCHROME1", "MONOCHROME2") or samples not in (1, None) or allocated not in (8, 16, 32):
        raise RejectedInput(
            Reason.UNREADABLE_PIXELS,
            f"{uid}: expected grey values of 8, 16 or 32 bits, found {interpretation or 'nothing'}, "
            f"{samples} samples of {allocated} bits",
        )
    high_bit, stored = integer(header, "HighBit"), integer(header, "BitsStored")
    if None not in (high_bit, stored) and high_bit + 1 != stored:  # type: ignore[operator]
        raise RejectedInput(
            Reason.UNREADABLE_PIXELS, f"{uid}: expected HighBit one below BitsStored {stored}, found {high_bit}"
        )
    if stored is not None and not 0 < stored <= allocated:
        raise RejectedInput(Reason.UNREADABLE_PIXELS, f"{uid}: expected 1 to {allocated} BitsStored, found {stored}")
    if text(header, "LossyImageCompression") == "01":
        raise RejectedInput(
            Reason.UNREADABLE_PIXELS, f"{uid}: lossy compression has changed its texture: send the original images"
        )
    kind = "i" if integer(header, "PixelRepresentation") else "u"
    return np.dtype(f"<{kind}{allocated // 8}")


def _is_native(instance: Instance) -> bool:
    return instance.transfer_syntax in NATIVE_SYNTAXES and instance.pixels is not None


def _check_length(frame: Frame, stored: np.dtype[np.generic]) -> None:
    """Check that element length, matrix and file size agree, before memory is allocated for the pixels."""
    instance = frame.instance
    if not _is_native(instance):
        return
    location = instance.pixels or PixelLocation(0, 0)
    count = frame_count(instance)
    expected = frame.plane.rows * frame.plane.columns * stored.itemsize * count
    there = file_bytes_after(instance)
    # Trailing padding is harmless; an extra row or column means that the matrix is not that of the pixels.
    padding = min(frame.plane.rows, frame.plane.columns) * stored.itemsize
    if not expected <= location.length < expected + max(padding, 2) or there < expected:
        raise RejectedInput(
            Reason.UNREADABLE_PIXELS,
            f"{instance.sop_instance_uid}: expected {expected} bytes of pixels, found {location.length} in the header, "
            f"{there} in the file: send the image again",
        )


def _read_into(target: NDArray[np.generic], frame: Frame) -> None:
    instance = frame.instance
    location = instance.pixels or PixelLocation(0, 0)
    offset = location.offset + ((frame.number or 1) - 1) * target.nbytes
    view = memoryview(target.reshape(-1).view(np.uint8).data)
    file = os.open(instance.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        while view:
            got = os.preadv(file, [view], offset)
            if not got:
                raise RejectedInput(Reason.UNREADABLE_PIXELS, f"{instance.sop_instance_uid}: its file is truncated")
            view, offset = view[got:], offset + got
    finally:
        os.close(file)


def _decoded(frame: Frame, decoded: dict[str, NDArray[np.generic]]) -> NDArray[np.generic]:
    instance = frame.instance
    uid = instance.sop_instance_uid
    if uid not in decoded:
        decoded.clear()  # one multi-frame object at a time: frames come in slice order, objects one after another
        decoded[uid] = _decode(instance)
    whole = decoded[uid]
    if whole.dtype.kind not in "iu":
        raise RejectedInput(Reason.INVALID_PIXELS, f"{uid}: expected integers as pixels, found floating point")
    plane = frame.plane
    if whole.shape[1:] != (plane.rows, plane.columns) or (frame.number or 1) > len(whole):
        raise RejectedInput(
            Reason.UNREADABLE_PIXELS,
            f"{uid}: expected frames of {plane.rows} x {plane.columns}, decoded {whole.shape}",
        )
    return np.asarray(whole[(frame.number or 1) - 1])


def _decode(instance: Instance) -> NDArray[np.generic]:
    try:
        return decode_pixels(instance.path)
    except UndecodablePixels as error:
        raise RejectedInput(
            Reason.UNREADABLE_PIXELS,
            f"{instance.sop_instance_uid}: pixel data ({instance.transfer_syntax.name}) cannot be decoded: {error}",
        ) from error


def _fits(array: NDArray[np.generic], bits: int) -> bool:
    signed = array.dtype.kind == "i"
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return int(array.min()) >= low and int(array.max()) <= high


def _without_unused_bits(values: NDArray[np.generic], stored: int | None) -> NDArray[np.generic]:
    """Clear what old scanners store in the bits above BitsStored (PS3.5 section 8.1.1), and extend the sign."""
    allocated = values.dtype.itemsize * 8
    if stored is None or stored >= allocated or _fits(values, stored):
        return values
    shift = allocated - stored
    return np.asarray(np.right_shift(np.left_shift(values, shift), shift), dtype=values.dtype)
