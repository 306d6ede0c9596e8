"""The frames of a series that have a position in space; screen captures and some projections have none."""

from collections.abc import Collection, Iterator, Sequence

from workers.errors import Reason, RejectedInput
from workers.images.attributes import text
from workers.images.frames import Frame, frames_of
from workers.images.headers import Instance
from workers.notes import Note

MOST_UNPLACED_SHARE = 0.25
"""Of the placed frames. With more images without a position, the series itself has lost its positions."""
FEW_UNPLACED = 3
"""So many may have none, however few slices the series has, and even if their Image Type is that of slices."""


def placed_frames(instances: Sequence[Instance], required: Collection[str] = ()) -> list[Frame]:
    """Return the frames of images, without a few classic images that have no position in space.

    Raises
    ------
    RejectedInput
        As `frames_of`; NO_GEOMETRY where many have none, or one in ``required`` (SOP Instance UIDs).
    """
    frames: list[Frame] = []
    faults: list[RejectedInput] = []
    slices = 0
    for instance in instances:
        try:
            frames.extend(frames_of(instance))
        except RejectedInput as error:
            is_needed = instance.is_multi_frame or instance.sop_instance_uid in required
            if error.reason is not Reason.NO_GEOMETRY or is_needed:
                raise
            faults.append(error)
            slices += not _is_computed_or_captured(instance)
    allowed = max(FEW_UNPLACED, MOST_UNPLACED_SHARE * len(frames))
    if len(faults) > allowed or slices > FEW_UNPLACED or (faults and not frames):
        raise faults[0]
    return frames


def unplaced_notes(instances: Sequence[Instance], frames: Sequence[Frame]) -> Iterator[Note]:
    """Yield a note if images of a series are not among its frames."""
    count = len(instances) - len({frame.instance.sop_instance_uid for frame in frames})
    if count:
        pictures, were = ("picture", "was") if count == 1 else ("pictures", "were")
        yield Note(f"{count} {pictures} of the series without a position in space {were} set aside.")


def _is_computed_or_captured(instance: Instance) -> bool:
    """Return whether the Image Type excludes a slice: without a whole phase of slices, the others are misnumbered."""
    return not {"DERIVED", "SECONDARY"}.isdisjoint(text(instance.dataset, "ImageType").upper().split("\\")[:2])
