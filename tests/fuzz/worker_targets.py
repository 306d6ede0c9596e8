"""The workers: a segmentation that lies in the spool, headers, and a series of images assembled from them."""

import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np

from deploy.simulation.phantom import write_phantom
from fuzz.folders import folder_of_this_process
from fuzz.fuzz_target import Flaw, FuzzTarget
from listener.dicom.part10 import PREAMBLE_BYTES, file_head
from support.broken_studies import SMALL
from support.dicom_objects import data_set_bytes, image_uid
from support.header_facts import both_outcomes
from workers.errors import RejectedInput
from workers.images.frames import frames_of
from workers.images.headers import read_image_headers
from workers.images.phases import split_series
from workers.images.volume import build_volume
from workers.jobs.case import read_header as read_any_header
from workers.limits import Limits
from workers.outline.outline import read_outline

SEPARATOR = b"--next--"
LIMITS = Limits(max_voxels=2_000_000, max_frames=500, max_sequence_items=20_000)
SYNTAXES = (
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.2",
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.5",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.70",
)


@cache
def _folder() -> Path:
    return folder_of_this_process()


@cache
def _phantom() -> tuple[bytes, tuple[bytes, ...]]:
    """Return the data sets of a small segmentation and of the first images of its series."""
    with tempfile.TemporaryDirectory() as folder:
        phantom = write_phantom(Path(folder), 3, **{**SMALL, "rows": 32, "columns": 32, "spacing_mm": (2.5, 4.5, 4.5)})
        return data_set_bytes(phantom.seg_path), tuple(data_set_bytes(path) for path in phantom.image_paths[1][:4])


def _stored(content: bytes, name: str) -> Path:
    """Write a data set as the listener keeps it; its first byte chooses the transfer syntax."""
    syntax = SYNTAXES[(content[:1] or b"\0")[0] % len(SYNTAXES)]
    path = _folder() / name
    path.write_bytes(file_head("1.2.840.10008.5.1.4.1.1.4", image_uid(1), syntax) + content[1:])
    return path


def seg_seeds() -> list[bytes]:
    """One byte for the transfer syntax, then the data set of a segmentation."""
    return [b"\0" + _phantom()[0]]


def run_seg(content: bytes) -> None:
    """Read an outline with all its frames, and the attributes that a report takes from it."""
    path = _stored(content, "seg.dcm")
    read_any_header(path)
    with suppress(RejectedInput):
        for _, _, mask in read_outline(path, LIMITS).masks():
            if mask.dtype != np.bool_:
                raise Flaw("a mask is no mask")


def series_seeds() -> list[bytes]:
    """The data sets of a few slices, each with its byte for the transfer syntax."""
    return [SEPARATOR.join(b"\0" + content for content in _phantom()[1])]


def run_series(content: bytes) -> None:
    """Assemble images into phases and volumes."""
    paths = [_stored(part, f"{at}.dcm") for at, part in enumerate(content.split(SEPARATOR)[:8])]
    with suppress(RejectedInput):
        frames = [frame for instance in read_image_headers(paths, LIMITS) for frame in frames_of(instance)]
        for phase in split_series(frames):
            volume = build_volume(phase, LIMITS)
            if not np.isfinite(volume.array).all() or min(volume.spacing_mm) <= 0:
                raise Flaw("a volume holds what is no number")


def header_seeds() -> list[bytes]:
    """The files of a few slices and of a segmentation, without their preambles."""
    head = file_head("1.2.840.10008.5.1.4.1.1.4", image_uid(1), SYNTAXES[0])[PREAMBLE_BYTES:]
    return [head + content for content in (_phantom()[0], *_phantom()[1])]


def run_header(content: bytes) -> None:
    """Read a header in one pass and with pydicom: both ways give the same."""
    path = _folder() / "header.dcm"
    path.write_bytes(bytes(PREAMBLE_BYTES) + content)
    found, expected = both_outcomes(path, LIMITS)
    if found != expected:
        raise Flaw("the pass over a header gives another one than pydicom")


TARGETS = (
    FuzzTarget("seg", seg_seeds, run_seg),
    FuzzTarget("series", series_seeds, run_series),
    FuzzTarget("header", header_seeds, run_header),
)
