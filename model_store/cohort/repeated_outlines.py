"""Agreement of features under repeated outlines, and its recomputation from the values that it was computed from.

A table of ICC decides which features a training is offered. Its numbers can be edited, so that a list chosen with the
labels looks like a threshold on an ICC. So the features of every repeated outline (``ratings``) are kept beside it, and
a training computes the ICC again.
"""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model_store.cohort.labelled_cohort import feature_columns, read_table
from model_store.cohort.provenance import follows_from_icc
from model_store.errors import LeakError
from model_store.statistics.intraclass_correlation import IntraclassCorrelation, icc_agreement

SMALLEST = 5
"""Lesions with repeated outlines: with fewer, an ICC is not meaningful."""
SAME_ICC = 1e-6
SAME_VALUE = 1e-9
"""Relative."""
RATINGS = "ratings"


class Repetition(StrEnum):
    """How an outline was repeated."""

    INTRA = "intra"
    """The same reader drew the outline twice."""
    INTER = "inter"
    """Two readers drew it."""
    RETEST = "retest"
    """The patient was scanned twice, with an outline on each scan."""
    PERTURBED = "perturbed"
    """No reader: outlines were redrawn at random, as a substitute."""


def agreement(values: NDArray[np.float64], features: Sequence[str]) -> pd.DataFrame:
    """Return feature, ICC with interval, and how many lesions it is of; lesions that lack a feature are left out.

    ``values`` are (lesions, ratings, features).
    """
    complete = np.asarray(~np.isnan(values).any(axis=1))
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


def require_recomputed(path: Path, table: pd.DataFrame, measured: pd.DataFrame) -> str:
    """Compute a table of ICC again from its ratings, which lie beside it; return where the list comes from.

    ``measured`` is the feature table of the training: a lesion that is in both must have the same values.

    Raises
    ------
    LeakError
        There are no ratings, they give another ICC, or ``kept`` does not follow from the ICC.
    """
    beside = next(
        (
            path.with_name(f"{RATINGS}{kind}")
            for kind in (".parquet", ".csv")
            if path.with_name(f"{RATINGS}{kind}").is_file()
        ),
        None,
    )
    if beside is None:
        raise LeakError(
            f"{path}: its ICC cannot be recomputed, because {RATINGS}.parquet does not lie beside it; copy the file "
            "that radtme cohort reliability wrote, or give the list as train.preselected with its origin"
        )
    ratings = read_table(beside, ("kind", "lesion", "rater"))
    _require_measured_values(beside, ratings, measured)
    stated = table.set_index("feature")
    icc_columns = [str(name) for name in stated if str(name).startswith("icc_") and stated[name].notna().any()]
    kinds = {name.removeprefix("icc_") for name in icc_columns}
    if not kinds or kinds - set(ratings["kind"]):
        raise LeakError(f"{path}: {beside.name} holds no values for its {', '.join(sorted(kinds)) or 'ICC'}")
    names = [name for name in feature_columns(ratings) if name in stated.index]
    if missing := stated.index.difference(names).tolist():
        raise LeakError(f"{path}: {beside.name} has no column {missing[0]} ({len(missing)} are missing)")
    for kind in sorted(kinds):
        part = ratings[ratings["kind"] == kind]
        found = agreement(_by_lesion(beside, part, names), names).set_index("feature")["icc"]
        said = stated.loc[names, f"icc_{kind}"].astype(float)
        wrong = ~np.isclose(said, found, rtol=0, atol=SAME_ICC, equal_nan=True)
        if wrong.any():
            name = names[int(np.argmax(wrong))]
            raise LeakError(
                f"{path}: the ICC ({kind}) of {name} is {said[name]:.4f}, but its values in {beside.name} give "
                f"{found[name]:.4f} ({int(wrong.sum())} of {len(names)} features differ): a list that was not chosen "
                "by reliability; run radtme cohort reliability again"
            )
    if not follows_from_icc(table):
        raise LeakError(f"{path}: kept is no threshold on its ICC: a list that was not chosen by reliability alone")
    lesions = ratings[["kind", "lesion"]].drop_duplicates()
    return f"intraclass correlation of {len(lesions)} repeated lesions, recomputed from {beside.name}; no labels used"


def _by_lesion(path: Path, part: pd.DataFrame, names: Sequence[str]) -> NDArray[np.float64]:
    """Return the ratings as (lesions, raters, features)."""
    sizes = part.groupby("lesion", sort=False).size()
    if sizes.nunique() != 1 or int(sizes.iloc[0]) < 2:
        raise LeakError(f"{path}: expected the same number of ratings, two or more, of every lesion")
    ordered = part.assign(_at=part.groupby("lesion", sort=False).ngroup()).sort_values("_at", kind="stable")
    return ordered[list(names)].to_numpy(np.float64).reshape(len(sizes), int(sizes.iloc[0]), len(names))


def _require_measured_values(path: Path, ratings: pd.DataFrame, measured: pd.DataFrame) -> None:
    """Refuse ratings of a lesion whose first values are not those of its row in the feature table."""
    if "case" not in measured:
        return
    names = [name for name in feature_columns(ratings) if name in measured]
    rows = measured.drop_duplicates("case").set_index(measured["case"].drop_duplicates().astype(str))
    first = ratings.drop_duplicates(["kind", "lesion"])
    first = first[first["lesion"].astype(str).isin(rows.index)]
    if first.empty:
        return
    own = rows[names].loc[first["lesion"].astype(str).tolist()].to_numpy(np.float64, na_value=np.nan)
    rated = first[names].to_numpy(np.float64, na_value=np.nan)
    other = ~np.isclose(rated, own, rtol=SAME_VALUE, atol=0, equal_nan=True)
    if other.any():
        raise LeakError(
            f"{path}: {int(other.any(axis=1).sum())} of {len(first)} lesions have other values than in the feature "
            f"table, first in {names[int(np.argwhere(other)[0][1])]}: they were not measured in these cases"
        )
