"""The received outline: the segments of a DICOM Segmentation, their meaning, and the images they were drawn on."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.uid import UID, RTStructureSetStorage, SegmentationStorage

from listener.dicom.data_set import UNREADABLE_BYTES, is_cut_short
from listener.dicom.sop_classes import LABEL_MAP_SEGMENTATION_STORAGE
from workers.errors import Reason, RejectedInput
from workers.images.attributes import has_items, text
from workers.images.frames import Plane, plane_of
from workers.images.headers import Instance, file_bytes_after, frame_count, read_header
from workers.limits import LIMITS, Limits, is_out_of_memory
from workers.notes import Note
from workers.outline.segment_choice import choose_segments
from workers.outline.segment_pixels import pads_frames, read_segment_frames
from workers.outline.segment_rules import SegmentRules
from workers.outline.source_images import References, outline_references, source_uids

NO_RULES = SegmentRules()
PADDED_FRAMES = Note(
    "The frames of the outline are padded to whole bytes, which violates PS3.5 section 8.1.1; they were read as such."
)


@dataclass(frozen=True, eq=False)
class Outline:
    """A SEG whose header has been read and checked; its pixel data is still on disk."""

    instance: Instance
    tumour_segment: Dataset
    """Its item of the Segment Sequence."""
    other_tissue_numbers: frozenset[int]
    """Numbers of the segments that are excluded from the ring."""
    references: References
    """The images it was drawn on; empty where it references none."""
    planes: tuple[Plane, ...]
    """The plane of each frame."""
    segment_numbers: tuple[int, ...]
    """The segment number of each frame; 0 in a label map, whose frames hold several segments."""
    named_series: frozenset[str] = frozenset()
    """Series Instance UIDs that it references without their images."""
    frame_sources: tuple[frozenset[str], ...] = ()
    """SOP Instance UIDs of the images that each frame references."""
    notes: tuple[Note, ...] = ()
    """Notes for the report on how it was read."""

    @property
    def uid(self) -> str:
        """SOP Instance UID."""
        return self.instance.sop_instance_uid

    @property
    def name(self) -> str:
        """Its name in messages: kind of object and SOP Instance UID."""
        return name_of(self.instance)

    @property
    def tumour_number(self) -> int:
        """Segment number of the tumour."""
        return int(self.tumour_segment.SegmentNumber)

    @property
    def tumour_planes(self) -> tuple[Plane, ...]:
        """Planes of the frames that may show the tumour."""
        wanted = (0, self.tumour_number)
        return tuple(plane for plane, number in zip(self.planes, self.segment_numbers, strict=True) if number in wanted)

    @property
    def is_label_map(self) -> bool:
        """Whether pixel values are segment numbers."""
        return text(self.instance.dataset, "SegmentationType") == "LABELMAP"

    @property
    def label(self) -> str:
        """Segment Label of the tumour; empty where it has none."""
        return text(self.tumour_segment, "SegmentLabel")

    def masks(self) -> Iterator[tuple[int, Plane, NDArray[np.bool_]]]:
        """Yield segment number, plane and mask of each frame that holds tumour or other tissue."""
        wanted = self.other_tissue_numbers | {self.tumour_number}
        frames = [at for at, number in enumerate(self.segment_numbers) if number in wanted or self.is_label_map]
        for at, frame in zip(frames, read_segment_frames(self.instance, frames), strict=True):
            for number in sorted(wanted) if self.is_label_map else [self.segment_numbers[at]]:
                yield number, self.planes[at], frame == number if self.is_label_map else frame.astype(bool)


def read_outline(
    path: Path, limits: Limits = LIMITS, segment_number: int | None = None, rules: SegmentRules = NO_RULES
) -> Outline:
    """Read a SEG's header and choose its tumour segment.

    ``segment_number`` selects one of several tumours; the others are then excluded from its ring. ``rules`` are the
    site's segment rules.

    Raises
    ------
    RejectedInput
        UNSUPPORTED_SEGMENTATION for an object that is not a usable SEG, NO_TUMOUR_SEGMENT,
        SEVERAL_TUMOUR_SEGMENTS, OVER_LIMITS.
    """
    instance = read_header(path, limits)
    try:
        return _outline(instance, limits, segment_number, rules)
    except (OSError, *UNREADABLE_BYTES) as error:
        # Values are decoded on access: missing, truncated or wrongly typed elements raise only then.
        if is_out_of_memory(error) or (isinstance(error, OSError) and not is_cut_short(error)):
            raise
        raise RejectedInput(
            Reason.UNREADABLE_OBJECT,
            f"{name_of(instance)}: expected valid attributes of a segmentation ({type(error).__name__})",
        ) from error


def _outline(instance: Instance, limits: Limits, segment_number: int | None, rules: SegmentRules) -> Outline:
    header = instance.dataset
    _check_kind(instance)
    is_label_map = text(header, "SegmentationType") == "LABELMAP"
    segments = _segments(header, is_label_map)
    per_frame = header.get("PerFrameFunctionalGroupsSequence") or []
    _check_size(instance, len(per_frame))
    _check_segments(instance, segments, limits.max_segments)
    shared = (header.get("SharedFunctionalGroupsSequence") or [Dataset()])[0]
    chosen = choose_segments(segments, rules, name_of(instance), empty_segments(header))
    tumour = chosen.tumour(segment_number, name_of(instance))
    numbers = tuple(0 if is_label_map else _segment_number(instance, own, shared) for own in per_frame)
    _check_described(instance, segments, set(numbers) - {0})
    mine = [own for own, number in zip(per_frame, numbers, strict=True) if number in (0, tumour.SegmentNumber)]
    return Outline(
        instance=instance,
        tumour_segment=tumour,
        other_tissue_numbers=chosen.beside(tumour),
        references=outline_references(header, mine),
        planes=tuple(_plane(instance, at, own, shared) for at, own in enumerate(per_frame)),
        segment_numbers=numbers,
        named_series=frozenset(
            text(item, "SeriesInstanceUID")
            for item in header.get("ReferencedSeriesSequence") or ()
            if not has_items(item, "ReferencedInstanceSequence")
        ),
        frame_sources=tuple(source_uids(own) for own in per_frame),
        notes=(*chosen.notes, *([PADDED_FRAMES] if pads_frames(instance) else [])),
    )


def _segments(header: Dataset, is_label_map: bool) -> Sequence[Dataset]:
    """Return the items of the Segment Sequence, without a label map's background (segment 0, PS3.3 C.8.20.2)."""
    items: Sequence[Dataset] = header.get("SegmentSequence") or []
    return [item for item in items if not (is_label_map and item.get("SegmentNumber") == 0)]


def empty_segments(header: Dataset) -> frozenset[int]:
    """Return the numbers of the segments that no frame shows; none for a label map, whose header does not tell."""
    groups = [
        *(header.get("SharedFunctionalGroupsSequence") or ()),
        *(header.get("PerFrameFunctionalGroupsSequence") or ()),
    ]
    shown = {
        item.get("ReferencedSegmentNumber") for one in groups for item in one.get("SegmentIdentificationSequence") or ()
    }
    described = {item.get("SegmentNumber") for item in header.get("SegmentSequence") or ()}
    return frozenset() if text(header, "SegmentationType") == "LABELMAP" else frozenset(described - shown - {None})


def is_structure_set(header: Dataset) -> bool:
    """Return whether an outline is an RT structure set."""
    return text(header, "SOPClassUID") == RTStructureSetStorage


def name_of(instance: Instance) -> str:
    """Return an outline's name in messages: kind of object and SOP Instance UID."""
    return f"{'RTSTRUCT' if is_structure_set(instance.dataset) else 'SEG'} {instance.sop_instance_uid}"


def _refuse(instance: Instance, message: str) -> RejectedInput:
    return RejectedInput(Reason.UNSUPPORTED_SEGMENTATION, f"{name_of(instance)}: {message}")


def _check_kind(instance: Instance) -> None:
    sop_class = UID(text(instance.dataset, "SOPClassUID"))
    if sop_class not in (SegmentationStorage, LABEL_MAP_SEGMENTATION_STORAGE):
        raise _refuse(instance, f"expected a Segmentation, found {sop_class.name}")
    kind = text(instance.dataset, "SegmentationType")
    if kind not in ("BINARY", "FRACTIONAL", "LABELMAP"):
        raise _refuse(instance, f"expected SegmentationType BINARY, FRACTIONAL or LABELMAP, found {kind or 'none'}")


def _check_size(instance: Instance, described: int) -> None:
    header = instance.dataset
    frames = frame_count(instance)
    pixels = frames * int(header.get("Rows") or 0) * int(header.get("Columns") or 0)
    if frames != described:
        raise _refuse(instance, f"expected the functional groups of {frames} frames, found {described}")
    if not pixels:
        raise _refuse(instance, "its frames have no pixels")
    if instance.pixels is not None and file_bytes_after(instance) == 0:
        raise _refuse(instance, "its pixel data is missing")


def _check_segments(instance: Instance, segments: Sequence[Dataset], max_segments: int) -> None:
    if len(segments) > max_segments:
        raise RejectedInput(
            Reason.OVER_LIMITS, f"{name_of(instance)}: {len(segments)} segments, at most {max_segments}"
        )
    for at, segment in enumerate(segments, start=1):
        if not segment.get("SegmentNumber"):
            found = "has number 0" if segment.get("SegmentNumber") == 0 else "has no SegmentNumber"
            raise _refuse(instance, f"item {at} of its SegmentSequence {found}, and they count from 1: export it again")


def _check_described(instance: Instance, segments: Sequence[Dataset], shown: Collection[int]) -> None:
    undescribed = sorted(set(shown) - {int(item.SegmentNumber) for item in segments})
    if undescribed and len(undescribed) == len(shown):
        raise _refuse(
            instance,
            f"its frames are those of segment {', '.join(map(str, undescribed))}, which its SegmentSequence does not "
            "describe: export it again",
        )


def _plane(instance: Instance, at: int, own: Dataset, shared: Dataset) -> Plane:
    def group(keyword: str) -> Dataset:
        found: Dataset = (own.get(keyword) or shared.get(keyword) or [Dataset()])[0]
        return found

    try:
        return plane_of(
            f"{name_of(instance)} frame {at + 1}",
            group("PlanePositionSequence"),
            group("PlaneOrientationSequence"),
            group("PixelMeasuresSequence"),
            instance.dataset,
        )
    except RejectedInput as error:
        raise RejectedInput(Reason.UNSUPPORTED_SEGMENTATION, str(error)) from error


def _segment_number(instance: Instance, own: Dataset, shared: Dataset) -> int:
    for groups in (own, shared):
        for item in groups.get("SegmentIdentificationSequence") or ():
            return int(item.ReferencedSegmentNumber)
    raise _refuse(instance, "a frame does not state its segment number")
