"""What a reader of the summary report sees first, in words."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom import Dataset

from support.result_cases import make_case, rejected
from workers.errors import Reason
from workers.jobs.result_objects import build_results
from workers.notes import Note, warning
from workers.results.feature_words import in_words
from workers.results.result_roles import ResultRole
from workers.scoring.signature_quality import SignatureQuality
from workers.texts.remedies import REMEDIES

NOT_SCORED = Path(__file__).parents[3] / "docs" / "not-scored.md"
QUALITY = SignatureQuality(0.9087, 0.8452, 0.9723, 80, "held-out", is_simulated=True)


def summary_of(report: Dataset) -> list[tuple[str, str]]:
    """Return names and texts of the first container."""
    first = report.ContentSequence[0]
    return [(str(item.ConceptNameCodeSequence[0].CodeMeaning), str(item.TextValue)) for item in first.ContentSequence]


def test_it_states_the_performance_of_the_score() -> None:
    """No probability, because it is not calibrated; the AUC with its interval, and on whom it was measured."""
    case = make_case()
    for quality, expected in (
        (QUALITY, "On 80 held-out, simulated cases, the signature's AUC is 0.909 (95 % interval 0.845 to 0.972)."),
        (None, "The signature does not state how well it separates the classes."),
    ):
        result = replace(case.result, quality=quality)
        report = build_results(result, case.seg_header, case.measurement)[ResultRole.SUMMARY_REPORT]
        about = dict(summary_of(report))["About the score"]
        assert "it is not a calibrated probability" in about
        assert about.endswith(expected)
        assert "{probability}" not in report.to_json()


def test_it_names_lesion_side_and_volume() -> None:
    """The lesion by number, side and volume."""
    case = make_case(image_extra={"BodyPartExamined": "BREAST", "Laterality": "R"})
    report = build_results(case.result, case.seg_header, case.measurement)[ResultRole.SUMMARY_REPORT]
    volume = f"{case.result.regions[0].volume_ml:.2f}"
    assert dict(summary_of(report))["Lesion"] == f"Right breast, Tumour, {volume} mL"


def test_a_refusal_says_what_to_do_and_with_which_series() -> None:
    """Refused first, then the remedy, the message, and the series of images and outline."""
    case = make_case(
        image_extra={"SeriesNumber": 4, "SeriesDescription": "DCE"},
        seg_extra={"SeriesNumber": 9, "SeriesDescription": "Outline"},
    )
    result = rejected(Reason.SINGLE_SLICE)
    report = build_results(result, case.seg_header, None, case.headers)[ResultRole.SUMMARY_REPORT]
    assert summary_of(report) == [
        ("Conclusion", "NOT SCORED: The outline covers one slice only."),
        ("What to do", "Outline the tumour on every slice that shows it."),
        ("Explanation", "the reason is single_slice"),
        ("Notice", "RESEARCH - simulated training data - not for clinical use"),
        ("Received", "Outline: series 9 'Outline'"),
        ("Received", "Images: series 4 'DCE'"),
    ]


def test_notes_are_in_words_and_warnings_come_first() -> None:
    """No column names of a feature table, and what changes the reading of the score before the rest."""
    case = make_case()
    notes = (Note("Outside: ring_original_glcm_Imc2"), warning("Padded."))
    report = build_results(replace(case.result, notes=notes), case.seg_header, case.measurement)
    texts = [text for name, text in summary_of(report[ResultRole.SUMMARY_REPORT]) if name == "Quality note"]
    assert texts == [
        "Warning: Padded.",
        'Outside: "Ring, Second Measure of Information Correlation of GLCM"',
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tumour_log-sigma-2-0-mm-3D_glcm_Contrast", '"Tumour, Contrast of GLCM, LoG 2 mm"'),
        ("ring_original_glcm_Nonsense", "ring_original_glcm_Nonsense"),
        ("the ring has 12 grey levels", "the ring has 12 grey levels"),
    ],
)
def test_only_names_of_features_are_put_into_words(text: str, expected: str) -> None:
    """What is no feature stays as it is."""
    assert in_words(text) == expected


def test_every_reason_has_a_remedy() -> None:
    """One for each reason, in a sentence; the page of reasons knows each reason too."""
    remedies: Mapping[Reason, str] = REMEDIES
    assert set(remedies) == set(Reason)
    assert all(text.endswith(".") and len(text) < 100 for text in remedies.values())
    page = NOT_SCORED.read_text(encoding="utf-8")
    assert [reason for reason in Reason if f"`{reason}`" not in page] == []
