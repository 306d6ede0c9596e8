"""Which features give the same number when the same lesion is outlined again."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from model_store.cohort.repeated_outlines import SMALLEST, Repetition, agreement
from model_store.signatures.signature import REGION_PREFIXES

CLASSES = ("shape", "firstorder", "glcm", "gldm", "glrlm", "glszm", "ngtdm")


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
    return agreement(outlines[list(features)].to_numpy(dtype=np.float64)[np.array(repeats.rows)], features)


def ratings_table(outlines: pd.DataFrame, repeats: Repeats, features: Sequence[str]) -> pd.DataFrame:
    """Return the values that an ICC is computed from: ``kind``, ``lesion`` (its first case), ``rater``, features."""
    rows = np.array(repeats.rows)
    lesions, raters = rows.shape
    head = pd.DataFrame(
        {
            "kind": str(repeats.kind),
            "lesion": np.repeat(outlines["case"].astype(str).to_numpy()[rows[:, 0]], raters),
            "rater": np.tile(np.array(repeats.raters), lesions),
        }
    )
    values = outlines[list(features)].to_numpy(dtype=np.float64)[rows.ravel()]
    return pd.concat([head, pd.DataFrame(values, columns=list(features))], axis=1)


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
