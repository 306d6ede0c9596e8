"""What makes the cohort of a validation less external than it seems: copies, sites of the training, earlier tries."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from model_store.cohort.labelled_cohort import LabelledCohort
from model_store.cohort.twins import PIXEL_DIGEST, require_no_twins
from model_store.errors import LeakError

EARLIER = "measured_before"
"""Entry of the step's summary."""


def require_different_patients(cohort: LabelledCohort, name: str) -> None:
    """Refuse a cohort in which a patient occurs under two pseudonyms: copies make every interval too narrow.

    Raises
    ------
    LeakError
        With the name of the cohort.
    """
    try:
        require_no_twins(cohort.table, cohort.cases.get(PIXEL_DIGEST))
    except LeakError as error:
        raise LeakError(f"cohort {name}: {error}") from error


def shared_sites(trained_on: pd.DataFrame | None, cohort: pd.DataFrame) -> str | None:
    """Return a note on the sites that were trained on; None where there are none, or a table names no sites."""
    if trained_on is None or "site" not in trained_on or "site" not in cohort:
        return None
    known, here = (table["site"].dropna().astype(str) for table in (trained_on, cohort))
    if not (shared := sorted((set(known) & set(here)) - {""})):
        return None
    return (
        f"{int(here.isin(shared).sum())} of {len(cohort)} cases come from sites that were trained on "
        f"({', '.join(shared)}): other patients, but not another hospital"
    )


def earlier_measurements(before: Mapping[str, Any], cohorts: Mapping[str, Any], digest: str) -> list[dict[str, Any]]:
    """Return the external cohorts that this signature was measured on before with another outcome, oldest first.

    ``before`` is the summary of the last run, ``cohorts`` the numbers of this one by cohort, ``digest`` that of the
    signature.
    """
    if before.get("signature", {}).get("digest") != digest:
        return []
    last = [_measured(name, one) for name, one in before.get("cohorts", {}).items() if name != "training"]
    now = [_measured(name, one) for name, one in cohorts.items()]
    return [one for one in (*before.get(EARLIER, ()), *last) if one not in now]


def notes_on_earlier(earlier: list[dict[str, Any]]) -> Iterator[str]:
    """Yield a note for each earlier measurement: the last of several may have been chosen for its result."""
    for one in earlier:
        auc = one["auc"]
        yield (
            f"measured before in this study: cohort {one['name']} with {one['cases']} cases, AUC {auc['value']:.3f} "
            f"({auc['low']:.3f} to {auc['high']:.3f})"
        )


def _measured(name: str, numbers: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "cases": numbers["cases"],
        "auc": {key: numbers["auc"][key] for key in ("value", "low", "high")},
    }
