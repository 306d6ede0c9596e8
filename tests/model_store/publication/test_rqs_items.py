"""RQS 2.0 on the model card: 42 items of nine levels, answered by what was run or written, and by nothing else."""

import re
from dataclasses import replace

import pytest

from model_store.publication.metrics_items import StudyEvidence
from model_store.publication.rqs_items import rqs_rows
from model_store.publication.tripod import NOT_REPORTED
from model_store.signatures.bundle import BundleContent
from model_store.signatures.signature import Description

OF_A_TRIAL_OR_PRODUCT = {"23", "26", "29", "32", "33", "36", "40", "41", "42"}
"""No step and no text of the owner answers these: earlier work, clinicians, cost, quality management, the market."""
WRITTEN = (
    *("healthcare_context", "eligibility", "participants", "outline_readers", "data_sharing", "sample_size"),
    "registration",
)


@pytest.fixture
def study() -> StudyEvidence:
    """Return a study of which every step was run."""
    return StudyEvidence(
        dict.fromkeys(WRITTEN, "Text"),
        {
            "features": {"taken": ["a", "b", "own_age"], "selections": {"reliability": "recomputed"}},
            "harmonised_scanners": ["A", "B"],
        },
        {
            "cohorts": {"training": {}, "elsewhere": {}},
            "added_value": {"cohorts": []},
            "groups": [{"column": "subtype"}],
            "populations": {"pairs": 480},
        },
        {"kept": 700, "features": 958},
        acquisition=("echo_time_ms",),
    )


def answers(study: StudyEvidence, description: Description) -> dict[str, str]:
    """Return the answers by number."""
    return {number.split()[0]: answer for number, _, answer in rqs_rows(study, description)}


def test_the_items_stand_in_the_order_of_the_publication(study: StudyEvidence, bundle_content: BundleContent) -> None:
    """Nine levels with the items that open and close them."""
    rows = rqs_rows(study, bundle_content.description)
    found = [re.fullmatch(r"(\d+) \(RRL (\d)\)", number) for number, _, _ in rows]
    assert [one[1] for one in found if one] == [str(number) for number in range(1, 43)]
    levels = [int(one[2]) for one in found if one]
    first = [rows[levels.index(level)][1] for level in range(1, 10)]
    assert first == [
        "Unmet clinical need, agreed on by several centres",
        "Robustness of features",
        "Reduction of features",
        "Validation within the centre",
        "Validation in other centres",
        "Explainability",
        "Usability for clinicians",
        "Traceability of the software",
        "Level of automation",
    ]
    assert rows[-1][:2] == ("42 (RRL 9)", "Product on the market")


def test_a_whole_study_answers_all_but_what_belongs_to_a_trial_or_a_product(
    study: StudyEvidence, bundle_content: BundleContent
) -> None:
    """Each answer names what was run, with its numbers."""
    found = answers(study, replace(bundle_content.description, cohort={"scanner": {"A": 3}}))
    assert {number for number, answer in found.items() if answer == NOT_REPORTED} == OF_A_TRIAL_OR_PRODUCT
    assert found["2"] == "Training cases (scanner)"
    assert found["3"] == "limits of echo_time_ms (What it may be applied to)"
    assert found["6"] == found["12"] == "700 of 958 features are reliable"
    assert found["8"].startswith("ComBat")
    assert found["11"] == "inside each fold; 3 are taken (Training)"
    assert found["14"] == "1 columns of the study's own in the forest"
    assert found["20"].endswith("images and outlines: Data and labels")
    assert found["21"] == "1 cohorts (Validation)"


def test_what_was_not_run_and_not_written_is_not_reported(bundle_content: BundleContent) -> None:
    """Without steps and texts, only what holds for every bundle is answered; code is open, images are not."""
    found = answers(StudyEvidence({}), replace(bundle_content.description, cohort={}))
    reported = {number for number, answer in found.items() if answer != NOT_REPORTED}
    assert reported == {"7", "9", "13", "20", "25", "34", "35", "37", "38", "39"}
    assert found["20"].endswith(f"images and outlines: {NOT_REPORTED}")


def test_a_training_on_all_features_did_not_select_by_robustness(
    study: StudyEvidence, bundle_content: BundleContent
) -> None:
    """`all_features` leaves the list of reliable ones unused: their number is known, and answers nothing more."""
    unused = replace(study, train={"features": {"taken": ["a"], "selections": {}}})
    found = answers(unused, bundle_content.description)
    assert (found["6"], found["12"]) == ("700 of 958 features are reliable", NOT_REPORTED)
