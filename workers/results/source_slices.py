"""The measured slices, each with its position in space and its source instance and frame."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from pydicom import Dataset

from workers.images.attributes import numbers, optional_number, text
from workers.results.instance_reference import InstanceReference


class ReferencedFrame(Protocol):
    """The source of a slice."""

    @property
    def sop_instance_uid(self) -> str:
        """SOP class and SOP Instance UID of the instance."""
        ...

    @property
    def frame_number(self) -> int | None:
        """Frame number from 1; None in a single-frame instance."""
        ...


@dataclass(frozen=True)
class SourceSlice:
    """A slice with the geometry of its source, in which segments drawn on it must be placed exactly."""

    reference: InstanceReference
    frame_number: int | None
    position_mm: tuple[float, ...]
    """Image Position (Patient): the centre of the first voxel."""
    orientation: tuple[float, ...]
    """Image Orientation (Patient): row direction, then column direction."""
    pixel_spacing_mm: tuple[float, ...]
    """Between rows, then between columns, in mm."""
    thickness_mm: float | None
    """None where it is not stated, or not as a positive number."""

    def item(self) -> Dataset:
        """Return the Image SOP Instance Reference Macro (PS3.3 table 10-3)."""
        item = self.reference.item()
        if self.frame_number is not None:
            item.ReferencedFrameNumber = self.frame_number
        return item


def source_slices(frames: Sequence[ReferencedFrame], headers: Sequence[Dataset]) -> tuple[SourceSlice, ...]:
    """Return the slices in the order of ``frames``."""
    needed = {str(frame.sop_instance_uid) for frame in frames}
    found = ((text(header, "SOPInstanceUID"), header) for header in headers)
    by_uid = dict(islice((one for one in found if one[0] in needed), len(needed)))
    references = {uid: InstanceReference.of(header) for uid, header in by_uid.items()}
    return tuple(_slice(frame, by_uid, references) for frame in frames)


def _slice(
    frame: ReferencedFrame, headers: Mapping[str, Dataset], references: Mapping[str, InstanceReference]
) -> SourceSlice:
    uid = str(frame.sop_instance_uid)
    header = headers[uid]
    measures = _group_of(header, frame.frame_number, "PixelMeasuresSequence", "SliceThickness")
    thickness_mm = optional_number(measures, "SliceThickness") or 0.0
    return SourceSlice(
        reference=references[uid],
        frame_number=frame.frame_number,
        position_mm=_floats(header, frame.frame_number, "PlanePositionSequence", "ImagePositionPatient"),
        orientation=_floats(header, frame.frame_number, "PlaneOrientationSequence", "ImageOrientationPatient"),
        pixel_spacing_mm=_floats(header, frame.frame_number, "PixelMeasuresSequence", "PixelSpacing"),
        thickness_mm=thickness_mm if thickness_mm > 0 else None,
    )


def _floats(header: Dataset, frame_number: int | None, sequence: str, keyword: str) -> tuple[float, ...]:
    return numbers(_group_of(header, frame_number, sequence, keyword), keyword)


def attribute_of(header: Dataset, frame_number: int | None, sequence: str, keyword: str) -> Any:
    """Return an attribute of a frame, from its own functional group or else the shared one (PS3.3 C.7.6.16)."""
    return _group_of(header, frame_number, sequence, keyword).get(keyword)


def _group_of(header: Dataset, frame_number: int | None, sequence: str, keyword: str) -> Dataset:
    """Return the data set that holds an attribute of a frame; an empty one where none does."""
    if frame_number is None:
        return header
    for group in (header.PerFrameFunctionalGroupsSequence[frame_number - 1], header.SharedFunctionalGroupsSequence[0]):
        if sequence in group and keyword in group[sequence][0]:
            found: Dataset = group[sequence][0]
            return found
    return Dataset()
