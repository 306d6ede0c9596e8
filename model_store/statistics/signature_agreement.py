"""The agreement of two signatures on the same cases."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from model_store.errors import SignatureError
from model_store.statistics.performance import CONFIDENCE, Estimate, Flags, Floats, normal_quantile

FEWEST = 3


@dataclass(frozen=True)
class SignatureAgreement:
    """Agreement of verdicts and scores; the second less the first."""

    cases: int
    both_hot: int
    only_first_hot: int
    only_second_hot: int
    both_cold: int
    kappa: Estimate | None
    """Cohen, Educ Psychol Meas 20:37 (1960), with the interval of Fleiss, Cohen and Everitt, Psychol Bull 72:323
    (1969); None where a signature gives all cases the same verdict."""
    mean_difference: Estimate
    limits: tuple[float, float]
    """Limits of agreement: 95 % of the differences (Bland and Altman, Lancet 327:307, 1986)."""

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return asdict(self)


def agreement(first: Floats, second: Floats, first_hot: Flags, second_hot: Flags) -> SignatureAgreement:
    """Compare two signatures' scores and verdicts of the same cases.

    Raises
    ------
    SignatureError
        There are fewer than three cases.
    """
    cases = len(first)
    if cases < FEWEST:
        raise SignatureError(f"comparing needs {FEWEST} cases that both signatures scored; there are {cases}")
    difference = second - first
    mean, spread = float(difference.mean()), float(difference.std(ddof=1))
    reach, z = normal_quantile(CONFIDENCE) * spread / np.sqrt(cases), normal_quantile(CONFIDENCE)
    return SignatureAgreement(
        cases=cases,
        both_hot=int((first_hot & second_hot).sum()),
        only_first_hot=int((first_hot & ~second_hot).sum()),
        only_second_hot=int((~first_hot & second_hot).sum()),
        both_cold=int((~first_hot & ~second_hot).sum()),
        kappa=kappa(first_hot, second_hot),
        mean_difference=Estimate(mean, mean - float(reach), mean + float(reach)),
        limits=(mean - z * spread, mean + z * spread),
    )


def kappa(first_hot: Flags, second_hot: Flags) -> Estimate | None:
    """Return Cohen's kappa of two verdicts; None where chance alone explains full agreement."""
    cells = np.array([[np.mean((first_hot == i) & (second_hot == j)) for j in (True, False)] for i in (True, False)])
    rows, columns = cells.sum(axis=1), cells.sum(axis=0)
    observed, expected = float(np.trace(cells)), float(rows @ columns)
    if expected == 1:
        return None
    value = (observed - expected) / (1 - expected)
    on = sum(cells[i, i] * (1 - (rows[i] + columns[i]) * (1 - value)) ** 2 for i in range(2))
    off = (1 - value) ** 2 * sum(cells[i, 1 - i] * (columns[i] + rows[1 - i]) ** 2 for i in range(2))
    variance = (on + off - (value - expected * (1 - value)) ** 2) / ((1 - expected) ** 2 * len(first_hot))
    half = normal_quantile(CONFIDENCE) * float(np.sqrt(max(0.0, variance)))
    return Estimate(value, max(-1.0, value - half), min(1.0, value + half))


def differing_cases(table: pd.DataFrame) -> pd.DataFrame:
    """Return the cases with different verdicts, the largest difference of scores first.

    ``table`` has the columns ``case, first, second, first_hot, second_hot``.
    """
    part = table[table["first_hot"] != table["second_hot"]]
    return part.assign(difference=part["second"] - part["first"]).sort_values(
        "difference", key=lambda column: -column.abs(), ignore_index=True
    )
