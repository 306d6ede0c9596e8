"""Images in another form: an Enhanced object that says which images it was converted from (PS3.3 C.7.6.16.2)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from workers.errors import RejectedInput
from workers.images.headers import Instance, read_header
from workers.limits import Limits
from workers.notes import Note
from workers.outline.outline import Outline

NOTE = Note(
    "The images that the outline names did not come; an Enhanced object that was converted from them was measured."
)


def with_converted_images(
    outline: Outline, images: Sequence[Instance], other_series: Sequence[Sequence[Path]], limits: Limits
) -> tuple[Outline, tuple[Instance, ...]]:
    """Return outline and images; where named images are missing, the objects converted from them and their frames."""
    missing = {uid for uid, _ in outline.references} - {one.sop_instance_uid for one in images}
    if not missing:
        return outline, tuple(images)
    converted = [one for paths in other_series if len(paths) <= len(missing) for one in _readable(paths, limits)]
    frames = {uid: frame for one in converted for uid, frame in _sources(one).items()}
    if not missing <= frames.keys():
        return outline, tuple(images)
    named = frozenset(frames.get(uid, (uid, number)) for uid, number in outline.references)
    sources = tuple(
        frozenset(frames[uid][0] if uid in frames else uid for uid in uids) for uids in outline.frame_sources
    )
    used = {uid for uid, _ in named}
    found = replace(outline, references=named, frame_sources=sources, notes=(*outline.notes, NOTE))
    return found, tuple(one for one in (*images, *converted) if one.sop_instance_uid in used)


def _readable(paths: Sequence[Path], limits: Limits) -> list[Instance]:
    found = []
    for path in paths:
        try:
            found.append(read_header(path, limits))
        except RejectedInput:  # what is wrong with another object does not concern this outline
            continue
    return found


def _sources(instance: Instance) -> Mapping[str, tuple[str, int]]:
    """Return, by SOP Instance UID of a classic image, the object and frame that was made of it."""
    per_frame = instance.dataset.get("PerFrameFunctionalGroupsSequence") or ()
    return {
        str(item.get("ReferencedSOPInstanceUID", "")): (instance.sop_instance_uid, number)
        for number, groups in enumerate(per_frame, start=1)
        for item in groups.get("ConversionSourceAttributesSequence") or ()
    }
