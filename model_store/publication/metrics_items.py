"""The items of METRICS (Kocak et al., Insights into Imaging 15:8, 2024), answered by what a study ran.

The words of the items are shortened. No quality score is computed: its weights depend on conditions that only a reader
of the study can judge. What only the owner knows is answered where the owner wrote something, and by nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from model_store.publication.tripod import NOT_REPORTED

DOES_NOT_APPLY = "does not apply"
OWNER = "Data and labels"


@dataclass(frozen=True)
class StudyEvidence:
    """What the steps of a study wrote: their summaries, empty where a step was not run."""

    written: Mapping[str, str]
    """Texts of the owner, by field."""
    train: Mapping[str, Any] = field(default_factory=dict)
    validate: Mapping[str, Any] = field(default_factory=dict)
    reliability: Mapping[str, Any] = field(default_factory=dict)
    sites: int = 0
    acquisition: tuple[str, ...] = ()
    """The parameters that the acceptance contract limits; empty where training did not know the acquisition."""

    def told(self, name: str) -> str:
        """Return where the owner's text stands, if there is one."""
        return OWNER if self.written.get(name, "").strip() else ""

    @property
    def is_harmonised(self) -> bool:
        """Whether features were harmonised between scanners."""
        return bool(self.train.get("harmonised_scanners"))

    @property
    def external(self) -> int:
        """How many labelled cohorts of other patients were measured."""
        return len([name for name in self.validate.get("cohorts", {}) if name != "training"])


def metrics_rows(study: StudyEvidence) -> list[tuple[str, str, str]]:
    """Return number, topic and answer of each item; an item without an answer is not reported."""
    answers = (*_design(study), *_images(study), *_features(study), *_modelling(study), *_testing(study))
    return [(str(number), topic, answer or NOT_REPORTED) for number, (topic, answer) in enumerate(answers, start=1)]


def protocol(study: StudyEvidence) -> str:
    """Return what is known of the imaging protocol."""
    return f"limits of {', '.join(study.acquisition)} (What it may be applied to)" if study.acquisition else ""


def robustness(study: StudyEvidence) -> str:
    """Return how many features repeated outlines left."""
    kept = study.reliability.get("kept")
    return f"{kept} of {study.reliability['features']} features are reliable" if kept is not None else ""


def robust_selection(study: StudyEvidence) -> str:
    """Return the same where the training left out the features that are not reliable."""
    return robustness(study) if "reliability" in study.train.get("features", {}).get("selections", {}) else ""


def comparison(study: StudyEvidence) -> str:
    """Return what the signature was compared with, beside radiomics."""
    return "logistic regressions with and without the signature" if study.validate.get("added_value") else ""


def site_effects(study: StudyEvidence) -> str:
    """Return what was done about confounding factors."""
    return "leave-one-site-out; volume as a negative control" if study.train.get("leave_one_site_out") else ""


def internal_testing(study: StudyEvidence) -> str:
    """Return how the training cases were tested."""
    return "nested cross-validation (Performance)" if study.train else ""


def external_testing(study: StudyEvidence) -> str:
    """Return on how many cohorts of other patients the signature was tested."""
    return f"{study.external} cohorts (Validation)" if study.external else ""


def _design(study: StudyEvidence) -> tuple[tuple[str, str], ...]:
    return (
        (
            "Adherence to checklists for radiomics or machine learning",
            "CLEAR, METRICS, RQS 2.0, IBSI and TRIPOD+AI in this card",
        ),
        ("Eligibility criteria of a representative population", study.told("eligibility")),
        ("Reference standard of high quality, clearly defined", study.told("label_source")),
    )


def _images(study: StudyEvidence) -> tuple[tuple[str, str], ...]:
    centres = f"{study.sites} sites are named in the feature table" if study.sites > 1 else ""
    return (
        ("Several centres", centres),
        ("Imaging by a standard of clinical routine", ""),
        ("Imaging protocol with acquisition parameters", protocol(study)),
        ("Interval between imaging and reference standard", ""),
        ("Description of the segmentation", study.told("outline_readers")),
        ("Evaluation of fully automated segmentation", study.told("outline_readers")),
        ("Test set segmented by one reader or tool", study.told("outline_readers")),
    )


def _features(study: StudyEvidence) -> tuple[tuple[str, str], ...]:
    taken, hot = len(study.train.get("features", {}).get("taken", ())), study.train.get("hot", 0)
    smaller = min(hot, study.train.get("cold", 0))
    return (
        ("Preprocessing, appropriate and described", "Feature profile"),
        ("Standardised software for feature extraction", "pyradiomics, or an engine with its values; Made with"),
        ("Parameters of feature extraction", "Feature profile"),
        ("Removal of features that are not robust", robust_selection(study)),
        ("Removal of redundant features", "inside each fold, by correlation of ranks (Training)"),
        ("Dimensionality fits the data", f"{taken} features, {smaller} cases of the smaller class" if taken else ""),
        ("Robustness of end-to-end deep learning", f"{DOES_NOT_APPLY}: features are hand-crafted"),
    )


def _modelling(study: StudyEvidence) -> tuple[tuple[str, str], ...]:
    families = ", ".join(name for name in study.train.get("families", {}) if name != "random forest")
    return (
        ("Partition of the data", "by patient; selection inside the folds (Training)"),
        ("Confounding factors", site_effects(study)),
        ("Measures that fit the task", "Performance; Validation"),
        ("Uncertainty", "an interval of each measure; How sure a verdict is"),
        ("Calibration", "Calibration; Validation" if study.validate else ""),
        ("One kind of images, or proof that they are inferior", "one phase of one sequence"),
        ("Comparison with something other than radiomics", comparison(study)),
        ("Comparison with simple models", families and f"{families} (candidates)"),
    )


def _testing(study: StudyEvidence) -> tuple[tuple[str, str], ...]:
    return (
        ("Internal testing", internal_testing(study)),
        ("External testing", external_testing(study)),
        ("Availability of data", study.told("data_sharing")),
        ("Availability of code", "the radtme version that wrote this bundle"),
        ("Availability of the model", "this bundle"),
    )
