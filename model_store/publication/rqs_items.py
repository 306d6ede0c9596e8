"""The items of RQS 2.0 (Lambin et al., Nature Reviews Clinical Oncology 22:831, 2025), answered by what a study ran.

They are 42, each of one of nine levels of readiness (RRL). The words are shortened. No points are given: how many an
answer deserves is for a reader to judge. What belongs to a trial or a product, such as its cost, is not reported here.
"""

from model_store.publication.metrics_items import (
    StudyEvidence,
    comparison,
    external_testing,
    internal_testing,
    protocol,
    robust_selection,
    robustness,
)
from model_store.publication.tripod import NOT_REPORTED
from model_store.signatures.own_columns import own_of
from model_store.signatures.signature import Description

LEVELS = (5, 5, 4, 6, 4, 4, 5, 5, 4)
"""How many items each level has, from the first on."""


def rqs_rows(study: StudyEvidence, description: Description) -> list[tuple[str, str, str]]:
    """Return number with level, topic and answer of each item; an item without an answer is not reported."""
    answers = (*_exploration(study, description), *_preparation(study), *_prototype(study), *_internal(study))
    answers = (*answers, *_capability(study), *_trust(study), *_prospective(study), *_lasting(), *_deployment())
    levels = [level for level, items in enumerate(LEVELS, start=1) for _ in range(items)]
    return [
        (f"{number} (RRL {level})", topic, answer or NOT_REPORTED)
        for number, (level, (topic, answer)) in enumerate(zip(levels, answers, strict=True), start=1)
    ]


def _exploration(study: StudyEvidence, description: Description) -> tuple[tuple[str, str], ...]:
    return (
        ("Unmet clinical need, agreed on by several centres", study.told("healthcare_context")),
        ("Hardware", "Training cases (scanner)" if "scanner" in description.cohort else ""),
        ("Quality of the imaging protocol", protocol(study)),
        ("Inclusion and exclusion criteria", study.told("eligibility")),
        ("Diversity and distribution of the patients", study.told("participants")),
    )


def _preparation(study: StudyEvidence) -> tuple[tuple[str, str], ...]:
    return (
        ("Robustness of features", robustness(study)),
        ("Preprocessing of images", "Feature profile"),
        ("Harmonisation", "ComBat between scanners, inside the folds" if study.is_harmonised else ""),
        ("Compliance with international standards", "IBSI in this card"),
        ("Automatic segmentation", study.told("outline_readers")),
    )


def _prototype(study: StudyEvidence) -> tuple[tuple[str, str], ...]:
    taken = study.train.get("features", {}).get("taken", ())
    own = f"{len(own_of(taken))} columns of the study's own in the forest" if own_of(taken) else ""
    return (
        ("Reduction of features", f"inside each fold; {len(taken)} are taken (Training)" if taken else ""),
        ("Robust features alone in their selection", robust_selection(study)),
        ("Combination with deep learning", "no: features are hand-crafted"),
        ("Multivariable analysis with other variables", own or comparison(study)),
    )


def _internal(study: StudyEvidence) -> tuple[tuple[str, str], ...]:
    is_trained = bool(study.train)
    shared = "code: the radtme version that wrote this bundle"
    return (
        ("Validation within the centre", internal_testing(study)),
        ("Cut-off", "threshold with its interval (How sure a verdict is)" if is_trained else ""),
        (
            "Discrimination, with resampling",
            "AUC with interval over folds (Performance)" if is_trained else "",
        ),
        ("Calibration", "Calibration; Validation" if study.validate else ""),
        ("Failure modes", "Negative controls; Limits" if is_trained else ""),
        ("Open science", f"{shared}; images and outlines: {study.told('data_sharing') or NOT_REPORTED}"),
    )


def _capability(study: StudyEvidence) -> tuple[tuple[str, str], ...]:
    return (
        ("Validation in other centres", external_testing(study)),
        ("Comparison with the clinical standard", comparison(study)),
        ("Comparison with previous work", ""),
        ("Potential clinical utility", "Decision curves (figure)" if study.validate.get("cohorts") else ""),
    )


def _trust(study: StudyEvidence) -> tuple[tuple[str, str], ...]:
    populations = study.validate.get("populations") or {}
    return (
        ("Explainability", "importance of the features; each report names those that moved its score"),
        ("Evaluation of the explanations", ""),
        ("Biological correlates", "correlation with cell populations (figure)" if "pairs" in populations else ""),
        ("Fairness", "Validation (subgroups)" if study.validate.get("groups") else ""),
    )


def _prospective(study: StudyEvidence) -> tuple[tuple[str, str], ...]:
    return (
        ("Usability for clinicians", ""),
        ("Sample size of a prospective validation", study.told("sample_size")),
        ("Registration of the trial", study.told("registration")),
        ("Prospective validation", ""),
        ("Assessment in clinical routine", ""),
    )


def _lasting() -> tuple[tuple[str, str], ...]:
    return (
        ("Traceability of the software", "version, SHA-256 and canary of the bundle; Made with"),
        ("Safeguards against use out of scope", "What it may be applied to: other cases are not scored"),
        ("Cost-effectiveness", ""),
        ("Drift of the performance", "the service counts scores and features that leave the training range"),
        ("Continuous learning", "none: a bundle does not change, another training is another bundle"),
    )


def _deployment() -> tuple[tuple[str, str], ...]:
    return (
        ("Level of automation", "scores on arrival, on an outline by a reader; no action follows from a score"),
        ("Quality management system", ""),
        ("Regulatory requirements", ""),
        ("Product on the market", ""),
    )
