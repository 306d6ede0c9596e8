"""IBSI's reporting guidelines (reference manual, chapter 4) for a signature: the items that apply to MR images.

Items of CT, PET, diffusion and brain images are left out. What radtme does to every image is answered by the program,
how the images were acquired by what the feature table of the training cases states.
"""

from model_store.publication.metrics_items import DOES_NOT_APPLY, StudyEvidence, comparison, robustness
from model_store.publication.tripod import NOT_REPORTED
from model_store.signatures.acceptance import TECHNIQUE, Parameter
from model_store.signatures.profile import FilterBank
from model_store.signatures.signature import Description

LIMITS = "What it may be applied to"
COMPLIANCE = (
    "digital phantom, and CT phantom in configurations A, B, D and E: all 98 features that IBSI defines in the same "
    "way; in C the 76 that do not depend on where the first bin begins. Grid and filters: features.md"
)
LAPLACIANS = {
    FilterBank.LAPLACIAN_OF_GAUSSIAN: "ITK, normalised across scales",
    FilterBank.IBSI_LAPLACIAN_OF_GAUSSIAN: "IBSI 2, cut off at 4 sigma, mirrored edges, bins divided by sigma squared",
}

Rows = tuple[tuple[str, str, str], ...]


def ibsi_rows(study: StudyEvidence, description: Description) -> list[tuple[str, str, str]]:
    """Return number, topic and answer of each item; an item without an answer is not reported."""
    rows = (*_patients_and_scans(description), *_processing(study, description), *_regions(study))
    rows = (*rows, *_levels_and_filters(description), *_features(study, description), *_analysis(study))
    return [(number, topic, answer or NOT_REPORTED) for number, topic, answer in rows]


def _patients_and_scans(description: Description) -> Rows:
    def acquired(name: str) -> str:
        return f"Training cases ({name})" if name in description.cohort else ""

    def limited(parameter: Parameter) -> str:
        return LIMITS if parameter in description.acceptance.acquisition else ""

    return (
        ("1", "Region of interest that is imaged", "breast"),
        ("2", "Preparation of patients", ""),
        ("4", "Contrast agent", ""),
        ("5", "Comorbidities", ""),
        ("6", "Imaging protocol", ""),
        ("7", "Scanners", acquired("scanner")),
        ("8", "Modality", "MR"),
        ("9a", "Static or dynamic", "dynamic: one phase is measured"),
        ("9b", "Time per phase", ""),
        ("9c", "Temporal modelling", "none"),
        ("10-13", "Calibration, instructions, motion, duration", ""),
        ("17", "Coil", ""),
        ("18a-b", "Sequence and its variant", acquired(TECHNIQUE)),
        ("19", "Repetition time", limited(Parameter.REPETITION_TIME)),
        ("20", "Echo time", limited(Parameter.ECHO_TIME)),
        ("21-22", "Echo train, inversion time", ""),
        ("23", "Flip angle", limited(Parameter.FLIP_ANGLE)),
        ("24-26", "Acquisition type, k-space, averages", ""),
        ("27", "Field strength", limited(Parameter.FIELD_STRENGTH)),
        ("28", "Resolution in the plane", limited(Parameter.PIXEL_SPACING)),
        ("29", "Slice thickness", ""),
        ("30", "Slice spacing", limited(Parameter.SLICE_SPACING)),
        ("35", "Reconstruction", ""),
    )


def _processing(study: StudyEvidence, description: Description) -> Rows:
    other = "ComBat between scanners, of the features" if study.is_harmonised else "none"
    return (
        ("37", "Registration", "none by radtme"),
        ("40", "Other data conversions", "none"),
        ("41", "Anti-aliasing", "none"),
        ("42", "Suppression of noise", "none by radtme"),
        ("45", "Correction of non-uniformity", "none by radtme"),
        ("46", "Normalisation of intensities", description.profile.description),
        ("47", "Other processing", other),
    )


def _regions(study: StudyEvidence) -> Rows:
    return (
        ("48", "Segmentation", study.told("outline_readers")),
        ("49", "Conversion to a mask", "a voxel belongs to a contour that holds its centre"),
        ("50a", "Interpolation of images", "cubic B-spline"),
        ("50b-c", "Position and size of the grid", "outer corner on that of a source voxel; centres inside the volume"),
        ("50d", "Extrapolation", "mirrored ends"),
        ("53", "Interpolation of masks", "nearest neighbour"),
        ("54", "Partially masked voxels", "by the source voxel that holds the centre"),
        ("55", "Re-segmentation", "none"),
    )


def _levels_and_filters(description: Description) -> Rows:
    profile = description.profile
    if profile.filters in LAPLACIANS:
        sigmas = ", ".join(f"{sigma:g}" for sigma in profile.log_sigmas_mm)
        filters = f"Laplacian of Gaussian ({LAPLACIANS[profile.filters]}), sigma {sigmas} mm"
    else:
        filters = f"stationary wavelet {profile.wavelet}, within slices, the four bands of the first level"
    return (
        ("51", "Size of the resampled voxels", f"{profile.spacing_mm:g} mm in each direction"),
        ("56a-b", "Discretisation", f"bins of {profile.bin_width:g}, in z-scores times {profile.intensity_scale:g}"),
        ("56c", "Lowest intensity of the first bin", "the multiple of the bin width at or below the region's minimum"),
        ("57", "Filters", filters),
    )


def _features(study: StudyEvidence, description: Description) -> Rows:
    within = description.profile.filters is FilterBank.WAVELET_2D
    aggregated = "mean over the directions; " + ("within slices on filtered images" if within else "3D")
    return (
        ("58", "Features", "479 of the tumour and 479 of the ring, as pyradiomics defines them (features.md)"),
        ("59", "Compliance with IBSI", COMPLIANCE),
        ("60", "Robustness", robustness(study)),
        ("61", "Software", "Made with"),
        ("62", "Aggregation of texture matrices", aggregated),
        ("63", "Weighting by distance", "none"),
        ("64", "Symmetry of co-occurrence", "symmetric"),
        ("65", "Distance of co-occurrence", "1"),
        ("66", "Linkage of zones", "26 neighbours, 8 within slices"),
        ("67-68", "Distance zone matrix", f"{DOES_NOT_APPLY}: it is not computed"),
        ("69-70", "Distance of NGTDM and of the dependence matrix", "1 (Chebyshev)"),
        ("71", "Coarseness of the dependence matrix", "0"),
    )


def _analysis(study: StudyEvidence) -> Rows:
    return (
        ("72", "Modelling", "TRIPOD+AI in this card"),
        ("73", "Comparison with known factors", comparison(study)),
        ("74", "Collinearity", "of two features whose ranks correlate above 0.9, one is taken"),
        ("75", "Availability of the model", "this bundle"),
        ("76", "Availability of data", study.told("data_sharing")),
    )
