"""Numbers of a site in place of its patients: what is withheld, and what cannot be true."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from model_store.cohort.cohort_record import CohortRecord
from model_store.cohort.plan import LabelTable
from model_store.errors import TrainingError
from model_store.validation.aggregates import Aggregates, aggregates_of, contradictions
from model_store.validation.cohort_validation import ScoredCohort

SIGNATURE: Any = SimpleNamespace(id="ours", version="1.0.0", digest="a" * 64, name="ours-1.0.0", threshold=0.5)
RECORD = CohortRecord({"features": "b" * 64}, LabelTable(Path()))


def aggregates(wards: list[str], shift: float = 0.1, smallest: int = 5) -> Aggregates:
    """Return the aggregates of a cohort, every other patient hot, in these wards."""
    hot = np.arange(len(wards)) % 2 == 0
    score = np.clip(np.random.default_rng(1).normal(0.5 + shift * np.where(hot, 1, -1), 0.15), 0.01, 0.99)
    patients = [f"P{number}" for number in range(len(wards))]
    cases = {"case": patients, "patient": patients, "score": score, "phenotype": np.where(hot, "hot", "cold")}
    cases |= {"verdict": np.where(score >= 0.5, "hot", "cold"), "ward": wards}
    cohort = ScoredCohort("here", pd.DataFrame(cases), 0.5, {})
    return aggregates_of(SIGNATURE, cohort, RECORD, ["ward"], "Hospital", "2026-11-30", smallest)


def test_small_groups_are_withheld_with_a_second_one_where_the_difference_tells() -> None:
    """Two small wards can stay alone in the dark; a single one takes the next smallest with it."""
    one = aggregates(["a"] * 4 + ["b"] * 20 + ["c"] * 40)
    assert ([group.value for group in one.groups], one.withheld_groups) == (["c"], {"ward": 2})
    two = aggregates(["a"] * 4 + ["x"] * 4 + ["b"] * 20 + ["c"] * 40)
    assert ([group.value for group in two.groups], two.withheld_groups) == (["b", "c"], {"ward": 2})
    none = aggregates(["b"] * 20 + ["c"] * 40)
    assert none.withheld_groups == {"ward": 0}
    with pytest.raises(TrainingError, match="4 hot and 4 cold"):
        aggregates(["a"] * 8)


def test_a_confusion_matrix_with_a_small_count_is_withheld_with_what_gives_it_away() -> None:
    """Sensitivity times hot cases is the count."""
    apart = aggregates(["c"] * 40, shift=0.4).whole
    assert (apart.confusion, apart.sensitivity, apart.specificity) == (None, None, None)
    near = aggregates(["c"] * 120, shift=0.05).whole
    assert near.confusion is not None
    assert min(vars(near.confusion).values()) >= 5


def test_what_cannot_be_true_is_named() -> None:
    """A file can be signed and wrong: another signature, counts that do not add up, an area outside its interval."""
    found = aggregates(["b"] * 40 + ["c"] * 80, shift=0.05)
    assert list(contradictions(found, SIGNATURE)) == []
    other = SimpleNamespace(**{**vars(SIGNATURE), "digest": "c" * 64})
    wrong = {
        "not of ours-1.0.0": contradictions(found, other),  # type: ignore[arg-type]
        "the confusion matrix has": contradictions(replace(found, whole=replace(found.whole, hot=found.whole.hot - 1))),
        "auc": contradictions(replace(found, whole=replace(found.whole, auc=replace(found.whole.auc, low=0.99)))),
        "more cases than the cohort": contradictions(replace(found, groups=(*found.groups, *found.groups))),
    }
    for words, problems in wrong.items():
        assert any(words in problem for problem in problems), words
