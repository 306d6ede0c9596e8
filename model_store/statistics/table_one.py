"""Table 1 of a paper: the characteristics of the patients of each cohort, side by side.

Standardised differences tell how far cohorts differ whatever their size, as p values do not: of a quantity by Austin,
Multivariate Behav Res 46:399 (2011), of categories by Yang and Dalton, SAS Global Forum 335 (2012). Beyond 0.1 they are
usually called an imbalance. With more than two cohorts the largest of all pairs is given.
"""

from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model_store.statistics.composition import association, is_quantity

Floats = NDArray[np.float64]
NOT_RECORDED = "not recorded"
PATIENTS = "patients"


def table_one(patients: pd.DataFrame, cohort: "pd.Series[str]", seed: int) -> pd.DataFrame:
    """Return characteristics (rows) by cohort (columns), with test, p value and standardised difference.

    Quantities are medians with quartiles, categories numbers with their share of the patients for whom they are known;
    patients without a value are counted in a row of their own. A cohort in which nobody has a value is not compared.

    Args:
        patients: one row for each patient.
        cohort: of each patient, with the same index.
        seed: of Fisher's test where it is simulated.

    Returns
    -------
        ``characteristic, value``, one column for each cohort, ``test, p, standardised_difference``; the last three in
        the first row of each characteristic.
    """
    names = list(dict.fromkeys(cohort))
    rows: list[dict[str, str | float]] = [
        {"characteristic": PATIENTS, "value": "", **{name: str(int((cohort == name).sum())) for name in names}}
    ]
    for column in patients.columns:
        values = patients[column]
        parts = {name: values[cohort == name] for name in names}
        recorded = {name: part.dropna() for name, part in parts.items() if part.notna().any()}
        if not recorded:
            continue
        lines = _quantity(values, parts) if is_quantity(values) else _categories(values, parts)
        if values.isna().any():
            lines.append({"value": "missing", **{name: str(int(part.isna().sum())) for name, part in parts.items()}})
        test, _, p = association(cohort[cohort.isin(list(recorded))], values, seed)
        lines[0] |= {"test": test, "p": p, "standardised_difference": largest_difference(recorded, values)}
        rows += [{"characteristic": str(column), **line} for line in lines]
    columns = ["characteristic", "value", *names, "test", "p", "standardised_difference"]
    return pd.DataFrame(rows).reindex(columns=columns)


def _quantity(values: pd.Series, parts: dict[str, pd.Series]) -> list[dict[str, str | float]]:
    line: dict[str, str | float] = {"value": "median (quartiles)"}
    for name, part in parts.items():
        low, median, high = part.quantile([0.25, 0.5, 0.75])
        line[name] = NOT_RECORDED if part.isna().all() else f"{median:.4g} ({low:.4g} to {high:.4g})"
    return [line]


def _categories(values: pd.Series, parts: dict[str, pd.Series]) -> list[dict[str, str | float]]:
    lines = []
    for value in sorted(values.dropna().unique(), key=str):
        line: dict[str, str | float] = {"value": str(value)}
        for name, part in parts.items():
            count, known = int((part == value).sum()), int(part.notna().sum())
            line[name] = f"{count} ({count / known:.0%})" if known else NOT_RECORDED
        lines.append(line)
    return lines


def largest_difference(parts: dict[str, pd.Series], values: pd.Series) -> float:
    """Return the largest standardised difference of all pairs of cohorts; NaN with fewer than two."""
    measure = _difference_of_quantities if is_quantity(values) else _difference_of_categories
    found = [measure(one, other) for one, other in combinations(parts.values(), 2)]
    return max(found, default=np.nan)


def _difference_of_quantities(one: pd.Series, other: pd.Series) -> float:
    spread = float(np.sqrt((one.var(ddof=1) + other.var(ddof=1)) / 2))
    return abs(float(one.mean() - other.mean())) / spread if spread > 0 else np.nan


def _difference_of_categories(one: pd.Series, other: pd.Series) -> float:
    levels = sorted({*one.astype(str), *other.astype(str)})[1:]  # the shares add up to 1: one level follows from others
    first, second = (np.array([(part.astype(str) == level).mean() for level in levels]) for part in (one, other))
    covariance = (_covariance(first) + _covariance(second)) / 2
    difference = first - second
    return float(np.sqrt(difference @ np.linalg.pinv(covariance) @ difference))


def _covariance(shares: Floats) -> Floats:
    return np.asarray(np.diag(shares) - np.outer(shares, shares), np.float64)
