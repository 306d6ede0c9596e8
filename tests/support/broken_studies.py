"""Studies that must not be scored, each with one defect, made from a small phantom."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom import Dataset, dcmread
from pydicom.sequence import Sequence
from pydicom.uid import UID

from deploy.simulation.phantom import Phantom, write_phantom

SMALL = {"slices": 24, "rows": 96, "columns": 96, "spacing_mm": (2.5, 1.5, 1.5), "tumour_diameter_mm": 18.0}


@dataclass(frozen=True)
class BrokenStudy:
    """A study on disk, and the reason that it has to be refused for."""

    name: str
    reason: str
    folder: Path
    study_uid: str
    seg_uid: str


def edit(path: Path, change: Callable[[Dataset], None]) -> None:
    """Change one DICOM file in place."""
    dataset = dcmread(path)
    change(dataset)
    dataset.save_as(path)


def frames_of(seg: Dataset) -> np.ndarray:
    """Return the frames of a SEG as 0 and 1."""
    return np.atleast_3d(seg.pixel_array.astype(np.uint8).reshape(-1, seg.Rows, seg.Columns))


def set_frames(seg: Dataset, frames: np.ndarray) -> None:
    """Put frames of 0 and 1 into a BINARY SEG (PS3.5 section 8.1.1: bits run on without padding between frames)."""
    packed = np.packbits(frames.reshape(-1).astype(np.uint8), bitorder="little").tobytes()
    seg.PixelData = packed + b"\0" * (len(packed) % 2)


def empty_segmentation(phantom: Phantom) -> None:
    """Draw nothing."""
    edit(phantom.seg_path, lambda seg: set_frames(seg, np.zeros_like(frames_of(seg))))


def outside_volume(phantom: Phantom) -> None:
    """Draw it half a metre beside the patient."""

    def move(seg: Dataset) -> None:
        for frame in seg.PerFrameFunctionalGroupsSequence:
            plane = frame.PlanePositionSequence[0]
            x, y, z = plane.ImagePositionPatient
            plane.ImagePositionPatient = [x + 500, y, z]

    edit(phantom.seg_path, move)


def other_frame_of_reference(phantom: Phantom) -> None:
    """Draw it in the coordinates of another examination, where the patient lay half a slice apart."""

    def move(seg: Dataset) -> None:
        seg.FrameOfReferenceUID = UID("2.25.4711")
        for frame in seg.PerFrameFunctionalGroupsSequence:
            plane = frame.PlanePositionSequence[0]
            plane.ImagePositionPatient = [float(value) + 1.25 for value in plane.ImagePositionPatient]

    edit(phantom.seg_path, move)


def missing_instance(phantom: Phantom) -> None:
    """Keep back an image that the outline names."""
    phantom.image_paths[1][12].unlink()


def missing_slice(phantom: Phantom) -> None:
    """Leave a gap in the measured phase that the outline does not name."""
    gap = dcmread(phantom.image_paths[1][3], stop_before_pixels=True).SOPInstanceUID
    phantom.image_paths[1][3].unlink()

    def forget(seg: Dataset) -> None:
        keep = [
            frame
            for frame in seg.PerFrameFunctionalGroupsSequence
            if frame.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID != gap
        ]
        assert len(keep) == len(seg.PerFrameFunctionalGroupsSequence), "the gap must lie outside the tumour"
        for series in seg.ReferencedSeriesSequence:
            series.ReferencedInstanceSequence = Sequence(
                item for item in series.ReferencedInstanceSequence if item.ReferencedSOPInstanceUID != gap
            )

    edit(phantom.seg_path, forget)


def tumour_too_small(phantom: Phantom) -> None:
    """Draw four voxels on each of two slices."""

    def shrink(seg: Dataset) -> None:
        frames = frames_of(seg)
        middle = frames.shape[0] // 2
        inside = np.argwhere(frames[middle])
        y, x = inside[len(inside) // 2]
        frames[:] = 0
        frames[middle - 1 : middle + 1, y : y + 2, x : x + 2] = 1
        set_frames(seg, frames)

    edit(phantom.seg_path, shrink)


def no_tumour_segment(phantom: Phantom) -> None:
    """Call it the breast."""

    def rename(seg: Dataset) -> None:
        segment = seg.SegmentSequence[0]
        category, kind = Dataset(), Dataset()
        category.CodeValue, category.CodingSchemeDesignator = "123037004", "SCT"
        category.CodeMeaning = "Anatomical Structure"
        kind.CodeValue, kind.CodingSchemeDesignator, kind.CodeMeaning = "76752008", "SCT", "Breast"
        segment.SegmentedPropertyCategoryCodeSequence = Sequence([category])
        segment.SegmentedPropertyTypeCodeSequence = Sequence([kind])
        segment.SegmentLabel = "Breast"

    edit(phantom.seg_path, rename)


def constant_pixels(phantom: Phantom) -> None:
    """Store images that hold one value only."""

    def flatten(image: Dataset) -> None:
        image.PixelData = np.full((image.Rows, image.Columns), 700, np.uint16).tobytes()

    for path in phantom.image_paths[1]:
        edit(path, flatten)


def not_a_number(phantom: Phantom) -> None:
    """Rescale one slice by something that is no number."""

    def spoil(image: Dataset) -> None:
        image.RescaleIntercept, image.RescaleSlope, image.RescaleType = "0", "nan", "US"

    edit(phantom.image_paths[1][12], spoil)


def unknown_phase(phantom: Phantom) -> None:
    """Draw it on images of two phases at once."""
    other = [dcmread(path, stop_before_pixels=True).SOPInstanceUID for path in phantom.image_paths[2]]

    def mix(seg: Dataset) -> None:
        frames = seg.PerFrameFunctionalGroupsSequence
        for frame in frames[: len(frames) // 2]:
            source = frame.DerivationImageSequence[0].SourceImageSequence[0]
            measured = [dcmread(p, stop_before_pixels=True).SOPInstanceUID for p in phantom.image_paths[1]]
            source.ReferencedSOPInstanceUID = other[measured.index(source.ReferencedSOPInstanceUID)]

    edit(phantom.seg_path, mix)


WAYS: dict[str, tuple[str, Callable[[Phantom], None]]] = {
    way.__name__: (reason, way)
    for reason, way in (
        ("empty_segmentation", empty_segmentation),
        ("outside_volume", outside_volume),
        ("other_frame_of_reference", other_frame_of_reference),
        ("missing_instances", missing_instance),
        ("missing_slices", missing_slice),
        ("tumour_too_small", tumour_too_small),
        ("no_tumour_segment", no_tumour_segment),
        ("invalid_pixels", constant_pixels),
        ("unreadable_object", not_a_number),
        ("unknown_phase", unknown_phase),
    )
}


def break_study(folder: Path, way: str, seed: int) -> BrokenStudy:
    """Write a phantom and break it in the named way."""
    reason, spoil = WAYS[way]
    phantom = write_phantom(folder, seed, **SMALL)
    spoil(phantom)
    seg_uid = dcmread(phantom.seg_path, stop_before_pixels=True).SOPInstanceUID
    return BrokenStudy(way, reason, folder, phantom.study_uid, seg_uid)
