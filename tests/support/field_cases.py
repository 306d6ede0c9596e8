"""Kinds of input that a hospital's listener receives and their outcome, for the tests and docs/accepted-input.md.

Each row of `CASES` names a folder of ``../shared/data/field_cases`` with one input of that kind, each row of
`OTHER_CASES` a test that makes its input itself. After a change of the tables, write the page with
``PYTHONPATH=tests:. python -m support.field_cases``.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from workers.errors import Reason

PAGE = Path(__file__).resolve().parents[2] / "docs" / "accepted-input.md"


class Ending(StrEnum):
    """The outcome of an input; the value is its text on the page."""

    MEASURED = "measured"
    REFUSED = "not scored"
    SET_ASIDE = "set aside"
    """The object is stored, but creates no job and no result."""
    COMMAND = "after a command"
    """A command reads this input; it is not sent to the listener."""


class Topic(StrEnum):
    """A section of the page."""

    SEGMENT = "Which segment is the tumour"
    PHASE = "Which phase is measured"
    IMAGES = "Which images can be measured"
    KIND = "Types of segmentations, and their geometry"
    SCANNER = "Peculiarities of scanners"
    SENDER = "Peculiarities of senders"


@dataclass(frozen=True)
class FieldCase:
    """One kind of input."""

    folder: str
    """Below ``field_cases``."""
    topic: Topic
    what: str
    """Description of the input on the page."""
    ending: Ending
    then: str
    """What happens and why, or what to do, on the page."""
    same_features_as: str = ""
    """``phantom`` or ``br06``: every feature is that of this reference."""
    reason: Reason | None = None
    """Of a refusal."""
    says: tuple[str, ...] = ()
    """Words that the refusal or the notes must contain."""


@dataclass(frozen=True)
class OtherCase:
    """One kind of input that a test makes itself."""

    test: str
    """File below ``tests`` and function, as pytest names them."""
    topic: Topic
    what: str
    """Description of the input on the page."""
    ending: Ending
    then: str
    """What happens and why, or what to do, on the page."""
    reason: Reason | None = None
    """Of a refusal."""


CASES: tuple[FieldCase, ...] = (
    FieldCase(
        "b01_slicer_default_tissue",
        Topic.SEGMENT,
        "3D Slicer's default terminology: Tissue (SCT 85756007)",
        Ending.MEASURED,
        "a single segment whose label says tumour, or nothing (`Segment 1`), counts as the tumour; a note states this",
        same_features_as="phantom",
        says=("Tissue",),
    ),
    FieldCase(
        "b02_ohif_tissue_srt",
        Topic.SEGMENT,
        "OHIF's code for every segment: Tissue (SRT T-D0050)",
        Ending.MEASURED,
        "as above",
        same_features_as="phantom",
        says=("Tissue",),
    ),
    FieldCase(
        "b09_ncit_umls",
        Topic.SEGMENT,
        "UMLS or NCIt codes for a neoplasm",
        Ending.MEASURED,
        "these codes are known",
        same_features_as="phantom",
    ),
    FieldCase(
        "b52_labelmap",
        Topic.KIND,
        "a LABELMAP that lists the background as segment 0",
        Ending.MEASURED,
        "the background segment is ignored",
        same_features_as="phantom",
    ),
    FieldCase(
        "b50_ispy2_bitmask_max255",
        Topic.KIND,
        "FRACTIONAL with bit flags as values (analysis masks of I-SPY 2)",
        Ending.REFUSED,
        "bit flags are not fractions: export the tumour as a BINARY segmentation",
        reason=Reason.UNSUPPORTED_SEGMENTATION,
        says=("flags", "BINARY"),
    ),
    FieldCase(
        "j04_odd_matrix_frames_padded_to_bytes",
        Topic.KIND,
        "BINARY with each frame padded to whole bytes, contrary to PS3.5 section 8.1.1",
        Ending.REFUSED,
        "measured, with a note, if the pixel data's length proves the padding; otherwise use another program",
        reason=Reason.UNSUPPORTED_SEGMENTATION,
        says=("padded", "8.1.1"),
    ),
    FieldCase(
        "d04_mask_reoriented_axial",
        Topic.KIND,
        "frames in another orientation than the images, on the same voxels",
        Ending.MEASURED,
        "placed by geometry",
        same_features_as="phantom",
        says=("phase",),
    ),
    FieldCase(
        "d06_mask_1mm_iso",
        Topic.KIND,
        "a mask that was resampled to another grid",
        Ending.REFUSED,
        "save the outline on the grid of the original images",
        reason=Reason.UNSUPPORTED_SEGMENTATION,
        says=("grid", "original"),
    ),
    FieldCase(
        "d09_single_slice",
        Topic.KIND,
        "an outline on one slice",
        Ending.REFUSED,
        "outline the tumour on every slice that shows it",
        reason=Reason.SINGLE_SLICE,
        says=("one slice",),
    ),
    FieldCase(
        "c41_no_frame_of_reference_images",
        Topic.KIND,
        "images without Frame of Reference UID; the outline references them",
        Ending.MEASURED,
        "the outline is placed on the images that it references; a note states this",
        same_features_as="phantom",
        says=("frame of reference",),
    ),
    FieldCase(
        "c42_no_frame_of_reference_both",
        Topic.KIND,
        "neither images nor outline have a Frame of Reference UID; the outline references its images",
        Ending.MEASURED,
        "as above",
        same_features_as="phantom",
        says=("frame of reference",),
    ),
    FieldCase(
        "b56_series_only_separate",
        Topic.PHASE,
        "the outline references a series but no images; each phase is a series",
        Ending.MEASURED,
        "the referenced series is measured",
        same_features_as="phantom",
    ),
    FieldCase(
        "b58_nothing_separate",
        Topic.PHASE,
        "the outline references nothing; each phase is a series",
        Ending.MEASURED,
        "the signature's phase rule selects the phase; a note states this",
        same_features_as="phantom",
        says=("phase",),
    ),
    FieldCase(
        "d01_itksnap_dcmqi_whole_series",
        Topic.PHASE,
        "each frame references an image of every phase (dcmqi on ITK-SNAP's mask and the whole series)",
        Ending.MEASURED,
        "the signature's phase rule selects the phase; a note states this",
        same_features_as="phantom",
        says=("phase",),
    ),
    FieldCase(
        "j06_dcmqi_554_frames_name_all_phases_cir_names_first",
        Topic.PHASE,
        "each frame references an image of every phase, Referenced Series Sequence only those of the first",
        Ending.MEASURED,
        "as above",
        same_features_as="phantom",
        says=("phase",),
    ),
    FieldCase(
        "e02_enhanced_seg_names_no_frames",
        Topic.PHASE,
        "an Enhanced MR object of all phases, referenced without frame numbers",
        Ending.MEASURED,
        "as above",
        same_features_as="phantom",
        says=("phase",),
    ),
    FieldCase(
        "e04_legacy_converted",
        Topic.SCANNER,
        "a Legacy Converted Enhanced MR object whose frames are numbered through all phases",
        Ending.MEASURED,
        "a dimension with a different value in each frame is ignored; frame order and times give the phases",
        same_features_as="phantom",
    ),
    FieldCase(
        "b20_sub_siemens",
        Topic.IMAGES,
        "outline on a subtraction (Image Type ... SUB)",
        Ending.MEASURED,
        "the signature's phase rule selects the phase among the original images; a note states this",
        same_features_as="phantom",
        says=("computed from others", "phase 2"),
    ),
    FieldCase(
        "b21_sub_ge",
        Topic.IMAGES,
        "outline on a subtraction (Image Type DERIVED, SECONDARY)",
        Ending.MEASURED,
        "as above",
        same_features_as="phantom",
        says=("computed from others", "phase 2"),
    ),
    FieldCase(
        "o01_br06_subtraction",
        Topic.IMAGES,
        "outline on the subtraction of a real patient, without its original images",
        Ending.REFUSED,
        "copy the outline to the phase after contrast, and send it again",
        reason=Reason.DERIVED_IMAGES,
        says=("DERIVED",),
    ),
    FieldCase(
        "b30_seg_on_precontrast",
        Topic.IMAGES,
        "outline on the phase before contrast",
        Ending.REFUSED,
        "copy the outline to the phase after contrast, and send it again",
        reason=Reason.BEFORE_CONTRAST,
        says=("before contrast",),
    ),
    FieldCase(
        "b32_seg_on_adc",
        Topic.IMAGES,
        "outline on an ADC map",
        Ending.REFUSED,
        "outline the tumour on the phase after contrast",
        reason=Reason.OTHER_TECHNIQUE,
        says=("ADC",),
    ),
    FieldCase(
        "b33_seg_on_cad_map_no_word",
        Topic.IMAGES,
        "outline on images whose Image Type says that they are derived, and not how (DERIVED, SECONDARY)",
        Ending.REFUSED,
        "outline the tumour on the phase after contrast",
        reason=Reason.DERIVED_IMAGES,
        says=("DERIVED",),
    ),
    FieldCase(
        "a07_random_numbers_nothing_else",
        Topic.SCANNER,
        "several phases in a series without times and with random instance numbers",
        Ending.REFUSED,
        "nothing distinguishes the phases: send them with their times, or each phase as a series",
        reason=Reason.UNKNOWN_PHASE,
        says=("series", "times"),
    ),
    FieldCase(
        "a08_tpi_counts_images",
        Topic.SCANNER,
        "a Temporal Position Identifier that numbers the images",
        Ending.MEASURED,
        "ignored; the next attribute is used",
        same_features_as="phantom",
    ),
    FieldCase(
        "a12_mip_in_series_same_type",
        Topic.SCANNER,
        "a projection or scout inside the series",
        Ending.MEASURED,
        "excluded by its orientation or position; a note states this",
        same_features_as="phantom",
        says=("orientation",),
    ),
    FieldCase(
        "c46_instance_number_text",
        Topic.SCANNER,
        "an Instance Number that is not a number",
        Ending.MEASURED,
        "treated as absent",
        same_features_as="phantom",
    ),
    FieldCase(
        "c47_trigger_time_comma",
        Topic.SCANNER,
        "a Trigger Time with a decimal comma",
        Ending.MEASURED,
        "treated as absent; a note states this",
        same_features_as="phantom",
        says=("TriggerTime", "absent"),
    ),
    FieldCase(
        "c02_oblique_coarse",
        Topic.SCANNER,
        "positions and direction cosines with few digits",
        Ending.MEASURED,
        "the rounding shifts no voxel of the mask",
        same_features_as="phantom",
    ),
    FieldCase(
        "c03_position_jitter_1e-3",
        Topic.SCANNER,
        "positions that differ from the grid by 0.001 mm",
        Ending.MEASURED,
        "as above",
        same_features_as="phantom",
    ),
    FieldCase(
        "c06_padding_minus_32768",
        Topic.SCANNER,
        "Pixel Padding Value -32768 around the field of view",
        Ending.MEASURED,
        "padding values are excluded from mean and standard deviation",
    ),
    FieldCase(
        "c09_padding_minus_2000_corners",
        Topic.SCANNER,
        "Pixel Padding Value -2000 in the corners",
        Ending.MEASURED,
        "as above",
    ),
    FieldCase(
        "f01_nifti_mask",
        Topic.KIND,
        "a NIfTI, NRRD or MHA mask of ITK-SNAP or a pipeline beside the images",
        Ending.COMMAND,
        "[`radtme outline`](mask-files.md) converts it to a segmentation, which is measured like one from a viewer",
        same_features_as="phantom",
    ),
    FieldCase(
        "a17b_resend_after_name_correction",
        Topic.SENDER,
        "the same UIDs again, with a corrected patient's name",
        Ending.COMMAND,
        "kept in quarantine; [`radtme retry --corrected`](spool.md#corrected-headers-under-known-uids) accepts it "
        "and creates a new version",
    ),
    FieldCase(
        "g01_ct_liver_seg_routed",
        Topic.SENDER,
        "a segmentation of a liver on CT, sent by a routing rule for all segmentations",
        Ending.SET_ASIDE,
        "its images are of a kind that is never accepted: stored, counted, shown by `radtme status`; no report is sent",
    ),
    FieldCase(
        "f03_slicer_exports_ct",
        Topic.SENDER,
        "a breast MRI that a program exported as CT images",
        Ending.SET_ASIDE,
        "as above: send the original MR images, and draw the outline on them",
    ),
    FieldCase(
        "c52_seg_other_study",
        Topic.SENDER,
        "a segmentation in another study than its images",
        Ending.REFUSED,
        "reported at once with the study that contains the images: export the outline into that study",
        reason=Reason.MISSING_INSTANCES,
        says=("they lie in study",),
    ),
    FieldCase(
        "d10_dcmqi_whole_study_separate",
        Topic.SENDER,
        "a segmentation that lists the images of several series under one of them",
        Ending.MEASURED,
        "images are searched in the whole study; the profile's rule selects the phase",
        says=("phase",),
    ),
    FieldCase(
        "c27_jpeg_lossy",
        Topic.SENDER,
        "images only in lossy JPEG",
        Ending.REFUSED,
        "not accepted: configure the sender to send uncompressed or lossless images",
        reason=Reason.MISSING_INSTANCES,
        says=("lossy images are not measured", "expected in series"),
    ),
    FieldCase(
        "c61_gbk_undeclared",
        Topic.SENDER,
        "a patient's name in GBK, Shift-JIS or Latin-1, without Specific Character Set",
        Ending.MEASURED,
        "the name is omitted from the results, with a note, until `workers.character_sets` defines the character set",
        same_features_as="phantom",
        says=("PatientName", "workers.character_sets"),
    ),
    FieldCase(
        "l01_uid_leading_zero_component",
        Topic.SENDER,
        "UIDs with leading zeros in a component, contrary to PS3.5 section 9.1",
        Ending.MEASURED,
        "used unchanged",
        same_features_as="phantom",
    ),
    FieldCase(
        "k01_no_preamble",
        Topic.SENDER,
        "data sets in files without a Part 10 header (`radtme send`, `radtme demo --input`)",
        Ending.MEASURED,
        "read in the encoding that the first element indicates; missing attributes are reported",
        same_features_as="phantom",
    ),
    FieldCase(
        "f02_rtstruct",
        Topic.KIND,
        "an RT structure set without a region of interest",
        Ending.REFUSED,
        "it contains no contour; one with closed planar contours is measured like a segmentation",
        reason=Reason.NO_TUMOUR_SEGMENT,
    ),
)


OTHER_CASES: tuple[OtherCase, ...] = (
    OtherCase(
        "workers/images/test_phases.py::test_acquisition_numbers_tell_sixty_phases_apart",
        Topic.SCANNER,
        "a series of many phases without times, with random instance numbers and an Acquisition Number for each phase",
        Ending.MEASURED,
        "the Acquisition Number gives the phases if each has one of its own and no slice repeats in it",
    ),
    OtherCase(
        "workers/outline/test_segment_choice.py::test_a_single_segment_with_another_name_is_not_taken_for_the_tumour",
        Topic.SEGMENT,
        "a single segment of no specific code with another label: `scar`, `LN`, `benign lesion`, a name",
        Ending.REFUSED,
        "name it `Tumor`, or describe it in [`workers.segment_rules`](configuration.md#which-segment-is-the-tumour)",
        reason=Reason.NO_TUMOUR_SEGMENT,
    ),
    OtherCase(
        "workers/outline/test_segment_choice.py::test_what_contradicts_a_tumour_is_refused",
        Topic.SEGMENT,
        "the code of a benign lesion, such as a fibroadenoma",
        Ending.REFUSED,
        "signatures are trained on cancers; beside a tumour it is taken out of the ring",
        reason=Reason.NO_TUMOUR_SEGMENT,
    ),
    OtherCase(
        "workers/outline/test_outline_variants.py::test_the_tumour_is_the_same",
        Topic.SEGMENT,
        "several tumour segments of which nothing was drawn in some",
        Ending.MEASURED,
        "the empty segments are ignored",
    ),
    OtherCase(
        "workers/outline/test_outline_variants.py::test_a_region_of_a_template_without_contours_is_no_tumour",
        Topic.SEGMENT,
        "an RT structure set with regions of interest that have no contour (from a template)",
        Ending.MEASURED,
        "as above",
    ),
    OtherCase(
        "workers/outline/test_outline_variants.py::test_the_tumour_is_the_same",
        Topic.KIND,
        "frames in any order, repeated, cropped, in bytes instead of bits; FRACTIONAL with any maximum; LABELMAP with "
        "a palette; referenced images of another SOP class",
        Ending.MEASURED,
        "none of these changes the tumour",
    ),
    OtherCase(
        "workers/outline/test_outline_variants.py::test_what_is_wrong_is_said",
        Topic.KIND,
        "frames of a segment that the Segment Sequence does not describe, or segments that count from 0",
        Ending.REFUSED,
        "export the outline again",
        reason=Reason.UNSUPPORTED_SEGMENTATION,
    ),
    OtherCase(
        "workers/outline/test_outline_variants.py::test_an_outline_of_computed_images_is_measured_on_the_phase_of_the_rule",
        Topic.IMAGES,
        "outline on a projection or map of the same slices that Image Type or Series Description calls so",
        Ending.MEASURED,
        "as on a subtraction",
    ),
    OtherCase(
        "workers/jobs/test_score_job.py::test_each_of_several_tumours_gets_results_of_its_own",
        Topic.SEGMENT,
        "several tumour segments in one segmentation",
        Ending.MEASURED,
        "each tumour is scored by itself and gets results of its own",
    ),
    OtherCase(
        "workers/outline/test_phase_rule.py::test_a_phase_before_contrast_in_a_series_of_its_own_counts",
        Topic.PHASE,
        "the phase before contrast in a series of its own, all others in the series that the outline references",
        Ending.MEASURED,
        "the phases of both series are counted in order of time: the first phase of the second one is measured",
    ),
    OtherCase(
        "acceptance/test_late_phases.py::test_an_outline_before_contrast_is_recognised_when_the_other_phases_come",
        Topic.PHASE,
        "phases in series of their own that come after the result",
        Ending.MEASURED,
        "a new version replaces the result if they change it: refused as `before_contrast` if they show that",
    ),
    OtherCase(
        "acceptance/test_structure_set_case.py::test_a_structure_set_is_scored_and_referenced",
        Topic.KIND,
        "an RT structure set with closed planar contours",
        Ending.MEASURED,
        "the contours become a mask on the images; the results reference the structure set",
    ),
    OtherCase(
        "acceptance/test_structure_set_writers.py::test_a_hole_is_no_part_of_the_tumour",
        Topic.KIND,
        "holes in an RT structure set, as contours inside a contour (rt-utils) or joined to it (plastimatch)",
        Ending.MEASURED,
        "left out of the tumour",
    ),
    OtherCase(
        "listener/pairing/test_outlines_without_case.py::test_a_structure_set_that_names_mr_images_as_ct_is_a_case",
        Topic.KIND,
        "an RT structure set that names MR images as CT (plastimatch)",
        Ending.MEASURED,
        "the received images count; set aside at the deadline if no MR image of those that it references was received, "
        "with `deadline_policy: fetch` after they were requested once",
    ),
    OtherCase(
        "acceptance/test_structure_set_case.py::test_each_tumour_of_a_structure_set_gets_results_of_its_own",
        Topic.KIND,
        "an RT structure set with several tumours",
        Ending.MEASURED,
        "each tumour is scored by itself and gets results of its own",
    ),
    OtherCase(
        "workers/outline/test_structure_set.py::test_what_cannot_be_measured_is_refused_with_what_was_found",
        Topic.KIND,
        "an RT structure set with points, or with contours between the slices",
        Ending.REFUSED,
        "draw closed contours on the slices of the original images",
        reason=Reason.UNSUPPORTED_SEGMENTATION,
    ),
    OtherCase(
        "workers/outline/test_layouts.py::test_every_layout_is_the_same_case",
        Topic.SCANNER,
        "an Enhanced or Legacy Converted Enhanced MR object for each phase, in one series or a series each",
        Ending.MEASURED,
        "temporal positions, times or instance numbers give the phases",
    ),
    OtherCase(
        "workers/outline/test_layouts.py::test_a_split_object_is_the_same_case",
        Topic.SCANNER,
        "an Enhanced MR object that the sender split into several (a concatenation)",
        Ending.MEASURED,
        "its frames are put together",
    ),
    OtherCase(
        "workers/outline/test_layouts.py::test_phases_of_an_enhanced_object_are_known_by_any_of_its_attributes",
        Topic.SCANNER,
        "an Enhanced MR object of all phases without Temporal Position Index",
        Ending.MEASURED,
        "time offsets, dimension index values, or frame acquisition times give the phases",
    ),
    OtherCase(
        "workers/outline/test_layouts.py::test_enhanced_objects_that_nothing_tells_apart_are_refused",
        Topic.SCANNER,
        "Enhanced MR objects of one series without temporal positions, times and instance numbers",
        Ending.REFUSED,
        "nothing distinguishes the phases: send them with their times, or each phase as a series",
        reason=Reason.UNKNOWN_PHASE,
    ),
    OtherCase(
        "workers/outline/test_layouts.py::test_a_compressed_enhanced_object_is_the_same_case",
        Topic.SCANNER,
        "an Enhanced MR object in JPEG Lossless, JPEG-LS, JPEG 2000 (lossless) or RLE",
        Ending.MEASURED,
        "the grey values are those of the uncompressed object",
    ),
    OtherCase(
        "workers/outline/test_layouts.py::test_rescaling_may_differ_from_slice_to_slice",
        Topic.SCANNER,
        "Rescale Slope and Intercept that differ from slice to slice",
        Ending.MEASURED,
        "each slice is rescaled by its own values",
    ),
    OtherCase(
        "workers/images/test_padding.py::test_monochrome1_is_turned_upright",
        Topic.SCANNER,
        "MONOCHROME1 images",
        Ending.MEASURED,
        "grey values are inverted; a note states this",
    ),
    OtherCase(
        "workers/images/test_padding.py::test_monochrome1_that_its_pixels_contradict_is_refused",
        Topic.SCANNER,
        "images that are MONOCHROME1 by their header only",
        Ending.REFUSED,
        "inverting would make most of the image bright: correct Photometric Interpretation",
        reason=Reason.INVALID_PIXELS,
    ),
    OtherCase(
        "workers/images/test_families.py::test_several_parallel_scouts_are_set_apart",
        Topic.SCANNER,
        "several scouts parallel to the slices, between or beside them",
        Ending.MEASURED,
        "excluded by their position; a note states this",
    ),
    OtherCase(
        "workers/images/test_families.py::test_scouts_in_line_with_the_slices_are_set_apart",
        Topic.SCANNER,
        "scouts exactly in line with the slices",
        Ending.MEASURED,
        "excluded if slice thickness, repetition time, flip angle, sequence, protocol or image type differs; a note "
        "states this. Refused otherwise, if the other phases lack these slices",
    ),
    OtherCase(
        "workers/outline/test_earlier_phase.py::test_copies_of_the_images_do_not_hide_the_phase_before_contrast",
        Topic.SCANNER,
        "every image twice, under two UIDs",
        Ending.MEASURED,
        "of identical images, one is used, preferably the one that the outline references",
    ),
    OtherCase(
        "workers/images/test_acquisition_times.py::test_stacks_sort_by_time",
        Topic.SCANNER,
        "phases whose times differ in form: with and without date, fraction or offset from UTC",
        Ending.MEASURED,
        "compared as times; dates and offsets count if all phases have them",
    ),
    OtherCase(
        "workers/images/test_placed_frames.py::test_a_screen_capture_is_set_aside_with_a_note",
        Topic.SCANNER,
        "a few screen captures or projections without a position in space, inside the series",
        Ending.MEASURED,
        "excluded, unless the outline references them; a note states this",
    ),
    OtherCase(
        "workers/images/test_padding.py::test_a_padding_value_of_another_vr_is_read",
        Topic.SCANNER,
        "Pixel Padding Value as text, in 32 bits, as a floating-point number, twice, or in the wrong sign",
        Ending.MEASURED,
        "read as the value that it states; one that is not a number is treated as absent, with a note",
    ),
    OtherCase(
        "workers/results/test_segmentation.py::test_a_slice_thickness_that_is_no_positive_number_is_the_distance",
        Topic.SCANNER,
        "a Slice Thickness with a unit or a decimal comma",
        Ending.MEASURED,
        "positions give the distance of the slices",
    ),
    OtherCase(
        "workers/features/test_bilateral.py::test_a_second_breast_in_the_images_changes_no_feature",
        Topic.SCANNER,
        "an axial series with both breasts",
        Ending.MEASURED,
        "the features are those of the breast with the tumour",
    ),
    OtherCase(
        "acceptance/test_converted_case.py::test_it_is_scored_without_waiting_for_the_deadline",
        Topic.SENDER,
        "an outline on classic images, and the Enhanced object that was converted from them",
        Ending.MEASURED,
        "Conversion Source Attributes Sequence links both; a note states this",
    ),
    OtherCase(
        "workers/outline/test_converted_images.py::test_classic_images_stand_for_the_object_that_they_were_split_from",
        Topic.SENDER,
        "an outline on an Enhanced object, and the classic images that were converted from it",
        Ending.MEASURED,
        "as above",
    ),
    OtherCase(
        "workers/outline/test_converted_images.py::test_several_tumours_of_a_structure_set_whose_images_came_converted",
        Topic.SENDER,
        "an RT structure set of several tumours on classic images, and the Enhanced object converted from them",
        Ending.MEASURED,
        "as above, each tumour by itself",
    ),
    OtherCase(
        "listener/pairing/test_elsewhere.py::test_a_series_that_is_split_over_two_studies_is_said_at_once",
        Topic.SENDER,
        "a series that is split over several studies",
        Ending.REFUSED,
        "reported at once with the studies: send the outline and all of its images in one study",
        reason=Reason.MISSING_INSTANCES,
    ),
    OtherCase(
        "integration/test_listener_intake.py::test_images_long_after_the_outline_make_one_new_version",
        Topic.SENDER,
        "images that come long after the outline, in several associations",
        Ending.MEASURED,
        "not scored at the deadline; a new version when they are complete",
    ),
    OtherCase(
        "listener/pairing/test_outlines_without_case.py::test_a_segmentation_of_fused_images_waits_for_the_mr_alone",
        Topic.SENDER,
        "an outline that references MR images and their fused PET or CT",
        Ending.MEASURED,
        "only the MR images are waited for",
    ),
    OtherCase(
        "listener/dicom/test_own_results.py::test_a_result_whose_header_was_changed_is_known",
        Topic.SENDER,
        "results of radtme that come back with another manufacturer or other UIDs",
        Ending.SET_ASIDE,
        "the ring's code and the content label identify them; a result that a person corrected in a viewer is measured",
    ),
    OtherCase(
        "workers/jobs/test_readable_case.py::test_a_name_of_two_bytes_a_letter_is_no_latin_text",
        Topic.SENDER,
        "a patient's name in GBK or EUC-KR under a declared Latin character set",
        Ending.MEASURED,
        "the name is omitted from the results, with a note",
    ),
    OtherCase(
        "integration/test_listener_intake.py::test_uids_as_devices_write_them_are_stored_and_paired",
        Topic.SENDER,
        "UIDs with a trailing space or NUL",
        Ending.MEASURED,
        "padding is no part of the UID",
    ),
)


def page() -> str:
    """Return the text of docs/accepted-input.md."""
    lines = [
        "# Accepted and refused input",
        "",
        "Each row is a kind of input that hospitals and researchers send, and has a test: this page is generated",
        "from the tables in `tests/support/field_cases.py`, which `tests/acceptance/test_field_cases.py` runs or which",
        "name the test. The reasons are explained in [not-scored.md](not-scored.md).",
    ]
    for topic in Topic:
        rows = [case for case in (*CASES, *OTHER_CASES) if case.topic is topic]
        if rows:
            lines += ["", f"## {topic}", "", "| input | outcome | reason, or what to do |", "|---|---|---|"]
            lines += [_row(case) for case in rows]
    return "\n".join(lines) + "\n"


def _row(case: FieldCase | OtherCase) -> str:
    ending = f"{case.ending}: `{case.reason}`" if case.reason else str(case.ending)
    return f"| {case.what} | {ending} | {case.then} |"


if __name__ == "__main__":
    PAGE.write_text(page())
