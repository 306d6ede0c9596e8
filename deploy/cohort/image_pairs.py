"""NIfTI and NRRD: an image and a mask on the same grid, as research tools write them."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from deploy.cohort.cases import OutlineCase
from deploy.errors import WrongUsage
from deploy.network.dicom_files import files_below
from workers.errors import Reason, RejectedInput
from workers.images.phases import PhaseEvidence, PhaseIdentity
from workers.images.volume import SourceFrame, Volume
from workers.outline.region_of_interest import RegionOfInterest

ENDINGS = (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha")
MASK_WORDS = ("mask", "label", "seg")
SAME_PLACE_MM = 1e-3
SPACING_DECIMALS = 6
"""NIfTI stores single precision: 0.8 mm is read back as 0.800000012."""


def listed_pairs(file: Path) -> list[OutlineCase]:
    """Return the pairs of a CSV with the columns image, mask, patient; optional: case, label, reader, site, scanner.

    Raises
    ------
    WrongUsage
        With the line of what is wrong.
    """
    with file.open(newline="", encoding="utf-8-sig") as stream:
        rows = csv.DictReader(stream)
        missing = {"image", "mask", "patient"} - set(rows.fieldnames or ())
        if missing:
            raise WrongUsage(f"{file}: expected the columns image, mask and patient, found no {min(missing)}")
        cases = [_listed(file, at, row) for at, row in enumerate(rows, start=2)]
    seen: dict[str, int] = {}
    for at, case in enumerate(cases, start=2):
        if case.case in seen:
            raise WrongUsage(
                f"{file}:{at}: duplicate of the case in line {seen[case.case]}",
                "add a column case with a unique name for each row",
            )
        seen[case.case] = at
    return cases


def _listed(file: Path, at: int, row: dict[str, str]) -> OutlineCase:
    image, mask = (file.parent / row[name] for name in ("image", "mask"))
    for path in (image, mask):
        if not path.is_file():
            raise WrongUsage(f"{file}:{at}: {path} is not a file")
    label = row.get("label") or ""
    if label and not label.isdecimal():
        raise WrongUsage(f"{file}:{at}: label: expected a whole number, found {label!r}")
    return OutlineCase(
        case=row.get("case") or row["mask"],
        patient=row["patient"],
        images=(str(image),),
        outline=str(mask),
        series_uid=row["image"],
        label=int(label) if label else None,
        is_pair=True,
        site=row.get("site") or "",
        scanner=row.get("scanner") or "",
        reader=row.get("reader") or "",
    )


def pairs_below(folder: Path) -> list[OutlineCase]:
    """Return the images with masks beside them: ``X_image.nrrd`` and ``X_mask.nrrd`` (or label, or seg).

    Files that are called ``image`` and ``mask`` alone take the name of their folder. Several masks of an image,
    ``X_mask_anna.nii.gz`` and ``X_mask_ben.nii.gz``, are several readers. X is the patient.
    """
    named = {path: _without_ending(path) for path in files_below(folder) if _without_ending(path) is not None}
    images = {(path.parent, name): path for path, name in named.items() if name is not None}
    cases = []
    for path, name in sorted(named.items()):
        for stem, reader in _as_mask(name or ""):
            image = images.get((path.parent, f"{stem}image"))
            if image is None:
                continue
            patient = stem.rstrip("_-.") or path.parent.name
            relative = str(path.relative_to(folder))
            cases.append(
                OutlineCase(
                    case=relative,
                    patient=patient,
                    images=(str(image),),
                    outline=str(path),
                    series_uid=str(image.relative_to(folder)),
                    is_pair=True,
                    reader=reader,
                )
            )
    return cases


def _without_ending(path: Path) -> str | None:
    name = path.name.lower()
    ending = next((ending for ending in ENDINGS if name.endswith(ending)), None)
    return None if ending is None else path.name[: -len(ending)]


def _as_mask(name: str) -> Iterator[tuple[str, str]]:
    """Yield the part of the name before a word such as ``mask``, and the reader after it."""
    for word in MASK_WORDS:
        before, found, after = name.rpartition(word)
        if found and (not before or before[-1] in "_-.") and (not after or after[0] in "_-."):
            yield before, after.lstrip("_-.")
            return


def read_pair(case: OutlineCase) -> tuple[Volume, RegionOfInterest]:
    """Return an image and its mask as the volume and outline that the same data in DICOM would give.

    Axes are flipped to where DICOM writers let them run (columns to the left or back, rows to the back or feet): the
    1 mm grid begins at the first voxel, and a mirrored image would be sampled in other places. The third axis is taken
    for the one across slices.

    Raises
    ------
    RejectedInput
        UNREADABLE_OBJECT, UNSUPPORTED_SEGMENTATION where the mask lies on another grid, EMPTY_SEGMENTATION,
        SEVERAL_TUMOUR_SEGMENTS where several values are in the mask and none was named.
    """
    image, mask = (_read(name) for name in (case.images[0], case.outline))
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
    )
    return volume, RegionOfInterest(_tumour(sitk.GetArrayFromImage(mask), case.label), None)


def _read(name: str) -> Any:
    try:
        image: Any = sitk.ReadImage(name)
    except RuntimeError as error:
        raise RejectedInput(Reason.UNREADABLE_OBJECT, "a file of the pair cannot be read") from error
    if image.GetDimension() == 4 and image.GetSize()[3] == 1:
        image = image[:, :, :, 0]
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise RejectedInput(
            Reason.IRREGULAR_GEOMETRY,
            f"expected three dimensions and one value for each voxel, found {image.GetDimension()} and "
            f"{image.GetNumberOfComponentsPerPixel()}; give one phase of a dynamic series",
        )
    return image


def _check_same_grid(image: Any, mask: Any) -> None:
    same = image.GetSize() == mask.GetSize() and all(
        np.allclose(ours, theirs, rtol=0, atol=SAME_PLACE_MM)
        for ours, theirs in (
            (image.GetSpacing(), mask.GetSpacing()),
            (image.GetOrigin(), mask.GetOrigin()),
            (image.GetDirection(), mask.GetDirection()),
        )
    )
    if not same:
        raise RejectedInput(
            Reason.UNSUPPORTED_SEGMENTATION,
            f"the mask and the image have different grids: {mask.GetSize()} voxels of {mask.GetSpacing()} mm on "
            f"{image.GetSize()} of {image.GetSpacing()} mm, or a different position",
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
