"""The images that an outline was drawn on, from its SEG (PS3.3 sections C.7.6.16.2.6, C.12.4 and C.8.20.2)."""

from collections.abc import Iterable, Iterator, Sequence

from pydicom import Dataset

from listener.dicom.sop_classes import are_source_images

References = frozenset[tuple[str, int | None]]
"""Images as SOP Instance UID and frame number; None: the whole instance."""


def outline_references(header: Dataset, tumour_frames: Sequence[Dataset]) -> References:
    """Return the images of the tumour's frames (items of the per-frame functional groups); empty where none is given.

    References of frames come first: a writer may list a whole series although it drew on one phase of it. Frames of
    other segments count only where the tumour's frames have no references: a breast may be outlined on another phase.
    """
    found = map(image_references, _lists(header, tumour_frames))
    return next(filter(None, found), frozenset())


def _lists(header: Dataset, tumour_frames: Sequence[Dataset]) -> Iterator[Iterable[Dataset]]:
    """Yield the lists of source images that a SEG may have, the most exact first; each is decoded only if needed."""
    shared = header.get("SharedFunctionalGroupsSequence") or []
    yield _sources([*shared, *tumour_frames])
    yield _sources(header.get("PerFrameFunctionalGroupsSequence") or [])
    yield [item for series in header.get("ReferencedSeriesSequence") or () for item in _listed(series)]
    yield header.get("SourceImageSequence") or ()


def image_references(items: Iterable[Dataset]) -> References:
    """Return the images that items of an image sequence reference, as whole instances or by frame."""
    found = list(items)
    are_sources = are_source_images([item.get("ReferencedSOPClassUID") for item in found])
    sources = [item for item, is_source in zip(found, are_sources, strict=True) if is_source]
    return frozenset(reference for item in sources for reference in _reference(item))


def source_uids(groups: Dataset) -> frozenset[str]:
    """Return the SOP Instance UIDs of the images that one frame's functional groups reference."""
    return frozenset(uid for uid, _ in image_references(_sources([groups])))


def _listed(series: Dataset) -> Sequence[Dataset]:
    found: Sequence[Dataset] = series.get("ReferencedInstanceSequence") or ()
    return found


def _sources(groups: Iterable[Dataset]) -> list[Dataset]:
    return [
        item
        for group in groups
        for derivation in group.get("DerivationImageSequence") or ()
        for item in derivation.get("SourceImageSequence") or ()
    ]


def _reference(item: Dataset) -> Iterator[tuple[str, int | None]]:
    uid = str(item.get("ReferencedSOPInstanceUID") or "")
    if not uid:
        return
    numbers = item.get("ReferencedFrameNumber")
    if not numbers:
        yield uid, None
        return
    for number in numbers if hasattr(numbers, "__iter__") else [numbers]:
        yield uid, int(number)
