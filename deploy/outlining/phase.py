"""Finds the phase that a mask was drawn on: among those in a folder whose grid it fits."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deploy.errors import CommandError
from deploy.network.dicom_files import DicomFile, files_below, read_all
from deploy.outlining.mask import Mask
from deploy.outlining.placement import Placement, differences, placement_on
from listener.dicom.sop_classes import is_image
from workers.errors import RejectedInput
from workers.images.acquisition_times import time_keys
from workers.images.attributes import text
from workers.images.frames import Frame, frames_of
from workers.images.headers import read_header
from workers.images.phases import Phase, across_series, split_series
from workers.images.slice_geometry import ROUNDING_MM
from workers.images.volume import Grid, grid_of
from workers.outline.dynamic_series import TECHNIQUE
from workers.outline.region_of_interest import OFF_GRID_VOXELS

FIRST_POST_CONTRAST = 2


@dataclass(frozen=True, eq=False)
class OutlinedPhase:
    """A phase whose grid the mask fits."""

    phase: Phase
    grid: Grid
    placement: Placement
    number: int = 0
    """Its number among the phases that fit, from 1 in the order of time."""
    count: int = 0

    @property
    def frames(self) -> list[Frame]:
        """Its frames in slice order."""
        normal = self.grid.direction[:, 2]
        return sorted(self.phase.frames, key=lambda frame: float(np.dot(frame.plane.position, normal)))

    def __str__(self) -> str:
        header = self.phase.frames[0].instance.dataset
        said = f"series {text(header, 'SeriesNumber') or '?'}, {len(self.phase.frames)} slices"
        moment = min(frame.acquisition_time or frame.content_time for frame in self.phase.frames)
        return f"{self.number}: {said}" + (f", taken at {moment[8:14]}" if len(moment) >= 14 else "")


def phases_below(folder: Path) -> list[Phase]:
    """Return the phases of all MR series in a folder and below; a series that cannot be split is passed over.

    Raises
    ------
    CommandError
        If there is no MR image, or none of its series can be read, with why.
    """
    files = [one for one in read_all(files_below(folder)) if isinstance(one, DicomFile) and is_image(one.sop_class_uid)]
    if not files:
        raise CommandError(f"{folder}: contains no DICOM MR image", "give the folder with the images of the series")
    series: dict[str, dict[str, list[Frame]]] = {}
    phases: list[Phase] = []
    troubles: list[str] = []
    for file in files:
        try:
            instance = read_header(file.path)
            frames = list(frames_of(instance))
        except RejectedInput as error:
            troubles.append(str(error))
            continue
        series.setdefault(instance.series_uid, {}).setdefault(instance.sop_instance_uid, frames)
    for instances in series.values():
        try:
            phases.extend(split_series([frame for frames in instances.values() for frame in frames]))
        except RejectedInput as error:
            troubles.append(str(error))
    if not phases:
        raise CommandError(f"{folder}: none of its series can be read", troubles[0])
    return phases


def outlined_phase(mask: Mask, phases: Sequence[Phase], wanted: int | None = None) -> OutlinedPhase:
    """Return the phase that the mask was drawn on: the ``wanted`` one of those that it fits.

    Without ``wanted`` it is the only one, or the first after contrast of a dynamic examination.

    Raises
    ------
    CommandError
        If the mask fits none, with what differs; or if nothing decides between several.
    """
    fitting, closest = _fitting(mask, phases)
    if not fitting:
        raise CommandError(
            f"{mask.path}: its grid differs from that of the images: {closest} "
            f"(voxel centres may differ by {OFF_GRID_VOXELS:g} of a voxel, or by {ROUNDING_MM:g} mm)",
            "export the mask on the grid of the images, without resampling; or give the folder of the series that it "
            "was drawn on",
        )
    if len({text(one.phase.frames[0].instance.dataset, "StudyInstanceUID") for one in fitting}) > 1:
        raise CommandError(f"{mask.path}: it matches images of several studies", "give the folder of one study")
    ordered = _numbered(fitting)
    listed = "; ".join(map(str, ordered))
    if wanted is not None:
        if not 1 <= wanted <= len(ordered):
            raise CommandError(f"{mask.path}: phase {wanted} is not among those that it matches", f"these: {listed}")
        return ordered[wanted - 1]
    if len(ordered) == 1:
        return ordered[0]
    if not _are_one_examination([one.phase for one in ordered]):
        raise CommandError(
            f"{mask.path}: it matches {len(ordered)} phases that cannot be identified as one dynamic examination",
            f"give the phase that it was drawn on with --phase: {listed}",
        )
    return ordered[FIRST_POST_CONTRAST - 1]


def _fitting(mask: Mask, phases: Sequence[Phase]) -> tuple[list[OutlinedPhase], str]:
    fitting, others = [], []
    for phase in phases:
        try:
            grid = grid_of(phase)
        except RejectedInput as error:
            others.append(str(error))
            continue
        placement = placement_on(mask, grid)
        if placement is None:
            others.append(differences(mask, grid))
        else:
            fitting.append(OutlinedPhase(phase, grid, placement))
    return fitting, min(others, key=len, default="")


def _numbered(fitting: Sequence[OutlinedPhase]) -> list[OutlinedPhase]:
    """Order by time: as the series counts its phases, and series among each other by acquisition."""
    identities = {one.references: one.identity for one in across_series([one.phase for one in fitting])}

    keys = time_keys([one.phase.frames for one in fitting])
    keys_of = dict(zip((one.phase for one in fitting), keys, strict=True))

    def rank(one: OutlinedPhase) -> tuple[object, ...]:
        series = one.phase.frames[0].instance.series_uid
        if _are_one_examination([one.phase for one in fitting]):
            return (identities[one.phase.references].index,)
        return (keys_of[one.phase], series, one.phase.identity.index)

    ordered = sorted(fitting, key=rank)
    return [
        OutlinedPhase(one.phase, one.grid, one.placement, number, len(ordered))
        for number, one in enumerate(ordered, start=1)
    ]


def _are_one_examination(phases: Sequence[Phase]) -> bool:
    """Whether these are phases of one series, each once, or series of one phase each with the same technique."""
    series = {phase.frames[0].instance.series_uid for phase in phases}
    if len(series) == 1:
        return len({phase.identity.index for phase in phases}) == len(phases)
    techniques = {tuple(text(phase.frames[0].instance.dataset, keyword) for keyword in TECHNIQUE) for phase in phases}
    return len(techniques) == 1 and len(series) == len(phases)
