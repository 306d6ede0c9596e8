"""Frames: position, time and grey value scale of each single picture, from classic and multi-frame objects."""

import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydicom import Dataset
from pydicom.datadict import tag_for_keyword

from listener.dicom.data_set import UNREADABLE_BYTES
from workers.errors import Reason, RejectedInput, is_of_the_machine
from workers.images.attributes import (
    DECIMAL,
    integer,
    items,
    number,
    numbers,
    optional_binary_number,
    optional_binary_numbers,
    optional_integer,
    optional_number,
    text,
)
from workers.images.headers import Instance, frame_count
from workers.limits import is_out_of_memory
from workers.notes import Note

Vector = tuple[float, float, float]

SPATIAL_OR_TEMPORAL_DIMENSIONS = frozenset(
    tag_for_keyword(keyword)
    for keyword in (
        "AcquisitionDateTime",
        "AcquisitionNumber",
        "AcquisitionTime",
        "ContentTime",
        "FrameAcquisitionDateTime",
        "FrameAcquisitionNumber",
        "FrameReferenceDateTime",
        "ImagePositionPatient",
        "InStackPositionNumber",
        "InstanceNumber",
        "NominalCardiacTriggerDelayTime",
        "SliceLocation",
        "StackID",
        "TemporalPositionIndex",
        "TemporalPositionTimeOffset",
        "TriggerTime",
    )
)
"""Tags of Dimension Index Pointers that do not distinguish frames of the same moment."""
TEMPORAL_DIMENSIONS = tuple(map(tag_for_keyword, ("TemporalPositionIndex", "TemporalPositionTimeOffset")))
"""Tags of Dimension Index Pointers whose values number the phases."""
OPTIONAL_NUMBERS = {
    "AcquisitionNumber": "acquisition_number",
    "InstanceNumber": "instance_number",
    "TemporalPositionIdentifier": "temporal_position",
    "TriggerTime": "trigger_time_ms",
}
"""Attributes of classic images that distinguish phases, with the field of `Frame` that holds each."""
CLOCK = re.compile(r"(\d\d)(?::?(\d\d)(?::?(\d\d)(?:\.(\d*))?)?)?")
"""A time (VR TM), also with colons as in ACR-NEMA."""


@dataclass(frozen=True)
class Plane:
    """The position of a frame's pixels (PS3.3 section C.7.6.2), in mm and patient coordinates."""

    position: Vector
    """Centre of the first pixel."""
    row_direction: Vector
    """Unit vector along which the column index increases."""
    column_direction: Vector
    """Unit vector along which the row index increases."""
    column_spacing: float
    """Between the centres of neighbouring columns."""
    row_spacing: float
    rows: int
    columns: int


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame of an instance, with the attributes that distinguish phases."""

    instance: Instance
    number: int | None
    """1 is the first frame of a multi-frame object; None in a classic image."""
    plane: Plane
    slope: float
    intercept: float
    contrast: tuple[str, ...]
    """Frames that differ here are different pictures of the same moment (echo, component, label or control)."""
    temporal_position: int | None
    trigger_time_ms: float | None
    instance_number: int | None
    """Instance Number of its object; 0 where a multi-frame object has none."""
    acquisition_number: int | None
    acquisition_time: str
    content_time: str

    @property
    def reference(self) -> tuple[str, int | None]:
        """SOP Instance UID and frame number, as other objects reference it."""
        return self.instance.sop_instance_uid, self.number

    @property
    def order(self) -> tuple[int, int] | None:
        """Instance Number of its object, then the frame's position in it; None where the object has no number."""
        return None if self.instance_number is None else (self.instance_number, self.number or 0)


def frames_of(instance: Instance) -> tuple[Frame, ...]:
    """Return the frames of an image.

    Raises
    ------
    RejectedInput
        NO_GEOMETRY where a frame has no position in space, UNREADABLE_OBJECT where an attribute cannot be read.
    """
    if not instance.frames:
        instance.frames.extend(_read_frames(instance))
    return tuple(instance.frames)


def _read_frames(instance: Instance) -> tuple[Frame, ...]:
    if not instance.is_multi_frame:
        return (_frame_of_classic(instance),)
    try:
        return tuple(_frames_from_groups(instance))
    except (OSError, *UNREADABLE_BYTES) as error:
        if is_out_of_memory(error) or is_of_the_machine(error):
            raise
        raise RejectedInput(
            Reason.UNREADABLE_OBJECT,
            f"{instance.sop_instance_uid}: expected readable functional groups ({type(error).__name__})",
        ) from error


def _frame_of_classic(instance: Instance) -> Frame:
    header = instance.dataset
    return Frame(
        instance=instance,
        number=None,
        plane=plane_of(instance.sop_instance_uid, header, header, header, header),
        slope=_or(number(header, "RescaleSlope"), 1.0),
        intercept=_or(number(header, "RescaleIntercept"), 0.0),
        contrast=(text(header, "ImageType"), _plain(text(header, "EchoTime"))),
        temporal_position=optional_integer(header, "TemporalPositionIdentifier"),
        trigger_time_ms=optional_number(header, "TriggerTime"),
        instance_number=optional_integer(header, "InstanceNumber"),
        acquisition_number=optional_integer(header, "AcquisitionNumber"),
        acquisition_time=text(header, "AcquisitionDateTime")
        or _date_and_time(text(header, "AcquisitionDate"), text(header, "AcquisitionTime")),
        content_time=_date_and_time(text(header, "ContentDate"), text(header, "ContentTime")),
    )


def _frames_from_groups(instance: Instance) -> Iterator[Frame]:
    header = instance.dataset
    per_frame = header.get("PerFrameFunctionalGroupsSequence")
    count = frame_count(instance)
    if per_frame is None or len(per_frame) != count:
        raise RejectedInput(
            Reason.NO_GEOMETRY,
            f"{instance.sop_instance_uid}: expected the functional groups of {count} frames, "
            f"found {0 if per_frame is None else len(per_frame)}: its frames cannot be placed in space: send the "
            "original images of the scanner",
        )
    shared = _first(header, "SharedFunctionalGroupsSequence")
    contrast_dimensions = _contrast_dimensions(header, per_frame)
    temporal_dimensions = [at for at, pointer in enumerate(_pointers(header)) if pointer in TEMPORAL_DIMENSIONS]
    for index, own in enumerate(per_frame):
        yield _frame_of_group(instance, index, own, shared, contrast_dimensions, temporal_dimensions)


def _frame_of_group(
    instance: Instance, index: int, own: Dataset, shared: Dataset, dimensions: list[int], temporal_dimensions: list[int]
) -> Frame:
    def group(keyword: str) -> Dataset:
        return _first(own, keyword) if keyword in own else _first(shared, keyword)

    content = group("FrameContentSequence")
    delay = optional_binary_number(group("CardiacSynchronizationSequence"), "NominalCardiacTriggerDelayTime")
    offset = optional_binary_number(group("TemporalPositionSequence"), "TemporalPositionTimeOffset")
    values = group("PixelValueTransformationSequence")
    frame_type = group("MRImageFrameTypeSequence")
    dimension_values = optional_binary_numbers(content, "DimensionIndexValues")
    acquisition = optional_binary_number(content, "FrameAcquisitionNumber")
    temporal = optional_binary_number(content, "TemporalPositionIndex")
    if temporal is None:
        temporal = next((dimension_values[at] for at in temporal_dimensions if at < len(dimension_values)), None)
    return Frame(
        instance=instance,
        number=index + 1,
        plane=plane_of(
            f"{instance.sop_instance_uid} frame {index + 1}",
            group("PlanePositionSequence"),
            group("PlaneOrientationSequence"),
            group("PixelMeasuresSequence"),
            instance.dataset,
        ),
        slope=_or(number(values, "RescaleSlope"), 1.0),
        intercept=_or(number(values, "RescaleIntercept"), 0.0),
        contrast=(
            text(frame_type, "FrameType"),
            text(frame_type, "ComplexImageComponent"),
            str(optional_binary_number(group("MREchoSequence"), "EffectiveEchoTime") or ""),
            *(f"{dimension_values[at]:.0f}" for at in dimensions if at < len(dimension_values)),
        ),
        temporal_position=None if temporal is None else int(temporal),
        trigger_time_ms=delay if offset is None else 1000 * offset,
        instance_number=optional_integer(instance.dataset, "InstanceNumber") or 0,
        acquisition_number=None if acquisition is None else int(acquisition),
        acquisition_time=text(content, "FrameAcquisitionDateTime"),
        content_time=text(content, "FrameReferenceDateTime"),
    )


def unread_number_notes(frames: Sequence[Frame]) -> Iterator[Note]:
    """Yield a note for each numeric attribute of classic images whose value is not a number."""
    for keyword, field in OPTIONAL_NUMBERS.items():
        count = sum(
            frame.number is None and getattr(frame, field) is None and bool(text(frame.instance.dataset, keyword))
            for frame in frames
        )
        if count:
            yield Note(f"{keyword} of {count} of {len(frames)} images is not a number, and was treated as absent.")


def plane_of(name: str, position: Dataset, orientation: Dataset, measures: Dataset, image: Dataset) -> Plane:
    """Return the plane that these data sets describe; ``name`` is the frame's name in error messages.

    Raises
    ------
    RejectedInput
        NO_GEOMETRY where position, orientation, spacing or matrix is missing or impossible.
    """
    where = numbers(position, "ImagePositionPatient")
    axes = numbers(orientation, "ImageOrientationPatient")
    spacing = numbers(measures, "PixelSpacing")
    rows, columns = integer(image, "Rows"), integer(image, "Columns")
    if len(where) != 3 or len(axes) != 6 or len(spacing) != 2 or not rows or not columns or min(spacing) <= 0:
        raise RejectedInput(
            Reason.NO_GEOMETRY,
            f"{name}: expected ImagePositionPatient, ImageOrientationPatient, PixelSpacing, Rows and Columns, "
            "found them missing or incomplete: it cannot be placed in space: send the original images of the scanner",
        )
    row, column = axes[:3], axes[3:]
    if not _is_orthonormal(row, column):
        raise RejectedInput(
            Reason.NO_GEOMETRY,
            f"{name}: expected two orthogonal unit vectors in ImageOrientationPatient, found others: "
            "send the original images of the scanner",
        )
    return Plane(
        (where[0], where[1], where[2]),
        (row[0], row[1], row[2]),
        (column[0], column[1], column[2]),
        column_spacing=spacing[1],
        row_spacing=spacing[0],
        rows=rows,
        columns=columns,
    )


@functools.lru_cache(maxsize=256)
def _is_orthonormal(row: tuple[float, ...], column: tuple[float, ...], tolerance: float = 1e-3) -> bool:
    def dot(a: tuple[float, ...], b: tuple[float, ...]) -> float:
        return sum(x * y for x, y in zip(a, b, strict=True))

    return all(abs(value) <= tolerance for value in (dot(row, row) - 1, dot(column, column) - 1, dot(row, column)))


def _contrast_dimensions(header: Dataset, per_frame: Sequence[Dataset]) -> list[int]:
    values = [optional_binary_numbers(_first(own, "FrameContentSequence"), "DimensionIndexValues") for own in per_frame]
    return [
        at
        for at, pointer in enumerate(_pointers(header))
        if pointer not in SPATIAL_OR_TEMPORAL_DIMENSIONS and not _counts_frames([one[at : at + 1] for one in values])
    ]


def _pointers(header: Dataset) -> list[object]:
    return [item.get("DimensionIndexPointer") for item in items(header, "DimensionIndexSequence")]


def _counts_frames(values: Sequence[tuple[float, ...]]) -> bool:
    """Return whether a dimension has another value in each frame: it then numbers frames, and separates no kinds."""
    return len(values) > 1 and len(set(values)) == len(values)


def _first(dataset: Dataset, keyword: str) -> Dataset:
    sequence = dataset.get(keyword)
    return sequence[0] if sequence else Dataset()


@functools.lru_cache(maxsize=256)
def _plain(number: str) -> str:
    """Return a number in its shortest form: ``3.30`` and ``3.3`` are one echo time."""
    return f"{float(number):g}" if DECIMAL.fullmatch(number) else number


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value


@functools.lru_cache(maxsize=4096)
def _date_and_time(date: str, time: str) -> str:
    """Return date and time as text that sorts by time; empty where the time is not a valid TM value."""
    clock = CLOCK.fullmatch(time)
    if clock is None:
        return ""
    hour, minute, second, fraction = clock.groups(default="")
    return (
        f"{date}{hour}{minute}{second}.{fraction}".rstrip("0").rstrip(".")
        if fraction
        else f"{date}{hour}{minute}{second}"
    )
