"""Removes duplicates: the same image in two instances, sent by archives that changed UIDs."""

from collections.abc import Iterable, Sequence

from workers.images.frames import Frame
from workers.images.pixels import stored_bytes


def without_copies(frames: Sequence[Frame], referenced: Iterable[str]) -> list[Frame]:
    """Drop duplicates: classic images that agree in position, time, number, contrast and every byte of pixel data.

    Of each group, an image that is in ``referenced`` (SOP Instance UIDs) is kept, else the one with the lowest UID.
    """
    preferred = frozenset(referenced)
    groups: dict[tuple[object, ...], list[Frame]] = {}
    for frame in frames:
        groups.setdefault(_identity(frame), []).append(frame)
    kept: list[Frame] = []
    for group in groups.values():
        kept.extend(group if len(group) == 1 else _distinct(group, preferred))
    return kept


def _identity(frame: Frame) -> tuple[object, ...]:
    return (
        frame.plane,
        frame.contrast,
        frame.temporal_position,
        frame.trigger_time_ms,
        frame.instance_number,
        frame.acquisition_time,
        frame.content_time,
        frame.number,
    )


def _distinct(frames: Sequence[Frame], preferred: frozenset[str]) -> list[Frame]:
    def rank(frame: Frame) -> tuple[bool, str]:
        uid = frame.instance.sop_instance_uid
        return uid not in preferred, uid

    seen: dict[bytes, Frame] = {}
    for frame in sorted(frames, key=rank):
        seen.setdefault(stored_bytes(frame.instance), frame)
    return list(seen.values())
