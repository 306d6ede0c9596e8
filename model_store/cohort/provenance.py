"""The origin of a list of features: the cases that it was computed on, and whether their labels were used.

A list that was chosen with the labels of the cases that it is then measured on makes noise look like performance. Such
a list cannot be recognised by its content, so a table that leaves features out carries its origin with it
(in ``DataFrame.attrs``, which pandas keeps in Parquet), and one that does not is refused.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from model_store.errors import LeakError
from model_store.files import sha256_of

_KEY = "radtme_provenance"


@dataclass(frozen=True)
class Provenance:
    """What a table of features was computed from."""

    step: str
    """The command or method that made it, such as ``reliability``."""
    used_labels: bool
    """Whether anything in it depends on the classes of its cases."""
    patients: tuple[str, ...]
    """`patient_key` of each patient whose cases it was computed on, sorted."""
    rows: str
    """SHA-256 of the rows that it was computed on."""


def patient_key(patient: str) -> str:
    """Return the key of a patient in a table that is passed on."""
    return sha256_of(f"patient {patient}".encode())[:24]


def provenance(step: str, rows: pd.DataFrame, patients: Iterable[str], *, used_labels: bool) -> Provenance:
    """Return the origin of what ``step`` computed on these rows."""
    digest = sha256_of(rows.to_csv(index=False, float_format="%.17g").encode())
    return Provenance(step, used_labels, tuple(sorted({patient_key(patient) for patient in patients})), digest)


def stamp(frame: pd.DataFrame, origin: Provenance) -> pd.DataFrame:
    """Return the table with its origin."""
    stamped = frame.copy()
    stamped.attrs = {**frame.attrs, _KEY: asdict(origin)}
    return stamped


def provenance_of(frame: pd.DataFrame) -> Provenance | None:
    """Return the origin that a table carries, if any."""
    found = frame.attrs.get(_KEY)
    return Provenance(**{**found, "patients": tuple(found["patients"])}) if found else None


def follows_from_icc(frame: pd.DataFrame) -> bool:
    """Whether ``kept`` follows from the table's ``icc_*`` columns alone: one threshold on their minimum gives it.

    An ICC is computed from repeated outlines; a list that follows from it alone cannot have been chosen by labels.
    """
    names = [name for name in frame.columns if name.startswith("icc_") and frame[name].notna().any()]
    if not names:
        return False
    lowest = frame[names].astype(float).min(axis=1, skipna=False).fillna(-np.inf)
    kept = frame["kept"].astype(bool)
    return bool(lowest[kept].min() > lowest[~kept].max()) if kept.any() and not kept.all() else bool(kept.all())


def require_honest_selection(name: str, frame: pd.DataFrame, training_patients: Iterable[str]) -> Provenance:
    """Return the origin of a table that leaves features out before the folds are made.

    Raises
    ------
    LeakError
        Its origin is not stated, or it was chosen with the labels of patients to train on.
    """
    origin = provenance_of(frame)
    if origin is None:
        raise LeakError(
            f"{name} does not state which cases it was made from and whether labels were used, so features may have "
            "been selected outside the folds; use the Parquet file that radtme wrote, or state its origin in the plan"
        )
    if origin.used_labels and (shared := {patient_key(p) for p in training_patients} & set(origin.patients)):
        raise LeakError(
            f"{name} selects features with the labels of {len(shared)} patients that are to be trained and measured "
            "on: a feature selected outside the folds; leave the list out, or select on other patients"
        )
    return origin
