"""The original images of an examination, for an outline that was drawn on a subtraction of them, or a map."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from workers.errors import RejectedInput
from workers.images.attributes import text
from workers.images.headers import Instance, read_image_headers
from workers.images.technique import derivation, names_a_computation, other_technique
from workers.limits import Limits
from workers.outline.outline import Outline


def with_original_images(
    outline: Outline, images: Sequence[Instance], other_series: Sequence[Sequence[Path]], limits: Limits
) -> tuple[Instance, ...]:
    """Return the images; with the study's original ones if those that the outline references are all computed ones."""
    referenced = {uid for uid, _ in outline.references}
    drawn_on = [one for one in images if one.sop_instance_uid in referenced or one.series_uid in outline.named_series]
    if not drawn_on or not all(names_a_computation(one.dataset, _first_frame(one)) for one in drawn_on):
        return tuple(images)
    return (*images, *_originals(text(drawn_on[0].dataset, "FrameOfReferenceUID"), other_series, limits))


def _originals(frame_of_reference: str, other_series: Sequence[Sequence[Path]], limits: Limits) -> Iterator[Instance]:
    """Yield the images of the other series of the frame of reference that may be phases, by their first image."""
    for paths in filter(None, other_series):
        with suppress(RejectedInput):  # an unreadable object, or one that is not an MR image, is not a phase
            (first,) = read_image_headers(paths[:1], limits)
            excluded = derivation(first.dataset, _first_frame(first)) or other_technique(
                first.dataset, _first_frame(first)
            )
            if not excluded and text(first.dataset, "FrameOfReferenceUID") == frame_of_reference:
                yield from read_image_headers(paths, limits)


def _first_frame(image: Instance) -> int | None:
    return 1 if image.is_multi_frame else None
