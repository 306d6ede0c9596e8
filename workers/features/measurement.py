"""From files on disk to measured features: the part of a case without side effects, for the service and for cohorts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from threadpoolctl import threadpool_limits

from model_store.signatures.acceptance import AcceptanceContract, Criterion
from model_store.signatures.profile import Exclusion, FeatureProfile, Normalisation
from workers.acceptance import DEFAULT, Acceptance, Objection
from workers.errors import Reason, RejectedInput
from workers.features.air import Air, air_margin_voxels, air_near, find_air, skin_below
from workers.features.chest_wall import find_chest_wall
from workers.features.engine.choice import DEFAULT_ENGINE, EngineChoice
from workers.features.extraction import measure_regions
from workers.features.filters import margin_voxels
from workers.features.measured_part import MeasuredPart, measured_part, near_box, on_volume, without_empty_borders
from workers.features.normalisation import dark_grey_value
from workers.features.redraws import Surroundings
from workers.features.regions import Region, RegionMeasurement
from workers.features.resampling import Resampled, bounds, box_of, resample
from workers.features.ring import Cause, Ring, geometric_ring, ring_reach, ring_without, voxels_outside
from workers.features.subtraction import subtraction_notes, subtraction_objections
from workers.features.vessels import find_vessels, vessel_margin_voxels
from workers.images.acquisition import acquisition_notes, acquisition_objections, phase_notes, phase_objections
from workers.images.headers import read_header, read_image_headers
from workers.images.technique import technique_objections
from workers.images.volume import Volume, build_volume
from workers.limits import LIMITS, Limits
from workers.notes import Note, warning
from workers.outline.contrast import contrast_evidence
from workers.outline.converted_images import images_for_contours, with_converted_images
from workers.outline.earlier_phase import surroundings_in
from workers.outline.outline import NO_RULES, is_structure_set, read_outline
from workers.outline.phase_selection import choose_phase
from workers.outline.region_of_interest import RegionOfInterest, region_of_interest
from workers.outline.segment_rules import SegmentRules
from workers.outline.structure_set import read_structure_set
from workers.stages import Stage, StageTimer, untimed

SMALLEST_SHARE = 0.005
"""Share of the ring below which a cause is not reported."""


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


def read_case(
    image_paths: Sequence[Path],
    seg_path: Path,
    profile: FeatureProfile,
    timer: StageTimer = untimed,
    limits: Limits = LIMITS,
    segment_number: int | None = None,
    rules: SegmentRules = NO_RULES,
    other_series: Sequence[Sequence[Path]] = (),
    acceptance: Acceptance = DEFAULT,
) -> tuple[Volume, RegionOfInterest, Dataset]:
    """Return the phase that the outline was drawn on, the outline on its grid, and the tumour's segment item.

    Raises
    ------
    RejectedInput
        With the reason why the case cannot be measured.
    """
    with timer(Stage.READ):
        contoured = is_structure_set(read_header(seg_path, limits).dataset)
        outline = None if contoured else read_outline(seg_path, limits, segment_number, rules)
        instances = read_image_headers(image_paths, limits)
        if outline is None:  # contours can only be rasterised on the images
            drawable = images_for_contours(instances, other_series, limits)
            outline = read_structure_set(seg_path, drawable, limits, segment_number, rules)
        outline, instances = with_converted_images(outline, instances, other_series, limits)
    with timer(Stage.PHASES):
        phase = choose_phase(instances, outline, profile.phase_rule, other_series, limits)
        notes = acceptance.judge(technique_objections(phase.frames[0].instance.dataset, phase.frames[0].number))
    with timer(Stage.VOLUME):
        volume = build_volume(phase, limits)
        notes += acceptance.judge(acquisition_objections(volume, acceptance.contract))
        notes += acquisition_notes(volume, acceptance.contract)
    with timer(Stage.ROI):
        roi = region_of_interest(outline, volume)
        contrast = contrast_evidence(phase, volume, roi, instances, other_series, limits)
        notes += (*acceptance.judge(contrast.objections), *contrast.notes)
        volume = replace(volume, number_in_examination=contrast.number)
        notes += acceptance.judge(phase_objections(volume, acceptance.contract))
        notes += phase_notes(volume, acceptance.contract)
        if Exclusion.VESSELS in profile.exclusions and contrast.before is not None:
            box = near_box(roi.tumour, volume.grid.spacing_zyx, profile.reach_mm)
            volume = replace(volume, before_contrast=surroundings_in(contrast.before, volume, box, limits))
        notes += acceptance.judge(subtraction_objections(volume, roi, profile))
        notes += tuple(subtraction_notes(volume, roi, profile))
    return replace(volume, notes=(*volume.notes, *notes)), roi, outline.tumour_segment


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
            *_notes(found.regions, found.ring, profile, touches_edge=_touches_edge(roi.tumour)),
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
            excluded = _not_in_the_ring(volume, part, resampled, profile)
            ring = _ring(resampled, excluded, profile)
        with timer(Stage.FEATURES):
            masks = {Region.TUMOUR: resampled.tumour, Region.RING: ring.mask}
            regions = measure_regions(resampled, masks, profile, engine)
    _check_levels(regions, volume, profile)
    return MeasuredVolume(
        regions,
        ring,
        on_volume(ring.mask, resampled, part, volume),
        Surroundings(resampled, part.tumour, np.logical_or.reduce(list(excluded.values())), engine.engine),
    )


def _check_size(roi: RegionOfInterest, volume: Volume, profile: FeatureProfile) -> None:
    tumour_ml = np.count_nonzero(roi.tumour) * float(np.prod(volume.spacing_mm)) / 1000
    if tumour_ml > profile.max_tumour_ml:
        raise RejectedInput(
            Reason.TUMOUR_TOO_LARGE,
            f"the tumour segment has {tumour_ml:.0f} mL, more than the {profile.max_tumour_ml:g} mL that profile "
            f"{profile.name} accepts as a tumour: it may outline the breast",
        )


def _check_texture(roi: RegionOfInterest, volume: Volume) -> None:
    values = volume.array[roi.tumour]
    if values.min() == values.max():
        raise RejectedInput(
            Reason.INVALID_PIXELS,
            f"image {volume.frames[0].sop_instance_uid}: every voxel of the tumour on it holds one grey value, "
            "which has no texture; the images may have been masked",
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


def _not_in_the_ring(
    volume: Volume, part: MeasuredPart, resampled: Resampled, profile: FeatureProfile
) -> dict[Cause, NDArray[np.bool_]]:
    """Return the masks that are excluded from the outer half of the ring, by cause, on the resampled grid."""
    air, searched = _air(volume, part, profile)
    excluded = {Cause.AIR: air_near(air, resampled)}
    if resampled.other_tissue is not None:
        excluded[Cause.SEGMENT] = resampled.other_tissue
    if Exclusion.SKIN in profile.exclusions:
        excluded[Cause.SKIN] = skin_below(excluded[Cause.AIR], profile)
    if Exclusion.CHEST_WALL in profile.exclusions:
        backwards = volume.direction[1, ::-1]  # patient coordinates grow towards the left, the back and the head
        wall = find_chest_wall(air, searched, part.spacing_zyx, backwards, resampled, profile)
        excluded[Cause.CHEST_WALL] = wall
    if Exclusion.VESSELS in profile.exclusions and part.before_contrast is not None:
        vessels = find_vessels(part.array, part.before_contrast, resampled, profile)
        if vessels is not None:
            excluded[Cause.VESSEL] = vessels
    return excluded


def _ring(resampled: Resampled, excluded: Mapping[Cause, NDArray[np.bool_]], profile: FeatureProfile) -> Ring:
    box = box_of(resampled.tumour, margin=ring_reach(profile))
    tumour = resampled.tumour[box]
    whole = geometric_ring(tumour, profile.ring_inner_mm, profile.ring_outer_mm, profile.spacing_mm)
    near = {cause: mask[box] for cause, mask in excluded.items()}
    ring = ring_without(whole, tumour, near, _outside(tumour, profile))
    if ring.share < profile.min_ring_share:
        raise RejectedInput(
            Reason.RING_TOO_SMALL,
            f"{ring.share:.0%} of the ring is left; profile {profile.name} measures from {profile.min_ring_share:.0%} "
            f"on ({_left_out(ring)})",
        )
    mask = np.zeros_like(resampled.tumour)
    mask[box] = ring.mask
    return replace(ring, mask=mask)


def _air(volume: Volume, part: MeasuredPart, profile: FeatureProfile) -> tuple[Air | None, NDArray[np.generic]]:
    """Return the air, and the array that it was found in."""
    if profile.normalisation is Normalisation.WHOLE_IMAGE:
        return find_air(volume.array, part.spacing_zyx, profile), volume.array
    seen = without_empty_borders(volume.array, part.box)
    dark = dark_grey_value(part.array, part.tumour, profile)
    air = find_air(volume.array[seen], part.spacing_zyx, profile, dark)
    z, y, x = (at - within.start for at, within in zip(part.start, seen, strict=True))
    return air and air.seen_from((z, y, x)), volume.array[seen]


def _left_out(ring: Ring) -> str:
    """Return the excluded shares of the ring as text."""
    return ", ".join(f"{share:.0%} {cause}" for cause, share in ring.left_out.items() if share >= SMALLEST_SHARE)


def _outside(tumour: NDArray[np.bool_], profile: FeatureProfile) -> int:
    """Count the ring's voxels beyond the images; the box around a tumour is cut only at the edge of the images."""
    reach = ring_reach(profile)
    is_cut = any(first < reach or last >= size - reach for (first, last), size in _extents(tumour))
    return (
        voxels_outside(tumour, profile.ring_inner_mm, profile.ring_outer_mm, profile.spacing_mm, reach) if is_cut else 0
    )


def _touches_edge(mask: NDArray[np.bool_]) -> bool:
    return any(first == 0 or last == size - 1 for (first, last), size in _extents(mask))


def _extents(mask: NDArray[np.bool_]) -> list[tuple[tuple[int, int], int]]:
    return list(zip(bounds(mask), mask.shape, strict=True))


def _padding_notes(volume: Volume, roi: RegionOfInterest) -> tuple[Note, ...]:
    padded = 0 if volume.padding is None else int(np.count_nonzero(volume.padding & roi.tumour))
    return (warning(f"{padded} voxels of the outline are padding without image data."),) if padded else ()


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
            few = "few" if levels < profile.min_grey_levels else "many"
            text = (
                f"The {measured.region} has {levels} grey levels, {few} for texture features: "
                f"{profile.min_grey_levels} to {profile.max_grey_levels} are recommended."
            )
            notes.append(warning(text, f"{measured.region.capitalize()}: {levels} grey levels, {few} for texture"))
        if measured.missing:
            notes.append(Note(f"{len(measured.missing)} features of the {measured.region} could not be computed."))
    if ring.share < 1 - SMALLEST_SHARE:
        notes.append(Note(f"{1 - ring.share:.0%} of the ring was left out: {_left_out(ring)}."))
    if Exclusion.VESSELS in profile.exclusions and Cause.VESSEL not in ring.left_out:
        notes.append(
            Note("Large vessels were not checked in the ring: no phase before contrast fits the measured one.")
        )
    return tuple(notes)
