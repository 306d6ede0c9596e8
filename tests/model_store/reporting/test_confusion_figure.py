"""The confusion matrices of a study's report, which say the same as its tables."""

from typing import Any

import pytest

from model_store.reporting.figures import confusion_matrices
from model_store.statistics.fold_scores import scaled_confusion


def cohort(hot: int, cold: int, sensitivity: float | None, specificity: float | None) -> dict[str, Any]:
    """Return the numbers of a cohort of this size."""
    return {
        "confusion": scaled_confusion(hot, cold, sensitivity or 0, specificity or 0),
        "sensitivity": None if sensitivity is None else {"value": sensitivity},
        "specificity": None if specificity is None else {"value": specificity},
    }


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (cohort(8, 12, 0.875, 5 / 12), ["7\n88%", "1\n12%", "7\n58%", "5\n42%"]),
        (cohort(17, 23, 0.383, 0.62), ["about 7\n38%", "about 10\n62%", "about 9\n38%", "about 14\n62%"]),
        (cohort(0, 4, None, 0.5), ["0", "0", "2\n50%", "2\n50%"]),
    ],
)
def test_shares_are_those_of_the_tables(found: dict[str, Any], words: list[str]) -> None:
    """Of means over folds they came from rounded counts: 41 % beside a sensitivity of 0.383."""
    (axes,) = confusion_matrices({"training": found}).axes
    assert [text.get_text() for text in axes.texts] == words
