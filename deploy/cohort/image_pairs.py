"""NIfTI and NRRD: an image and a mask on the same grid, as research tools write them."""

from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from deploy.cohort.cases import OutlineCase
from model_store.signatures.kinetics import BEFORE_CONTRAST, Kinetics
from workers.errors import Reason, RejectedInput
from workers.images.phases import PhaseEvidence, PhaseIdentity
from workers.images.volume import ONE_PHASE, EarlierPhase, KineticPhases, SourceFrame, Volume
from workers.outline.region_of_interest import RegionOfInterest

SAME_PLACE_MM = 1e-3
SPACING_DECIMALS = 6
"""NIfTI stores single precision: 0.8 mm is read back as 0.800000012."""
LEAST_KEPT = 0.95
"""Share of a mask's volume that is left on the grid of the image; with less it lies outside, or is too thin."""


def read_pair(case: OutlineCase, kinetics: Kinetics | None = None) -> tuple[Volume, RegionOfInterest]:
    """Return an image and its mask as the volume and outline that the same data in DICOM would give.

    With ``kinetics``, the other phases of an image of several come too: the first one is before contrast.

    Axes are flipped to where DICOM writers let them run (columns to the left or back, rows to the back or feet): the
    1 mm grid begins at the first voxel, and a mirrored image would be sampled in other places. The third axis is taken
    for the one across slices.

    Raises
    ------
    RejectedInput
        UNREADABLE_OBJECT, IRREGULAR_GEOMETRY where an image holds several phases and none of them is named,
        UNSUPPORTED_SEGMENTATION where the mask lies on another grid, EMPTY_SEGMENTATION,
        SEVERAL_TUMOUR_SEGMENTS where several values are in the mask and none was named.
    """
    whole = _read(case.images[0])
    image, mask = _phase_of(whole, case.phase), _phase_of(_read(case.outline), None)
    if case.resample_mask and not _same_grid(image, mask):
        mask = _resampled(mask, image, case.label)
    _check_same_grid(image, mask)
    image, mask = (_as_dicom_stores(one) for one in (image, mask))
    array = sitk.GetArrayFromImage(image)
    if not np.isfinite(array).all() or array.min() == array.max():
        raise RejectedInput(
            Reason.INVALID_PIXELS, "all voxels of the image have the same value, or some are not numbers"
        )
    x, y, z = (round(step, SPACING_DECIMALS) for step in image.GetSpacing())
    volume = Volume(
        array=array,
        origin_mm=image.GetOrigin(),
        spacing_mm=(x, y, z),
        direction=np.array(image.GetDirection()).reshape(3, 3),
        frames=tuple(SourceFrame("of a pair", number + 1) for number in range(len(array))),
        headers=(),
        frame_of_reference_uid="",
        phase=PhaseIdentity(1, 1, PhaseEvidence.SINGLE),
        kinetic_phases=_kinetic_phases(whole, kinetics) if kinetics else ONE_PHASE,
    )
    return volume, RegionOfInterest(_tumour(sitk.GetArrayFromImage(mask), case.label), None)


def _kinetic_phases(whole: Any, which: Kinetics) -> KineticPhases:
    """Return the phases before contrast, early and late of an image; those that it does not hold are None."""
    phases = whole.GetSize()[3] if whole.GetDimension() == 4 else whole.GetNumberOfComponentsPerPixel()
    late = which.late or phases
    if late <= which.early:
        return KineticPhases(missing=f"the image holds {phases} phases, none after phase {which.early}")
    if late > phases:
        return KineticPhases(missing=f"the image holds {phases} phases, and phase {late} is needed")
    before, early, last = (
        EarlierPhase(sitk.GetArrayFromImage(_as_dicom_stores(_phase_of(whole, number))), (0, 0, 0))
        for number in (BEFORE_CONTRAST, which.early, late)
    )
    return KineticPhases(before, early, last, missing="")


def _read(name: str) -> Any:
    try:
        image: Any = sitk.ReadImage(name)
    except RuntimeError as error:
        raise RejectedInput(Reason.UNREADABLE_OBJECT, "a file of the pair cannot be read") from error
    return image


def _phase_of(image: Any, phase: int | None) -> Any:
    """Return one phase of an image: of four dimensions, or with several values for each voxel. Phases count from 1."""
    phases = image.GetSize()[3] if image.GetDimension() == 4 else image.GetNumberOfComponentsPerPixel()
    if image.GetDimension() not in (3, 4) or (image.GetDimension() == 4 and image.GetNumberOfComponentsPerPixel() > 1):
        raise RejectedInput(Reason.IRREGULAR_GEOMETRY, f"expected 3 or 4 dimensions, found {image.GetDimension()}")
    if (phase is None and phases > 1) or (phase or 1) > phases:
        wanted = "none is named" if phase is None else f"{phase} was named"
        raise RejectedInput(
            Reason.IRREGULAR_GEOMETRY, f"the image holds {phases} phases, and {wanted}; name one of them"
        )
    index = (phase or 1) - 1 if phases > 1 else 0
    if image.GetDimension() == 4:
        return image[:, :, :, index]
    select: Any = sitk.VectorIndexSelectionCast
    return select(image, index) if phases > 1 else image


def _resampled(mask: Any, image: Any, label: int | None) -> Any:
    """Return the mask on the grid of the image: the value of the nearest voxel."""
    identity: Any = sitk.Transform
    found = sitk.Resample(mask, image, identity(), sitk.sitkNearestNeighbor, 0.0, mask.GetPixelID())
    before, after = (_volume(one, label) for one in (mask, found))
    if after < LEAST_KEPT * before:
        raise RejectedInput(
            Reason.UNSUPPORTED_SEGMENTATION,
            f"of {before / 1000:.2f} mL of the mask, {after / 1000:.2f} mL are left on the grid of the image: it lies "
            "outside in part, or its structures are thinner than a voxel",
        )
    return found


def _volume(mask: Any, label: int | None) -> float:
    array = sitk.GetArrayViewFromImage(mask)
    return float(np.prod(mask.GetSpacing()) * np.count_nonzero(array if label is None else array == label))


def _same_grid(image: Any, mask: Any) -> bool:
    return image.GetSize() == mask.GetSize() and all(
        np.allclose(ours, theirs, rtol=0, atol=SAME_PLACE_MM)
        for ours, theirs in (
            (image.GetSpacing(), mask.GetSpacing()),
            (image.GetOrigin(), mask.GetOrigin()),
            (image.GetDirection(), mask.GetDirection()),
        )
    )


def _check_same_grid(image: Any, mask: Any) -> None:
    if not _same_grid(image, mask):
        raise RejectedInput(
            Reason.UNSUPPORTED_SEGMENTATION,
            f"the mask and the image have different grids: {mask.GetSize()} voxels of {mask.GetSpacing()} mm on "
            f"{image.GetSize()} of {image.GetSpacing()} mm, or a different position; extract.resample_masks: nearest "
            "resamples masks",
        )


def _as_dicom_stores(image: Any) -> Any:
    direction = np.array(image.GetDirection()).reshape(3, 3)
    flips = []
    for axis in range(2):
        along = int(np.argmax(np.abs(direction[:, axis])))
        flips.append(bool((direction[along, axis] < 0) != (along == 2)))
    turned = direction * np.where([*flips, False], -1, 1)
    flips.append(bool(np.dot(np.cross(turned[:, 0], turned[:, 1]), turned[:, 2]) < 0))
    flip: Any = sitk.Flip
    return flip(image, flips)


def _tumour(mask: NDArray[np.generic], label: int | None) -> NDArray[np.bool_]:
    if label is None:
        values = np.unique(mask[mask != 0])
        if len(values) > 1:
            raise RejectedInput(
                Reason.SEVERAL_TUMOUR_SEGMENTS,
                f"the mask contains {len(values)} label values, and none is marked as the tumour; list the pair with "
                "its label",
            )
        tumour = mask != 0
    else:
        tumour = mask == label
    if not tumour.any():
        raise RejectedInput(Reason.EMPTY_SEGMENTATION, "the mask contains no tumour voxel")
    return np.asarray(tumour)
