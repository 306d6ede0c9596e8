"""CLEAR and IBSI's reporting guidelines on the model card: answered by what was run or written, and by nothing else."""

from dataclasses import replace

import pytest

from model_store.publication.clear_items import clear_rows
from model_store.publication.ibsi_items import ibsi_rows
from model_store.publication.metrics_items import StudyEvidence
from model_store.publication.tripod import NOT_REPORTED
from model_store.signatures.acceptance import AcceptanceContract, Interval, Parameter
from model_store.signatures.bundle import BundleContent
from model_store.signatures.profile import NEAR_TISSUE_WAVELET2D

WRITTEN = (
    *("healthcare_context", "ethics", "sample_size", "eligibility", "data_source", "label_source", "outline_readers"),
    "data_sharing",
)
OF_THE_PUBLICATION = {"1", "2", "3", "5", "6", "10", "12", "14", "16", "49", "50", "51"}
"""No step and no text of the owner answers these; 16 is answered where training knew the acquisition."""


@pytest.fixture
def study() -> StudyEvidence:
    """Return a study of which every step was run."""
    return StudyEvidence(
        dict.fromkeys(WRITTEN, "Text"),
        {"features": {"taken": ["a", "b"]}, "hot": 30, "cold": 50, "leave_one_site_out": {"sites": []}},
        {"cohorts": {"training": {}, "elsewhere": {}}, "added_value": {"cohorts": []}},
        {"kept": 700, "features": 958},
    )


def test_clear_has_58_items_in_the_order_of_the_publication(study: StudyEvidence) -> None:
    """A whole study answers all but what belongs to the publication."""
    rows = clear_rows(study)
    assert [number for number, _, _ in rows] == [str(number) for number in range(1, 59)]
    topics = {number: topic for number, topic, _ in rows}
    assert (topics["15"], topics["36"], topics["45"]) == (
        "Split of the data",
        "Confounders",
        "Flowchart of eligibility",
    )
    assert (topics["53"], topics["58"]) == ("Sharing of images and segmentations", "Ready-to-use system")
    answers = {number: answer for number, _, answer in rows}
    assert {number for number, answer in answers.items() if answer == NOT_REPORTED} == OF_THE_PUBLICATION
    assert answers["31"] == "700 of 958 features are reliable"
    assert "none" in answers["32"]
    harmonised = replace(study, train=dict(study.train) | {"harmonised_scanners": ["a", "b"]})
    assert "ComBat" in {number: answer for number, _, answer in clear_rows(harmonised)}["32"]


def test_clear_answers_nothing_that_was_not_run_or_written() -> None:
    """Without steps and texts, only what holds for every bundle is answered."""
    answers = {number: answer for number, _, answer in clear_rows(StudyEvidence({}))}
    of_steps = {"15", "29", "30", "31", "32", "33", "35", "36", "37", "38", "41", "42", "44", "45", "46", "48"}
    of_owner = {"4", "8", "9", "11", "13", "18", "19", "20", "53", "54"}
    assert {number for number, answer in answers.items() if answer == NOT_REPORTED} == (
        OF_THE_PUBLICATION | of_steps | of_owner
    )


def test_ibsi_answers_from_profile_and_acquisition(study: StudyEvidence, bundle_content: BundleContent) -> None:
    """Spacing, bins and filters are the profile's; echo time and scanners are answered only where they are known."""
    description = bundle_content.description
    answers = {number: answer for number, _, answer in ibsi_rows(study, description)}
    assert answers["51"] == "1 mm in each direction"
    assert answers["56a-b"] == "bins of 25, in z-scores times 100"
    assert "sigma 2, 3, 4, 5 mm" in answers["57"]
    assert {answers[number] for number in ("7", "19", "20", "27")} == {NOT_REPORTED}
    known = replace(
        description,
        profile=NEAR_TISSUE_WAVELET2D,
        cohort={"scanner": {"A": 3}},
        acceptance=AcceptanceContract(acquisition={Parameter.ECHO_TIME: Interval(1, 2)}),
    )
    answers = {number: answer for number, _, answer in ibsi_rows(study, known)}
    assert answers["7"] == "Training cases (scanner)"
    assert answers["20"] == "What it may be applied to"
    assert answers["19"] == NOT_REPORTED
    assert "coif1, within slices" in answers["57"]
    assert len({number for number, _, _ in ibsi_rows(study, known)}) == len(ibsi_rows(study, known))
