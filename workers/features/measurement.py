"""From files on disk to measured features: the part of a case without side effects, for the service and for cohorts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from threadpoolctl import threadpool_limits

from model_store.signatures.acceptance import AcceptanceContract, Criterion
from model_store.signatures.profile import Exclusion, FeatureProfile
from workers.acceptance import DEFAULT, Acceptance, Objection
from workers.errors import Reason, RejectedInput
from workers.features.air import air_margin_voxels
from workers.features.case_input import read_case
from workers.features.engine.choice import DEFAULT_ENGINE, EngineChoice
from workers.features.extraction import measure_regions
from workers.features.filters import margin_voxels
from workers.features.kinetics import with_kinetics
from workers.features.measured_part import MeasuredPart, measured_part, on_volume
from workers.features.measured_ring import (
    SMALLEST_SHARE,
    excluded_masks,
    left_out_phrases,
    left_out_text,
    measured_ring,
)
from workers.features.redraws import Surroundings
from workers.features.regions import Region, RegionMeasurement
from workers.features.resampling import Resampled, resample
from workers.features.ring import Cause, Ring, ring_reach
from workers.features.vessels import vessel_margin_voxels
from workers.images.volume import Volume
from workers.limits import LIMITS, Limits
from workers.notes import Note, phrase, warning
from workers.outline.outline import NO_RULES
from workers.outline.region_of_interest import RegionOfInterest
from workers.outline.segment_rules import SegmentRules
from workers.stages import Stage, StageTimer, untimed

LEVELS = {
    (Region.TUMOUR, True): "Tumour: {levels} grey levels, few for texture",
    (Region.TUMOUR, False): "Tumour: {levels} grey levels, many for texture",
    (Region.RING, True): "Ring: {levels} grey levels, few for texture",
    (Region.RING, False): "Ring: {levels} grey levels, many for texture",
}
"""By region, and whether they are too few."""


@dataclass(frozen=True, eq=False)
class Measurement:
    """The measured regions of a case, their features, and the volume they were measured on."""

    volume: Volume
    tumour: NDArray[np.bool_]
    """On the source grid (z, y, x): the received outline, unchanged."""
    ring: NDArray[np.bool_]
    """On the source grid: the measured ring, mapped back by nearest neighbour."""
    regions: tuple[RegionMeasurement, ...]
    """Tumour, ring."""
    notes: tuple[Note, ...]
    """Quality notes for the report."""
    tumour_segment: Dataset
    """Its item of the SEG's Segment Sequence."""
    engine: str = DEFAULT_ENGINE.engine.description
    """Name and version of the engine that measured the features."""
    surroundings: Surroundings | None = field(default=None, repr=False)
    """The surroundings in which redrawn outlines can be measured."""


def measure(
    image_paths: Sequence[Path],
    seg_path: Path,
    profile: FeatureProfile,
    timer: StageTimer = untimed,
    limits: Limits = LIMITS,
    segment_number: int | None = None,
    rules: SegmentRules = NO_RULES,
    other_series: Sequence[Sequence[Path]] = (),
    acceptance: Acceptance = DEFAULT,
    engine: EngineChoice = DEFAULT_ENGINE,
) -> Measurement:
    """Measure tumour and ring of one case; ``segment_number`` selects one of several tumours.

    ``rules`` are the site's segment rules. ``other_series`` are the files of the study's other series, which are not
    measured: they show whether the phase is before contrast. ``acceptance`` decides what is refused.

    Raises
    ------
    RejectedInput
        With the reason why it cannot be measured.
    EnginesDiffer
        ``engine`` asks for both engines, and their values differ.
    """
    volume, roi, segment = read_case(
        image_paths, seg_path, profile, timer, limits, segment_number, rules, other_series, acceptance
    )
    return measure_roi(volume, roi, profile, segment, timer, acceptance, engine)


def measure_roi(
    volume: Volume,
    roi: RegionOfInterest,
    profile: FeatureProfile,
    tumour_segment: Dataset,
    timer: StageTimer = untimed,
    acceptance: Acceptance = DEFAULT,
    engine: EngineChoice = DEFAULT_ENGINE,
) -> Measurement:
    """Measure tumour and ring of an outline on a volume from any source.

    Raises
    ------
    RejectedInput
        With the reason why the outline cannot be measured.
    """
    found = measure_volume(volume, roi, profile, timer, engine)
    level_notes = acceptance.judge(_level_objections(found.regions, volume, acceptance.contract))
    return Measurement(
        volume=volume,
        tumour=roi.tumour,
        ring=found.ring_on_volume,
        regions=found.regions,
        notes=(
            *roi.notes,
            *volume.notes,
            *level_notes,
            *_padding_notes(volume, roi),
            *_notes(found.regions, found.ring, profile, touches_edge=_touches_edge(roi)),
        ),
        tumour_segment=tumour_segment,
        surroundings=found.surroundings,
        engine=engine.engine.description,
    )


@dataclass(frozen=True, eq=False)
class MeasuredVolume:
    """Measurements that do not depend on how the case was stored."""

    regions: tuple[RegionMeasurement, ...]
    ring: Ring
    """On the resampled grid."""
    ring_on_volume: NDArray[np.bool_]
    surroundings: Surroundings


def measure_volume(
    volume: Volume,
    roi: RegionOfInterest,
    profile: FeatureProfile,
    timer: StageTimer = untimed,
    engine: EngineChoice = DEFAULT_ENGINE,
) -> MeasuredVolume:
    """Measure tumour and ring of a volume.

    Raises
    ------
    RejectedInput
        With the reason why it cannot be measured.
    """
    # The number of BLAS and OpenMP threads affects the rounding of sums: with one thread, every machine gives the
    # same values.
    with threadpool_limits(1):
        with timer(Stage.PREPROCESS):
            _check_size(roi, volume, profile)
            _check_texture(roi, volume)
            part = measured_part(volume, roi, profile)
            resampled = _resample(part, profile)
        with timer(Stage.RING):
            excluded = excluded_masks(volume, part, resampled, profile)
            ring = measured_ring(resampled, excluded, profile)
        with timer(Stage.FEATURES):
            masks = {Region.TUMOUR: resampled.tumour, Region.RING: ring.mask}
            regions = measure_regions(resampled, masks, profile, engine)
            if profile.kinetics is not None:
                regions = with_kinetics(regions, volume.kinetic_phases, roi.tumour)
    _check_levels(regions, volume, profile)
    return MeasuredVolume(
        regions,
        ring,
        on_volume(ring.mask, resampled, part, volume),
        Surroundings(
            resampled,
            part.tumour,
            np.logical_or.reduce(list(excluded.values())),
            engine.engine,
            part.start,
            volume.kinetic_phases,
        ),
    )


def _check_size(roi: RegionOfInterest, volume: Volume, profile: FeatureProfile) -> None:
    tumour_ml = np.count_nonzero(roi.tumour[roi.box]) * float(np.prod(volume.spacing_mm)) / 1000
    if tumour_ml > profile.max_tumour_ml:
        raise RejectedInput(
            Reason.TUMOUR_TOO_LARGE,
            f"the tumour segment has {tumour_ml:.0f} mL, more than the {profile.max_tumour_ml:g} mL that profile "
            f"{profile.name} accepts as a tumour: it may outline the breast",
        )


def _check_texture(roi: RegionOfInterest, volume: Volume) -> None:
    values = roi.values_in(volume.array)
    if values.min() == values.max():
        raise RejectedInput(
            Reason.INVALID_PIXELS,
            f"image {volume.frames[0].sop_instance_uid}: every voxel of the tumour on it holds one grey value, "
            "which has no texture; the images may be masked, or saturated",
        )


def _check_levels(regions: Sequence[RegionMeasurement], volume: Volume, profile: FeatureProfile) -> None:
    for measured in regions:
        if measured.grey_levels == 1:
            raise RejectedInput(
                Reason.INVALID_PIXELS,
                f"image {volume.frames[0].sop_instance_uid}: the {measured.region} on it has one single grey level "
                f"in the bins of profile {profile.name}, which has no texture",
            )


def _level_objections(
    regions: Sequence[RegionMeasurement], volume: Volume, contract: AcceptanceContract
) -> Iterator[Objection]:
    for measured in regions:
        if measured.grey_levels < contract.min_grey_levels:
            yield Objection(
                Criterion.GREY_LEVELS,
                f"image {volume.frames[0].sop_instance_uid}: the {measured.region} on it has {measured.grey_levels} "
                f"grey levels, and {contract.min_grey_levels} are needed for texture: check that the outline was "
                "drawn on the original images",
            )


def _resample(part: MeasuredPart, profile: FeatureProfile) -> Resampled:
    resampled = resample(
        part.array,
        part.spacing_zyx,
        part.tumour,
        part.other_tissue,
        profile,
        margin=max(
            max(margin_voxels(profile), air_margin_voxels(profile)) + ring_reach(profile), vessel_margin_voxels(profile)
        ),
        intensities=part.intensities,
        anchor=part.anchor,
    )
    voxels = int(np.count_nonzero(resampled.tumour))
    if voxels < profile.min_tumour_voxels:
        raise RejectedInput(
            Reason.TUMOUR_TOO_SMALL,
            f"the tumour has {voxels} voxels of {profile.spacing_mm:g} mm; profile {profile.name} measures from "
            f"{profile.min_tumour_voxels} on, because smaller regions have no meaningful texture",
        )
    return resampled


def _touches_edge(roi: RegionOfInterest) -> bool:
    return any(part.start == 0 or part.stop == size for part, size in zip(roi.box, roi.tumour.shape, strict=True))


def _padding_notes(volume: Volume, roi: RegionOfInterest) -> tuple[Note, ...]:
    padded = 0 if volume.padding is None else int(np.count_nonzero(volume.padding & roi.tumour))
    text = f"{padded} voxels of the outline are padding without image data."
    return (warning(text, "Outline in padding without image data"),) if padded else ()


def _notes(
    regions: Sequence[RegionMeasurement], ring: Ring, profile: FeatureProfile, *, touches_edge: bool
) -> tuple[Note, ...]:
    notes = []
    if touches_edge:
        text = "The outline touches the edge of the images: what lies beyond was not measured."
        notes.append(warning(text, "Outline touches the edge"))
    for measured in regions:
        levels = measured.grey_levels
        if not profile.min_grey_levels <= levels <= profile.max_grey_levels:
            is_few = levels < profile.min_grey_levels
            text = (
                f"The {measured.region} has {levels} grey levels, {'few' if is_few else 'many'} for texture features: "
                f"{profile.min_grey_levels} to {profile.max_grey_levels} are recommended."
            )
            notes.append(warning(text, phrase(LEVELS[measured.region, is_few], levels=levels)))
        if measured.missing:
            notes.append(Note(f"{len(measured.missing)} features of the {measured.region} could not be computed."))
    if ring.share < 1 - SMALLEST_SHARE:
        causes = left_out_text(ring)
        text = f"{1 - ring.share:.0%} of the ring was left out: {causes}."
        notes.append(Note(text, heading=phrase("Ring without {causes}", causes=left_out_phrases(ring))))
    if Exclusion.VESSELS in profile.exclusions and Cause.VESSEL not in ring.left_out:
        text = "Large vessels were not checked in the ring: no phase before contrast fits the measured one."
        notes.append(Note(text, heading="Vessels not checked"))
    return tuple(notes)
