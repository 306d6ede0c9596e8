"""Describes the measured images for readers who want to find them in the study.

The description of the slices uses the measured ones only. The number of phases depends on the images that were received
when the case was measured, so the UIDs of the results that state it depend on it too.
"""

import re
from collections.abc import Iterator, Sequence

from pydicom import Dataset

from workers.images.attributes import text
from workers.images.technique import CALCULATED, DIFFUSION, RESHAPED
from workers.images.volume import Volume
from workers.notes import Note, warning
from workers.results.source_slices import ReferencedFrame, attribute_of
from workers.results.valid_attributes import one_line
from workers.texts.wording import ENGLISH, Wording

CLOCK = re.compile(r"(?:\d{8})?(\d\d)(\d\d)(\d\d)(?:\.\d+)?(?:[+-]\d{4})?")
"""A time (TM), or a date with a time (DT)."""
INSTANCE_NUMBERS = ("instance numbers {first} to {last}", "instance number {first}")
FRAME_NUMBERS = ("frame numbers {first} to {last}", "frame number {first}")
ACQUIRED = ("acquired from {first} to {last}", "acquired at {first}")
MADE = ("made from {first} to {last}", "made at {first}")
"""Several values, and one."""
NOT_ORIGINAL = DIFFUSION | RESHAPED | CALCULATED | {"MPR"}
"""Words after the second value of Image Type or Frame Type that denote diffusion or computed images (PS3.3 C.8.3.1.1.1
and C.8.16.1.4, and scanners' habits)."""


def measured_on(
    frames: Sequence[ReferencedFrame],
    headers: Sequence[Dataset],
    say: Wording = ENGLISH,
    *,
    with_description: bool = True,
) -> str:
    """Return a text by which the measured slices can be found.

    An example is ``series 4 'Sag T1 FS DCE', 160 slices, instance numbers 161 to 320, temporal position 2, acquired at
    10:11:00``; missing attributes are left out. The description is free text that may contain a name: without it, the
    text can be drawn into pixels, from which a name could not be removed.
    """
    description = _description(headers[0]) if with_description else ""
    return ", ".join((_series(headers[0], description, say), *_parts(frames, headers, say)))


def series_words(header: Dataset, say: Wording = ENGLISH, *, with_description: bool = True) -> str:
    """Return number and description of a series, as far as its header states them.

    Without the description, the text can be drawn into pixels, as in `measured_on`.
    """
    number, description = text(header, "SeriesNumber"), _description(header) if with_description else ""
    return _series(header, description, say) if number or description else ""


def phase_words(volume: Volume, say: Wording = ENGLISH) -> str:
    """Return the contrast phase, such as ``phase 2 of 3, 1 min 40 s after contrast``; empty where it is not known."""
    parts = []
    if volume.phase.count > 1:
        parts.append(say("phase {index} of {count}", index=volume.phase.index, count=volume.phase.count))
    elif volume.number_in_examination is not None:
        parts.append(say("phase {index} of the examination", index=volume.number_in_examination))
    seconds = seconds_after_bolus(volume.headers[0])
    if seconds is not None:
        minutes, rest = divmod(round(seconds), 60)
        parts.append(say("{minutes} min {seconds} s after contrast", minutes=minutes, seconds=rest))
    return ", ".join(parts)


def seconds_after_bolus(header: Dataset) -> float | None:
    """Return the time from Contrast/Bolus Start Time to Acquisition Time, in seconds.

    None where one is missing or the image was acquired before, and where a Trigger Time makes Acquisition Time that of
    the whole series.
    """
    start, acquired = (_seconds_of_day(text(header, name)) for name in ("ContrastBolusStartTime", "AcquisitionTime"))
    if start is None or acquired is None or acquired < start or text(header, "TriggerTime") not in ("", "0"):
        return None
    return acquired - start


def _seconds_of_day(time: str) -> int | None:
    clock = CLOCK.fullmatch(time)
    if clock is None:
        return None
    hours, minutes, seconds = map(int, clock.groups())
    return 3600 * hours + 60 * minutes + seconds


def image_type_notes(headers: Sequence[Dataset]) -> tuple[Note, ...]:
    """Return a warning where images are not an original phase of a contrast series, such as an ADC map."""
    return tuple(
        warning(
            f"The measured images are not an original DCE phase: image type {', '.join(values)}.",
            "Not an original DCE phase",
        )
        for values in sorted({values for header in headers for values in _image_types(header)})
        if NOT_ORIGINAL.intersection(word for value in values[2:] for word in re.split(r"[^A-Z0-9]+", value.upper()))
    )


def _image_types(header: Dataset) -> Iterator[tuple[str, ...]]:
    yield tuple(text(header, "ImageType").split("\\"))
    for shared in header.get("SharedFunctionalGroupsSequence") or ():
        for item in shared.get("MRImageFrameTypeSequence") or ():
            yield tuple(text(item, "FrameType").split("\\"))


def _description(header: Dataset) -> str:
    return one_line(str(header.get("SeriesDescription") or ""))


def _series(header: Dataset, description: str, say: Wording) -> str:
    quoted = f"'{description}'" if description else ""
    return " ".join(filter(None, (say("series"), text(header, "SeriesNumber"), quoted)))


def _parts(frames: Sequence[ReferencedFrame], headers: Sequence[Dataset], say: Wording) -> Iterator[str]:
    yield say("{count} slices", count=len(frames)) if len(frames) > 1 else say("1 slice")
    by_uid = {text(header, "SOPInstanceUID"): header for header in headers}
    yield from _numbers(frames, by_uid, say)
    positions = _values(frames, by_uid, "TemporalPositionIdentifier", "TemporalPositionIndex")
    if len(set(positions)) == 1:
        yield say("temporal position {position}", position=positions[0])
    triggers = _values(frames, by_uid, "TriggerTime", "")
    if len(set(triggers)) == 1:
        yield say("trigger time {time} ms", time=triggers[0])
    yield from _times(frames, by_uid, say)


def _numbers(frames: Sequence[ReferencedFrame], headers: dict[str, Dataset], say: Wording) -> Iterator[str]:
    """Yield the range of the slices' numbers in their series or multi-frame instance."""
    are_frames = frames[0].frame_number is not None
    if are_frames:
        values = [str(frame.frame_number) for frame in frames]
    else:
        values = _values(frames, headers, "InstanceNumber", "")
    numbers = sorted(int(value) for value in values if re.fullmatch(r"[+-]?\d+", value))
    if len(numbers) == len(frames):
        first, last = numbers[0], numbers[-1]
        several, one = FRAME_NUMBERS if are_frames else INSTANCE_NUMBERS
        yield say(several if last > first else one, first=first, last=last)


def _times(frames: Sequence[ReferencedFrame], headers: dict[str, Dataset], say: Wording) -> Iterator[str]:
    for (several, one), keyword, frame_keyword in (
        (ACQUIRED, "AcquisitionDateTime", "FrameAcquisitionDateTime"),
        (ACQUIRED, "AcquisitionTime", ""),
        (MADE, "ContentTime", "FrameReferenceDateTime"),
    ):
        found = [CLOCK.fullmatch(value) for value in sorted(_values(frames, headers, keyword, frame_keyword))]
        clocks = [":".join(match.groups()) for match in found if match]
        if clocks and len(clocks) == len(frames):
            yield say(one if clocks[0] == clocks[-1] else several, first=clocks[0], last=clocks[-1])
            return


def _values(
    frames: Sequence[ReferencedFrame], headers: dict[str, Dataset], keyword: str, frame_keyword: str
) -> list[str]:
    """Return an attribute of each slice as text; for a multi-frame instance, from its Frame Content Sequence.

    Empty where a slice lacks it.
    """
    if not frame_keyword:
        frames = [frame for frame in frames if frame.frame_number is None]
    values = []
    for frame in frames:
        header = headers[str(frame.sop_instance_uid)]
        if frame.frame_number is None:
            value = text(header, keyword)
        else:
            found = attribute_of(header, frame.frame_number, "FrameContentSequence", frame_keyword)
            value = "" if found is None else str(found)
        if not value:
            return []
        values.append(value)
    return values
