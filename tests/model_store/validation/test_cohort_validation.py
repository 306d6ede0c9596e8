"""The numbers of a cohort, from its scores."""

import numpy as np
import pandas as pd

from model_store.validation.cohort_validation import ScoredCohort, cohort_numbers


def test_classes_that_do_not_overlap_are_no_certainty() -> None:
    """DeLong's interval of an AUC of 1 has no width; the cohort's numbers say what that means."""
    cases = pd.DataFrame({"patient": list("abcdefghijkl"), "score": np.linspace(0.1, 0.9, 12)})
    cases["phenotype"] = cases["verdict"] = ["cold"] * 6 + ["hot"] * 6
    notes = cohort_numbers(ScoredCohort("separate", cases, 0.5, {}))["notes"]
    assert any("do not overlap" in note for note in notes)
    cases["score"] = cases["score"].to_numpy()[[0, 1, 2, 3, 4, 6, 5, 7, 8, 9, 10, 11]]
    notes = cohort_numbers(ScoredCohort("overlapping", cases, 0.5, {}))["notes"]
    assert not any("do not overlap" in note for note in notes)
