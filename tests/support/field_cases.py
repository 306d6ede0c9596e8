"""What reaches a hospital's listener, and what becomes of it: one table for the tests and for docs/accepted-input.md.

Each row names a folder of ``../shared/data/field_cases`` with one input of that kind. After a change of the table:
``PYTHONPATH=tests:. python -m support.field_cases`` writes the page.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from workers.errors import Reason

PAGE = Path(__file__).resolve().parents[2] / "docs" / "accepted-input.md"


class Ending(StrEnum):
    """What becomes of an input; the value is what the page says."""

    MEASURED = "measured"
    REFUSED = "not scored"
    SET_ASIDE = "set aside"
    """There is no job, and nothing is sent to the study."""
    COMMAND = "by a command"
    """Nothing that is sent to the listener."""


class Topic(StrEnum):
    """A section of the page."""

    SEGMENT = "Which segment is the tumour"
    PHASE = "Which phase is measured"
    IMAGES = "Which images can be measured"
    KIND = "Kinds of segmentations, and where they lie"
    SCANNER = "What scanners write"
    SENDER = "What senders do"


@dataclass(frozen=True)
class FieldCase:
    """One kind of input."""

    folder: str
    """Below ``field_cases``."""
    topic: Topic
    what: str
    """What comes, as the page says it."""
    ending: Ending
    then: str
    """What is done with it and why, or what to do about it, as the page says it."""
    same_features_as: str = ""
    """``phantom`` or ``br06``: every feature is that of this reference."""
    reason: Reason | None = None
    """Of a refusal."""
    says: tuple[str, ...] = ()
    """Words that the refusal, or the notes of what is measured, must hold."""


CASES: tuple[FieldCase, ...] = (
    FieldCase(
        "b01_slicer_default_tissue",
        Topic.SEGMENT,
        "3D Slicer's default terminology: Tissue (SCT 85756007)",
        Ending.MEASURED,
        "a single segment that nothing contradicts is the tumour; a note says so",
        same_features_as="phantom",
        says=("Tissue",),
    ),
    FieldCase(
        "b02_ohif_tissue_srt",
        Topic.SEGMENT,
        "OHIF's code of every segment: Tissue (SRT T-D0050)",
        Ending.MEASURED,
        "as above",
        same_features_as="phantom",
        says=("Tissue",),
    ),
    FieldCase(
        "b09_ncit_umls",
        Topic.SEGMENT,
        "codes of UMLS or NCIt for a neoplasm",
        Ending.MEASURED,
        "these codes are known",
        same_features_as="phantom",
    ),
    FieldCase(
        "b52_labelmap",
        Topic.KIND,
        "a LABELMAP that lists the background as segment 0",
        Ending.MEASURED,
        "the background is no segment to choose from",
        same_features_as="phantom",
    ),
    FieldCase(
        "b50_ispy2_bitmask_max255",
        Topic.KIND,
        "FRACTIONAL whose bytes are bit flags (analysis masks of I-SPY 2)",
        Ending.REFUSED,
        "flags are no fractions: export the tumour as a BINARY segmentation",
        reason=Reason.UNSUPPORTED_SEGMENTATION,
        says=("flags", "BINARY"),
    ),
    FieldCase(
        "j04_odd_matrix_frames_padded_to_bytes",
        Topic.KIND,
        "BINARY frames that are padded to whole bytes each, against PS3.5 section 8.1.1",
        Ending.REFUSED,
        "read so where the length of the pixel data tells, with a note; else export it with another program",
        reason=Reason.UNSUPPORTED_SEGMENTATION,
        says=("padded", "8.1.1"),
    ),
    FieldCase(
        "d04_mask_reoriented_axial",
        Topic.KIND,
        "frames in another orientation than the images, on their voxels",
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
        "images without Frame of Reference UID; the outline names them",
        Ending.MEASURED,
        "an outline lies on the images that it names; a note says so",
        same_features_as="phantom",
        says=("frame of reference",),
    ),
    FieldCase(
        "c42_no_frame_of_reference_both",
        Topic.KIND,
        "neither images nor outline have a Frame of Reference UID; the outline names its images",
        Ending.MEASURED,
        "as above",
        same_features_as="phantom",
        says=("frame of reference",),
    ),
    FieldCase(
        "b56_series_only_separate",
        Topic.PHASE,
        "the outline names its series and no images; each phase is a series",
        Ending.MEASURED,
        "the named series is measured",
        same_features_as="phantom",
    ),
    FieldCase(
        "b58_nothing_separate",
        Topic.PHASE,
        "the outline names nothing; each phase is a series",
        Ending.MEASURED,
        "the signature's phase rule decides; a note says so",
        same_features_as="phantom",
        says=("phase",),
    ),
    FieldCase(
        "d01_itksnap_dcmqi_whole_series",
        Topic.PHASE,
        "each frame names an image of every phase (dcmqi on ITK-SNAP's mask and the whole series)",
        Ending.MEASURED,
        "the signature's phase rule decides; a note says so",
        same_features_as="phantom",
        says=("phase",),
    ),
    FieldCase(
        "j06_dcmqi_554_frames_name_all_phases_cir_names_first",
        Topic.PHASE,
        "each frame names an image of every phase, the list of series only those of the first",
        Ending.MEASURED,
        "as above",
        same_features_as="phantom",
        says=("phase",),
    ),
    FieldCase(
        "e02_enhanced_seg_names_no_frames",
        Topic.PHASE,
        "an Enhanced MR object of all phases, named without frame numbers",
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
        "a dimension with another value in each frame tells no pictures apart; the phases follow from order and times",
        same_features_as="phantom",
    ),
    FieldCase(
        "b20_sub_siemens",
        Topic.IMAGES,
        "outlined on a subtraction (Image Type ... SUB)",
        Ending.REFUSED,
        "copy the outline to the phase after contrast, and send it again",
        reason=Reason.DERIVED_IMAGES,
        says=("subtraction",),
    ),
    FieldCase(
        "b21_sub_ge",
        Topic.IMAGES,
        "outlined on a subtraction (Image Type DERIVED, SECONDARY)",
        Ending.REFUSED,
        "as above",
        reason=Reason.DERIVED_IMAGES,
        says=("DERIVED",),
    ),
    FieldCase(
        "o01_br06_subtraction",
        Topic.IMAGES,
        "outlined on the subtraction of a real patient",
        Ending.REFUSED,
        "as above",
        reason=Reason.DERIVED_IMAGES,
        says=("DERIVED",),
    ),
    FieldCase(
        "b30_seg_on_precontrast",
        Topic.IMAGES,
        "outlined on the phase before contrast",
        Ending.REFUSED,
        "copy the outline to the phase after contrast, and send it again",
        reason=Reason.BEFORE_CONTRAST,
        says=("before contrast",),
    ),
    FieldCase(
        "b32_seg_on_adc",
        Topic.IMAGES,
        "outlined on an ADC map",
        Ending.REFUSED,
        "outline the tumour on the phase after contrast",
        reason=Reason.OTHER_TECHNIQUE,
        says=("ADC",),
    ),
    FieldCase(
        "b33_seg_on_cad_map_no_word",
        Topic.IMAGES,
        "outlined on a map that was computed from other images (Image Type DERIVED)",
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
        "nothing tells the phases apart: send them with their times, or as a series each",
        reason=Reason.UNKNOWN_PHASE,
        says=("series", "times"),
    ),
    FieldCase(
        "a08_tpi_counts_images",
        Topic.SCANNER,
        "a Temporal Position Identifier that counts images",
        Ending.MEASURED,
        "it is passed over, and the next evidence asked",
        same_features_as="phantom",
    ),
    FieldCase(
        "a12_mip_in_series_same_type",
        Topic.SCANNER,
        "a projection or scout inside the series",
        Ending.MEASURED,
        "set aside by its orientation or place; a note says so",
        same_features_as="phantom",
        says=("orientation",),
    ),
    FieldCase(
        "c46_instance_number_text",
        Topic.SCANNER,
        "an Instance Number that is no number",
        Ending.MEASURED,
        "taken as absent",
        same_features_as="phantom",
    ),
    FieldCase(
        "c47_trigger_time_comma",
        Topic.SCANNER,
        "a Trigger Time with a decimal comma",
        Ending.MEASURED,
        "taken as absent",
        same_features_as="phantom",
    ),
    FieldCase(
        "c02_oblique_coarse",
        Topic.SCANNER,
        "positions and direction cosines with few digits",
        Ending.MEASURED,
        "rounding moves no voxel of the mask",
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
        "padding is no grey value: it is left out of mean and standard deviation",
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
        "[`radtme outline`](mask-files.md) makes the segmentation, which is measured as one of a viewer is",
        same_features_as="phantom",
    ),
    FieldCase(
        "a17b_resend_after_name_correction",
        Topic.SENDER,
        "the same UIDs again, with a corrected patient's name",
        Ending.COMMAND,
        "kept in quarantine; [`radtme retry --corrected`](spool.md#corrected-headers-under-known-uids) takes it "
        "and makes a new version",
    ),
    FieldCase(
        "g01_ct_liver_seg_routed",
        Topic.SENDER,
        "a segmentation of a liver on CT, sent by a routing rule for all segmentations",
        Ending.SET_ASIDE,
        "drawn on images that are never accepted: kept, counted, shown by `radtme status`, and no report in that study",
    ),
    FieldCase(
        "f03_slicer_exports_ct",
        Topic.SENDER,
        "a breast MRI that a program exported as CT images",
        Ending.SET_ASIDE,
        "as above: send the original MR images, and draw the outline on those",
    ),
    FieldCase(
        "c52_seg_other_study",
        Topic.SENDER,
        "a segmentation in another study than its images",
        Ending.REFUSED,
        "said at once, with the study that has the images: export the outline into that study",
        reason=Reason.MISSING_INSTANCES,
        says=("they lie in study",),
    ),
    FieldCase(
        "d10_dcmqi_whole_study_separate",
        Topic.SENDER,
        "a segmentation that lists the images of several series under one of them",
        Ending.MEASURED,
        "an image is looked for in the whole study; the phase is that of the profile's rule",
        says=("phase",),
    ),
    FieldCase(
        "c27_jpeg_lossy",
        Topic.SENDER,
        "images in lossy JPEG alone",
        Ending.REFUSED,
        "the sender may not send them: let it send uncompressed or lossless images",
        reason=Reason.MISSING_INSTANCES,
        says=("lossy images are not measured", "expected in series"),
    ),
    FieldCase(
        "c61_gbk_undeclared",
        Topic.SENDER,
        "a patient's name in GBK, Shift-JIS or Latin-1, and no Specific Character Set",
        Ending.MEASURED,
        "the name is left out of the results, and a note says so, until `workers.character_sets` says what it is",
        same_features_as="phantom",
        says=("PatientName", "workers.character_sets"),
    ),
    FieldCase(
        "l01_uid_leading_zero_component",
        Topic.SENDER,
        "UIDs with leading zeros in a component, against PS3.5 section 9.1",
        Ending.MEASURED,
        "taken as they are",
        same_features_as="phantom",
    ),
    FieldCase(
        "k01_no_preamble",
        Topic.SENDER,
        "files that are data sets without Part 10 header (`radtme send`, `radtme demo --input`)",
        Ending.MEASURED,
        "read in the encoding that their first element shows; what they lack is named",
        same_features_as="phantom",
    ),
    FieldCase(
        "f02_rtstruct",
        Topic.KIND,
        "an RT structure set without a region of interest",
        Ending.REFUSED,
        "nothing is drawn in it; one with closed planar contours is measured, as a segmentation is",
        reason=Reason.NO_TUMOUR_SEGMENT,
    ),
)


def page() -> str:
    """Return the text of docs/accepted-input.md."""
    lines = [
        "# What is read, what is refused, and why",
        "",
        "Each row is a kind of input that hospitals and researchers send, and each is a test: this page is written",
        "from the table that `tests/acceptance/test_field_cases.py` runs. The reasons are explained in",
        "[not-scored.md](not-scored.md).",
    ]
    for topic in Topic:
        rows = [case for case in CASES if case.topic is topic]
        if rows:
            lines += ["", f"## {topic}", "", "| what comes | ends as | because, or what to do |", "|---|---|---|"]
            lines += [_row(case) for case in rows]
    return "\n".join(lines) + "\n"


def _row(case: FieldCase) -> str:
    ending = f"{case.ending}: `{case.reason}`" if case.reason else str(case.ending)
    return f"| {case.what} | {ending} | {case.then} |"


if __name__ == "__main__":
    PAGE.write_text(page())
