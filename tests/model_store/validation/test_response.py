"""Response and landmark as endpoints: who counts on which side, and who does not tell."""

import pandas as pd
import pytest

from model_store.errors import TrainingError
from model_store.validation.cohort_validation import ScoredCohort
from model_store.validation.plan import MarkerRule, ValidatePlan
from model_store.validation.response import answered_endpoints, event_free

CASES = pd.DataFrame(
    {
        "patient": list("abcdefgh"),
        "score": [0.9, 0.8, 0.7, 0.6, 0.4, 0.3, 0.2, 0.1],
        "verdict": ["hot"] * 4 + ["cold"] * 4,
        "response": ["CR", "pr ", "SD", "NE", "PD", None, "PR", "PD"],
        "time": [10.0, 6.0, 6.0, 3.0, 3.0, 8.0, None, 12.0],
        "event": [0, 1, 0, 0, 1, 1, 1, 0],
        "TPS": ["60", "<1", "1", "50 %", "0", None, "2", "10"],
    }
)


def test_endpoints_of_recist() -> None:
    """By hand: 3 responders and 3 others of 8, SD is disease control; AUC 7 of 9 pairs and 7 of 8 pairs."""
    plan = ValidatePlan(markers=(MarkerRule("TPS", 1),))
    found = {one.name: one for one in answered_endpoints(ScoredCohort("treated", CASES, 0.5, {}), plan)}
    response, control, marker = found["objective response"], found["disease control"], found["TPS"]
    assert (response.positive.tolist(), response.left_out) == ([True, True, False, False, True, False], 2)
    assert response.auc is not None
    assert response.auc.value == pytest.approx(7 / 9)
    assert control.auc is not None
    assert control.auc.value == pytest.approx(7 / 8)
    assert response.to_json()["sensitivity"]["value"] == pytest.approx(2 / 3)
    assert marker.positive.tolist() == [True, False, True, True, False, True, True]


def test_landmark_leaves_out_who_was_not_observed_long_enough() -> None:
    """An event at the landmark counts as one; censored before it, or without a time, does not tell."""
    answer = event_free(CASES, "time", "event", 6)
    assert answer.astype(object).where(answer.notna(), "?").astype(str).tolist() == [
        "True",
        "False",
        "True",
        "?",
        "False",
        "True",
        "?",
        "True",
    ]


def test_every_strange_response_is_named() -> None:
    """One run covers all of them."""
    cases = CASES.assign(response=["CR", "good", "SD", "NE", "bad", None, "PR", "PD"])
    with pytest.raises(TrainingError, match="'BAD', 'GOOD'"):
        answered_endpoints(ScoredCohort("treated", cases, 0.5, {}), ValidatePlan())
