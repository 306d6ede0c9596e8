"""What a case is measured on: the contrast phase as a volume, and the outline on its grid, from files on disk."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pydicom import Dataset

from model_store.signatures.profile import Exclusion, FeatureProfile
from workers.acceptance import DEFAULT, Acceptance
from workers.features.clipping import clipping_objections
from workers.features.measured_part import near_box
from workers.features.subtraction import subtraction_notes, subtraction_objections
from workers.images.acquisition import acquisition_notes, acquisition_objections, phase_notes, phase_objections
from workers.images.headers import Instance, read_header, read_image_headers
from workers.images.inverted import inversion_objections
from workers.images.technique import technique_objections
from workers.images.volume import Volume, build_volume
from workers.limits import LIMITS, Limits
from workers.outline.computed_images import with_original_images
from workers.outline.contrast import contrast_evidence
from workers.outline.converted_images import images_for_contours, with_converted_images
from workers.outline.earlier_phase import kinetic_phases_in, surroundings_in
from workers.outline.outline import NO_RULES, Outline, is_structure_set, read_outline
from workers.outline.phase_selection import choose_phase
from workers.outline.region_of_interest import RegionOfInterest, region_of_interest
from workers.outline.segment_rules import SegmentRules
from workers.outline.structure_set import read_structure_set
from workers.stages import Stage, StageTimer, untimed


def read_headers(
    image_paths: Sequence[Path],
    seg_path: Path,
    limits: Limits = LIMITS,
    segment_number: int | None = None,
    rules: SegmentRules = NO_RULES,
    other_series: Sequence[Sequence[Path]] = (),
) -> tuple[Outline, tuple[Instance, ...]]:
    """Return the outline and its images; missing images are replaced by those that were converted from them.

    Where they were computed from others, the original images of the study are added.

    Raises
    ------
    RejectedInput
        With the reason why a header cannot be used.
    """
    contoured = is_structure_set(read_header(seg_path, limits).dataset)
    outline = None if contoured else read_outline(seg_path, limits, segment_number, rules)
    images = read_image_headers(image_paths, limits)
    if outline is None:  # contours can only be rasterised on the images
        drawable = images_for_contours(images, other_series, limits)
        outline = read_structure_set(seg_path, drawable, limits, segment_number, rules)
    outline, images = with_converted_images(outline, images, other_series, limits)
    return outline, with_original_images(outline, images, other_series, limits)


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
        outline, instances = read_headers(image_paths, seg_path, limits, segment_number, rules, other_series)
    with timer(Stage.PHASES):
        phase = choose_phase(instances, outline, profile.phase_rule, other_series, limits)
        notes = acceptance.judge(technique_objections(phase.frames[0].instance.dataset, phase.frames[0].number))
    with timer(Stage.VOLUME):
        volume = build_volume(phase, limits)
        image = volume.frames[0].sop_instance_uid
        notes += acceptance.judge(inversion_objections(volume.array, volume.padding, image, volume.limits))
        notes += acceptance.judge(acquisition_objections(volume, acceptance.contract))
        notes += acquisition_notes(volume, acceptance.contract)
    with timer(Stage.ROI):
        roi = region_of_interest(outline, volume)
        contrast = contrast_evidence(phase, volume, roi, instances, other_series, limits)
        notes += (*acceptance.judge(contrast.objections), *contrast.notes)
        volume = replace(volume, number_in_examination=contrast.number, is_shown_after_contrast=contrast.is_shown_after)
        notes += acceptance.judge(phase_objections(volume, acceptance.contract))
        notes += phase_notes(volume, acceptance.contract)
        if Exclusion.VESSELS in profile.exclusions and contrast.before is not None:
            box = near_box(roi.box, roi.tumour.shape, volume.grid.spacing_zyx, profile.reach_mm)
            volume = replace(volume, before_contrast=surroundings_in(contrast.before, volume, box, limits))
        if profile.kinetics is not None:
            slices, _, _ = near_box(roi.box, roi.tumour.shape, volume.grid.spacing_zyx, profile.reach_mm)
            kinetic = kinetic_phases_in(contrast.phases, profile.kinetics, volume, slices, limits)
            volume = replace(volume, kinetic_phases=kinetic)
        notes += acceptance.judge(subtraction_objections(volume, roi, profile))
        notes += acceptance.judge(clipping_objections(volume, roi))
        notes += tuple(subtraction_notes(volume, roi, profile))
    return replace(volume, notes=(*volume.notes, *notes)), roi, outline.tumour_segment
