"""Every coded concept of the results, defined once and by name.

Public concepts come from PS3.16; concepts without a public code are in the private scheme 99RADTME. Private code values
have at most 16 characters, meanings at most 64 (PS3.5 SH and LO).
"""

import functools

from highdicom.coding_schemes import CodingSchemeIdentificationItem
from highdicom.sr import CodedConcept
from pydicom import Dataset
from pydicom.sr.coding import Code

from listener.dicom.own_results import PRIVATE_SCHEME
from workers.results.uids import derived_uid

# Document and observation context (TID 1500, TID 1001)
REPORT_TITLE = Code("126002", "DCM", "Dynamic Contrast MR Measurement Report")
"""Shown as text, because viewers expect outlines within an "Imaging Measurement Report"."""
PROCEDURE_REPORTED = Code("126020", "DCM", "Multiparametric MRI")
"""The template binds the procedure to CID 100, which has no code for MRI of the breast."""
ENGLISH = Code("en-US", "RFC5646", "English (United States)")
IMAGING_MEASUREMENTS = Code("126010", "DCM", "Imaging Measurements")
MEASUREMENT_GROUP = Code("125007", "DCM", "Measurement Group")
LANGUAGE = Code("121049", "DCM", "Language of Content Item and Descendants")
OBSERVER_TYPE = Code("121005", "DCM", "Observer Type")
DEVICE = Code("121007", "DCM", "Device")
DEVICE_UID = Code("121012", "DCM", "Device Observer UID")
DEVICE_NAME = Code("121013", "DCM", "Device Observer Name")
PROCEDURE = Code("121058", "DCM", "Procedure reported")
SUMMARY = Code("121111", "DCM", "Summary")
CONCLUSION = Code("121077", "DCM", "Conclusion")
QUALITATIVE_EVALUATIONS = Code("C0034375", "UMLS", "Qualitative Evaluations")
MEASUREMENT_METHOD = Code("370129005", "SCT", "Measurement Method")
COMMENT = Code("121106", "DCM", "Comment")
ACQUISITION_EQUIPMENT = Code("109101", "DCM", "Acquisition Equipment")
PROCESSING_EQUIPMENT = Code("109102", "DCM", "Processing Equipment")
ARTIFICIAL_INTELLIGENCE = Code("123110", "DCM", "Artificial Intelligence")
MORPHOLOGICAL_OPERATIONS = Code("123104", "DCM", "Morphological Operations")

# Regions (CID 7150, CID 7151)
MORPHOLOGICALLY_ABNORMAL = Code("49755003", "SCT", "Morphologically Abnormal Structure")
NEOPLASM = Code("108369006", "SCT", "Neoplasm")
PERITUMOURAL_RING = Code("peritumour-ring", PRIVATE_SCHEME, "Peritumoural ring")
TISSUE = Code("85756007", "SCT", "Tissue")
BREAST = Code("76752008", "SCT", "Breast")
LEFT = Code("7771000", "SCT", "Left")
RIGHT = Code("24028007", "SCT", "Right")
BILATERAL = Code("51440002", "SCT", "Bilateral")

# Measurement groups (TID 1410, TID 1411, TID 1501)
TRACKING_IDENTIFIER = Code("112039", "DCM", "Tracking Identifier")
TRACKING_UID = Code("112040", "DCM", "Tracking Unique Identifier")
FINDING = Code("121071", "DCM", "Finding")
FINDING_SITE = Code("363698007", "SCT", "Finding Site")
LATERALITY = Code("272741003", "SCT", "Laterality")
REFERENCED_SEGMENT = Code("121191", "DCM", "Referenced Segment")
SOURCE_SERIES = Code("121232", "DCM", "Source series for segmentation")

# References between images (CID 7202, CID 7203)
SOURCE_IMAGE = Code("121322", "DCM", "Source image for image processing operation")
SEGMENTATION = Code("113076", "DCM", "Segmentation")

# Measurements
VOLUME = Code("118565006", "SCT", "Volume")
MILLILITRE = Code("mL", "UCUM", "mL")
NO_UNITS = Code("1", "UCUM", "no units")
OF_ONE = Code("/1", "UCUM", "of 1")
"""Unity. Viewers print the unit's code after the number: "0.731 /1" reads as a share, "0.731 1" as two numbers."""

# The verdict
SCORE = Code("radiomics-score", PRIVATE_SCHEME, "Radiomics score")
THRESHOLD = Code("score-threshold", PRIVATE_SCHEME, "Threshold for hot")
MEAN_SCORE = Code("score-mean", PRIVATE_SCHEME, "Radiomics score of an average training case")
PHENOTYPE = Code("immune-phenotype", PRIVATE_SCHEME, "Tumour immune phenotype")
HOT = Code("hot", PRIVATE_SCHEME, "HOT (immune-inflamed)")
COLD = Code("cold", PRIVATE_SCHEME, "COLD (immune-desert)")
UNCERTAIN = Code("uncertain", PRIVATE_SCHEME, "UNCERTAIN (hot or cold)")
TENDENCY = Code("tendency", PRIVATE_SCHEME, "Tendency (class by the threshold)")
PREDICTION_SET = Code("prediction-set", PRIVATE_SCHEME, "Prediction set")
HOT_OR_COLD = Code("hot-or-cold", PRIVATE_SCHEME, "HOT or COLD")
LOWEST_SCORE = Code("score-lowest", PRIVATE_SCHEME, "Lowest score of redrawn outlines")
HIGHEST_SCORE = Code("score-highest", PRIVATE_SCHEME, "Highest score of redrawn outlines")
UNCERTAINTY = Code("uncertain-why", PRIVATE_SCHEME, "Why the verdict is uncertain")
STABILITY = Code("score-stability", PRIVATE_SCHEME, "Score when the outline is redrawn")
POSITION = Code("score-position", PRIVATE_SCHEME, "Position among the training cases")
NOT_SCORED = Code("not-scored", PRIVATE_SCHEME, "NOT SCORED")
REASON = Code("not-scored-why", PRIVATE_SCHEME, "Reason")
EXPLANATION = Code("explanation", PRIVATE_SCHEME, "Explanation")
WHAT_TO_DO = Code("what-to-do", PRIVATE_SCHEME, "What to do")
ABOUT_SCORE = Code("about-score", PRIVATE_SCHEME, "About the score")
RELATED_OBJECTS = Code("related-objects", PRIVATE_SCHEME, "Objects of this result")
RESULT_SEGMENTATION = Code("segmentation", PRIVATE_SCHEME, "Segmentation of tumour and ring")
RESULT_KEY_IMAGE = Code("key-image", PRIVATE_SCHEME, "Key image")
RESULT_FEATURES = Code("feature-report", PRIVATE_SCHEME, "Feature report")
OUTLINE = Code("outline", PRIVATE_SCHEME, "Received outline")
LESION = Code("lesion", PRIVATE_SCHEME, "Lesion")
NOTICE = Code("notice", PRIVATE_SCHEME, "Notice")
EFFECT = Code("effect-on-score", PRIVATE_SCHEME, "Effect on the score")
SOURCE = Code("source", PRIVATE_SCHEME, "Received")
MEASURED_ON = Code("measured-on", PRIVATE_SCHEME, "Measured on")
QUALITY_NOTE = Code("quality-note", PRIVATE_SCHEME, "Quality note")
SIGNATURE = Code("signature", PRIVATE_SCHEME, "Signature")
INTENDED_USE = Code("intended-use", PRIVATE_SCHEME, "Intended use")
REPLACES = Code("replaces", PRIVATE_SCHEME, "Replaces")
GREY_LEVELS = Code("grey-levels", PRIVATE_SCHEME, "Grey levels in the original image")
FEATURES_DIGEST = Code("features-digest", PRIVATE_SCHEME, "SHA-256 of the features")
DERIVATION = Code("121401", "DCM", "Derivation")
MISSING_FEATURE = Code("missing-feature", PRIVATE_SCHEME, "Feature that cannot be computed")


@functools.cache
def coding_schemes() -> tuple[Dataset, ...]:
    """Return the items that identify the coding schemes outside DICOM (PS3.3 C.12.1.1.2)."""
    return (
        _coding_scheme(PRIVATE_SCHEME, derived_uid("radtme coding scheme"), "radtme private codes", "radtme"),
        _coding_scheme(
            "IBSI",
            "1.2.840.10008.2.16.13",
            "Image Biomarker Standardisation Initiative",
            "Image Biomarker Standardisation Initiative",
        ),
    )


def _coding_scheme(designator: str, uid: str, name: str, organization: str) -> Dataset:
    item: Dataset = CodingSchemeIdentificationItem(designator, name=name, responsible_organization=organization)
    item.CodingSchemeUID = uid  # highdicom 0.28.2 drops a UID that comes without the name of a registry
    return item


def code_item(code: Code) -> Dataset:
    """Return ``code`` as an item of a code sequence (PS3.3 table 8.8-1)."""
    return CodedConcept.from_code(code)
