"""The tables of a cohort: one row per lesion, one per outline, and what could not be computed."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from deploy.cohort.cases import OutlineCase
from deploy.cohort.outline_bits import same_lesions
from model_store.cohort.plan import IDENTITY_COLUMNS, PROFILE
from model_store.cohort.twins import PIXEL_DIGEST
from model_store.signatures.acceptance import ACQUISITION_COLUMNS, TECHNIQUE
from model_store.signatures.profile import FeatureProfile
from workers.features.extraction import columns

READING_COLUMNS = ("lesion", "reader", "reading", "drawn", "tumour_ml", "ring_ml", "tumour_levels", "ring_levels")


@dataclass(frozen=True)
class MeasuredOutline:
    """A case with its outcome."""

    case: OutlineCase
    result: Mapping[str, Any]
    """As `deploy.cohort.measure.kept_result` returns it."""

    @property
    def reason(self) -> str:
        """Why it has no features; empty where it has."""
        return str(self.result.get("reason", ""))


@dataclass(frozen=True)
class CohortTables:
    """The tables that extraction writes."""

    features: pd.DataFrame
    """One row for each lesion: its first outline that could be measured."""
    outlines: pd.DataFrame
    """One row for each outline, with reader and reading."""
    reasons: pd.DataFrame
    """Why a case has no features, in words."""
    not_computable: pd.DataFrame
    """Single features that a case lacks, with why."""


def cohort_tables(measured: Sequence[MeasuredOutline], profile: FeatureProfile) -> CohortTables:
    """Return the tables of a cohort; outlines of the same lesion are found by what they share."""
    names = columns(profile)
    by_series: dict[tuple[str, str, str], list[MeasuredOutline]] = defaultdict(list)
    for one in measured:
        by_series[one.case.patient, one.case.study_uid, one.case.series_uid].append(one)
    rows: list[dict[str, Any]] = []
    for outlines in by_series.values():
        ordered = sorted(outlines, key=lambda one: (one.case.drawn, one.case.case))
        lesions = same_lesions([one.result.get("outline") for one in ordered])
        readings: dict[tuple[int, str], int] = defaultdict(int)
        readers = named_readers(ordered, lesions)
        for one, lesion, reader in zip(ordered, lesions, readers, strict=True):
            readings[lesion, reader] += 1
            rows.append(_row(one, ordered[lesion].case.case, reader, readings[lesion, reader]))
    nothing = np.full(len(names), np.nan)
    features = np.array([nothing if row["features"] is None else row["features"] for row in rows], dtype=np.float64)
    table = pd.DataFrame([{k: v for k, v in row.items() if k != "features"} for row in rows])
    table[PROFILE] = profile.name
    # As floating-point numbers whether or not a row lacks one, so that tables of the same cases are the same.
    numbers = [name for name in ACQUISITION_COLUMNS if name != TECHNIQUE and name in table]
    table[numbers] = table[numbers].astype(np.float64)
    outlines_table = pd.concat(
        [
            table.reindex(columns=[*IDENTITY_COLUMNS, *ACQUISITION_COLUMNS, *READING_COLUMNS]),
            pd.DataFrame(features.reshape(len(rows), len(names)), columns=list(names)),
        ],
        axis=1,
    )
    outlines_table = outlines_table.sort_values(["patient", "case"], kind="stable", ignore_index=True)
    return CohortTables(
        features=_first_of_each_lesion(outlines_table)[[*IDENTITY_COLUMNS, *ACQUISITION_COLUMNS, *names]],
        outlines=outlines_table,
        reasons=pd.DataFrame(
            [(one.case.case, one.reason, one.result.get("message", "")) for one in measured if one.reason],
            columns=["case", "reason", "message"],
        ),
        not_computable=pd.DataFrame(
            [(one.case.case, name, why) for one in measured for name, why in one.result.get("missing", {}).items()],
            columns=["case", "column", "why"],
        ),
    )


def named_readers(outlines: Sequence[MeasuredOutline], lesions: Sequence[int]) -> list[str]:
    """Return the reader of each outline. Readers without a name are distinguished by the series they wrote."""
    unnamed: dict[int, dict[str, str]] = defaultdict(dict)
    readers = []
    for one, lesion in zip(outlines, lesions, strict=True):
        known = unnamed[lesion]
        series = one.case.outline if one.case.is_pair else one.case.seg_series_uid
        readers.append(one.case.reader or known.setdefault(series, f"unnamed {len(known) + 1}"))
    return readers


def _row(one: MeasuredOutline, lesion: str, reader: str, reading: int) -> dict[str, Any]:
    case, result = one.case, one.result
    volumes, levels = result.get("volume_ml", {}), result.get("grey_levels", {})
    return {
        "case": case.case,
        "patient": case.patient,
        "study_uid": case.study_uid,
        "series_uid": case.series_uid,
        "seg_uid": case.seg_uid,
        "site": case.site,
        "scanner": case.scanner,
        PIXEL_DIGEST: result.get("pixel_digest", ""),
        "reason": one.reason,
        **_acquired(result.get("acquisition", {})),
        "lesion": lesion,
        "reader": reader,
        "reading": reading,
        "drawn": case.drawn,
        "tumour_ml": volumes.get("tumour", np.nan),
        "ring_ml": volumes.get("ring", np.nan),
        "tumour_levels": levels.get("tumour", np.nan),
        "ring_levels": levels.get("ring", np.nan),
        "features": result.get("features"),
    }


def _acquired(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of how the images were acquired: numbers, and the technique as text."""
    return {name: found.get(name, "" if name == TECHNIQUE else np.nan) for name in ACQUISITION_COLUMNS}


def _first_of_each_lesion(outlines: pd.DataFrame) -> pd.DataFrame:
    """Return the earliest outline of each lesion; one that could be measured goes before one that could not."""
    order = outlines.assign(refused=outlines["reason"] != "").sort_values(["refused", "drawn", "case"], kind="stable")
    return order.drop_duplicates("lesion").sort_index().drop(columns="refused").reset_index(drop=True)
