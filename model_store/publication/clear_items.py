"""The items of CLEAR (Kocak et al., Insights into Imaging 14:75, 2023), answered by what a study ran.

The words of the items are shortened; the checklist itself is what to report by. What belongs to a publication, such as
its abstract, is not reported here.
"""

from model_store.publication.metrics_items import (
    StudyEvidence,
    comparison,
    external_testing,
    internal_testing,
    protocol,
    robustness,
    site_effects,
)
from model_store.publication.tripod import NOT_REPORTED

PROFILE, TRAINING = "Feature profile", "Training"


def clear_rows(study: StudyEvidence) -> list[tuple[str, str, str]]:
    """Return number, topic and answer of each of the 58 items; an item without an answer is not reported."""
    answers = (*_paper(study), *_data(study), *_features(study), *_preparation(study), *_modelling(study))
    answers = (*answers, *_results(study), *_open_science(study))
    return [(str(number), topic, answer or NOT_REPORTED) for number, (topic, answer) in enumerate(answers, start=1)]


def _paper(study: StudyEvidence) -> tuple[tuple[str, str], ...]:
    return (
        ("Title that names the radiomic method", ""),
        ("Structured abstract", ""),
        ("Keywords", ""),
        ("Scientific or clinical background", study.told("healthcare_context")),
        ("Reasons for a radiomic approach", ""),
        ("Objectives", ""),
        ("Checklists", "CLEAR, METRICS, RQS 2.0, IBSI and TRIPOD+AI in this card"),
        ("Ethics", study.told("ethics")),
        ("Sample size", study.told("sample_size")),
        ("Nature of the study", ""),
        ("Eligibility", study.told("eligibility")),
        ("Flowchart of the technical steps", ""),
    )


def _data(study: StudyEvidence) -> tuple[tuple[str, str], ...]:
    return (
        ("Source of the data", study.told("data_source")),
        ("Overlap with data of earlier publications", ""),
        ("Split of the data", f"by patient; everything is chosen inside the folds ({TRAINING})" if study.train else ""),
        ("Imaging protocol", protocol(study)),
        ("Predictors that are not radiomic", comparison(study) or "none in the signature"),
        ("Reference standard", study.told("label_source")),
        ("Segmentation", study.told("outline_readers")),
        ("Who segmented", study.told("outline_readers")),
    )


def _features(study: StudyEvidence) -> tuple[tuple[str, str], ...]:
    return (
        ("Preprocessing of images", PROFILE),
        ("Resampling", f"{PROFILE} (spacing_mm); cubic B-spline, nearest neighbour for the mask"),
        ("Discretisation", f"{PROFILE} (bin_width)"),
        ("Types of images", f"{PROFILE} (filters): the original and four filtered ones"),
        ("Extraction", "pyradiomics, or an engine with its values; Made with"),
        ("Classes of features", "shape, first order, GLCM, GLRLM, GLSZM, GLDM, NGTDM"),
        ("Number of features", "479 of the tumour and 479 of the ring"),
        ("Statement on default settings", f"what is not in the {PROFILE.lower()} has pyradiomics' default"),
    )


def _preparation(study: StudyEvidence) -> tuple[tuple[str, str], ...]:
    taken = len(study.train.get("features", {}).get("taken", ()))
    scaling = "ComBat between scanners, inside the folds" if study.is_harmonised else "none: trees need none"
    return (
        ("Missing data", "columns and cases that were left out (Training)" if study.train else ""),
        ("Class imbalance", "Training (imbalance)" if study.train else ""),
        ("Reliability of the segmentation", robustness(study)),
        ("Scaling of features", scaling if study.train else ""),
        ("Reduction of features", f"inside each fold; {taken} are taken ({TRAINING})" if taken else ""),
    )


def _modelling(study: StudyEvidence) -> tuple[tuple[str, str], ...]:
    external = external_testing(study)
    tests = "DeLong's paired test against clinical data" if comparison(study) else ""
    tested = "; ".join(filter(None, (internal_testing(study), external)))
    return (
        ("Algorithm", f"random forest ({TRAINING})"),
        ("Training and tuning", f"{TRAINING} (method, settings, seed)" if study.train else ""),
        ("Confounders", site_effects(study)),
        (
            "Choice of the model",
            f"the largest AUC in the inner folds ({TRAINING})" if study.train else "",
        ),
        ("Testing", tested),
        ("Measures of performance", "Performance; Validation"),
        ("Uncertainty", "an interval of each measure; calibration; How sure a verdict is"),
        ("Statistical comparison of performance", tests),
        ("Comparison with other methods", comparison(study)),
        ("Interpretability", "importance of the features; each report names those that moved its score"),
    )


def _results(study: StudyEvidence) -> tuple[tuple[str, str], ...]:
    of_report = "of the study's report"
    return (
        ("Baseline characteristics", f"table 1 {of_report}" if study.validate else ""),
        ("Flowchart of eligibility", f"flow of cases {of_report}" if study.train else ""),
        ("Statistics of features", "importance (figure)" if study.train else ""),
        ("Performance", "Performance; Validation"),
        ("Result of the comparison with other methods", comparison(study)),
        ("Overview of findings", ""),
        ("Previous work", ""),
        ("Practical implications", ""),
        ("Strengths and limitations", "Limits (limitations)"),
    )


def _open_science(study: StudyEvidence) -> tuple[tuple[str, str], ...]:
    return (
        ("Sharing of images and segmentations", study.told("data_sharing")),
        ("Sharing of features", study.told("data_sharing")),
        ("Sharing of settings of the extraction", f"{PROFILE}, in signature.json of this bundle"),
        ("Sharing of the code", "the radtme version that wrote this bundle"),
        ("Sharing of the model", "this bundle"),
        ("Ready-to-use system", "radtme scores DICOM studies with this bundle"),
    )
