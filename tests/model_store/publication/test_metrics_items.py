"""METRICS on the model card: an item is answered by what was run or written, and by nothing else."""

from model_store.publication.metrics_items import StudyEvidence, metrics_rows
from model_store.publication.tripod import NOT_REPORTED

SAID = ("eligibility", "label_source", "outline_readers", "data_sharing")
ASKED_OF_NOBODY = {"5", "7"}
"""No step and no text of the owner answers these: a standard of routine imaging, and the interval to the label."""


def test_thirty_items_in_the_order_of_the_publication() -> None:
    """The words at the ends, and the one that cannot apply to hand-crafted features."""
    rows = metrics_rows(StudyEvidence({}))
    assert [number for number, _, _ in rows] == [str(number) for number in range(1, 31)]
    assert rows[26][1] == "External testing"
    assert {number for number, _, answer in rows if answer.startswith("does not apply")} == {"17"}


def test_what_was_not_run_and_not_written_is_not_reported() -> None:
    """Without steps and texts, only what holds for every bundle is answered."""
    rows = {number: answer for number, _, answer in metrics_rows(StudyEvidence({}))}
    for number in ("2", "3", "4", "5", "6", "7", "8", "9", "10", "14", "16", "19", "22", "24", "25", "26", "27", "28"):
        assert rows[number] == NOT_REPORTED, number


def test_a_whole_study_answers_what_is_asked_of_it() -> None:
    """Each step that was run is named with its numbers; two items have to be answered in the publication."""
    study = StudyEvidence(
        dict.fromkeys(SAID, "Text"),
        {
            "features": {"taken": ["a", "b"], "selections": {"reliability": "recomputed"}},
            "hot": 30,
            "cold": 50,
            "families": {"random forest": {}, "elastic net": {}},
            "leave_one_site_out": {"sites": []},
        },
        {"cohorts": {"training": {}, "elsewhere": {}}, "added_value": {"cohorts": []}},
        {"kept": 700, "features": 958},
        sites=3,
        acquisition=("repetition_time_ms", "echo_time_ms"),
    )
    rows = {number: answer for number, _, answer in metrics_rows(study)}
    assert {number for number, answer in rows.items() if answer == NOT_REPORTED} == ASKED_OF_NOBODY
    assert rows["4"] == "3 sites are named in the feature table"
    assert rows["6"] == "limits of repetition_time_ms, echo_time_ms (What it may be applied to)"
    assert rows["9"] == "Data and labels"
    assert rows["14"] == "700 of 958 features are reliable"
    assert rows["16"] == "2 features, 30 cases of the smaller class"
    assert rows["25"] == "elastic net (candidates)"
    assert rows["27"] == "1 cohorts (Validation)"
