"""Copies: the same picture in two instances, as archives that changed UIDs send it."""

from collections.abc import Iterable, Sequence

from workers.images.frames import Frame
from workers.images.pixels import stored_bytes


def without_copies(frames: Sequence[Frame], referenced: Iterable[str]) -> list[Frame]:
    """Drop copies: classic images that agree in place, time, number and contrast, and in every byte of their pixels.

    The one that ``referenced`` (SOP Instance UIDs) names is kept, else the one whose UID sorts first.
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
