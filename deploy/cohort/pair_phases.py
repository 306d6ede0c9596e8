"""The phases of the examination that the image of a pair belongs to: all in one file, or each in a file of its own."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from deploy.cohort.cases import OutlineCase
from deploy.configuration.folder_checks import is_utf8
from workers.errors import Reason, RejectedInput

SAME_PLACE_MM = 1e-3


@dataclass(frozen=True, eq=False)
class PairPhases:
    """Phases in order of time, counted from 1."""

    image: Any
    """The measured one, in three dimensions."""
    number: int
    """Of the measured one."""
    count: int
    whole: Any
    """What the file of the measured one holds."""
    files: tuple[str, ...] = ()
    """One for each phase; empty where one file holds all of them."""

    def phase(self, number: int) -> Any | None:
        """Return a phase in three dimensions; None where it is not there, cannot be read, or has another grid."""
        if not 1 <= number <= self.count:
            return None
        try:
            found = phase_of(read_image(self.files[number - 1]), None) if self.files else phase_of(self.whole, number)
        except RejectedInput:  # what cannot be read cannot be compared with
            return None
        return found if same_grid(found, self.image) else None


def read_phases(case: OutlineCase) -> PairPhases:
    """Return the image of a pair, with the other phases of its examination as far as the case names them.

    Raises
    ------
    RejectedInput
        UNREADABLE_OBJECT, IRREGULAR_GEOMETRY where an image holds several phases and none of them is named.
    """
    whole = read_image(case.images[0])
    count = _phases_in(whole)
    if not case.phase_files:
        return PairPhases(phase_of(whole, case.phase), case.phase or 1, count, whole)
    if count > 1:
        raise RejectedInput(
            Reason.IRREGULAR_GEOMETRY, f"the image holds {count} phases; of phases in a file each, one is expected"
        )
    number = case.phase_files.index(case.images[0]) + 1
    return PairPhases(phase_of(whole, None), number, len(case.phase_files), whole, case.phase_files)


def read_image(name: str) -> Any:
    """Read a file.

    Raises
    ------
    RejectedInput
        UNREADABLE_OBJECT.
    """
    if not is_utf8(Path(name)):  # ITK would end the process
        raise RejectedInput(Reason.UNREADABLE_OBJECT, "the path of a file of the pair is not UTF-8 text")
    try:
        image: Any = sitk.ReadImage(name)
    except RuntimeError as error:
        raise RejectedInput(Reason.UNREADABLE_OBJECT, "a file of the pair cannot be read") from error
    return image


def phase_of(image: Any, phase: int | None) -> Any:
    """Return one phase of an image: of four dimensions, or with several values for each voxel. Phases count from 1.

    Raises
    ------
    RejectedInput
        IRREGULAR_GEOMETRY: there is no such phase, or none is named where there are several.
    """
    phases = _phases_in(image)
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


def _phases_in(image: Any) -> int:
    count: int = image.GetSize()[3] if image.GetDimension() == 4 else image.GetNumberOfComponentsPerPixel()
    return count


def same_grid(one: Any, other: Any) -> bool:
    """Return whether two images have the same voxels."""
    return one.GetSize() == other.GetSize() and all(
        np.allclose(ours, theirs, rtol=0, atol=SAME_PLACE_MM)
        for ours, theirs in (
            (one.GetSpacing(), other.GetSpacing()),
            (one.GetOrigin(), other.GetOrigin()),
            (one.GetDirection(), other.GetDirection()),
        )
    )
