"""How the images of a cohort were acquired, scanner by scanner, as a publication shows it."""

from typing import Any

import pandas as pd

from model_store.signatures.acceptance import ACQUISITION_COLUMNS, PHASE, TECHNIQUE

NAMED = (PHASE, TECHNIQUE)
"""Columns whose values are counted; those of the others are summed up by their median."""


def acquisition_table(measured: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each site and scanner of the measured lesions, in texts.

    A quantity is its value, or the median with the smallest and the largest value; a phase or technique its values with
    their counts. What images do not state is counted; a cell is empty where none states it.
    """
    known = [name for name in ACQUISITION_COLUMNS if name in measured]
    rows = []
    for (site, scanner), lesions in measured.groupby(["site", "scanner"], sort=True, dropna=False):
        told = {name: _told(lesions[name], is_named=name in NAMED) for name in known}
        rows.append({"site": site, "scanner": scanner, "lesions": len(lesions), **told})
    return pd.DataFrame(rows, columns=["site", "scanner", "lesions", *known])


def _told(values: "pd.Series[Any]", *, is_named: bool) -> str:
    stated = values[values.notna() & (values.astype(str) != "")]
    if stated.empty:
        return ""
    if is_named:
        counts = stated.map(_word).value_counts().sort_index()
        parts = list(counts.index) if len(counts) == 1 else [f"{word}: {count}" for word, count in counts.items()]
    else:
        low, high = stated.min(), stated.max()
        spread = f" ({_word(low)} to {_word(high)})" if low != high else ""
        parts = [f"{_word(stated.median())}{spread}"]
    missing = len(values) - len(stated)
    return ", ".join([*parts, *([f"not stated: {missing}"] if missing else [])])


def _word(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"
