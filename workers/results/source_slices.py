"""The slices that were measured, each with its place in space and the instance and frame it came from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pydicom import Dataset

from workers.results.instance_reference import InstanceReference


class ReferencedFrame(Protocol):
    """Where a slice came from."""

    @property
    def sop_instance_uid(self) -> str:
        """The instance."""
        ...

    @property
    def frame_number(self) -> int | None:
        """The frame, from 1; None in a single-frame instance."""
        ...


@dataclass(frozen=True)
class SourceSlice:
    """A slice as its source describes it: what is drawn on it must lie exactly there."""

    reference: InstanceReference
    frame_number: int | None
    position_mm: tuple[float, ...]
    """Image Position (Patient): the centre of the first voxel."""
    orientation: tuple[float, ...]
    """Image Orientation (Patient): direction along a row, then along a column."""
    pixel_spacing_mm: tuple[float, ...]
    """Between rows, then between columns."""
    thickness_mm: float | None

    def item(self) -> Dataset:
        """Return the Image SOP Instance Reference Macro (PS3.3 table 10-3)."""
        item = self.reference.item()
        if self.frame_number is not None:
            item.ReferencedFrameNumber = self.frame_number
        return item


def source_slices(frames: Sequence[ReferencedFrame], headers: Sequence[Dataset]) -> tuple[SourceSlice, ...]:
    """Return the slices in the order of ``frames``."""
    by_uid = {str(header.SOPInstanceUID): header for header in headers}
    references = {uid: InstanceReference.of(header) for uid, header in by_uid.items()}
    return tuple(_slice(frame, by_uid, references) for frame in frames)


def _slice(
    frame: ReferencedFrame, headers: Mapping[str, Dataset], references: Mapping[str, InstanceReference]
) -> SourceSlice:
    uid = str(frame.sop_instance_uid)
    header = headers[uid]
    thickness = attribute_of(header, frame.frame_number, "PixelMeasuresSequence", "SliceThickness")
    return SourceSlice(
        reference=references[uid],
        frame_number=frame.frame_number,
        position_mm=_floats(header, frame.frame_number, "PlanePositionSequence", "ImagePositionPatient"),
        orientation=_floats(header, frame.frame_number, "PlaneOrientationSequence", "ImageOrientationPatient"),
        pixel_spacing_mm=_floats(header, frame.frame_number, "PixelMeasuresSequence", "PixelSpacing"),
        thickness_mm=float(thickness) if thickness else None,
    )


def _floats(header: Dataset, frame_number: int | None, sequence: str, keyword: str) -> tuple[float, ...]:
    return tuple(float(value) for value in attribute_of(header, frame_number, sequence, keyword))


def attribute_of(header: Dataset, frame_number: int | None, sequence: str, keyword: str) -> Any:
    """Return an attribute of a frame: its own functional group, else the shared one (PS3.3 C.7.6.16)."""
    if frame_number is None:
        return header.get(keyword)
    for group in (header.PerFrameFunctionalGroupsSequence[frame_number - 1], header.SharedFunctionalGroupsSequence[0]):
        if sequence in group and keyword in group[sequence][0]:
            return group[sequence][0][keyword].value
    return None
