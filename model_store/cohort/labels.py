"""A table of labels as a hospital has it: other names of columns and phenotypes, or a percentage with a threshold."""

import re
from typing import Any

import numpy as np
import pandas as pd

from model_store.cohort.clinical import category_word
from model_store.cohort.labelled_cohort import COLD, HOT, read_patients
from model_store.cohort.plan import LabelTable
from model_store.errors import TrainingError

SHOWN = 5
"""Of the mistakes of a table; the others are counted."""
_QUANTITY = re.compile(r"(<=|>=|<|>|≤|≥)?\s*(\d+(?:\.\d+)?)\s*%?")


def read_labels(labels: LabelTable) -> pd.DataFrame:
    """Return the columns ``patient`` and ``phenotype`` (hot, cold, or missing) of a table of labels.

    Raises
    ------
    TrainingError
        The table cannot be read, or with every row whose value is not foreseen (the first ones by number).
    """
    frame = read_patients(labels, [labels.phenotype])
    found = pd.DataFrame({"patient": frame[labels.patient], "phenotype": pd.NA}, dtype=object)
    said = frame[labels.phenotype]
    known = said.notna() & (said.astype(str).str.strip() != "")
    found["phenotype"] = [
        _phenotype(value, labels) if there else None for value, there in zip(said, known, strict=True)
    ]
    if strange := [index for index, value in enumerate(found["phenotype"]) if value == ""]:
        rows = ", ".join(f"row {index + 1}: {said.iloc[index]!r}" for index in strange[:SHOWN])
        more = f" and {len(strange) - SHOWN} more" if len(strange) > SHOWN else ""
        raise TrainingError(
            f"{labels.table.name}, column {labels.phenotype}: expected {_expected(labels)}; {rows}{more}"
        )
    return found.assign(phenotype=found["phenotype"].where(found["phenotype"].isin([HOT, COLD])))


def _expected(labels: LabelTable) -> str:
    if labels.hot_at_least is not None:
        return "numbers, such as 20, 20 % or <1"
    return f"one of {', '.join((*labels.hot, *labels.cold, *labels.left_out))}, or an empty cell"


def _phenotype(value: Any, labels: LabelTable) -> str | None:
    """Return hot or cold; None for a patient who is left out; an empty text where the value is not foreseen."""
    text = category_word(value).strip().casefold()
    if text in {one.casefold() for one in labels.left_out}:
        return None
    if labels.hot_at_least is not None:
        return {True: HOT, False: COLD, None: ""}[reaches(value, labels.hot_at_least)]
    kinds = {one.casefold(): kind for kind, words in ((HOT, labels.hot), (COLD, labels.cold)) for one in words}
    return kinds.get(text, "")


def reaches(value: Any, threshold: float) -> bool | None:
    """Return whether a quantity is at least ``threshold``; None where it does not tell.

    Pathologists write ``<1`` and ``>= 50 %`` too: they tell where the whole range lies on one side.
    """
    found = _QUANTITY.fullmatch(str(value).strip().replace(",", "."))
    if found is None:
        return None
    number = float(found[2])
    if not np.isfinite(number):
        return None
    match found[1]:
        case None:
            return number >= threshold
        case "<":
            return False if number <= threshold else None
        case "<=" | "≤":
            return False if number < threshold else None
        case _:
            return True if number >= threshold else None
