"""Which features give the same number when the same lesion is outlined again."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pandas as pd

from model_store.signatures.signature import REGION_PREFIXES
from model_store.statistics.intraclass_correlation import IntraclassCorrelation, icc_agreement

CLASSES = ("shape", "firstorder", "glcm", "gldm", "glrlm", "glszm", "ngtdm")
SMALLEST = 5
"""Lesions with repeated outlines: from fewer, an ICC says nothing."""


class Repetition(StrEnum):
    """What was repeated."""

    INTRA = "intra"
    """The same reader drew the outline twice."""
    INTER = "inter"
    """Two readers drew it."""
    PERTURBED = "perturbed"
    """Nobody did: outlines were redrawn by chance, a substitute."""


@dataclass(frozen=True)
class Repeats:
    """The lesions with repeated outlines: (lesions, ratings) as row numbers of the outline table."""

    kind: Repetition
    rows: tuple[tuple[int, ...], ...]
    raters: tuple[str, ...]


def repeated_by_readers(outlines: pd.DataFrame) -> list[Repeats]:
    """Return the repeated outlines that are in a table, where there are enough.

    Intra: the first two readings of the same reader, of every lesion that has them. Inter: the first readings of the
    two readers who have most lesions in common; readers without a name count by their order in time.
    """
    usable = outlines[outlines["reason"] == ""].sort_values(["lesion", "drawn", "reading"], kind="stable")
    by_reader = {key: list(part.index) for key, part in usable.groupby(["lesion", "reader"], sort=True)}
    intra = tuple((rows[0], rows[1]) for rows in by_reader.values() if len(rows) > 1)
    first: dict[str, dict[str, int]] = {}
    for (lesion, reader), rows in by_reader.items():
        first.setdefault(str(lesion), {})[str(reader)] = rows[0]
    common: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for readers in first.values():
        names = sorted(readers)
        for at, one in enumerate(names):
            for other in names[at + 1 :]:
                common.setdefault((one, other), []).append((readers[one], readers[other]))
    found = []
    if len(intra) >= SMALLEST:
        found.append(Repeats(Repetition.INTRA, intra, ("first reading", "second reading")))
    if common:
        pair = max(sorted(common), key=lambda names: len(common[names]))
        if len(common[pair]) >= SMALLEST:
            found.append(Repeats(Repetition.INTER, tuple(common[pair]), pair))
    return found


def agreement_of(outlines: pd.DataFrame, repeats: Repeats, features: Sequence[str]) -> pd.DataFrame:
    """Return feature, ICC with interval, and how many lesions it is of; lesions that lack a feature are left out."""
    values = outlines[list(features)].to_numpy(dtype=np.float64)[np.array(repeats.rows)]
    complete = ~np.isnan(values).any(axis=1)
    result = pd.DataFrame({"feature": list(features), "n": complete.sum(axis=0)})
    for name in ("icc", "low", "high"):
        result[name] = np.nan
    # Features share the lesions that have them: one computation for each pattern, nearly always a single one.
    patterns = {pattern.tobytes(): pattern for pattern in complete.T}
    for key, pattern in patterns.items():
        of = np.array([column.tobytes() == key for column in complete.T])
        if pattern.sum() < SMALLEST:
            continue
        agreed: IntraclassCorrelation = icc_agreement(values[pattern][:, :, of])
        result.loc[of, "icc"], result.loc[of, "low"], result.loc[of, "high"] = agreed.icc, agreed.low, agreed.high
    return result


def icc_table(agreements: dict[Repetition, pd.DataFrame], threshold: float) -> pd.DataFrame:
    """Return one row for each feature: ICC of each kind with interval and n, and whether all of them reach it.

    A feature without an ICC, which never changes or is mostly absent, is not kept.
    """
    first = next(iter(agreements.values()))
    table = pd.DataFrame({"feature": first["feature"]})
    table["region"] = [name.split("_", 1)[0] for name in table["feature"]]
    table["feature_class"] = [class_of(name) for name in table["feature"]]
    kept = np.ones(len(table), dtype=bool)
    for kind in Repetition:
        found = agreements.get(kind)
        for name, column in (
            ("icc", f"icc_{kind}"),
            ("low", f"low_{kind}"),
            ("high", f"high_{kind}"),
            ("n", f"n_{kind}"),
        ):
            table[column] = np.nan if found is None else found[name].to_numpy()
        if found is not None:
            kept &= (found["icc"] >= threshold).to_numpy()
    table["kept"] = kept
    return table


def class_of(feature: str) -> str:
    """Return the feature class of a column, such as ``glcm`` of ``ring_original_glcm_Contrast``."""
    return feature.removeprefix(REGION_PREFIXES[0]).removeprefix(REGION_PREFIXES[1]).split("_")[1]
