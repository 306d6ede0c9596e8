"""Finds the phases of an examination, in the series of a given phase and in other series of the study."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from workers.errors import RejectedInput
from workers.images.acquisition_times import TimeKey, time_keys
from workers.images.attributes import optional_integer
from workers.images.frames import frames_of
from workers.images.headers import Instance, read_image_headers
from workers.images.phases import Phase, split_series
from workers.images.placed_frames import placed_frames
from workers.limits import Limits
from workers.outline.duplicate_images import without_copies
from workers.outline.dynamic_series import same_slices, same_technique


def examination_of(
    phase: Phase, instances: Sequence[Instance], other_series: Sequence[Sequence[Path]], limits: Limits
) -> tuple[Phase, ...]:
    """Return the phases of the examination in order of time, including ``phase``.

    Phases of other series are included where they show the same slices with the same technique. Where de-identification
    removed all times, Series Number gives the order.
    """
    series = phase.frames[0].instance.series_uid
    measured = {frame.instance.sop_instance_uid for frame in phase.frames}
    mine = phases_of([one for one in instances if one.series_uid == series], measured)
    own = [
        phase if other.references == phase.references else other
        for other in mine
        if other.frames[0].contrast == phase.frames[0].contrast and same_slices(phase, other)
    ]
    if phase not in own:
        own = [phase]
    others = [*by_series([one for one in instances if one.series_uid != series]), *_alike(phase, other_series, limits)]
    beside = [
        other
        for part in others
        for other in phases_of(part)
        if same_slices(phase, other) and same_technique(phase, other)
    ]
    keys = keys_of([*own, *beside])
    beside.sort(key=keys.__getitem__)
    before = [other for other in beside if keys[other] < keys[own[0]]]
    after = [other for other in beside if keys[other] > keys[own[-1]]]
    return *before, *own, *after


def keys_of(phases: Sequence[Phase]) -> dict[Phase, tuple[TimeKey, int]]:
    """Return keys that sort phases by time, then by Series Number where all phases have one."""
    found = [optional_integer(phase.frames[0].instance.dataset, "SeriesNumber") for phase in phases]
    numbers = [0 if None in found else number or 0 for number in found]
    return dict(zip(phases, zip(time_keys([phase.frames for phase in phases]), numbers, strict=True), strict=True))


def _alike(phase: Phase, other_series: Sequence[Sequence[Path]], limits: Limits) -> Iterator[list[Instance]]:
    """Yield the other series whose first image has the same technique; further files of the rest are not opened."""
    for paths in filter(None, other_series):  # the folder of a series that is being received may be empty
        with suppress(RejectedInput):  # an unreadable object, or one that is not an MR image, is not a phase
            (first,) = read_image_headers(paths[:1], limits)
            (head,) = split_series(frames_of(first))[:1]
            if same_technique(phase, head):
                yield list(read_image_headers(paths, limits))


def phases_of(instances: Sequence[Instance], preferred: Collection[str] = ()) -> tuple[Phase, ...]:
    """Return the phases of a series; of copies of an image, one in ``preferred`` (SOP Instance UIDs) counts."""
    try:
        return split_series(without_copies(placed_frames(instances), preferred)) if instances else ()
    except RejectedInput:
        return ()


def by_series(instances: Sequence[Instance]) -> list[list[Instance]]:
    """Return the instances of each series."""
    groups: dict[str, list[Instance]] = {}
    for instance in instances:
        groups.setdefault(instance.series_uid, []).append(instance)
    return list(groups.values())
