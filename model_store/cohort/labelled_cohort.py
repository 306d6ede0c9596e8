"""Reads tables of features and labels, and joins them to a labelled cohort."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyarrow import ArrowException

from model_store.cohort.clinical import category_word
from model_store.cohort.feature_table import FeatureTable
from model_store.cohort.missing_values import CompleteTable
from model_store.cohort.patient_table import PatientTable
from model_store.cohort.plan import PROFILE
from model_store.cohort.twins import PIXEL_DIGEST
from model_store.errors import TrainingError
from model_store.signatures.acceptance import ACQUISITION_COLUMNS
from model_store.signatures.own_columns import OWN_PREFIX
from model_store.signatures.profile import present_name
from model_store.signatures.signature import REGION_PREFIXES

HOT, COLD = "hot", "cold"
NOT_OF_THE_TABLE = "labels without a measured case"
"""Counts patients who are in no row of the feature table."""
CASE_COLUMNS = ("case", "patient", "site", "scanner", PIXEL_DIGEST, *ACQUISITION_COLUMNS)
"""Columns that are kept beside the features, where the table has them."""
TEXT_COLUMNS = ("case", "patient", "site", "scanner", "phenotype")


@dataclass(frozen=True)
class LabelledCohort:
    """Measured cases of known phenotype."""

    table: FeatureTable
    cases: pd.DataFrame
    """One row per row of the table: `CASE_COLUMNS`, as far as they are known."""
    left_out: dict[str, int]
    """Number of rows that were left out, by reason."""

    def only(self, complete: CompleteTable) -> "LabelledCohort":
        """Return the cohort with a table of its complete cases."""
        return LabelledCohort(
            complete.table,
            self.cases.loc[complete.kept].reset_index(drop=True),
            {**self.left_out, "lacks a feature that nearly all cases have": len(complete.cases_left_out)},
        )


def rows_left_out(left_out: Mapping[str, int]) -> dict[str, int]:
    """Return the reasons that count rows of the feature table."""
    return {why: count for why, count in left_out.items() if why != NOT_OF_THE_TABLE}


def read_patients(patients: PatientTable, columns: Sequence[str]) -> pd.DataFrame:
    """Read columns of a table of patients; the patient is text whatever it looks like.

    Raises
    ------
    TrainingError
        As `read_table`.
    """
    name = patients.patient
    frame = read_table(patients.table, (name, *columns), patients.separator, (name,))[[name, *columns]]
    return frame.assign(**{name: [category_word(value).strip() for value in frame[name]]})


def read_table(
    path: Path, required: Sequence[str] = (), separator: str = ",", texts: Sequence[str] = ()
) -> pd.DataFrame:
    """Read a Parquet or CSV table; ``case``, ``patient`` and ``texts`` are text in a CSV whatever they look like.

    Raises
    ------
    TrainingError
        The file is not there, is no table, or lacks a column.
    """
    try:
        frame = pd.read_parquet(path) if path.suffix == ".parquet" else _read_csv(path, separator, texts)
    except (OSError, ValueError, ArrowException) as error:
        raise TrainingError(
            f"{path} cannot be read as a table: {type(error).__name__}; expected Parquet or CSV"
        ) from error
    if missing := [name for name in required if name not in frame.columns]:
        raise TrainingError(
            f"{path} has no column {', '.join(missing)}; it has {', '.join(map(str, frame.columns[:8]))}"
        )
    return frame


def _read_csv(path: Path, separator: str, texts: Sequence[str]) -> pd.DataFrame:
    if separator == ",":
        return pd.read_csv(path, dtype=dict.fromkeys((*TEXT_COLUMNS, *texts), str))
    return pd.read_csv(path, dtype=str, sep=separator, encoding="utf-8-sig")


def feature_columns(frame: pd.DataFrame) -> list[str]:
    """Return the columns that hold features, a study's own ones too."""
    return [name for name in frame.columns if str(name).startswith((*REGION_PREFIXES, OWN_PREFIX))]


def image_columns(frame: pd.DataFrame) -> list[str]:
    """Return the columns that hold features of images: they tell whose images they are."""
    return [name for name in feature_columns(frame) if not name.startswith(OWN_PREFIX)]


def measured_rows(features: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that were measured: those with an empty ``reason``."""
    if "reason" not in features:
        return features
    return features[features["reason"].isna() | (features["reason"].astype(str) == "")]


def labelled_cohort(features: pd.DataFrame, labels: pd.DataFrame) -> LabelledCohort:
    """Return the measured cases whose patient has a phenotype.

    Raises
    ------
    TrainingError
        A label is neither hot nor cold, a patient has two, or no case is left.
    """
    phenotype = phenotypes(labels)
    measured = measured_rows(features)
    known = measured[measured["patient"].isin(phenotype.index)].reset_index(drop=True)
    left_out = {
        "not measured": len(features) - len(measured),
        "without a label": len(measured) - len(known),
        NOT_OF_THE_TABLE: int((~phenotype.index.isin(measured["patient"])).sum()),
    }
    if known.empty:
        raise TrainingError(
            f"none of {len(measured)} measured cases belongs to one of the {len(phenotype)} patients with a label; "
            "check that both tables use the same pseudonyms"
        )
    patients = known["patient"].astype(str)
    table = FeatureTable(
        tuple(feature_columns(known)),
        feature_values(known[feature_columns(known)]),
        (phenotype.loc[patients].to_numpy() == HOT).astype(np.bool_),
        tuple(patients),
    )
    return LabelledCohort(table, _cases(known), left_out)


def feature_values(features: pd.DataFrame) -> NDArray[np.float64]:
    """Return the features as numbers; NaN where there is none."""
    try:
        values: NDArray[np.float64] = features.to_numpy(dtype=np.float64, na_value=np.nan)
    except (ValueError, TypeError) as error:
        strange = features.notna() & features.apply(pd.to_numeric, errors="coerce").isna()
        name = strange.any().idxmax()
        raise TrainingError(
            f"column {name} of the features contains values that are not numbers in {int(strange[name].sum())} of "
            f"{len(features)} cases; expected numbers, or empty cells where a feature could not be computed"
        ) from error
    return values


def phenotypes(labels: pd.DataFrame) -> pd.Series:
    """Return the phenotype by patient. Messages name rows by number, never a patient."""
    known = labels.reset_index(drop=True).dropna(subset=["phenotype"])
    strange = known.loc[~known["phenotype"].isin([HOT, COLD]), "phenotype"]
    if not strange.empty:
        raise TrainingError(
            f"row {strange.index[0] + 1} of the table of labels contains {strange.iloc[0]!r} ({len(strange)} rows "
            f"are invalid); a phenotype is {HOT} or {COLD}, or empty if unknown"
        )
    distinct = known[["patient", "phenotype"]].drop_duplicates()
    twice = distinct["patient"].duplicated()
    if twice.any():
        raise TrainingError(
            f"{int(twice.sum())} patients are both {HOT} and {COLD} in the table of labels, the first one repeated in "
            f"row {distinct.index[twice][0] + 1}; remove one of the rows"
        )
    return distinct.set_index(distinct["patient"].astype(str))["phenotype"]


def _cases(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the `CASE_COLUMNS` of these rows."""
    kept = rows[[name for name in CASE_COLUMNS if name in rows]].copy()
    if "case" not in kept:
        kept.insert(0, "case", kept["patient"])
    return kept


def other_profile(table: pd.DataFrame, profile: str) -> str | None:
    """Return the profile that a feature table was measured with, where that is another one than ``profile``.

    None also where the table has no such column, as in tables of earlier releases.
    """
    named = set(table[PROFILE].dropna().astype(str)) - {""} if PROFILE in table else set()
    others = sorted({present_name(name) for name in named} - {present_name(profile)})
    return others[0] if others else None


def unnamed_profile(table: pd.DataFrame) -> str | None:
    """Return a note where some measured row of a feature table does not name the profile that it was measured with."""
    rows = measured_rows(table)
    named = rows[PROFILE].fillna("").astype(str) if PROFILE in rows else pd.Series("", index=rows.index)
    unnamed = int((named == "").sum())
    if not unnamed:
        return None
    return (
        f"{unnamed} of {len(rows)} rows of the feature table do not name their profile (tables of 0.1.0: a whole-image "
        "one): make sure that they were measured with that of the signature"
    )
