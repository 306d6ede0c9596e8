"""Converted images: an Enhanced object and its classic counterparts (PS3.3 sections C.7.6.16.2 and C.12.1).

The converted side states its source in its Conversion Source Attributes Sequence: for each frame of an Enhanced object,
or for each classic image that was split from one.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pydicom import Dataset
from pydicom.uid import MRImageStorage

from listener.dicom.data_set import UNREADABLE_BYTES
from listener.dicom.sop_classes import IMAGE_CLASSES
from workers.errors import RejectedInput
from workers.images.attributes import text
from workers.images.headers import Instance, read_header, read_image_headers
from workers.limits import Limits
from workers.notes import Note
from workers.outline.outline import Outline
from workers.outline.source_images import References, image_references

NOTE_ENHANCED = Note(
    "The images that the outline references are missing; an Enhanced object converted from them was measured."
)
NOTE_CLASSIC = Note(
    "The Enhanced object that the outline references is missing; images converted from it were measured."
)


def with_converted_images(
    outline: Outline, images: Sequence[Instance], other_series: Sequence[Sequence[Path]], limits: Limits
) -> tuple[Outline, tuple[Instance, ...]]:
    """Return outline and images, with missing images replaced by those that were converted from them."""
    missing = {uid for uid, _ in outline.references} - {one.sop_instance_uid for one in images}
    if not missing:
        return outline, tuple(images)
    converted = [one for one in images if any(_sources(one))]
    converted += [one for paths in other_series for one in _converted(paths, limits)]
    made_of: dict[tuple[str, int | None], set[tuple[str, int | None]]] = defaultdict(set)
    for one in converted:
        for source, own in _sources(one):
            made_of[source].add(own)
            made_of[source[0], None].add(own)
    if not all(made_of.get(reference) for reference in outline.references if reference[0] in missing):
        return outline, tuple(images)
    named = frozenset(own for reference in outline.references for own in made_of.get(reference, {reference}))
    uids = {uid for uid, _ in named}
    used = {one.series_uid for one in converted if one.sop_instance_uid in uids}
    note = NOTE_ENHANCED if any(one.is_multi_frame for one in converted) else NOTE_CLASSIC
    found = replace(
        outline,
        references=named,
        frame_sources=tuple(_instead(uids, made_of) for uids in outline.frame_sources),
        notes=(*outline.notes, note),
    )
    replaced = {one.sop_instance_uid for one in converted} | {uid for uid, _ in made_of}
    kept = [one for one in images if one.sop_instance_uid not in replaced]
    return found, (*kept, *(one for one in converted if one.series_uid in used))


def images_for_contours(
    images: Sequence[Instance], other_series: Sequence[Sequence[Path]], limits: Limits
) -> Sequence[Instance]:
    """Return the images that contours may lie on: those given, else all of the study that came converted."""
    return images or [one for paths in other_series for one in _converted(paths, limits)]


def images_in_other_form(header: Dataset, other_series: Sequence[Sequence[Path]], limits: Limits) -> str:
    """Return a message on images in the other form than the outline references, Enhanced or classic; empty if none."""
    try:
        classes = {str(element.value) for element in header.iterall() if element.keyword == "ReferencedSOPClassUID"}
    except UNREADABLE_BYTES:  # the references of a damaged outline cannot be read
        return ""
    named = {sop_class == MRImageStorage for sop_class in classes & set(IMAGE_CLASSES)}
    frame_of_reference = text(header, "FrameOfReferenceUID")
    for paths in other_series:
        try:
            (first,) = read_image_headers(paths[:1], limits)
        except (RejectedInput, ValueError):  # no MR images
            continue
        is_classic = not first.is_multi_frame
        if named == {not is_classic} and text(first.dataset, "FrameOfReferenceUID") == frame_of_reference:
            form = "classic" if is_classic else "Enhanced"
            return (
                f"series {first.series_uid} of the study holds {form} MR images of the same frame of reference, "
                "without a reference to those that the outline was drawn on: draw it on these"
            )
    return ""


def _converted(paths: Sequence[Path], limits: Limits) -> Iterator[Instance]:
    """Yield the objects of a series; none if its first object was not converted from another."""
    for at, path in enumerate(paths):
        try:
            found = read_header(path, limits)
        except RejectedInput:  # errors in other objects do not affect this outline
            continue
        if at == 0 and not any(_sources(found)):
            return
        yield found


def _sources(instance: Instance) -> Iterator[tuple[tuple[str, int | None], tuple[str, int | None]]]:
    """Yield pairs of a source image and the image that was converted from it, as SOP Instance UID and frame number."""
    uid = instance.sop_instance_uid
    if not instance.is_multi_frame:
        for source in _named(instance.dataset):
            yield source, (uid, None)
        return
    for number, groups in enumerate(instance.dataset.get("PerFrameFunctionalGroupsSequence") or (), start=1):
        for source in _named(groups):
            yield source, (uid, number)


def _named(item: Dataset) -> References:
    return image_references(item.get("ConversionSourceAttributesSequence") or ())


def _instead(
    uids: frozenset[str], made_of: Mapping[tuple[str, int | None], set[tuple[str, int | None]]]
) -> frozenset[str]:
    return frozenset(own for uid in uids for own, _ in made_of.get((uid, None)) or {(uid, None)})
