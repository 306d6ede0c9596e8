"""NIfTI and NRRD: an image and a mask on the same grid, as research tools write them."""

from dataclasses import replace
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from deploy.cohort.cases import OutlineCase
from deploy.cohort.pair_phases import PairPhases, phase_of, read_image, read_phases, same_grid
from model_store.signatures.kinetics import BEFORE_CONTRAST, Kinetics
from model_store.signatures.profile import DEFAULT_PROFILE, Exclusion, FeatureProfile
from workers.errors import Reason, RejectedInput
from workers.images.phases import PhaseEvidence, PhaseIdentity
from workers.images.volume import ONE_PHASE, EarlierPhase, KineticPhases, SourceFrame, Volume
from workers.outline.contrast import ENHANCEMENT
from workers.outline.region_of_interest import RegionOfInterest

SPACING_DECIMALS = 6
"""NIfTI stores single precision: 0.8 mm is read back as 0.800000012."""
LEAST_KEPT = 0.95
"""Share of a mask's volume that is left on the grid of the image; with less it lies outside, or is too thin."""


def read_pair(case: OutlineCase, profile: FeatureProfile = DEFAULT_PROFILE) -> tuple[Volume, RegionOfInterest]:
    """Return an image and its mask as the volume and outline that the same data in DICOM would give.

    Where the case names the other phases of the examination, or the image holds several, those that the profile
    compares with come too: the first one is before contrast.

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
    phases = read_phases(case)
    image, mask = phases.image, phase_of(read_image(case.outline), None)
    if case.resample_mask and not same_grid(image, mask):
        mask = _resampled(mask, image, case.label)
    _check_same_grid(image, mask)
    image, mask = (_as_dicom_stores(one) for one in (image, mask))
    array = sitk.GetArrayFromImage(image)
    if not np.isfinite(array).all() or array.min() == array.max():
        raise RejectedInput(
            Reason.INVALID_PIXELS, "all voxels of the image have the same value, or some are not numbers"
        )
    x, y, z = (round(step, SPACING_DECIMALS) for step in image.GetSpacing())
    tumour = _tumour(sitk.GetArrayFromImage(mask), case.label)
    volume = Volume(
        array=array,
        origin_mm=image.GetOrigin(),
        spacing_mm=(x, y, z),
        direction=np.array(image.GetDirection()).reshape(3, 3),
        frames=tuple(SourceFrame("of a pair", number + 1) for number in range(len(array))),
        headers=(),
        frame_of_reference_uid="",
        phase=PhaseIdentity(1, 1, PhaseEvidence.SINGLE),
        kinetic_phases=_kinetic_phases(phases, profile.kinetics) if profile.kinetics else ONE_PHASE,
    )
    return _in_examination(volume, phases, tumour, profile), RegionOfInterest(tumour, None)


def _in_examination(volume: Volume, phases: PairPhases, tumour: NDArray[np.bool_], profile: FeatureProfile) -> Volume:
    """Return the volume with its number in the examination and the phase before contrast, as far as they are known.

    As with DICOM, the first phase is taken for one before contrast where the tumour enhances after it.
    """
    first = phases.phase(BEFORE_CONTRAST) if phases.number > BEFORE_CONTRAST else None
    if first is None:
        return volume
    earlier = _stored(first)
    before, here = (float(np.median(one[tumour].astype(np.float64))) for one in (earlier, volume.array))
    if before <= 0 or here / before - 1 < ENHANCEMENT:
        return volume
    compared = EarlierPhase(earlier, (0, 0, 0)) if Exclusion.VESSELS in profile.exclusions else None
    return replace(volume, number_in_examination=phases.number, before_contrast=compared)


def _kinetic_phases(phases: PairPhases, which: Kinetics) -> KineticPhases:
    """Return the phases before contrast, early and late of an examination; those that are not there are None."""
    late = which.late or phases.count
    found = {number: phases.phase(number) for number in (BEFORE_CONTRAST, which.early, late)}
    before, early, last = (
        None if image is None else EarlierPhase(_stored(image), (0, 0, 0))
        for image in (found[BEFORE_CONTRAST], found[which.early], found[late])
    )
    if late <= which.early:
        return KineticPhases(before, early, missing=f"there are {phases.count} phases, none after phase {which.early}")
    lacking = ", ".join(str(number) for number, image in found.items() if image is None)
    why = f"of {phases.count} phases, phase {lacking} is not there, cannot be read, or has another grid"
    return KineticPhases(before, early, last, missing=why if lacking else "")


def _stored(image: Any) -> NDArray[np.generic]:
    return np.asarray(sitk.GetArrayFromImage(_as_dicom_stores(image)))


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


def _check_same_grid(image: Any, mask: Any) -> None:
    if not same_grid(image, mask):
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
