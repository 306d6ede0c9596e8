"""Repeated scans of patients (test and retest): which rows of an outline table belong together.

They are listed, and not found: two examinations of a patient may as well lie before and after a treatment.
"""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from model_store.cohort.labelled_cohort import read_table
from model_store.cohort.repeated_outlines import SMALLEST, Repetition
from model_store.cohort.twins import PIXEL_DIGEST
from model_store.errors import StudyError
from model_store.reliability.reliability import Repeats

TEST, RETEST = "test", "retest"
NAMED_BY = ("case", "series_uid", "study_uid")
"""Columns of the outline table that a scan may be named by."""
SHOWN = 20
"""Mistakes of a list that are named."""


def repeated_scans(outlines: pd.DataFrame, listed: Path) -> Repeats:
    """Return the pairs of a list with the columns ``test`` and ``retest``: a case, a series or a study in each.

    A scan counts by its first outline. A pair of which one scan could not be measured is left out.

    Raises
    ------
    StudyError
        With every mistake of the list and its line: a scan that is not there, has several lesions, is of another
        patient, or holds the same images as the other one; or too few pairs that could be measured.
    """
    table = read_table(listed, (TEST, RETEST)).fillna("").astype(str)
    ordered = outlines.sort_values(["lesion", "drawn", "reading"], kind="stable")
    mistakes: list[str] = []
    pairs: list[tuple[int, int]] = []
    for line, (test, retest) in enumerate(zip(table[TEST], table[RETEST], strict=True), 2):
        found = [_scan(ordered, name.strip()) for name in (test, retest)]
        said = [f"{name}: {one}" for name, one in zip((TEST, RETEST), found, strict=True) if isinstance(one, str)]
        rows = [one for one in found if isinstance(one, int)]
        if not said:
            said += _not_a_pair(outlines, *rows)
        mistakes += [f"line {line}: {one}" for one in said]
        if not said and (outlines.loc[rows, "reason"] == "").all():
            pairs.append((rows[0], rows[1]))
    mistakes += _twice(table)
    if mistakes:
        more = f" (and {len(mistakes) - SHOWN} more)" if len(mistakes) > SHOWN else ""
        raise StudyError(f"{listed.name}: " + ", ".join(mistakes[:SHOWN]) + more)
    if len(pairs) < SMALLEST:
        raise StudyError(
            f"{listed.name}: {len(pairs)} of {len(table)} pairs of scans could be measured, an ICC needs {SMALLEST}; "
            "leave reliability.retest out, or see the reasons of extract"
        )
    return Repeats(Repetition.RETEST, tuple(pairs), (TEST, RETEST))


def _scan(outlines: pd.DataFrame, name: str) -> int | str:
    """Return the row that a name means, or what is wrong with the name."""
    for column in NAMED_BY:
        rows = outlines[outlines[column].astype(str) == name] if name else outlines.iloc[:0]
        if len(rows):
            measured = rows[rows["reason"] == ""]
            if measured["lesion"].nunique() > 1:
                return "has several lesions; name the case"
            return int((measured if len(measured) else rows).index[0])
    return f"expected a case, series or study of the extraction, found {name or 'nothing'}"


def _not_a_pair(outlines: pd.DataFrame, test: int, retest: int) -> Iterator[str]:
    one, other = outlines.loc[test], outlines.loc[retest]
    if one["series_uid"] and one["series_uid"] == other["series_uid"]:
        yield "test and retest are of the same series"
    elif one["patient"] != other["patient"]:
        yield "test and retest are of different patients"
    elif one.get(PIXEL_DIGEST) and one[PIXEL_DIGEST] == other[PIXEL_DIGEST]:
        yield "test and retest have the same pixels: one scan under two names"


def _twice(table: pd.DataFrame) -> list[str]:
    named = pd.concat([table[TEST], table[RETEST]]).str.strip()
    return [f"{name} is in more than one place" for name in sorted(set(named[named.duplicated()])) if name]
