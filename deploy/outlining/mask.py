"""Mask files: NIfTI, NRRD (with the segments that 3D Slicer names in it) and MetaImage, read by SimpleITK."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from deploy.configuration.folder_checks import is_utf8
from deploy.errors import CommandError

ENDINGS = (".nii.gz", ".nii", ".seg.nrrd", ".nrrd", ".nhdr", ".mha", ".mhd")
SLICER_SEGMENT = re.compile(r"Segment(\d+)_ID")
"""3D Slicer writes one such key for each segment of a .seg.nrrd."""
LABEL_LENGTH = 64
"""Of a SegmentLabel (value representation LO)."""


@dataclass(frozen=True)
class WantedLabel:
    """A value of the mask that is a tumour, as given on the command line: ``2``, or ``2=Left, upper outer``."""

    value: int
    name: str = ""

    @classmethod
    def parse(cls, text: str) -> "WantedLabel":
        """Read ``VALUE`` or ``VALUE=NAME``.

        Raises
        ------
        ValueError
            If the value is no whole number above 0, or the name is too long.
        """
        value, _, name = text.partition("=")
        if not value.strip().isdecimal() or int(value) < 1:
            raise ValueError(f"expected a label such as 1, or 1=Left, found {text!r}")
        if len(name) > LABEL_LENGTH or "\\" in name:
            raise ValueError(f"expected a name of at most {LABEL_LENGTH} characters without backslash, found {name!r}")
        return cls(int(value), name.strip())


@dataclass(frozen=True, eq=False)
class LabelledRegion:
    """One region of a mask file."""

    value: int
    name: str
    """Empty where neither the file nor the user names it."""
    voxels: NDArray[np.bool_]
    """In the mask's own grid (z, y, x)."""


@dataclass(frozen=True, eq=False)
class Mask:
    """A mask file: its regions and its grid, in patient coordinates as DICOM has them (left, posterior, superior)."""

    path: Path
    regions: tuple[LabelledRegion, ...]
    shape: tuple[int, int, int]
    """z, y, x."""
    origin_mm: tuple[float, ...]
    """Centre of the first voxel (x, y, z)."""
    spacing_mm: tuple[float, ...]
    """Along the x, y and z index."""
    direction: NDArray[np.float64]
    """3 x 3; the columns are the unit vectors of the x, y and z index."""

    def points_of(self, indices: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the points in patient coordinates (mm) of indices (x, y, z)."""
        return np.asarray(indices * np.array(self.spacing_mm) @ self.direction.T + self.origin_mm)


def stem_of(path: Path) -> str:
    """Return the name of a mask file without its ending."""
    ending = next((ending for ending in ENDINGS if path.name.lower().endswith(ending)), path.suffix)
    return path.name[: len(path.name) - len(ending)]


def read_mask(path: Path, wanted: Sequence[WantedLabel] = ()) -> Mask:
    """Read the wanted labels of a mask file; without any, the only one that it holds.

    Raises
    ------
    CommandError
        If it cannot be read, is no mask of three dimensions, holds none of the labels, or several and none was wanted.
    """
    image = _read(path)
    found = dict(_regions(path, image))
    if not found:
        raise CommandError(f"{path}: the mask is empty: all voxels are 0", "save the segmentation again")
    named = wanted or _the_only(path, found)
    missing = [one.value for one in named if one.value not in found]
    if missing:
        raise CommandError(f"{path}: no voxel has the label {missing[0]}", f"the mask has the labels: {_listed(found)}")
    x, y, z = image.GetSize()
    return Mask(
        path=path,
        regions=tuple(
            LabelledRegion(one.value, one.name or found[one.value].name, found[one.value].voxels) for one in named
        ),
        shape=(z, y, x),
        origin_mm=image.GetOrigin(),
        spacing_mm=image.GetSpacing(),
        direction=np.array(image.GetDirection()).reshape(3, 3),
    )


def _read(path: Path) -> Any:
    if not is_utf8(path):  # ITK would end the process
        raise CommandError(f"{path}: the path is not UTF-8 text", "rename the file or its folder")
    try:
        image: Any = sitk.ReadImage(str(path))
    except RuntimeError as error:
        if "orthonormal" in str(error) or "Orthonormal" in str(error):
            raise CommandError(
                f"{path}: its axes are not orthogonal (sform of the NIfTI header)",
                "export it again, or as NRRD",
            ) from error
        raise CommandError(f"{path}: cannot be read as NIfTI, NRRD or MetaImage", "save it again as .nii.gz") from error
    if image.GetDimension() == 4 and image.GetSize()[3] == 1:
        image = image[:, :, :, 0]
    if image.GetDimension() != 3:
        raise CommandError(
            f"{path}: expected a mask of 3 dimensions, found {image.GetDimension()}",
            "save the mask of one phase, as a volume",
        )
    return image


def _regions(path: Path, image: Any) -> Iterator[tuple[int, LabelledRegion]]:
    """Yield the regions by the value that the user selects them with."""
    array = sitk.GetArrayViewFromImage(image)
    if not np.isfinite(array).all() or (array != np.rint(array)).any():
        raise CommandError(
            f"{path}: its values are not whole numbers; a probability map is not an outline",
            "apply a threshold, such as 0.5, in the program that created it, and save the mask",
        )
    segments = dict(_slicer_segments(image))
    layers = array[..., np.newaxis] if array.ndim == 3 else array
    if layers.shape[-1] > 1 and not segments:
        raise CommandError(
            f"{path}: {layers.shape[-1]} values for each voxel", "save a mask with one value for each voxel"
        )
    if segments:
        # Segments of different layers may have one value: a person counts them as Slicer lists them.
        clash = len({value for value, _, _ in segments.values()}) < len(segments)
        for number, (value, layer, name) in segments.items():
            voxels = np.asarray(layers[..., layer] == value)
            key = number + 1 if clash else value
            if voxels.any():
                yield key, LabelledRegion(key, name, voxels)
        return
    for value in np.unique(layers):
        if value:
            yield int(value), LabelledRegion(int(value), "", np.asarray(layers[..., 0] == value))


def _slicer_segments(image: Any) -> Iterator[tuple[int, tuple[int, int, str]]]:
    """Yield number, label value, layer and name of the segments that 3D Slicer describes in a .seg.nrrd."""
    keys = image.GetMetaDataKeys()
    for key in keys:
        match = SLICER_SEGMENT.fullmatch(key)
        if match is None:
            continue
        prefix = f"Segment{match[1]}_"
        said = {
            name: image.GetMetaData(prefix + name) for name in ("LabelValue", "Layer", "Name") if prefix + name in keys
        }
        if said.get("LabelValue", "").strip().isdecimal():
            layer = int(said["Layer"]) if said.get("Layer", "").isdecimal() else 0
            yield int(match[1]), (int(said["LabelValue"]), layer, said.get("Name", "")[:LABEL_LENGTH])


def _the_only(path: Path, found: Mapping[int, LabelledRegion]) -> tuple[WantedLabel, ...]:
    if len(found) > 1:
        raise CommandError(
            f"{path}: it has {len(found)} labels, and none is marked as the tumour: {_listed(found)}",
            f"give the tumour's label with --label {min(found)}; for several tumours, repeat --label",
        )
    return (WantedLabel(next(iter(found))),)


def _listed(found: Mapping[int, LabelledRegion]) -> str:
    return ", ".join(
        f"{value}{f' ({one.name})' if one.name else ''}: {np.count_nonzero(one.voxels)} voxels"
        for value, one in sorted(found.items())
    )
