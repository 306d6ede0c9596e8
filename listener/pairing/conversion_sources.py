"""Which images others were converted from, as the converted ones state (PS3.3 sections C.7.6.16.2 and C.12.1).

The Conversion Source Attributes Sequence names them: for each frame of an Enhanced object that was made of classic
images, and for each classic image that was split from an Enhanced object. Source Image Sequence does not count: it
also names the images that a subtraction or projection was computed from.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


class ConversionSources:
    """The sources of converted images, for each series folder; each file is read once.

    Of a series whose images were not converted, one image is read.
    """

    def __init__(self) -> None:
        self._sources: dict[Path, dict[str, frozenset[str]]] = {}

    def of_series(self, folder: Path, instances: frozenset[str]) -> frozenset[str]:
        """Return the SOP Instance UIDs of the images that the instances of a series were converted from."""
        known = self._sources.setdefault(folder, {})
        for uid in sorted(instances - known.keys()):
            if known and not any(known.values()):
                break
            sources = _sources_of(folder / f"{uid}.dcm")
            if sources is not None:
                known[uid] = sources
        return frozenset().union(*known.values())


def _sources_of(path: Path) -> frozenset[str] | None:
    """Return what an image names as its sources; None where it cannot be read."""
    # `radtme status` and other short commands import this module without reading an image.
    from listener.dicom.data_set import UNREADABLE_BYTES, read_attributes
    from listener.dicom.sop_classes import is_image

    header = read_attributes(
        path, "SOPClassUID", "ConversionSourceAttributesSequence", "PerFrameFunctionalGroupsSequence"
    )
    if header is None:
        return None
    try:
        return frozenset(_named(header)) if is_image(str(header.get("SOPClassUID"))) else frozenset()
    except UNREADABLE_BYTES:
        return None


def _named(header: "Dataset") -> Iterator[str]:
    for item in (header, *(header.get("PerFrameFunctionalGroupsSequence") or ())):
        for source in item.get("ConversionSourceAttributesSequence") or ():
            yield str(source.get("ReferencedSOPInstanceUID"))
